"""A shopper's message, stored before it is acknowledged. One short transaction; a repeat of a `client_id` changes nothing.

The audit event of acceptance is written by the turn that takes the message up, so that no audit lock stands on this path.
"""

import re
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from sangdam.conversations import store
from sangdam.conversations.model import Accepted, Refused
from sangdam.core.clock import Clock
from sangdam.core.ids import OrgId, SessionId
from sangdam.core.mask import STARS, mask_text, mask_value
from sangdam.db.database import Database
from sangdam.orgs.keyring import KeyRing

_CODE = re.compile(r"(?<!\d)(?:\d[ -]?){5}\d(?!\d)")
"""Six digits, as a one-time code is typed; hidden only while the conversation waits for one."""
_ONLY_A_CODE = re.compile(r"\s*(?:인증\s*번호는?\s*)?(?:\d[\s.-]?){5}\d(?!\d)[^\d]{0,6}")
"""A code that comes before the question for it is stored (the text message may be quicker than our reply): hidden at any time."""
_NAME = re.compile(r"[가-힣ᄀ-ᇿ]+|[A-Za-z]+")
"""Any word may be a name while the conversation waits for one."""


def _first_letter(word: re.Match[str]) -> str:
    letters = word.group()
    return letters[0] + "*" * (len(letters) - 1) if len(letters) > 1 else "*"


def _plain(action: Mapping[str, Any]) -> dict[str, Any]:
    """A pressed button as it may lie readable: a forged one could carry anything. The question's token is ours and stays."""
    return {key: value if key == "question" else mask_value(key, value) for key, value in action.items()}


class Inbox:
    def __init__(self, db: Database, keyring: KeyRing, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._clock = clock

    async def accept(
        self,
        org: OrgId,
        session: SessionId,
        *,
        client_id: str,
        text: str | None = None,
        action: Mapping[str, Any] | None = None,
        label: str | None = None,
    ) -> Accepted | Refused:
        """Stores a text or a pressed button (`label` is what it said). Raises SangdamError(UNAVAILABLE) when nothing could be stored."""
        said = text if text is not None else (label or "")
        message = uuid.uuid4()
        masked = STARS if _ONLY_A_CODE.fullmatch(said) else mask_text(said)
        sealed = self._sealed(org, message, said) if masked != said else None
        original = sealed or self._sealed(org, message, said)
        as_asked = {
            "otp": _CODE.sub(STARS, masked),
            "orderer_name": _NAME.sub(_first_letter, masked),
            "order_fix": _NAME.sub(_first_letter, masked),
        }
        payload = {"action": _plain(action)} if action is not None else {}
        store_it = partial(
            store.accept, org, session=session, message=message, client_id=client_id, kind="text", text=masked, sealed=sealed, as_asked=as_asked, original=original, payload=payload, now=self._clock.now()
        )  # fmt: skip
        async with self._db.org(org) as tx:
            row = await store_it(tx)
            if row["seq"] is None and row["status"] not in (None, "closed"):
                row = await store_it(tx)
        if row["status"] is None:
            return Refused("unknown")
        if row["seq"] is None:
            return Refused("closed")
        return Accepted(row["seq"], row["duplicate"])

    def _sealed(self, org: OrgId, message: uuid.UUID, text: str) -> str:
        return self._keyring.seal(text, table="d_conv_messages", column="text_sealed", org=org, row=message)
