"""Audit chains to be looked at and to be forged: rows as a shop writes them, signed on the way, one of the chains pruned."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sangdam.core.ids import CallId, OrgId, SessionId, TurnId, new_uuid
from sangdam.db import Database, chain
from sangdam.db.chain import AuditCall, AuditEvent, EventType, Stream, append
from sangdam.db.migrate import migrations
from sangdam.db.pruning import prune
from sangdam.db.runs import Tally
from sangdam.db.testing import Addresses, connected
from sangdam.db.verification import Checkpoint, checkpoint

KEY = b"signs the checkpoints of a test!"
LAST_YEAR = datetime(2025, 1, 1, 0, 0, 0, 5, tzinfo=UTC)
THIS_YEAR = datetime(2025, 9, 1, 9, 30, 0, 7, tzinfo=UTC)
PRUNED = datetime(2026, 2, 1, tzinfo=UTC)
"""When what is of `LAST_YEAR` has ended."""
BEFORE = [one for one in migrations() if one.version < 20261128000500]
"""The schema of the builds that hashed a row's text as it was sent."""
STREAMS: tuple[Stream, ...] = ("events", "tools")
ORDER = "20250101-0000127"


def event(number: int, at: datetime, *, session: SessionId | None = None, **more: object) -> AuditEvent:
    payload = {"n": number, "한글": "값", "half": 0.5, "whole": 3.0, "deep": [{"x": None, "y": [1, "2"]}], **more}
    context = '{"schema": 1, "rev": 3, "order_id": null}' if number % 3 else f'{{"order_id": "{ORDER}"}}'
    return AuditEvent(
        EventType.SLOT_SET,
        {"kind": "member" if number % 7 == 0 else "agent", "id": f"a{number % 5}"},
        at + timedelta(seconds=number),
        f"{number // 4:032x}",
        payload,
        session,
        TurnId(uuid.UUID(int=number // 4 + 1)) if number % 2 else None,
        number % 9,
        0,
        context,
    )


def call(number: int, at: datetime, *, session: SessionId | None = None, **more: object) -> AuditCall:
    return AuditCall(
        CallId(new_uuid()), "closed", {"kind": "member" if number % 7 == 0 else "agent", "id": f"a{number % 5}", "role": None}, "lookup_order", "1",
        {"order_id": ORDER, **more}, {"kind": "done", "result": {"n": number}}, "hmac:0", "success", {"allowed": True, "layer": None}, "VERIFIED",
        number, f"{number // 4:032x}", at + timedelta(seconds=number), None, None, ("phone", "name"),
        ({"call": "GET /orders/{id}", "status": 200, "ms": 3, "attempt": 1},), session, None, 1, 0, '{"schema": 1}',
    )  # fmt: skip


async def appended_before(database: Database, org: OrgId, *rows: AuditEvent | AuditCall) -> None:
    """As the earlier build did: the text that is sent is the text that is hashed."""
    events = [chain._event_text(org, row) for row in rows if isinstance(row, AuditEvent)]  # pyright: ignore[reportPrivateUsage]
    calls = [chain._call_text(org, row) for row in rows if isinstance(row, AuditCall)]  # pyright: ignore[reportPrivateUsage]
    async with database.org(org) as tx:
        await tx.execute("select audit_append($1, $2::text[], $3::text[])", org, events, calls)


async def an_org(owner_dsn: str, slug: str | None = None) -> OrgId:
    org = OrgId(new_uuid())
    async with connected(owner_dsn) as owner:
        await owner.execute(
            "insert into a_iam_organizations (id, name, slug) values ($1, '달빛샵', $2)",
            org,
            slug or f"s{org.hex[:12]}",
        )
    return org


async def a_session(addresses: Addresses, org: OrgId, **more: object) -> SessionId:
    """Past the agent that it would belong to."""
    session = SessionId(new_uuid())
    columns = {"session_code": f"S-{session.hex[:6].upper()}", **more}
    async with connected(addresses.superuser) as superuser:
        await superuser.execute("set session_replication_role = replica")
        await superuser.execute(
            f"insert into d_conv_sessions (id, org_id, agent_id, agent_version, channel, {', '.join(columns)})"
            f" values ($1, $2, $1, 1, 'widget', {', '.join(f'${n}' for n in range(3, 3 + len(columns)))})",
            *(session, org, *columns.values()),
        )
    return session


async def written(
    database: Database,
    org: OrgId,
    first: int,
    last: int,
    at: datetime,
    *,
    sessions: Sequence[SessionId | None] = (None,),
    at_once: int = 20,
) -> None:
    """Rows with these numbers in both streams; conversations take turns."""
    for start in range(first, last + 1, at_once):
        numbers = range(start, min(last + 1, start + at_once))
        async with database.org(org) as tx:
            await append(
                tx,
                org,
                events=[event(n, at, session=sessions[n % len(sessions)]) for n in numbers],
                calls=[call(n, at, session=sessions[n % len(sessions)]) for n in numbers],
            )


@dataclass
class Chained:
    """Rows 1 to 240 in both streams, checkpoints at 60, 120 and 180, and one at 230 that is only outside."""

    org: OrgId
    rows: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 240))
    """Pruning adds events that say so."""
    points: tuple[int, ...] = (60, 120, 180)
    outside: int = 230
    pruned_to: int = 0
    kept: dict[Stream, tuple[int, ...]] = field(default_factory=dict[Stream, tuple[int, ...]])
    copies: list[Checkpoint] = field(default_factory=list[Checkpoint])


async def chained(database: Database, addresses: Addresses, *, pruned: bool = False) -> Chained:
    """`pruned`: up to 60, where every tenth row belongs to a ticket and stays."""
    it = Chained(await an_org(addresses.owner))
    ticket = await a_session(addresses, it.org, outcome="ticketed")
    other = await a_session(addresses, it.org, outcome="resolved")
    sessions = [ticket, *[other] * 9]
    done = 0
    for end in (*it.points, it.outside, 240):
        at = LAST_YEAR if end <= 60 else THIS_YEAR
        await written(database, it.org, done + 1, end, at, sessions=sessions)
        done = end
        for stream in STREAMS:
            await _signed(database, it, stream, end, at + timedelta(seconds=end + 1))
    if pruned:
        tally = Tally()
        await prune(database, tally, key=KEY, days=365, now=PRUNED)
        assert tally.counts["failed"] == 0, tally.errors
        it.pruned_to = 60
        it.rows["events"] += 2
        it.kept = dict.fromkeys(STREAMS, tuple(range(10, 61, 10)))
    return it


async def _signed(database: Database, it: Chained, stream: Stream, end: int, at: datetime) -> None:
    if end > it.outside:
        return
    try:
        async with database.org(it.org) as tx:
            made = await checkpoint(tx, it.org, stream, key=KEY, at=at)
            assert made is not None
            it.copies.append(made)
            if end == it.outside:
                raise _OnlyOutside
    except _OnlyOutside:
        return


class _OnlyOutside(Exception):
    """Signed, and never stored."""
