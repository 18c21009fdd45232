"""The mall as it stands when it opens: goods, members, fourteen months of orders, posts; the same for the same start day and seed.

Every date is counted back from the start day (Korea time); orders of the day itself stand in its first minutes, so they are never in the future.
"""

from datetime import date, datetime, timedelta
from random import Random

from cafe24_sandbox.cast import (
    CJ,
    HANJIN,
    LOGEN,
    LOTTE,
    POST,
    SELF_DELIVERY,
    UNKNOWN_CARRIER,
    Cast,
    cast_of,
)
from cafe24_sandbox.catalogue import LINES, SUPPLIERS, product_code, variant_code
from cafe24_sandbox.catalogue import Line as Goods
from cafe24_sandbox.model import STATUS_NAMES, Address, Carrier, Customer, Mall, Product, Supplier, Variant
from cafe24_sandbox.places import Place, all_places
from cafe24_sandbox.seed_orders import Draft, Line, Person, person_of, put_order
from cafe24_sandbox.seed_posts import put_posts
from cafe24_sandbox.times import at_kst

DAYS = 425
BACKGROUND_MEMBERS = 120
SURNAMES = "김이박최정강조윤장임한오서신권황안송류홍"
GIVEN = [
    "지원",
    "서연",
    "민준",
    "하준",
    "도현",
    "수아",
    "지호",
    "예은",
    "유진",
    "현우",
    "나연",
    "소율",
    "은채",
    "태윤",
    "시우",
    "다현",
    "가온",
    "보람",
    "슬기",
    "아름",
    "준호",
    "재윤",
    "혜진",
    "미래",
]
MESSAGES = ("문 앞에 놓아 주세요", "경비실에 맡겨 주세요", "배송 전에 연락 주세요", "", "택배함에 넣어 주세요")
# Code, mall's own number, name, tracking page, phone. The self delivery has no tracking page.
CARRIERS = (
    (SELF_DELIVERY, 1, "자체배송", "", "02-0000-0000"),
    (CJ, 3, "CJ대한통운", "https://trace.example.com/cj?no=", "1588-0000"),
    (LOGEN, 4, "로젠택배", "https://trace.example.com/logen?no=", "1588-0001"),
    (POST, 5, "우체국택배", "https://trace.example.com/post?no=", "1588-0002"),
    (HANJIN, 6, "한진택배", "https://trace.example.com/hanjin?no=", "1588-0003"),
    (LOTTE, 7, "롯데택배", "https://trace.example.com/lotte?no=", "1588-0004"),
)
CLAIM_CODES = tuple(code for code in STATUS_NAMES if code[0] in "CRE")


def seeded_mall(mall_id: str, start_day: date, seed: int = 1) -> Mall:
    """A mall full of records. Deterministic; well under a second."""
    mall = Mall(mall_id)
    rng = Random(f"{seed}/{mall_id}")  # noqa: S311
    for code, number, name, url, contact in CARRIERS:
        mall.carriers[number] = Carrier(number, code, name, url, contact, default=code == CJ)
    for code, name, trading, kind, status in SUPPLIERS:
        mall.suppliers[code] = Supplier(code, name, trading, kind, status)
    for goods in LINES:
        put_product(mall, goods, start_day, rng)
    cast = cast_of(start_day)
    put_cast_members(mall, cast, start_day)
    put_cast_orders(mall, cast, start_day)
    put_background(mall, start_day, rng)
    mall.orders = dict(sorted(mall.orders.items(), key=lambda pair: pair[1].at))
    put_posts(mall, cast, start_day, rng)
    return mall


# -- goods ------------------------------------------------------------------------------------------------------------


def put_product(mall: Mall, goods: Goods, start_day: date, rng: Random) -> None:
    created = at_kst(start_day - timedelta(days=600 - goods.no), 10)
    supply = goods.price * 55 // 1000 * 10
    combinations: list[tuple[tuple[str, str], ...]] = [()]
    for name, values in goods.options:
        combinations = [(*taken, (name, value)) for taken in combinations for value in values]
    variants: list[Variant] = []
    for index, options in enumerate(combinations):
        label = "/".join(value for _, value in options)
        gone = goods.stock == "sold_out" or label in goods.empty
        quantity = 0 if gone else rng.choice((2, 4, 9, 17, 30, 46, 80))
        variants.append(
            Variant(
                variant_code(goods.no, index),
                options,
                quantity,
                custom_code="-".join((goods.code, *(value for _, value in options))),
                use_inventory=goods.stock != "unlimited",
                safety=2,
                supply_price=supply,
                order=index + 1,
            )
        )
    product = Product(
        no=goods.no,
        code=product_code(goods.no),
        name=goods.name,
        eng_name=goods.eng,
        custom_code=goods.code,
        price=goods.price,
        retail_price=(goods.price * 12 // 10) // 100 * 100,
        supply_price=supply,
        supplier_code=goods.supplier,
        category_no=goods.category,
        summary=goods.summary,
        description=f"<p>{goods.summary}</p><p>소재: {goods.material}</p>",
        material=goods.material,
        options=goods.options,
        variants=variants,
        created=created,
        updated=created,
        display=goods.stock != "hidden",
        selling=goods.stock not in {"hidden", "stopped"},
        hits=rng.randrange(40, 4000),
        release_date=goods.release,
        soldout_message=goods.soldout_message,
        tags=(goods.name.split(" ")[-1],),
    )
    mall.products[product.no] = product
    mall.variants.update({variant.code: (product, variant) for variant in variants})


# -- people -----------------------------------------------------------------------------------------------------------


def address_of(place: Place, detail: str) -> Address:
    return Address(place.zipcode, place.road_part1 + place.road_part2, detail)


def put_member(mall: Mall, person: Person, joined: datetime, points: int) -> None:
    mall.customers[person.member_id] = Customer(
        member_id=person.member_id,
        name=person.name,
        cellphone=person.phone,
        phone="",
        email=person.email,
        address=person.address,
        created=joined,
        last_login=joined + timedelta(days=20),
        points=points,
        used_points=500,
    )


def put_cast_members(mall: Mall, cast: Cast, start_day: date) -> None:
    places = all_places()
    for index, shopper in enumerate(cast.shoppers.values()):
        if shopper.guest:
            continue
        place = places[0] if index == 0 else places[5 + 4 * index]
        email = f"{shopper.member_id}@example.com"
        detail = "3층 302호" if index == 0 else f"{100 + index}동 {200 + index}호"
        person = Person(shopper.name, shopper.phone, shopper.member_id, email, address_of(place, detail))
        put_member(mall, person, at_kst(start_day - timedelta(days=500 + index), 10), 2700 + 100 * index)


# -- the cast's orders ------------------------------------------------------------------------------------------------

# part -> hour, minute, payment, place, lines
Part = tuple[int, int, str, str, tuple[Line, ...]]
PARTS: dict[str, dict[str, Part]] = {
    "김하늘": {
        "awaiting_payment": (0, 3, "bank", "mobile", (Line(104, "블랙/L", "N00", 2),)),
        "in_transit": (10, 12, "card", "mobile", (Line(101, "화이트/M", "N30"),)),
        "in_transit_early": (8, 21, "card", "mobile", (Line(103, "블루/M", "N30"),)),
        "preparing_shirt": (19, 40, "card", "mobile", (Line(147, "스카이블루/M", "N10"),)),
        "preparing": (14, 5, "card", "cafe24", (Line(109, "중청/M", "N10"), Line(127, "아이보리", "N20"))),
        "held": (11, 30, "card", "cafe24", (Line(119, "카키/M", "N22"),)),
        "partial": (9, 48, "transfer", "cafe24", (Line(111, "베이지/S", "N30"), Line(130, "그레이", "N20", 1, 1))),
        "delivered": (13, 2, "card", "mobile", (Line(116, "카키/M", "N40"),)),
        "two_parcels": (15, 20, "card", "cafe24", (Line(124, "블랙/240", "N40"), Line(132, "", "N40", 2, 1))),
        "cancelled": (20, 11, "card", "mobile", (Line(128, "탄", "C40"),)),
        "confirmed": (12, 0, "card", "cafe24", (Line(108, "오트밀/FREE", "N50"), Line(131, "블랙", "N50"))),
    },
    "이서준": {"only": (12, 40, "card", "mobile", (Line(106, "블랙/L", "N40"),))},
    "박지우": {
        "preparing": (16, 25, "card", "mobile", (Line(133, "크림", "N20", 2),)),
        "delivered": (10, 15, "kakaopay", "mobile", (Line(138, "라벤더", "N40"),)),
    },
    "최민서": {
        "in_transit": (11, 11, "card", "mobile", (Line(113, "블랙/FREE", "N30"),)),
        "delivered": (9, 5, "card", "cafe24", (Line(129, "브라운", "N40"),)),
    },
    "최도윤": {
        "preparing": (13, 33, "card", "cafe24", (Line(110, "베이지/L", "N10"),)),
        "delivered": (17, 45, "tosspay", "cafe24", (Line(131, "네이비", "N40"),)),
    },
    "한소라": {
        "cancel_requested": (9, 30, "card", "mobile", (Line(102, "화이트/S", "C00"),)),
        "return_requested": (10, 50, "card", "mobile", (Line(146, "네이비/FREE", "R00"),)),
        "exchange_accepted": (8, 20, "card", "cafe24", (Line(123, "블랙/240", "E10"),)),
        "auto_cancelled": (22, 15, "bank", "cafe24", (Line(135, "화이트/퀸", "C48"),)),
        "return_done": (15, 0, "card", "cafe24", (Line(121, "중청/M", "R40"),)),
    },
    "강다인": {
        "two_receivers": (12, 12, "card", "cafe24", (Line(134, "", "N20"), Line(139, "무화과", "N20", 1, 1))),
        "early_0010": (0, 10, "card", "mobile", (Line(136, "", "N40"),)),
        "late_2350": (23, 50, "card", "mobile", (Line(140, "차콜", "N40"),)),
        "unknown_carrier": (9, 0, "card", "cafe24", (Line(112, "그레이/M", "N30"),)),
        "no_tracking_link": (9, 40, "card", "cafe24", (Line(125, "240", "N30"),)),
        "no_shipments": (8, 15, "card", "cafe24", (Line(103, "블루/M", "N30"),)),
        "waiting_handover": (10, 30, "card", "cafe24", (Line(114, "브라운/S", "N21"),)),
    },
    "윤태오": {
        "naverpay": (14, 44, "card", "NCHECKOUT", (Line(118, "베이지/M", "N20"),)),
        "kakao": (15, 55, "card", "kakao", (Line(122, "민트/L", "N30"),)),
        "market": (16, 6, "card", "coupang", (Line(126, "카키/240", "N40"),)),
        "paid_with_naverpay": (17, 17, "naverpay", "mobile", (Line(144, "핑크/S", "N10"),)),
    },
}
FREQUENT = "정예린"
PART_CARRIERS = {"unknown_carrier": UNKNOWN_CARRIER, "no_tracking_link": SELF_DELIVERY, "in_transit_early": HANJIN}


def put_cast_orders(mall: Mall, cast: Cast, start_day: date) -> None:
    places = all_places()
    for shopper in cast.shoppers.values():
        member = mall.customers.get(shopper.member_id)
        email = f"guest{shopper.phone[-4:]}@example.com"
        guest = Person(shopper.name, shopper.phone, "", email, address_of(places[41], "1502호"))
        person = person_of(member) if member is not None else guest
        for part, order_id in shopper.orders.items():
            day = date(int(order_id[:4]), int(order_id[4:6]), int(order_id[6:8]))
            hour, minute, payment, place, lines = (
                frequent(start_day, day) if shopper.name == FREQUENT else PARTS[shopper.name][part]
            )
            home = (person.name, person.phone, person.address, MESSAGES[0])
            elsewhere = (home[0], home[1], person.address, MESSAGES[0])
            if part == "two_receivers":
                elsewhere = ("강나래", "010-0000-8643", address_of(places[60], "202호"), MESSAGES[1])
            put_order(
                mall,
                Draft(
                    order_id,
                    at_kst(day, hour, minute, 44),
                    person,
                    lines,
                    payment,
                    place,
                    PART_CARRIERS.get(part, CJ),
                    (home, elsewhere) if any(line.receiver for line in lines) else (home,),
                    tracked=part != "no_shipments",
                ),
            )


def frequent(start_day: date, day: date) -> Part:
    """The one who orders every third day."""
    age = (start_day - day).days
    status = "N10" if age <= 2 else "N30" if age <= 4 else "N40" if age <= 15 else "N50"
    choices = (("104", "화이트/M"), ("131", "베이지"), ("133", "네이비"), ("139", "백단향"), ("111", "블랙/M"))
    number, choice = choices[age % len(choices)]
    return (10 + age % 9, 7, "card", "mobile", (Line(int(number), choice, status, 1 + age % 2),))


# -- everybody else ---------------------------------------------------------------------------------------------------


def strangers(mall: Mall, start_day: date, rng: Random) -> list[Person]:
    """Members and guests nobody names; their numbers start with 1 to 9 thousand and never meet the cast's."""
    places = all_places()
    taken = {c.cellphone for c in mall.customers.values()} | {"010-0000-9012", "010-0000-8643"}
    people: list[Person] = []
    number = 1000
    while len(people) < BACKGROUND_MEMBERS + 60:
        number += 43
        phone = f"010-0000-{number:04d}"
        if phone in taken:
            continue
        name = rng.choice(SURNAMES) + rng.choice(GIVEN)
        index = len(people)
        member_id = f"member{index:03d}" if index < BACKGROUND_MEMBERS else ""
        address = address_of(rng.choice(places), f"{rng.randrange(1, 15)}0{rng.randrange(1, 9)}호")
        person = Person(name, phone, member_id, f"buyer{index:03d}@example.com", address)
        if member_id:
            put_member(mall, person, at_kst(start_day - timedelta(days=430 + index), 9), rng.randrange(0, 90) * 100)
        people.append(person)
    return people


def put_background(mall: Mall, start_day: date, rng: Random) -> None:
    people = strangers(mall, start_day, rng)
    goods = [(p.no, "/".join(v for _, v in x.options)) for p in mall.products.values() if p.selling for x in p.variants]
    ordinal = 0
    for age in range(DAYS, -1, -1):
        day = start_day - timedelta(days=age)
        for place_in_day in range(2 + (age % 3 == 0) + (day.weekday() == 0)):
            ordinal += 1
            put_stranger_order(mall, rng, people, goods, day, age, place_in_day, ordinal)


def put_stranger_order(
    mall: Mall,
    rng: Random,
    people: list[Person],
    goods: list[tuple[int, str]],
    day: date,
    age: int,
    place_in_day: int,
    ordinal: int,
) -> None:
    person = rng.choice(people)
    hour, minute = (
        (0, 1 + place_in_day) if age == 0 else (6 + 5 * place_in_day + rng.randrange(0, 2), rng.randrange(60))
    )
    status = stranger_status(age, hour, ordinal, rng)
    count = rng.choice((1, 1, 1, 2, 2, 3))
    parcels = 2 if count > 1 and ordinal % 17 == 0 else 1
    lines = tuple(
        Line(number, choice, line_status(status, age, n, parcels), rng.choice((1, 1, 1, 2)), n if n < parcels else 0)
        for n, (number, choice) in enumerate(rng.sample(goods, count))
    )
    place = rng.choice(("cafe24", "mobile", "mobile", "mobile", "mobile")) if ordinal % 13 else (
        "NCHECKOUT", "kakao", "coupang", "shopn"
    )[ordinal // 13 % 4]  # fmt: skip
    unpaid = status in {"N00", "C47", "C48", "C49"}
    home = (person.name, person.phone, person.address, rng.choice(MESSAGES))
    order = put_order(
        mall,
        Draft(
            f"{day:%Y%m%d}-{mall.serial(f'order-{day:%Y%m%d}', 201):07d}",
            at_kst(day, hour, minute, rng.randrange(60)),
            person if place not in {"coupang", "shopn"} else Person(person.name, person.phone, "", "", person.address),
            lines,
            "bank" if unpaid else rng.choice(("card", "card", "card", "transfer", "bank", "naverpay", "kakaopay")),
            place,
            rng.choice((CJ, CJ, CJ, LOGEN, POST, HANJIN, LOTTE)),
            (home, home) if parcels == 2 else (home,),
            first=ordinal <= len(people),
            reason=rng.choice((("A", "단순 변심"), ("K", "상품 불량"), ("B", "배송 지연"), ("I", "기타 사유"))),
        ),
    )
    if place in {"coupang", "shopn"}:
        # A marketplace hides the shopper's own number.
        for receiver in order.receivers:
            receiver.virtual_phone = f"0504-0000-{ordinal:04d}"
    if ordinal % 41 == 0:
        item = order.items[0]
        item.bundle, item.bundle_no, item.bundle_name = True, 900, f"{item.name} 세트"


def stranger_status(age: int, hour: int, ordinal: int, rng: Random) -> str:
    """By the order's age; every ninth order older than three weeks carries one of the claim states in turn."""
    if age > 20 and ordinal % 9 == 0:
        return CLAIM_CODES[ordinal // 9 % len(CLAIM_CODES)]
    if age == 0:
        return ("N00", "N02", "N10")[ordinal % 3]
    if age == 1:
        return rng.choice(("N00", "N10", "N20", "N21", "N30")) if hour < 16 else "N10"
    if age == 2:
        return rng.choice(("N10", "N20", "N21", "N22", "N30"))
    if age <= 4:
        return rng.choice(("N20", "N22", "N30", "N30", "N30"))
    return "N40" if age <= 14 else "N50"


def line_status(status: str, age: int, number: int, parcels: int) -> str:
    """Claims touch the first line only; of two parcels of a young order the second has not left."""
    if number > 0 and status[0] in "CRE":
        return {"C": "N50", "R": "N50", "E": "N50"}[status[0]] if status not in {"C47", "C48", "C49"} else status
    if number > 0 and parcels == 2 and status == "N30" and age <= 4:
        return "N20"
    return status
