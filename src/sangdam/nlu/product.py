"""The product a sentence is about, as the shopper calls it: what is left after dates, wishes, endings and particles.

The phrase is for `resolve_product`; nothing here knows the shop's catalogue.
"""

from __future__ import annotations

import re

from sangdam.nlu.jamo import has_final
from sangdam.nlu.normal import Normal
from sangdam.nlu.wording import find_options

_NUMBERS = re.compile(r"\+?\d[\d\-]{4,}\d")
_DATES = re.compile(
    r"(?<![가-힣])(?:오늘|어제|그제|그저께|어저께|엊그제|엊그저께|방금|아까|지난\s?주|저번\s?주|이번\s?주|지난\s?달|저번\s?달|이번\s?달|며칠\s?전|얼마\s?전|[월화수목금토일]요일|지난번|저번|최근|작년|올해)(?:에|날)?"
    r"|\d{1,2}월\s?(?:\d{1,2}일)?(?:에|자)?|\d{1,2}/\d{1,2}(?:에)?|\d{1,2}일(?:에|자|날)?\s|20\d\d[-./]\d{1,2}[-./]\d{1,2}|(?:\d+|한|두|세)\s?(?:일|주일?|달|개월)\s?전(?:에)?|(?:하루|이틀|사흘|나흘|열흘|보름|일주일)\s?전(?:에)?"
)
# A word that begins so is about the wish, not the thing; inside a word typed without spaces it ends the thing.
_WISH = r"재고|재입고|제입고|입고|품절|언제|어디쯤|어디|어떻게|얼마|가격|배송|택배|송장|주문|구매|결제|취소|반품|교환|환불|환뷸|출고|출발|도착|알림|알람|문자|연락|알려|보내|바꿔|바꾸|변경|조회|확인|있나|있어|있는|있을|있죠|있습|잇어|잇나|있음|없나|없어|없는|남았|남아|왔어|왔나|안왔|안와|오나|와요|오는|언제쯤|다시|또|소재|실측|사이즈|싸이즈|색상|컬러|옵션|세탁|원단|재질|두께|기장|무슨|어느|뭐|몇|얼마나|궁금|문의|질문|부탁|주세|해주|할게|할래|하고\s?싶|하고싶|싶어|싶은|가능|되나|될까|돼요|되요|됩니|인가|인데|이랑|나요|까요|예정|풀리|들어오|들어와|나오나|나와요|신청|등록|예약|추천|보여|찾아|찾고|찾는|살게|살래|사고\s?싶|사려|살려고|살까|샀|산|시킨|시켰|구입|주문한|받은|받았|못\s?받|보고|봤|입어|신어|써보|써요|빼|추가|담아|계산|할인|세일|쿠폰|적립|리뷰|후기|사진|링크|상세|설명|페이지|불량|찢어|얼룩|파손|깨|고장|누락|빠졌|잘못|틀려|다른|같은|작아|커요|크고|작고|커서|작은데|큰데|맞나|맞는|맞을|어울|비슷|관련|대해|대한|건\s|건이|건은|번호|전화|이름|주소|상담|직원|사람|연결|지금|혹시|아직|이제|그냥|빨리|얼른|제발|그리고|근데|그런데|그럼|아니|네|넵|저기|안녕|감사|고맙|수고|죄송|정말|진짜|너무|좀|더|꼭|한번|둘\s?다|전부|모두|하나|원해|필요|말고|대신|때문|개봉|미개봉|단순|변심|마음|맘에|생각|별로|계속|자꾸|여전히|며칠|몇일|걸려|걸리|느려|늦|안\s?움직|그대로|멈춰|진행|상태|처리|완료|접수|요청|철회|환급|입금|돈|카드|계좌"
_WISH_AT = re.compile(rf"(?:{_WISH})")
# Cutting a glued word is stricter: these never stand inside a product's name.
_GLUED = re.compile(
    r"(?:은|는|이|가|을|를|도|만)?(?:재고|재입고|제입고|입고|품절|언제|어디쯤|어디|얼마|가격|배송|택배|송장|주문|취소|반품|교환|환불|출고|알림|있나요|있어|있나|있는|잇어|잇나|없나|없어|남았|왔어|왔나|안왔|사이즈|실측|소재|다시들|들어오|살게|사고싶|살래|보여|찾아|바꿔|주세요|해주|할게|알려|인가요|인데요|신청|불량|찢어|확인|조회)"
)
_POINTING = frozenset(
    [
        "이",
        "그",
        "저",
        "이거",
        "그거",
        "저거",
        "이것",
        "그것",
        "요거",
        "이건",
        "그건",
        "저건",
        "이게",
        "그게",
        "거",
        "것",
        "꺼",
        "걸",
        "건",
        "게",
        "상품",
        "제품",
        "물건",
        "물품",
        "아이템",
        "옷",
        "전",
        "저는",
        "제",
        "제가",
        "내",
        "내가",
        "나",
        "나는",
        "우리",
        "저희",
        "여기",
        "거기",
        "그쪽",
        "혹",
        "아",
        "어",
        "음",
        "오",
        "앗",
        "분",
        "때",
        "중",
        "후",
        "안",
        "못",
        "잘",
        "왜",
        "수",
        "좀",
        "걍",
        "뭘",
        "뭔",
        "다",
        "및",
        "등",
        "개",
        "장",
        "벌",
        "켤레",
        "세트",
        "박스",
        "원",
        "만원",
        "이번",
        "지난",
        "저번",
        "새",
        "새로",
        "헌",
        "큰",
        "작은",
        "긴",
        "짧은",
        "예쁜",
        "그런",
        "이런",
        "저런",
        "요즘",
        "요새",
        "님",
        "사장님",
        "사이트",
        "쇼핑몰",
        "매장",
        "옷가게",
        "가게",
        "거랑",
        "거는",
        "거요",
        "거예요",
        "거에요",
        "검은",
        "흰",
        "한",
        "두",
        "세",
        "네",
        "다섯",
        "여섯",
        "색",
        "칼라",
        "톤",
        "것좀",
        "거좀",
        "쪽",
        "편",
        "번째",
        "번",
        "첫번째",
        "두번째",
        "일",
        "주",
        "달",
        "년",
        "월",
        "날",
        "동안",
        "쯤",
        "정도",
        "때문에",
        "위해",
        "통해",
        "대해",
        "대한",
        "관련",
        "관련해서",
        "그래서",
        "그러면",
        "근데요",
        "저기요",
    ]
)
_KEPT = re.compile(
    r"(?:걸이|잡이|고양이|강아지|어린이|아이|놀이|먹이|옷걸이|종이|모자|지도|만두|가방|의자|상의|하의|로퍼|머리|반지|팔찌|우산|이불|목도리|레이|파자마|바지|스커트|자켓|재킷|점퍼|니트|가디건|카디건|티셔츠|블라우스|원피스|조끼|베이지|아가)$"
)
_TAILS = re.compile(
    r"(?:이에요|예요|에요|입니다|이라고|이라는|라는|라고|이랑|이요|인데요?|은요|는요|이나|에서|으로|하고|까지|부터|처럼|보다|같은|거|꺼|것|은|는|이|가|을|를|도|만|랑|과|와|의|에|로|요|용|여|염|나)$"
)
_AFTER_FINAL = frozenset({"은", "이", "을", "과", "이랑", "으로", "이요", "이나", "이에요", "이라고", "이라는"})
_AFTER_VOWEL = frozenset({"는", "가", "를", "와", "랑", "예요", "라는", "라고", "나"})
_TOKEN = re.compile(r"[가-힣A-Za-z][가-힣A-Za-z\d&']*|[\d][가-힣A-Za-z]+")
_UNITS = re.compile(r"\d+(?:개|장|벌|켤레|세트|박스|번|원|만원|호|동|층|일|월|시|분|명|cm|kg|점|주|년|살)[가-힣]*")


def product_phrase(normal: Normal) -> str | None:
    """'어제 산 셔츠 어디쯤 왔어여' → '셔츠'; '린넨셔츠 L 재고 있나요' → '린넨셔츠'. None when no thing is named."""
    text = _DATES.sub(" ", _NUMBERS.sub(" ", normal.text))
    for _, (start, end) in reversed(find_options(text, eager=False)):
        text = f"{text[:start]} {'|' * (end - start)} {text[end:]}"
    runs: list[list[str]] = [[]]
    for token in _TOKEN.finditer(text):
        gap = text[: token.start()].rstrip(" ")
        if gap.endswith(("|", ",", ".", "?", "!", "/")) and runs[-1]:
            runs.append([])
        word, ends = _thing(token.group())
        if word:
            runs[-1].append(word)
        if (not word or ends) and runs[-1]:
            runs.append([])
    named = [" ".join(run) for run in runs if run]
    named = [phrase for phrase in named if len(phrase) >= 2]
    return named[0] if named else None


def _thing(word: str) -> tuple[str, bool]:
    """The word without its particle, "" when it names nothing; and whether a phrase ends with it."""
    if word in _POINTING or _UNITS.fullmatch(word) or _WISH_AT.match(word):
        return "", True
    glued = _GLUED.search(word, 1)
    if glued is not None:
        head = _bare_noun(word[: glued.start()])
        return ("" if head in _POINTING or len(head) < 2 else head), True
    noun = _bare_noun(word)
    if noun in _POINTING or _VERB.search(word):
        return "", True
    return noun, noun != word


_VERB = re.compile(
    r"(?:습니다|습니까|해요|해여|했어|했는데|는데|은데|ㄴ데|려고요?|려구요?|어요|아요|여요|네요|세요|고요|구요|지요|죠|나요|까요|을까|ㄹ까|어서|아서|해서|니까|으면|다가|였|었|았|겠|입은|신은|쓴|싶|하는|되는|하고|할|한|될|된)$"
)


def _bare_noun(word: str) -> str:
    stem = word
    for _ in range(2):
        if _KEPT.search(stem):
            return stem
        m = _TAILS.search(stem)
        if m is None:
            return stem
        rest, tail = stem[: m.start()], m.group()
        if len(rest) < 2 and tail not in ("이에요", "입니다", "인데", "인데요", "이랑", "은", "는", "을", "를"):
            return stem
        if not rest:
            return stem
        if tail in _AFTER_FINAL and not has_final(rest[-1]) and rest[-1] >= "가":
            return stem
        if tail in _AFTER_VOWEL and has_final(rest[-1]):
            return stem
        if tail in ("나", "여", "용", "로", "에", "의", "가", "이") and len(rest) < 2:
            return stem
        stem = rest
    return stem
