"""From the shop's order to the facts a tool returns: minimised, masked, with what follows from the state. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from sangdam.commerce.statuses import ADDRESS_CHANGEABLE, ARRIVED, CANCELLABLE, HELD
from sangdam.commerce.withdrawal import withdrawal
from sangdam.core.facts import (
    AmountFacts,
    Changeable,
    ClaimFacts,
    FirstItem,
    OrderFacts,
    OrderLine,
    OrderSummary,
    PaymentDue,
    ReceiverFacts,
    ShipmentFacts,
    ShippedItem,
    TrackShipmentOut,
    UnshippedItem,
)  # fmt: skip
from sangdam.core.mask import mask_address, mask_name, mask_phone
from sangdam.core.shop import (
    CLAIM_CLASSES,
    Carrier,
    Item,
    Order,
    OrderPlace,
    Receiver,
    Shipment,
    ShippingTerms,
    StatusClass,
)

_STILL_HERE = frozenset({StatusClass.AWAITING_PAYMENT, StatusClass.PREPARING, StatusClass.READY_TO_SHIP})
Standing = Literal["awaiting_payment", "not_shipped", "held", "partial", "in_transit", "delivered", "canceled"]


def order_facts(order: Order, *, asked_at: datetime) -> OrderFacts:
    blocking = tuple(item.order_item_code for item in order.items if item.status_code not in ADDRESS_CHANGEABLE)
    uncancellable = tuple(item.order_item_code for item in order.items if item.status_code not in CANCELLABLE)
    arrived = _arrived(order)
    moments = [item.delivered_at for item in arrived]
    known = [moment for moment in moments if moment is not None]
    delivered_at = max(known, default=None) if len(known) == len(moments) else None
    outside = order.place is not OrderPlace.MALL
    return OrderFacts(
        order_id=order.order_id,
        ordered_at=order.ordered_at,
        paid="yes" if order.paid == "yes" else "partial" if order.paid == "partial" else "no",
        payment_methods=order.payment_methods,
        amounts=AmountFacts(
            products=order.amounts.products,
            shipping=order.amounts.shipping,
            discount=order.amounts.discount,
            paid=order.amounts.paid,
            currency=order.amounts.currency,
        ),
        status_class=order.status_class,
        status_text=order.status_text,
        mixed=order.mixed,
        items=tuple(line(item, asked_at=asked_at) for item in order.items),
        receivers=tuple(receiver_facts(receiver) for receiver in order.receivers),
        address_changeable=Changeable(
            allowed=not blocking and bool(order.items) and not outside, blocking_items=blocking
        ),
        cancellable=Changeable(
            allowed=not uncancellable and bool(order.items) and not outside, blocking_items=uncancellable
        ),
        delivered_at=delivered_at,
        withdrawal=withdrawal(delivered_at, delivered=bool(arrived), asked_at=asked_at),
        payment_due=PaymentDue(
            amount=order.amounts.due, deadline=order.payment_deadline, auto_cancels=order.auto_cancels
        )
        if order.status_class is StatusClass.AWAITING_PAYMENT
        else None,
        ordered_at_place=order.place,
    )


def _arrived(order: Order) -> list[Item]:
    """What arrived, once nothing is on its way any more; the last parcel's day is the order's."""
    unclaimed = [item for item in order.items if item.status_class not in CLAIM_CLASSES]
    return unclaimed if all(item.status_class in ARRIVED for item in unclaimed) else []


def line(item: Item, *, asked_at: datetime) -> OrderLine:
    return OrderLine(
        order_item_code=item.order_item_code,
        product_no=item.product_no,
        variant_code=item.variant_code,
        name=item.name,
        option=item.option,
        quantity=item.quantity,
        price=item.price,
        status_code=item.status_code,
        status_class=item.status_class,
        status_text=item.status_text,
        claim=ClaimFacts(type=item.claim.kind, code=item.claim.code, status_text=item.claim.status_text)
        if item.claim is not None
        else None,
        delivered_at=item.delivered_at,
        withdrawal=withdrawal(
            item.delivered_at,
            delivered=item.status_class in ARRIVED or (item.claim is not None and item.delivered_at is not None),
            asked_at=asked_at,
        ),
        thumbnail=item.thumbnail,
    )


def receiver_facts(receiver: Receiver) -> ReceiverFacts:
    return ReceiverFacts(
        shipping_code=receiver.shipping_code,
        name_masked=mask_name(receiver.name),
        phone_masked=mask_phone(receiver.cellphone or receiver.phone),
        address_masked=mask_address(receiver.place.address1),
    )


def summary(order: Order) -> OrderSummary:
    first = order.items[0] if order.items else None
    return OrderSummary(
        order_id=order.order_id,
        ordered_at=order.ordered_at,
        first_item=FirstItem(
            name=first.name if first else "상품",
            option=first.option if first else "",
            quantity=first.quantity if first else 1,
            thumbnail=first.thumbnail if first else None,
        ),
        item_names=tuple(item.name for item in order.items),
        item_count=len(order.items),
        paid_amount=order.amounts.paid,
        status_class=order.status_class,
        status_text=order.status_text,
    )


def title_of(items: Sequence[Item]) -> str:
    """`린넨 셔츠 외 1건`."""
    if not items:
        return "상품"
    rest = len(items) - 1
    return f"{items[0].name} 외 {rest}건" if rest else items[0].name


def tracking(
    order: Order, shipments: Sequence[Shipment], carriers: Sequence[Carrier] | None, terms: ShippingTerms | None
) -> TrackShipmentOut:
    """`carriers` None: the mall's list did not answer; numbers are still told, names are not guessed."""
    by_code = {carrier.code: carrier for carrier in carriers or ()}
    items = {item.order_item_code: item for item in order.items}
    parcels = tuple(_parcel(shipment, items, by_code) for shipment in shipments if _moving(shipment, items))
    sent = {code for shipment in shipments if _moving(shipment, items) for code in shipment.order_item_codes}
    waiting = [item for item in order.items if item.order_item_code not in sent and item.status_class in _STILL_HERE]
    return TrackShipmentOut(
        order_id=order.order_id,
        ordered_at=order.ordered_at,
        title=title_of(order.items),
        summary=_summary(order, parcels, waiting),
        status_text=order.status_text,
        shipments=parcels,
        unshipped_items=tuple(
            UnshippedItem(
                name=item.name,
                option=item.option,
                quantity=item.quantity,
                status_class=item.status_class,
                status_text=item.status_text,
                expected_ship_date=item.expected_ship_date,
            )
            for item in waiting
        ),
        usual_days=(terms.days_min, terms.days_max)
        if terms is not None and terms.days_min is not None and terms.days_max is not None
        else None,
    )


def _moving(shipment: Shipment, items: dict[str, Item]) -> bool:
    """A parcel that left: registered numbers of items still waiting (배송대기) are not told as sent."""
    return shipment.status_class in (StatusClass.IN_TRANSIT, StatusClass.DELIVERED, StatusClass.CONFIRMED) and any(
        code in items for code in shipment.order_item_codes
    )


def _parcel(shipment: Shipment, items: dict[str, Item], carriers: dict[str, Carrier]) -> ShipmentFacts:
    carrier = carriers.get(shipment.carrier_code or "")
    mine = [items[code] for code in shipment.order_item_codes if code in items]
    shipped = shipment.shipped_at or max(
        (item.shipped_at for item in mine if item.shipped_at is not None), default=None
    )
    delivered = shipment.delivered_at or max(
        (item.delivered_at for item in mine if item.delivered_at is not None), default=None
    )
    url = (
        f"{carrier.tracking_url}{quote(shipment.tracking_no, safe='')}"
        if carrier is not None and carrier.tracking_url and shipment.tracking_no
        else None
    )
    return ShipmentFacts(
        shipping_code=shipment.shipping_code,
        carrier_name=carrier.name if carrier is not None else None,
        tracking_no=shipment.tracking_no,
        tracking_url=url,
        status_class=shipment.status_class,
        status_text=shipment.status_text,
        registered_at=shipment.registered_at,
        shipped_at=shipped,
        delivered_at=delivered if shipment.status_class is not StatusClass.IN_TRANSIT else None,
        items=tuple(ShippedItem(name=item.name, option=item.option, quantity=item.quantity) for item in mine),
    )


def _summary(order: Order, parcels: Sequence[ShipmentFacts], waiting: Sequence[Item]) -> Standing:
    if order.items and all(item.status_class in CLAIM_CLASSES for item in order.items):
        return "canceled"
    if not parcels:
        if order.status_class is StatusClass.AWAITING_PAYMENT:
            return "awaiting_payment"
        if waiting and all(item.status_code == HELD for item in waiting):
            return "held"
        if not waiting and order.status_class in ARRIVED:
            return "delivered"
        return "not_shipped" if waiting or order.status_class is not StatusClass.IN_TRANSIT else "in_transit"
    if waiting:
        return "partial"
    return "delivered" if all(parcel.status_class in ARRIVED for parcel in parcels) else "in_transit"
