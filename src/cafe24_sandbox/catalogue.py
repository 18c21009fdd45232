"""What 달빛샵 sells: product lines as written by the shop, turned into records by the seed.

`Stock` says how a line's inventory is kept; a label in `empty` is an option combination that is sold out.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Stock: TypeAlias = Literal["normal", "sold_out", "unlimited", "hidden", "stopped"]

COLOURS = ("색상", ("화이트", "블랙", "네이비"))
SIZES = ("사이즈", ("S", "M", "L"))
WIDE_SIZES = ("사이즈", ("S", "M", "L", "XL"))
SHOE_SIZES = ("사이즈", ("230", "240", "250", "260", "270"))
FREE: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    no: int
    name: str
    eng: str
    code: str
    price: int
    category: int
    supplier: str
    options: tuple[tuple[str, tuple[str, ...]], ...]
    material: str
    summary: str
    stock: Stock = "normal"
    empty: tuple[str, ...] = ()
    release: str = ""
    soldout_message: str = ""


def axis(name: str, *values: str) -> tuple[str, tuple[str, ...]]:
    return name, values


LINES: tuple[Line, ...] = (
    Line(101, "린넨 셔츠", "Linen shirt", "LS-26", 39900, 24, "S000000B", (COLOURS, SIZES), "린넨 100%", "바람이 잘 통하는 여름 린넨 셔츠", empty=("네이비/L",)),
    Line(102, "오버핏 코튼 셔츠", "Oversized cotton shirt", "OCS-11", 42900, 24, "S000000B", (COLOURS, SIZES), "면 100%", "넉넉한 품의 코튼 셔츠"),
    Line(103, "스트라이프 셔츠", "Striped shirt", "STS-07", 45900, 24, "S000000B", (axis("색상", "블루", "그레이"), SIZES), "면 60%, 폴리 40%", "가는 줄무늬 셔츠"),
    Line(104, "베이직 라운드 티셔츠", "Basic crew tee", "BRT-01", 15900, 24, "S000000C", (axis("색상", "화이트", "블랙", "그레이", "베이지"), WIDE_SIZES), "면 100%", "매일 입는 기본 티셔츠"),
    Line(105, "코튼 맨투맨", "Cotton sweatshirt", "CMM-03", 34900, 24, "S000000C", (axis("색상", "그레이", "네이비"), SIZES), "면 95%, 폴리우레탄 5%", "도톰한 사계절 맨투맨", "sold_out", soldout_message="다음 생산 일정을 준비하고 있어요."),
    Line(106, "후드 집업", "Hooded zip-up", "HZU-02", 52900, 24, "S000000C", (axis("색상", "블랙", "차콜"), WIDE_SIZES), "면 80%, 폴리 20%", "안감이 부드러운 후드 집업", empty=("블랙/S", "블랙/M")),
    Line(107, "케이블 니트", "Cable knit", "CKN-09", 58900, 24, "S000000B", (axis("색상", "아이보리", "브라운"), axis("사이즈", "FREE")), "울 50%, 아크릴 50%", "꽈배기 짜임 니트"),
    Line(108, "브이넥 가디건", "V-neck cardigan", "VNC-05", 49900, 24, "S000000B", (axis("색상", "오트밀", "블랙", "그린"), axis("사이즈", "FREE")), "면 70%, 나일론 30%", "가볍게 걸치는 가디건"),
    Line(109, "와이드 데님 팬츠", "Wide denim pants", "WDP-21", 56900, 25, "S000000C", (axis("색상", "중청", "연청", "흑청"), WIDE_SIZES), "면 100%", "통 넓은 데님"),
    Line(110, "슬림 치노 팬츠", "Slim chinos", "SCP-12", 44900, 25, "S000000C", (axis("색상", "베이지", "카키", "블랙"), WIDE_SIZES), "면 97%, 폴리우레탄 3%", "단정한 치노 팬츠"),
    Line(111, "코튼 팬츠", "Cotton pants", "CTP-08", 39900, 25, "S000000C", (axis("색상", "베이지", "블랙"), SIZES), "면 100%", "편하게 입는 코튼 팬츠"),
    Line(112, "밴딩 조거 팬츠", "Jogger pants", "BJP-04", 36900, 25, "S000000C", (axis("색상", "그레이", "블랙"), SIZES), "면 60%, 폴리 40%", "허리 밴딩 조거"),
    Line(113, "플리츠 롱스커트", "Pleated long skirt", "PLS-06", 47900, 25, "S000000B", (axis("색상", "블랙", "라벤더"), axis("사이즈", "FREE")), "폴리 100%", "찰랑이는 주름 스커트"),
    Line(114, "코듀로이 미니스커트", "Corduroy mini skirt", "CMS-02", 32900, 25, "S000000B", (axis("색상", "브라운", "크림"), SIZES), "면 100%", "골이 가는 코듀로이"),
    Line(115, "플로럴 원피스", "Floral dress", "FLD-14", 68900, 26, "S000000B", (axis("색상", "핑크", "블루"), SIZES), "레이온 100%", "잔꽃 무늬 원피스", empty=("핑크/S", "핑크/M", "핑크/L")),
    Line(116, "셔츠 원피스", "Shirt dress", "SHD-10", 64900, 26, "S000000B", (axis("색상", "스카이블루", "카키"), SIZES), "면 100%", "허리끈이 있는 셔츠 원피스"),
    Line(117, "니트 원피스", "Knit dress", "KND-05", 72900, 26, "S000000B", (axis("색상", "차콜", "베이지"), axis("사이즈", "FREE")), "울 30%, 아크릴 70%", "몸에 부드럽게 맞는 니트 원피스", "sold_out", release="", soldout_message="재입고 준비 중이에요."),
    Line(118, "트렌치 코트", "Trench coat", "TRC-01", 129000, 27, "S000000B", (axis("색상", "베이지", "블랙"), SIZES), "면 65%, 폴리 35%", "클래식 트렌치"),
    Line(119, "경량 패딩 조끼", "Light down vest", "LDV-03", 59900, 27, "S000000C", (axis("색상", "블랙", "카키", "아이보리"), SIZES), "나일론 100%, 오리솜털", "얇고 따뜻한 조끼"),
    Line(120, "울 블렌드 코트", "Wool blend coat", "WBC-02", 189000, 27, "S000000B", (axis("색상", "차콜", "카멜"), SIZES), "울 70%, 폴리 30%", "포근한 핸드메이드 코트"),
    Line(121, "데님 재킷", "Denim jacket", "DNJ-06", 79900, 27, "S000000C", (axis("색상", "중청", "흑청"), SIZES), "면 100%", "기본 데님 재킷"),
    Line(122, "나일론 바람막이", "Nylon windbreaker", "NWB-04", 62900, 27, "S000000C", (axis("색상", "블랙", "민트"), SIZES), "나일론 100%", "가벼운 바람막이"),
    Line(123, "캔버스 스니커즈", "Canvas sneakers", "CVS-15", 49900, 28, "S000000D", (axis("색상", "화이트", "블랙"), SHOE_SIZES), "캔버스, 고무", "데일리 스니커즈", empty=("화이트/240", "화이트/250")),
    Line(124, "가죽 로퍼", "Leather loafers", "LTL-03", 98000, 28, "S000000D", (axis("색상", "블랙", "브라운"), SHOE_SIZES), "소가죽", "부드러운 가죽 로퍼"),
    Line(125, "코르크 샌들", "Cork sandals", "CKS-02", 54900, 28, "S000000D", (axis("사이즈", "230", "240", "250", "260"),), "코르크, 합성가죽", "발 모양에 맞는 샌들"),
    Line(126, "레인 부츠", "Rain boots", "RNB-01", 45900, 28, "S000000D", (axis("색상", "카키", "블랙"), axis("사이즈", "230", "240", "250")), "고무", "장마철 부츠"),
    Line(127, "캔버스 에코백", "Canvas tote", "CET-07", 19900, 29, "S0000000", (axis("색상", "아이보리", "블랙"),), "캔버스", "넉넉한 에코백"),
    Line(128, "미니 크로스백", "Mini crossbody", "MCB-05", 42900, 29, "S000000D", (axis("색상", "블랙", "탄", "크림"),), "합성가죽", "가벼운 크로스백"),
    Line(129, "가죽 카드지갑", "Leather card wallet", "LCW-02", 29900, 29, "S000000D", (axis("색상", "블랙", "브라운", "네이비"),), "소가죽", "얇은 카드지갑"),
    Line(130, "울 머플러", "Wool muffler", "WMF-03", 35900, 29, "S000000B", (axis("색상", "그레이", "버건디"),), "울 100%", "부드러운 울 머플러"),
    Line(131, "볼캡", "Ball cap", "BCP-01", 22900, 29, "S000000C", (axis("색상", "블랙", "베이지", "네이비"),), "면 100%", "깊은 볼캡"),
    Line(132, "면 양말 5켤레 세트", "Cotton socks 5 pairs", "CSK-05", 12900, 29, "S0000000", FREE, "면 80%, 폴리 20%", "발목 양말 다섯 켤레"),
    Line(133, "달빛 머그컵", "Moonlight mug", "MMG-01", 16900, 30, "S000000E", (axis("색상", "크림", "네이비"),), "도자기", "손에 감기는 머그컵"),
    Line(134, "세라믹 접시 세트", "Ceramic plate set", "CPS-04", 38900, 30, "S000000E", FREE, "도자기", "네 장 한 세트"),
    Line(135, "순면 이불 커버", "Cotton duvet cover", "CDC-02", 69900, 30, "S000000E", (axis("색상", "화이트", "그레이"), axis("사이즈", "싱글", "퀸", "킹")), "면 100%", "60수 순면 커버"),
    Line(136, "메모리폼 베개", "Memory foam pillow", "MFP-03", 34900, 30, "S000000E", FREE, "메모리폼", "목을 받쳐 주는 베개"),
    Line(137, "암막 커튼 (맞춤 제작)", "Blackout curtain, made to order", "BOC-01", 89000, 30, "S000000E", (axis("색상", "베이지", "그레이"), axis("폭", "150cm", "200cm")), "폴리 100%", "주문 뒤 만드는 커튼", "unlimited"),
    Line(138, "아로마 디퓨저", "Aroma diffuser", "ARD-06", 27900, 30, "S000000E", (axis("향", "라벤더", "시트러스", "우디"),), "향료, 유리", "은은한 실내 향"),
    Line(139, "소이 캔들", "Soy candle", "SYC-02", 21900, 30, "S000000E", (axis("향", "무화과", "백단향"),), "소이왁스", "40시간 타는 캔들"),
    Line(140, "린넨 앞치마", "Linen apron", "LNA-01", 26900, 30, "S000000E", (axis("색상", "내추럴", "차콜"),), "린넨 100%", "주방용 앞치마"),
    Line(141, "접이식 바구니", "Folding basket", "FDB-01", 18900, 30, "S0000000", FREE, "폴리프로필렌", "빨래 바구니", "stopped"),
    Line(142, "시즌 샘플 재킷", "Season sample jacket", "SSJ-99", 99000, 27, "S0000000", (axis("색상", "블랙"), axis("사이즈", "M")), "폴리 100%", "공개 전 상품", "hidden"),
    Line(143, "무선 스탠드 조명", "Cordless lamp", "CDL-01", 49900, 30, "S000000E", (axis("색상", "화이트", "블랙"),), "알루미늄", "충전식 침실 조명", "sold_out", soldout_message="다음 달에 다시 들어올 예정이에요."),
    Line(144, "수면 파자마 세트", "Pajama set", "PJS-02", 46900, 26, "S000000C", (axis("색상", "네이비", "핑크"), SIZES), "면 100%", "상하의 한 벌"),
    Line(145, "린넨 와이드 팬츠", "Linen wide pants", "LWP-03", 44900, 25, "S000000B", (axis("색상", "베이지", "블랙"), SIZES), "린넨 100%", "시원한 린넨 팬츠"),
    Line(146, "린넨 원피스", "Linen dress", "LND-02", 62900, 26, "S000000B", (axis("색상", "네이비", "내추럴"), axis("사이즈", "FREE")), "린넨 100%", "가벼운 린넨 원피스"),
    Line(147, "옥스포드 셔츠", "Oxford shirt", "OXS-04", 45900, 24, "S000000B", (axis("색상", "화이트", "스카이블루"), SIZES), "면 100%", "두께감이 좋은 기본 옥스포드 셔츠"),
)  # fmt: skip

SUPPLIERS: tuple[tuple[str, str, str, str, str], ...] = (
    ("S0000000", "자체공급", "D", "WS", "A"),
    ("S000000B", "한결섬유", "C", "WS", "A"),
    ("S000000C", "온빛어패럴", "D", "WS", "A"),
    ("S000000D", "걸음잡화", "C", "BS", "A"),
    ("S000000E", "모락리빙", "C", "WS", "A"),
    ("S000000F", "지난겨울상사", "D", "ET", "N"),
)


def product_code(no: int) -> str:
    """`P` and seven of `[A-Z0-9]`; only letters beyond A at the end, as the mall's own counter writes them."""
    text, rest = "", no
    while rest:
        rest, letter = divmod(rest, 26)
        text = chr(ord("A") + letter) + text
    return "P" + text.rjust(7, "0")


def variant_code(no: int, index: int) -> str:
    """The product code and four more: `000A`, `000B`, …"""
    high, low = divmod(index, 26)
    tail = ("" if high == 0 else chr(ord("A") + high - 1)) + chr(ord("A") + low)
    return product_code(no) + tail.rjust(4, "0")
