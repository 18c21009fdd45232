"""Orders as plain values."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sangdam.commerce.statuses import class_of, text_of
from sangdam.core.ids import MemberId, OrderId
from sangdam.core.phone import Phone
from sangdam.core.shop import CLAIM_CLASSES, Amounts, Buyer, Claim, Item, Order, Place, Receiver, Shipment

NOW = datetime(2026, 3, 14, 5, 28, 44, tzinfo=UTC)
"""Saturday 14:28 in Seoul."""
NUMBER = "20260310-0000127"
HANEUL = Phone("01000001234")
SEOJUN = Phone("01000005678")


def item(n: int, code: str, **more: Any) -> Item:
    status = class_of(code)
    arrived = code in ("N40", "N50")
    return Item(
        order_item_code=f"{NUMBER}-{n:02d}",
        product_no=100 + n,
        variant_code="P0000BCD000A",
        name=more.pop("name", f"상품{n}"),
        option="화이트 / M",
        quantity=1,
        price=Decimal(12900),
        status_code=code,
        status_class=status,
        status_text=text_of(code, None),
        claim=Claim(status, None, text_of(code, None)) if status in CLAIM_CLASSES else None,
        shipping_code=f"D-{NUMBER}-00",
        delivered_at=more.pop("delivered_at", NOW - timedelta(days=2) if arrived else None),
        **more,
    )


def order(*codes: str, items: tuple[Item, ...] | None = None, **more: Any) -> Order:
    lines = items if items is not None else tuple(item(n, code) for n, code in enumerate(codes, 1))
    return Order(
        order_id=OrderId(NUMBER),
        ordered_at=NOW - timedelta(days=4),
        member_id=more.pop("member_id", MemberId("haneul01")),
        buyer=more.pop("buyer", Buyer("김하늘", HANEUL, None, MemberId("haneul01"))),
        paid=more.pop("paid", "yes"),
        payment_methods=("신용카드",),
        amounts=Amounts(Decimal(25800), Decimal(3000), Decimal(0), Decimal(28800), more.pop("due", Decimal(0))),
        items=lines,
        receivers=more.pop("receivers", (RECEIVER,)),
        **more,
    )


RECEIVER = Receiver(
    f"D-{NUMBER}-00",
    "강나래",
    "010-0000-8643",
    "02-0000-5678",
    Place("04524", "서울특별시 중구 세종대로 110", "3층 302호"),
    "",
)


def parcel(n: int, *items: Item, **more: Any) -> Shipment:
    lead = items[0]
    return Shipment(
        shipping_code=f"D-{NUMBER}-{n:02d}",
        carrier_code=more.pop("carrier_code", "0006"),
        tracking_no=more.pop("tracking_no", "690000000012"),
        status_class=more.pop("status_class", lead.status_class),
        status_text=lead.status_text,
        order_item_codes=tuple(each.order_item_code for each in items),
        registered_at=NOW - timedelta(days=3),
        **more,
    )
