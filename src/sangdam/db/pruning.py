"""What ends of the audit: rows past their time, from the front, up to a checkpoint that stays and is signed once more as the anchor.

Rows of conversations that became tickets stay three years, where they are: the anchor's signature covers which rows those
are, so that a missing or a changed one is found as before. Nothing broken is pruned: it is the evidence.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from sangdam.core.errors import SangdamError
from sangdam.core.ids import OrgId, new_trace_id
from sangdam.db.chain import AuditEvent, EventType, Stream, append
from sangdam.db.database import Database, Raised, Transaction, organisations
from sangdam.db.runs import Tally
from sangdam.db.verification import TABLES, Anchor, Checkpoint, anchors, beginning, checkpoints, verify

TICKETS_KEPT = timedelta(days=1095)
"""전자상거래법 시행령 제6조: records of complaints and disputes, three years."""
AT_ONCE = 50_000
"""Rows of one transaction, about; a checkpoint is never further away."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Rows from before go, but those of tickets from after `tickets_after`."""

    before: datetime
    tickets_after: datetime


async def prune(db: Database, tally: Tally, *, key: bytes, days: int, now: datetime) -> None:
    """Removes what is older than `days` from every organisation's audit. Interrupted anywhere and repeated, the end is the same."""
    rule = _Rule(now - timedelta(days=days), now - max(TICKETS_KEPT, timedelta(days=days)))
    trace_id = new_trace_id()
    streams: tuple[Stream, ...] = ("events", "tools")
    async for org in organisations(db):
        for stream in streams:
            try:
                while gone := await _step(db, org, stream, rule, tally, key=key, now=now, trace_id=trace_id):
                    tally.counts["audit_rows"] += gone
            except (SangdamError, Raised) as error:
                code = error.code if isinstance(error, SangdamError) else "REFUSED"
                tally.failed(org=str(org), stream=stream, code=code)


async def _step(
    db: Database, org: OrgId, stream: Stream, rule: _Rule, tally: Tally, *, key: bytes, now: datetime, trace_id: str
) -> int:
    """Rows removed; 0 when there is nothing more, or nothing that may be."""
    async with db.snapshot(org) as tx:
        found = next((each for each in await anchors(tx, org, stream) if each.genuine(key)), beginning(org, stream))
        point = await _point(tx, org, stream, rule, found, key)
        if point is None:
            return 0
        report = await verify(tx, org, stream, signing_key=key, after=found.seq, at_most=point.seq - found.seq)
    first = next((each for each in report.broken if each.seq <= point.seq), None)
    if first is not None:
        log.error("audit.broken", org=str(org), stream=stream, seq=first.seq, until=first.until, what=first.what)
        tally.failed(org=str(org), stream=stream, code="AUDIT_BROKEN", seq=first.seq, what=first.what)
        return 0
    async with db.org(org) as tx:
        kept, kept_hash = await _to_be_kept(tx, org, stream, rule, point.seq)
        anchor = Anchor(org, stream, point.seq, point.hash, kept, kept_hash, "", now)
        anchor = replace(anchor, signature=anchor.signed(key))
        gone: int = await tx.fetchval(
            "select audit_prune($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *(org, stream, anchor.seq, rule.before, rule.tickets_after, kept, kept_hash, anchor.signature, anchor.at),
        )
        payload = {"stream": stream, "up_to": anchor.seq, "rows": gone, "kept": kept}
        actor = {"kind": "system", "id": "retention"}
        await append(tx, org, events=[AuditEvent(EventType.AUDIT_PRUNED, actor, now, trace_id, payload)])
    log.info("audit.pruned", org=str(org), **payload)
    return gone


async def _point(
    tx: Transaction, org: OrgId, stream: Stream, rule: _Rule, anchor: Anchor, key: bytes
) -> Checkpoint | None:
    """The checkpoint to prune up to: signed before the time is over, so every row that it covers is older still."""
    points = [
        each
        for each in await checkpoints(tx, org, stream)
        if each.at <= rule.before and each.seq >= anchor.seq and each.genuine(key)
    ]
    if not points:
        return None
    first: int | None = await tx.fetchval(
        f"select e.chain_seq from {TABLES[stream]} e where e.org_id = $1 and e.chain_seq <= $2 and not {_KEPT} order by e.chain_seq limit 1",  # noqa: S608
        *(org, points[-1].seq, rule.tickets_after),
    )
    if first is None:
        return None
    near = [each for each in points if first <= each.seq <= first + AT_ONCE]
    return near[-1] if near else next(each for each in points if each.seq >= first)


async def _to_be_kept(tx: Transaction, org: OrgId, stream: Stream, rule: _Rule, up_to: int) -> tuple[int, bytes]:
    """How many, and the digest of their hashes in order."""
    row = await tx.fetchrow(
        f"""
        select count(*) as n, sha256(coalesce(string_agg(e.row_hash, ''::bytea order by e.chain_seq), ''::bytea)) as digest
        from {TABLES[stream]} e where e.org_id = $1 and e.chain_seq <= $2 and {_KEPT}
        """,  # noqa: S608
        *(org, up_to, rule.tickets_after),
    )
    return (row["n"], row["digest"]) if row is not None else (0, hashlib.sha256(b"").digest())


_KEPT = "(e.at >= $3 and exists (select from d_conv_sessions s where s.id = e.session_id and s.org_id = $1 and s.outcome = 'ticketed'))"
