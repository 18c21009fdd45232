"""Small readers for one open question each: what else a shopper says instead of the value that was asked for.

All take the whole message and answer yes or no to one thing; the values themselves come from `slots`.
"""

from __future__ import annotations

import re

from sangdam.nlu.normal import Normal
from sangdam.nlu.slots import read_score

_RESEND = re.compile(
    r"(?:인증|번호|문자|코드|메시지|그거|sms)?(?:번호|코드|문자)?(?:가|를|을|이|는|은|도)?(?:아직|아직도|계속|여전히|지금|전혀|좀)*(?:안(?:와|왔|오|옴|옵|날라|날아|떠|뜨|들어|보내|도착)|못받|오지(?:를|도)?않|도착(?:을)?안|도착하지)"
    r"|다시(?:한번|한번만|한번더|좀)?(?:보내|전송|발송|쏴|받|인증|요청|줘|주세)|재(?:전송|발송|발급|요청|송)|(?:한번|한번만)더(?:보내|전송|받)|또보내|resend|sendagain|senditagain|didn'?t(?:get|receive|arrive)|new ?code"
)
_RESEND_NOT = re.compile(r"택배|배송|물건|상품|주문|옷")
_OTHER_NUMBER = re.compile(
    r"(?:다른|딴|새|바뀐|새로운|남편|아내|엄마|와이프)(?:휴대폰|핸드폰|폰|전화)?(?:번호|폰|핸드폰|휴대폰|전화)|번호(?:를|가|도)?(?:바꿀|바꾸|바꿔|변경|수정|다시|잘못|틀렸|틀려|다른|다르)|(?:잘못|틀리게)(?:된)?(?:입력|적|쳤|썼|된번호|누|알려)|번호오타|(?:other|another|different|wrong)(?:phone)?number"
)
_NO_PHONE = re.compile(
    r"(?:휴대폰|핸드폰|폰|핸폰|전화기?|휴대전화|헨드폰)(?:이|가|은|는|도|을|를)?(?:지금)?(?:없|잃어|분실|고장|망가|정지|꺼져|안터|못쓰|먹통|안돼|안되|해지)|번호(?:가|를|는)?(?:바뀌|바뀜|바꼈|바꿨|변경됐|변경됬|변경되|변경했|달라졌|없어졌|없어|해지|정지)|문자(?:를)?(?:못|안)(?:받|보|읽)|문자(?:를)?받을수(?:가)?없|(?:주문할때|예전|옛날|그때)(?:쓰던)?번호(?:가|는|를)?(?:지금은?)?(?:안써|안쓰|없|못)|지금은?(?:안|못)쓰는번호|해외(?:라|에)(?:서)?(?:문자|번호|있)?|(?:don'?t|nothave|no)(?:have)?(?:a|my|any)?(?:korean)?(?:phone|mobile|cell)|changed(?:my)?(?:phone)?number"
)
_DONT_KNOW = re.compile(
    r"모르(?:겠|는|고|네|ㅁ|죠|지)|모름|몰라|몰루|모릅니다|모릅|몰르|모루|기억(?:이|은)?(?:안|못|없|나지|이없)|까먹|잊어(?:버|먹)|잊었|생각(?:이)?안|못찾|안보이|못외|글쎄|어디(?:서|에)?(?:봐|보|있|나와|확인)|(?:주문)?번호(?:가|는|은|를)?(?:뭔지|뭐|없|안|어디|모|몰)|(?:don'?t|donot)(?:know|remember|have)|noidea|forgot|notsure"
)
_SKIP = re.compile(
    r"(?:네|음|아|그냥|그건|이건|다음에|일단)*(?:건너뛰|건너뛸|건너뜀|패스|스킵|넘어가|넘어갈|넘길|생략|skip|pass|안적을|안쓸|안남길|말안할|할말없|딱히(?:없)?|없어|없습니다|없음|없는데|특별히없|그냥|노코멘트|됐어|괜찮아)(?:기|게|께|할게|할래|해|주세|줘|요|여|용|게요|어요|주세요|습니다|해주세요)*"
)
_ASKS_CODE = re.compile(
    r"(?:인증|코드|otp)(?:번호|코드|문자)?(?:를|을|좀|도|만|부터)?(?:먼저|좀|빨리|바로|지금|한번)*(?:보내|발송|전송|줘|주세|받을|받기|받고|요청|쏴|부탁|해주세|할게|해줘|하기|진행|주시|받아|다시보내|날려)|(?:문자|번호|코드)(?:로)?(?:를|좀|인증)?(?:보내|전송|발송|받을게|받을래)|send(?:me)?(?:the|a|my)?(?:verification)?code|본인(?:인증|확인)(?:을)?(?:할|해|하|부탁|진행)"
)
_NONE_DETAIL = re.compile(
    r"(?:네|아니요?|음|아|상세|상세주소|동호수|동호|나머지|따로|그런거|그런건|별도로?|더|추가로)*(?:주소)?(?:는|은|가|이|도)?(?:따로|별도로|더)?(?:없음|없어|없습니다|없는데|없다|없네|없고|없|no|none|단독|단독주택|주택|그게다|그게전부|그거뿐|이게다|이게전부|끝|n/a)(?:이요|요|여|용|이에요|예요|에요|입니다|이예요|인데요)?"
)


def wants_resend(normal: Normal) -> bool:
    """The code did not come, or should be sent again: '안 왔어요', '다시 보내 주세요'."""
    return _RESEND.search(normal.bare) is not None and not _RESEND_NOT.search(normal.bare)


def wants_other_number(normal: Normal) -> bool:
    """Another phone should get the code: '다른 번호로 할게요', '번호 잘못 적었어요'."""
    return _OTHER_NUMBER.search(normal.bare) is not None


def no_phone(normal: Normal) -> bool:
    """The phone of the order cannot be used: '휴대폰 없어요', '번호가 바뀌었어요'."""
    return _NO_PHONE.search(normal.bare) is not None


def dont_know(normal: Normal) -> bool:
    """The value asked for is not known: '모르겠어요', '주문번호 몰라요', '기억 안 나요'."""
    return _DONT_KNOW.search(normal.bare) is not None


def skip(normal: Normal) -> bool:
    """The question may be left out: '건너뛰기', '패스할게요'."""
    return _SKIP.fullmatch(normal.bare) is not None


def score(normal: Normal) -> int | None:
    """1–5 said on its own: '5점', '별 다섯 개', '최고예요'."""
    return read_score(normal)


def asks_for_code(normal: Normal) -> bool:
    """A message that asks for the code is consent to sending it: '인증번호 보내 주세요'."""
    if re.search(r"(?:안|말|지)(?:보내|마)|보내지|필요없|왜", normal.bare):
        return False
    return _ASKS_CODE.search(normal.bare) is not None


def none_detail(normal: Normal) -> bool:
    """There is no detail below the building number: '없음', '단독주택이에요'."""
    return _NONE_DETAIL.fullmatch(normal.bare) is not None
