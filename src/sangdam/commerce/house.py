"""What the shop's tools need of the house around them; the composition root hands it in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sangdam.commerce.juso import AddressSearch
from sangdam.core.ids import OrgId, SessionId
from sangdam.orgs.keyring import Hasher
from sangdam.orgs.model import Org
from sangdam.tools.model import Call


class Mismatches(Protocol):
    """Where people are told that the mall's record differs from what it accepted."""

    async def address_differs(self, call: Call, *, order_id: str, shipping_code: str, fields: Sequence[str]) -> None:
        """`fields` are names, never values."""
        ...


@dataclass(frozen=True)
class House:
    hasher: Hasher
    addresses: AddressSearch
    session_code: Callable[[OrgId, SessionId], Awaitable[str | None]]
    """What a shopper calls the conversation; None for one that is not there."""
    org: Callable[[OrgId], Awaitable[Org]]
    """Its business hours, and within how many days it answers."""
    mismatches: Mismatches
