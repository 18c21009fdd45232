"""Word lists shared by the slot readers: options, kinds of order claim, reasons, and the words that take a value back.

Options come out as said (upper case for sizes); `option_key` folds colour words of equal meaning for comparison.
"""

from __future__ import annotations

import re
from typing import Literal

from sangdam.nlu.normal import Span

ClaimType = Literal["cancel", "return", "exchange", "refund"]
ClaimReason = Literal["change_of_mind", "defect", "wrong_item", "delay", "other"]

# Right after a value: it is the old one. "블랙 말고", "3층이 아니라", "M에서"
OLD_VALUE = re.compile(
    r"\s?(?:번|으로|로|거|꺼|것|색|사이즈|번호|은|는|이|가|을|를|도|요|이요|,|\.)*\s?(?:아\s?)?(?:말고|말구|말고요|대신|아니고|아니구|아니라|아닌|아니에요|아니예요|아니었|아니요|에서\s?(?=\S+(?:으로|로))|빼고)"
)
# Between two values: the later one wins.
OLD_VALUE_BETWEEN = re.compile(r"아니|아뇨|말고|대신|정정|잘못|아\s참|수정|취소하고|바꿔서|에서\s")

_COLOURS: dict[str, tuple[str, ...]] = {
    "화이트": ("화이트", "흰색", "하얀색", "하양", "흰거", "백색", "white", "흰"),
    "블랙": ("블랙", "검정색", "검정", "검은색", "까만색", "깜장", "black", "검은"),
    "네이비": ("네이비", "남색", "곤색", "감색", "navy"),
    "베이지": ("베이지", "beige"),
    "아이보리": ("아이보리", "ivory", "미색"),
    "그레이": ("그레이", "회색", "grey", "gray", "멜란지"),
    "차콜": ("차콜", "먹색", "진회색", "charcoal"),
    "브라운": ("브라운", "갈색", "밤색", "brown"),
    "카멜": ("카멜", "camel"),
    "레드": ("레드", "빨간색", "빨강", "빨간", "red"),
    "핑크": ("핑크", "분홍색", "분홍", "pink"),
    "블루": ("블루", "파란색", "파랑", "파란", "blue"),
    "스카이블루": ("스카이블루", "하늘색", "소라색", "소라", "skyblue"),
    "민트": ("민트", "mint"),
    "그린": ("그린", "초록색", "초록", "녹색", "green"),
    "카키": ("카키", "khaki"),
    "옐로우": ("옐로우", "옐로", "노란색", "노랑", "노란", "yellow"),
    "오렌지": ("오렌지색", "주황색", "주황", "orange"),
    "퍼플": ("퍼플", "보라색", "보라", "purple"),
    "라벤더": ("라벤더", "연보라"),
    "와인": ("와인색", "버건디", "burgundy"),
    "크림": ("크림색", "cream"),
    "오트밀": ("오트밀", "oatmeal"),
    "실버": ("실버", "은색", "silver"),
    "골드": ("골드", "금색", "gold"),
    "연청": ("연청",),
    "중청": ("중청",),
    "진청": ("진청",),
    "흑청": ("흑청",),
}
_COLOUR_KEY = {word: key for key, words in _COLOURS.items() for word in words}
_COLOUR_KEY["크림"] = "크림"
_COLOUR_KEY["오렌지"] = "오렌지"
_COLOUR_KEY["와인"] = "와인"
_SIZE_KEY = {
    "스몰": "S", "미디엄": "M", "미듐": "M", "라지": "L", "엑스라지": "XL", "투엑스라지": "XXL", "2XL": "XXL", "3XL": "XXXL",
    "프리사이즈": "FREE", "프리": "FREE", "F": "FREE", "에스": "S", "엠": "M", "엘": "L", "엑스엘": "XL", "엑엘": "XL",
    "LARGE": "L", "SMALL": "S", "MEDIUM": "M",
}  # fmt: skip

_COLOUR_WORDS = sorted((word for word in _COLOUR_KEY if word not in ("흰", "검은", "소라")), key=len, reverse=True)
# Tried before the alternatives: most places in a sentence begin no colour.
_FIRST = "".join(sorted({word[0] for word in _COLOUR_WORDS} | set("연진다라딥 흰검빨파노")))
_AFTER = r"(?=$|[\s.,!?/)~]|색|은|는|이|가|을|를|도|만|로|으로|랑|하고|와|과|의|말|아|에서|요|이요|인데|옵션|컬러|사이즈|거|꺼|것|품절|재고|재입고|입고|있|없|남|[A-Z\d])"
_COLOUR = re.compile(
    rf"(?=[{_FIRST}])(?:(?<![가-힣A-Za-z])(?:연|진|다크|라이트|딥)?\s?(?P<c>{'|'.join(_COLOUR_WORDS)}){_AFTER}|(?<![가-힣])(?P<adj>흰|검은|빨간|파란|노란)(?=\s?(?:거|꺼|것|걸)))",
    re.IGNORECASE,
)
_SIZE = re.compile(
    r"(?<![A-Za-z\d'\-&])(?<!A/)(?P<l>[2-5]XL|X{1,4}L|XXS|XS|XL|FREE|[SML](?!/?[A-Za-z&]))(?![A-Za-z\d'&\-])(?:\s?사이즈)?"
    r"|(?<![가-힣])(?P<w>투엑스라지|엑스라지|엑스엘|프리사이즈|스몰|미디엄|미듐|라지)(?:\s?사이즈)?"
    r"|(?<![가-힣])(?P<s>에스|엠|엘|프리)\s?(?:사이즈|싸이즈)"
    r"|(?<![\d.,\-])(?P<n>\d{2,3})\s?(?:사이즈|싸이즈|호(?=\s?(?:색|사이즈)))"
    r"|(?:사이즈|싸이즈)(?:는|은|를|가)?\s?(?P<n2>\d{2,3})(?![\d,\-]|\s?(?:cm|센치|kg|개|월|일))"
    r"|(?<![\d.,\-])(?P<n3>44|55|66|77|88|85|90|95|100|105|110|2[2-9][05])(?=(?:으로|로|은|는|이|가|을|를|도|말고|에서|짜리|요|이요)(?![가-힣]*\s?\d)|\s?(?:재고|품절|재입고|입고|있|없|남)|\s?$)",
    re.IGNORECASE,
)
_LOOSE_NUMBER = re.compile(r"(?<![\d.,\-])(\d{2,3})(?![\d,\-]|\s?(?:cm|센치|kg|개|월|일|원|번|층|호|동))")


def find_options(text: str, *, eager: bool) -> list[tuple[str, Span]]:
    """Sizes and colours as said. eager: an option was asked for, so a bare two- or three-digit number is a size."""
    found: list[tuple[str, Span]] = []
    for m in _COLOUR.finditer(text):
        name = "c" if m["c"] else "adj"
        found.append((m[name], (m.start(), m.end(name))))
    for m in _SIZE.finditer(text):
        name = str(m.lastgroup)
        found.append((m[name].upper(), m.span(name)))
    if eager and not any(value.isdigit() for value, _ in found):
        found.extend((m[1], m.span(1)) for m in _LOOSE_NUMBER.finditer(text))
    found.sort(key=lambda f: f[1])
    return found


def option_key(word: str) -> str:
    """Colour and size words of equal meaning fold to one: 검정색 = black = 블랙, 라지 = L, 2XL = XXL."""
    plain = word.strip()
    colour = _COLOUR_KEY.get(plain) or _COLOUR_KEY.get(plain.lower())
    return colour or _SIZE_KEY.get(plain.upper(), plain.upper())


_TYPES = re.compile(
    r"(?P<cancel>[취췌]소|츄소|캔슬|cancel)|(?P<return>반[품픔푼]|돌려\s?보[내낼낸냈]|반송하고|return)|(?P<exchange>교[환한]|맞교환|exchange)|(?P<refund>환[불뷸블]|한불|refund|돈(?:으로)?\s?돌려)",
    re.IGNORECASE,
)
_NOT_TYPE = re.compile(r"(?:알림|알람|문자|구독|예약|포인트|쿠폰)\s?(?:을|를)?\s?$")


def find_types(text: str) -> list[tuple[ClaimType, Span]]:
    """Kinds of order claim named in the text, in order of place; 알림 취소 is none."""
    found: list[tuple[ClaimType, Span]] = []
    for m in _TYPES.finditer(text):
        if _NOT_TYPE.search(text[max(0, m.start() - 8) : m.start()]):
            continue
        match m.lastgroup:
            case "cancel":
                found.append(("cancel", m.span()))
            case "return":
                found.append(("return", m.span()))
            case "exchange":
                found.append(("exchange", m.span()))
            case _:
                found.append(("refund", m.span()))
    return found


_REASONS = re.compile(
    r"(?P<wrong_item>다른\s?(?:상품|거|게|것|제품|물건|색|사이즈|옷)(?:이|가)?\s?(?:왔|온|와|배송)|엉뚱한|잘못\s?(?:왔|온|보내|배송|배달)|오배송|빠[졌져]|빠진\s?(?:거|게|채)|누락|덜\s?(?:왔|온|들어)|(?:설명|사진|상세|화면|광고|페이지)(?:이?랑|하고|과|와)?\s?(?:많이\s?|너무\s?|완전\s?|좀\s?)?(?:달[라랐]|다르|다른|틀려|틀리)|(?:색|색상|색깔|사이즈)(?:이|가)?\s?(?:다르게|다른\s?게|다른\s?걸로)\s?왔|안\s?시킨|주문한\s?거랑\s?(?:달|다르)|하나\s?(?:가|만)?\s?(?:안\s?왔|없))"
    r"|(?P<defect>불량|찢[어겨]|찢긴|얼룩|고장|파손|깨[졌진져]|상했|상해서|상한|구멍|올[이도]?\s?(?:풀|나가)|이염|하자|흠집|스크래치|기스|작동(?:이)?\s?안|안\s?켜|뜯어|터[졌져진]|망가|부러|부서|오염|곰팡|보풀|실밥|박음질|냄새|변색|녹슬|누수|새(?:요|네|는데)(?=$|\s)|물이\s?빠)"
    r"|(?P<delay>늦[어게]?|늦|안\s?와서|오래\s?걸려|기다리다|너무\s?안\s?와|배송\s?지연|지연)"
    r"|(?P<mind>변심|안\s?맞아|안\s?맞[네는]|별로|마음에\s?안|맘에\s?안|마음이?\s?바뀌|맘이?\s?바뀌|생각보다|안\s?어울|필요\s?없어[졌져]|작아[요서]|작[고은네]|커[요서]|크[고네]|안\s?예쁘|안\s?이[쁘뻐]|질렸|잘못\s?(?:샀|시켰|주문|골|눌|눌러)|사이즈\s?(?:미스|실패)|생각이?\s?바뀌|그냥\s?싫|비싸|더\s?싼|필요가?\s?없)"
)
_OTHER_REASON = re.compile(r"기타|그\s?외|다른\s?이유|딴\s?이유")


def find_reasons(text: str) -> list[tuple[ClaimReason, Span]]:
    """Reasons given for an order claim, each once, in order of place. Two different ones are for the flow to ask about."""
    found: list[tuple[ClaimReason, Span]] = []
    seen: set[str] = set()
    for m in _REASONS.finditer(text):
        group = str(m.lastgroup)
        if group in seen:
            continue
        seen.add(group)
        match group:
            case "wrong_item":
                found.append(("wrong_item", m.span()))
            case "defect":
                found.append(("defect", m.span()))
            case "delay":
                found.append(("delay", m.span()))
            case _:
                found.append(("change_of_mind", m.span()))
    if not found:
        other = _OTHER_REASON.search(text)
        if other:
            found.append(("other", other.span()))
    return found
