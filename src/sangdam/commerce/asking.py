"""By what right a call asks for an order, and what it hears when it may not. Shared by the shop's tools.

For every caller but staff an order that is not theirs and one that does not exist are the same, in code and in time; the audit
keeps which it was.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from sangdam.commerce.shop import Asker, ClaimedOrder, ShopFailure, SignedMember, Staff, VerifiedPhone
from sangdam.core.ids import OrderId
from sangdam.core.shop import Order
from sangdam.tools.model import Assurance, Call, Denied, Failed, Grant, Refusal, Run, Unknown

REFUSAL_FLOOR_SECONDS = 0.6
"""The shortest time a refused order takes: longer than the mall needs for the questions, however many of them were kept."""
_NOT_YOURS = frozenset({"ORDER_NOT_OWNED", "CAFE24_NOT_FOUND"})

Pause = Callable[[float], Awaitable[None]]


def aside(call: Call) -> Call:
    """The same call for a question it can do without: at most half of the time that is left."""
    return replace(call, deadline=call.deadline - call.remaining / 2)


def verified(call: Call) -> Grant | None:
    """The live proof of a phone for orders."""
    now = call.clock.now()
    fitting = (
        grant
        for grant in call.caller.grants
        if grant.level is Assurance.VERIFIED
        and grant.phone is not None
        and "orders" in grant.purposes
        and grant.expires_at > now
    )
    return max(fitting, key=lambda grant: grant.expires_at, default=None)


def asker_of(call: Call, order_id: OrderId, *, level: Assurance = Assurance.CLAIMED) -> Asker:
    """Who asks for this order. The gate has judged the assurance; this says by what right, and a claim is none where `level` is more.

    Raises ShopFailure ORDER_NOT_OWNED.
    """
    if not call.caller.on_behalf:
        return Staff(call.caller.staff_reason or "")
    if call.conditions.requires_verification:
        level = Assurance.VERIFIED
    now = call.clock.now()
    claims = [
        grant
        for grant in call.caller.grants
        if grant.level is Assurance.CLAIMED and grant.expires_at > now and level <= Assurance.CLAIMED
    ]
    if any(grant.order_id == order_id for grant in claims):
        return ClaimedOrder(order_id)
    phone = verified(call)
    if phone is not None and phone.phone is not None:
        return VerifiedPhone(phone.phone)
    member = next((grant.member_id for grant in claims if grant.member_id is not None), None)
    if member is not None:
        return SignedMember(member)
    raise ShopFailure("ORDER_NOT_OWNED")


def refusal(call: Call, failure: ShopFailure) -> Refusal:
    """The outcome a failure of the shop comes to: of a change that may have happened, `Unknown`."""
    if failure.unknown and call.effect is not None:
        return Unknown(failure.code, call.effect)
    return Failed(failure.code, failure.retryable, failure.detail)


def too_much(call: Call, order: Order) -> Denied | None:
    """The policy's highest amount, judged on the order."""
    most = call.conditions.max_amount
    if most is None or order.amounts.paid + order.amounts.due <= most:
        return None
    return Denied("POLICY_BLOCK", rule="max_amount")


def evenly(run: Run, *, floor_s: float, pause: Pause) -> Run:
    """The same, but what refuses an order to its asker takes at least so long, as far as the deadline lets it."""

    async def timed(call: Call, given: Any) -> BaseModel | Refusal:
        started = call.clock.monotonic()
        outcome = await run(call, given)
        if call.caller.on_behalf and isinstance(outcome, Failed) and outcome.code in _NOT_YOURS:
            left = floor_s - (call.clock.monotonic() - started)
            if left > 0:
                await pause(min(left, call.remaining))
        return outcome

    return timed
