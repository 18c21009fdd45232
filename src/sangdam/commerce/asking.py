"""Between a shop and the gate: what a failure comes to, and how a question is asked that an answer can do without. Pure."""

from dataclasses import replace

from sangdam.commerce.shop import ShopFailure
from sangdam.tools.model import Call, Failed, Refusal, Unknown


def aside(call: Call) -> Call:
    """The same call for a question it can do without: at most half of the time that is left."""
    return replace(call, deadline=call.deadline - call.remaining / 2)


def refusal(call: Call, failure: ShopFailure) -> Refusal:
    """The outcome a failure of the shop comes to: of a change that may have happened, `Unknown`."""
    if failure.unknown and call.effect is not None:
        return Unknown(failure.code, call.effect)
    return Failed(failure.code, failure.retryable, failure.detail)
