"""Order number, name and phone that fit together: how often they did not, and the 30-minute proof when they do."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sangdam.conversations import store
from sangdam.core.ids import GrantId, OrgId, SessionId
from sangdam.db.chain import EventType, append
from sangdam.db.database import Database
from sangdam.orgs.keyring import Hasher
from sangdam.tools.audit import event_of
from sangdam.tools.model import Call, CallerKind

MATCH_LIFE = timedelta(minutes=30)
MISMATCHES = 5
WITHIN = timedelta(minutes=30)


@dataclass(frozen=True)
class MatchGrant:
    id: GrantId
    expires_at: datetime
    token: str | None


class OrdererMatches:
    def __init__(self, db: Database, hasher: Hasher) -> None:
        self._db = db
        self._hasher = hasher

    async def locked(self, org: OrgId, session: SessionId, order_id: str, now: datetime) -> bool:
        """Five mismatches in half an hour, by this conversation or on this order number."""
        async with self._db.org(org) as tx:
            here, there = await store.refused_matches(org, tx, session, order_id, now - WITHIN)
        return here >= MISMATCHES or there >= MISMATCHES

    async def record(
        self, call: Call, session: SessionId, order_id: str, *, matched: bool, now: datetime
    ) -> MatchGrant | None:
        """Writes down one try. The grant when it matched and no lock came about meanwhile; its token, which the agent needs none of, is shown this once."""
        org, ip, row = call.org, call.caller.client_ip, uuid.uuid4()
        async with self._db.org(org) as tx:
            # Tries of one moment all pass `locked`; here they stand in a line, and only the first five of them are believed.
            await store.one_match_at_a_time(org, tx, session, order_id)
            matched = (
                matched and max(await store.refused_matches(org, tx, session, order_id, now - WITHIN)) < MISMATCHES
            )
            token = secrets.token_urlsafe(32) if matched and call.caller.kind is not CallerKind.AGENT else None
            await store.insert_match(
                org,
                tx,
                {
                    "id": row,
                    "session": session,
                    "order_id": order_id,
                    "status": "matched" if matched else "refused",
                    "ip_hash": self._hasher.hash("ip", org, ip) if ip else "",
                    "token_hash": self._hasher.hash("grant", org, token) if token is not None else None,
                    "matched_at": now if matched else None,
                    "expires_at": now + MATCH_LIFE if matched else None,
                    "at": now,
                },
            )
            said = EventType.ORDERER_MATCHED if matched else EventType.ORDERER_MISMATCH
            await append(tx, org, events=[event_of(call, said, {"order_id": order_id}, now)])
        return MatchGrant(GrantId(row), now + MATCH_LIFE, token) if matched else None
