"""What was bought and where it stands (dialogue.md §6.3). Every word comes from `lookup_order`."""

from sangdam.agent.flow import Button, Flow, Say
from sangdam.agent.flows.pick_order import owned_order
from sangdam.agent.flows.steps import END, OTHER_ORDER, PERSON, start
from sangdam.core.facts import LookupOrderOut, OrderFacts
from sangdam.core.shop import CLAIM_CLASSES, OrderPlace, StatusClass

AUTO_CANCELED = "C48"
TRACKABLE = frozenset({StatusClass.READY_TO_SHIP, StatusClass.IN_TRANSIT, StatusClass.DELIVERED, StatusClass.CONFIRMED})


def order_lookup() -> Flow[None]:
    outcome = yield from owned_order("lookup_order", "주문 조회")
    if outcome is None:
        return
    order = LookupOrderOut.model_validate(outcome.result).order
    yield Say(template_for(order), {"order": order.model_dump(mode="json")}, buttons=next_steps(order))


def template_for(order: OrderFacts) -> str:
    if all(item.status_code == AUTO_CANCELED for item in order.items):
        return "order.auto_canceled"
    if order.status_class is StatusClass.AWAITING_PAYMENT:
        return "order.awaiting_payment"
    if order.status_class in CLAIM_CLASSES:
        return "order.claimed"
    return "order.outside" if order.ordered_at_place is not OrderPlace.MALL else "order.facts"


def next_steps(order: OrderFacts) -> tuple[Button, ...]:
    """What can be done with it here, now; a wish that only a person can serve is not offered as a button."""
    shipped = any(item.status_class in TRACKABLE for item in order.items)
    track = (start("button.shipping", "shipping_inquiry", order_id=order.order_id, primary=True),) if shipped else ()
    return (*track, OTHER_ORDER, PERSON, END)
