"""The shoppers every demo, document and test may count on, and which order plays which part.

Order numbers depend on the start day alone, so `cast_of(day)` names them without a running mall.
"""

from dataclasses import dataclass
from datetime import date, timedelta

NO_ORDERS_PHONE = "010-0000-0000"

SOLD_OUT_PRODUCT, PARTLY_SOLD_OUT_PRODUCT, IN_STOCK_PRODUCT = 105, 115, 104
UNLIMITED_PRODUCT, HIDDEN_PRODUCT, NO_OPTION_PRODUCT, STOPPED_PRODUCT = 137, 142, 132, 141
LINEN_SHIRT, OXFORD_SHIRT = 101, 147
QNA_BOARD, REVIEW_BOARD, CONSULT_BOARD, NOTICE_BOARD = 6, 4, 9, 1
CJ, LOGEN, POST, HANJIN, LOTTE, SELF_DELIVERY, UNKNOWN_CARRIER = "0006", "0004", "0012", "0018", "0079", "0001", "0999"


@dataclass(frozen=True, slots=True)
class Shopper:
    """A named shopper: `orders` maps a part (`in_transit`, `preparing`, …) to an order number."""

    name: str
    phone: str
    member_id: str
    orders: dict[str, str]

    @property
    def guest(self) -> bool:
        return not self.member_id


# shopper, phone, member id, parts as (name, days before the start day, serial of that day)
PARTS: tuple[tuple[str, str, str, tuple[tuple[str, int, int], ...]], ...] = (
    (
        "김하늘",
        "010-0000-1234",
        "haneul01",
        (
            ("awaiting_payment", 0, 11),
            ("in_transit", 1, 12),
            ("preparing_shirt", 1, 20),
            ("in_transit_early", 1, 9),
            ("preparing", 2, 13),
            ("held", 3, 14),
            ("partial", 4, 15),
            ("delivered", 6, 16),
            ("two_parcels", 9, 17),
            ("cancelled", 20, 18),
            ("confirmed", 40, 19),
        ),
    ),
    ("이서준", "010-0000-5678", "seojun02", (("only", 3, 21),)),
    ("박지우", "010-0000-9012", "", (("preparing", 1, 31), ("delivered", 5, 32))),
    ("최민서", "010-0000-3456", "minseo04", (("in_transit", 2, 41), ("delivered", 8, 42))),
    ("최도윤", "010-0000-3456", "doyun05", (("preparing", 1, 51), ("delivered", 12, 52))),
    ("정예린", "010-0000-7777", "yerin06", tuple((f"n{n:02d}", 3 * n - 2, 60 + n) for n in range(1, 24))),
    (
        "한소라",
        "010-0000-2468",
        "sora07",
        (
            ("cancel_requested", 1, 91),
            ("return_requested", 7, 92),
            ("exchange_accepted", 8, 93),
            ("auto_cancelled", 10, 94),
            ("return_done", 25, 95),
        ),
    ),
    (
        "강다인",
        "010-0000-8642",
        "dain08",
        (
            ("two_receivers", 2, 101),
            ("early_0010", 7, 102),
            ("late_2350", 8, 103),
            ("unknown_carrier", 3, 104),
            ("no_tracking_link", 3, 105),
            ("no_shipments", 1, 106),
            ("waiting_handover", 1, 107),
        ),
    ),
    (
        "윤태오",
        "010-0000-1357",
        "",
        (("naverpay", 2, 111), ("kakao", 4, 112), ("market", 6, 113), ("paid_with_naverpay", 1, 114)),
    ),
)


@dataclass(frozen=True, slots=True)
class Cast:
    start_day: date
    shoppers: dict[str, Shopper]

    def shopper(self, name: str) -> Shopper:
        return self.shoppers[name]

    def order(self, name: str, part: str) -> str:
        """The order number of a shopper's part; KeyError for an unknown one."""
        return self.shoppers[name].orders[part]


def order_id(start_day: date, days_ago: int, serial: int) -> str:
    return f"{start_day - timedelta(days=days_ago):%Y%m%d}-{serial:07d}"


def cast_of(start_day: date) -> Cast:
    """Who shops at 달빛샵 when the mall starts on that day (Korea time)."""
    return Cast(
        start_day,
        {
            name: Shopper(name, phone, member, {part: order_id(start_day, ago, serial) for part, ago, serial in parts})
            for name, phone, member, parts in PARTS
        },
    )
