"""Signed checkpoints of the audit: written when a stream is due, told to the log, and read again from copies kept elsewhere.

Nothing is signed unseen: the rows since the last checkpoint are verified first, and once a day those of the last day. What
is broken is told and signed all the same: a signature hides no break, and the rows that follow are to be covered too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import structlog

from sangdam.core.clock import Clock, kst_date
from sangdam.core.errors import SangdamError
from sangdam.core.ids import OrgId, new_trace_id
from sangdam.db.chain import AuditEvent, EventType, Stream, append, moment
from sangdam.db.database import Database, Raised
from sangdam.db.runs import Busy, Finished, JobRuns, Tally, Trigger
from sangdam.db.verification import Broken, Checkpoint, checkpoint, checkpoints, verify

JOB = "audit_checkpoint"
BUDGET = timedelta(minutes=5)
SIGNED = "audit.checkpoint_signed"
"""The log line that is a copy of a checkpoint."""
AT_ONCE = 500
"""Streams of one run; those with the most rows first, the others in the next run."""
DAY = timedelta(days=1)
TOLD_AGAIN = timedelta(hours=1)

log = structlog.stdlib.get_logger(__name__)


class Checkpoints:
    def __init__(self, db: Database, clock: Clock, runs: JobRuns, *, key: bytes) -> None:
        self._db = db
        self._clock = clock
        self._runs = runs
        self._key = key
        self._told: dict[tuple[OrgId, Stream, Broken], datetime] = {}

    async def run(self, *, trigger: Trigger = "schedule") -> Finished | Busy | None:
        """Signs what is due; once over all processes. None, and no run recorded, when nothing is."""
        if not await self._due(1):
            return None
        started, trace_id = self._clock.now(), new_trace_id()

        async def work(tally: Tally) -> None:
            for org, streams in (await self._due(AT_ONCE)).items():
                own = Tally()
                for stream in streams:
                    await self._sign(org, stream, trace_id, own)
                await self._runs.touched(org, JOB, own, trigger=trigger, started_at=started, trace_id=trace_id)
                tally.add(own, org=str(org))

        return await self._runs.run(JOB, work, trigger=trigger, budget=BUDGET)

    async def _due(self, limit: int) -> dict[OrgId, list[Stream]]:
        async with self._db.system() as tx:
            rows = await tx.fetch("select org_id, stream from sys_due_checkpoints($1, $2)", self._clock.now(), limit)
        found: dict[OrgId, list[Stream]] = {}
        for row in rows:
            found.setdefault(OrgId(row["org_id"]), []).append(row["stream"])
        return found

    async def _sign(self, org: OrgId, stream: Stream, trace_id: str, tally: Tally) -> None:
        now = self._clock.now()
        try:
            async with self._db.snapshot(org) as tx:
                known = [each for each in await checkpoints(tx, org, stream) if each.genuine(self._key)]
                after = _verified_to(known, now)
                report = await verify(tx, org, stream, signing_key=self._key, after=after)
            broken = [each for each in report.broken if (each.until or each.seq) > after]
            async with self._db.org(org) as tx:
                made = None
                if report.last_seq is not None and report.last_hash is not None:
                    row = (report.last_seq, report.last_hash)
                    made = await checkpoint(tx, org, stream, key=self._key, at=now, row=row)
                if broken and self._to_be_told(org, stream, broken[0], now):
                    await append(tx, org, events=[_alert(stream, broken[0], len(broken), now, trace_id)])
        except (SangdamError, Raised) as error:
            tally.failed(stream=stream, code=error.code if isinstance(error, SangdamError) else "REFUSED")
            return
        tally.counts["rows"] += report.rows
        if made is not None:
            tally.counts["checkpoints"] += 1
            tell(made)
        if broken:
            tally.failed(stream=stream, code="AUDIT_BROKEN", seq=broken[0].seq, what=broken[0].what)

    def _to_be_told(self, org: OrgId, stream: Stream, broken: Broken, now: datetime) -> bool:
        log.error("audit.broken", org=str(org), stream=stream, seq=broken.seq, until=broken.until, what=broken.what)
        last = self._told.get((org, stream, broken))
        if last is not None and now - last < TOLD_AGAIN:
            return False
        self._told[org, stream, broken] = now
        return True


def _verified_to(known: list[Checkpoint], now: datetime) -> int:
    """Up to where rows need not be read again: the last checkpoint, or with the first of a day the last one a day old."""
    if not known:
        return 0
    if kst_date(known[-1].at) == kst_date(now):
        return known[-1].seq
    return max((each.seq for each in known if each.at <= now - DAY), default=0)


def _alert(stream: Stream, first: Broken, count: int, at: datetime, trace_id: str) -> AuditEvent:
    payload = {"cause": "AUDIT_BROKEN", "stream": stream, "seq": first.seq, "what": first.what, "count": count}
    return AuditEvent(EventType.ALERT_RAISED, {"kind": "system", "id": JOB}, at, trace_id, payload)


def tell(made: Checkpoint) -> None:
    """One log line that `copies` reads again."""
    log.info(SIGNED, **told(made))


def told(made: Checkpoint) -> dict[str, str | int]:
    """A checkpoint as JSON holds it."""
    return {
        "org": str(made.org),
        "stream": made.stream,
        "seq": made.seq,
        "hash": made.hash.hex(),
        "signature": made.signature,
        "signed_at": moment(made.at),
    }


def copies(lines: Iterable[str]) -> Iterator[Checkpoint]:
    """The checkpoints among the lines of a log, whatever stands before the JSON, or of an export. Other lines are passed over."""
    for line in lines:
        found = read(line[line.find("{") :]) if "signed_at" in line else None
        if found is not None:
            yield found


def read(line: str) -> Checkpoint | None:
    """None for a line that is no checkpoint."""
    try:
        given: object = json.loads(line)
    except ValueError:
        return None
    if not isinstance(given, dict):
        return None
    fields = cast("dict[str, Any]", given)
    return of(fields) if fields.get("kind") == "checkpoint" or fields.get("event") == SIGNED else None


def of(fields: Mapping[str, Any]) -> Checkpoint | None:
    """What `told` says; None when something is missing or is of another shape."""
    try:
        stream = fields["stream"]
        if stream not in ("events", "tools"):
            return None
        at = datetime.fromisoformat(fields["signed_at"]).astimezone(UTC)
        return Checkpoint(
            OrgId(UUID(fields["org"])),
            stream,
            int(fields["seq"]),
            bytes.fromhex(fields["hash"]),
            str(fields["signature"]),
            at,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
