"""The flows there are: which intent starts which, and which tools they name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sangdam.agent.flow import Flow
from sangdam.agent.flows.order_lookup import order_lookup
from sangdam.agent.flows.others import OPEN_QUESTION, WRITTEN_WISH, closing, handoff, open_question, wish
from sangdam.agent.flows.shipment_tracking import shipment_tracking


@dataclass(frozen=True)
class FlowKind:
    """`group`: flows of one group replace one another while the order is not settled (a change of mind, not a second request)."""

    name: str
    run: Callable[[], Flow[None]]
    group: Literal["order", "person", "question", "end"]
    label: str
    """Template key of what it is called in a sentence."""
    tools: frozenset[str] = frozenset()


_LOOKING = frozenset({"send_otp", "verify_otp", "verify_orderer", "list_orders", "create_handoff"})
_PERSON = frozenset({"create_handoff"})

FLOWS: Mapping[str, FlowKind] = {
    "order_lookup": FlowKind("order_lookup", order_lookup, "order", "flow.order_lookup", _LOOKING | {"lookup_order"}),
    "shipping_inquiry": FlowKind(
        "shipment_tracking", shipment_tracking, "order", "flow.shipment_tracking", _LOOKING | {"track_shipment"}
    ),
    "human_handoff": FlowKind("handoff", handoff, "person", "flow.handoff", _PERSON),
    "end": FlowKind("closing", closing, "end", "flow.closing"),
    **{
        intent: FlowKind(f"wish:{intent}", partial(wish, intent), "person", f"flow.{intent}", _PERSON)
        for intent in WRITTEN_WISH
    },
    **{
        intent: FlowKind(f"question:{intent}", partial(open_question, intent), "question", f"flow.{intent}", _PERSON)
        for intent in OPEN_QUESTION
    },
}
"""By the intent that starts it."""

BY_NAME: Mapping[str, FlowKind] = {kind.name: kind for kind in FLOWS.values()}
