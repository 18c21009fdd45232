"""Whether the audit still is what was appended: every row against its hash, the one before, and what was signed.

The database does the work, in stretches, with the very function that hashed the rows when they came. What it cannot know,
because whoever owns it could rewrite it, is signed with a key that it never sees, and may be compared with copies outside.
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from sangdam.core.ids import OrgId
from sangdam.db.chain import Stream, canonical, moment
from sangdam.db.database import Database, Row, Transaction

BROKEN_SHOWN = 1000
What = Literal["missing", "edited", "link", "extra", "kept", "tail", "checkpoint", "anchor", "copy"]


@dataclass(frozen=True, slots=True)
class Broken:
    """`missing`: rows are gone; `edited`: a column differs from what was hashed; `link`: does not continue the row before;
    `extra`: was never appended; `kept`: not the rows that pruning left; `tail`: the chain's head or a checkpoint knows another
    end; `checkpoint`: not the rows that were signed, or not our signature; `anchor`: pruned without our signature; `copy`: an
    outside copy of a checkpoint says otherwise."""

    seq: int
    what: What
    until: int | None = None
    """The last row of the stretch, when it is one and not a row."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the stream was up to a row, signed with a key that the database does not know."""

    org: OrgId
    stream: Stream
    seq: int
    hash: bytes
    signature: str
    at: datetime

    def genuine(self, key: bytes) -> bool:
        return _same(self.signature, sign(key, self.org, self.stream, self.seq, self.hash, self.at))


@dataclass(frozen=True, slots=True)
class Anchor:
    """What pruning left of a stream: everything after `seq`, and of what was before only the `kept` rows."""

    org: OrgId
    stream: Stream
    seq: int
    hash: bytes
    kept: int
    kept_hash: bytes
    """Of the hashes of the kept rows, in order."""
    signature: str
    at: datetime

    def genuine(self, key: bytes) -> bool:
        return _same(self.signature, self.signed(key))

    def signed(self, key: bytes) -> str:
        what = f"anchor|{self.seq}|{self.hash.hex()}|{self.kept}|{self.kept_hash.hex()}|{moment(self.at)}"
        return hmac.new(key, f"{self.org}|{self.stream}|{what}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    org: OrgId
    stream: Stream
    rows: int
    """How many were verified."""
    first_seq: int | None
    last_seq: int | None
    broken: tuple[Broken, ...]
    """In order of `seq`, at most `BROKEN_SHOWN`."""
    last_hash: bytes | None = None
    complete: bool = True
    """False when more follows after `last_seq` that this run was not to read."""
    pruned_to: int = 0
    signed_to: int = 0
    """The newest row that a checkpoint covers which fits; what follows can be checked against an outside copy only."""

    @property
    def whole(self) -> bool:
        return not self.broken


async def verify(
    tx: Transaction,
    org: OrgId,
    stream: Stream,
    *,
    signing_key: bytes | None = None,
    helpers: Sequence[Transaction] = (),
    copies: Sequence[Checkpoint] = (),
    after: int = 0,
    at_most: int | None = None,
) -> VerifyReport:
    """Names every row that is not what was appended. With the key, what was signed is judged too.

    While others append or prune, `tx` has to be a `Database.snapshot`; `helpers` share it and the work. `copies` are
    checkpoints kept outside the database. What is judged begins after the row `after`, which was verified before, or after
    what was pruned, and is `at_most` so many rows.
    """
    signed = await _signed(tx, org, stream, signing_key)
    anchor, broken = signed.anchor, signed.broken
    start = (anchor.seq, anchor.hash) if after <= anchor.seq else await _row_at(tx, org, stream, after)
    end = start[0] + at_most if at_most is not None else None
    stretches, more = await _stretches(tx, org, stream, start[0], end)
    parts = await _judged(tx, helpers, org, stream, start, stretches)
    broken += (each for part in parts for each in part.broken)
    if after <= anchor.seq:
        kept = await _read(tx, org, stream, _FIRST, _FIRST, anchor.seq, start, gapless=False)
        broken += kept.broken
        broken += await _kept(tx, org, stream, anchor)
        parts.append(kept)
    last_seq, last_hash = await _row_at(tx, org, stream, stretches[-1]) if stretches else start
    span = _Span(start[0], last_seq, more)
    fitting = await _against(tx, org, stream, signed.checkpoints, span, "checkpoint")
    broken += fitting.broken
    if copies:
        broken += await _copied(tx, org, stream, copies, signed, span, signing_key)
    if not more:
        newest = max((each.seq for each in signed.checkpoints), default=0)
        broken += _tail(signed.head, last_seq, last_hash, newest)
    rows = sum(part.rows for part in parts)
    shown = sorted(set(broken), key=lambda each: (each.seq, each.until or each.seq, each.what))[:BROKEN_SHOWN]
    return VerifyReport(
        org=org,
        stream=stream,
        rows=rows,
        first_seq=min((part.first for part in parts if part.first is not None), default=None),
        last_seq=last_seq if rows else None,
        broken=tuple(shown),
        last_hash=last_hash,
        complete=not more,
        pruned_to=anchor.seq,
        signed_to=max(fitting.to, anchor.seq),
    )


async def verified(
    db: Database,
    org: OrgId,
    stream: Stream,
    *,
    signing_key: bytes | None = None,
    copies: Sequence[Checkpoint] = (),
    after: int = 0,
    at_most: int | None = None,
    at_once: int = 1,
) -> VerifyReport:
    """`verify` as the organisation is now, over so many connections."""
    async with AsyncExitStack() as opened:
        tx = await opened.enter_async_context(db.snapshot(org))
        shared = await tx.share_snapshot() if at_once > 1 else None
        helpers = [await opened.enter_async_context(db.snapshot(org, shared=shared)) for _ in range(at_once - 1)]
        return await verify(
            tx, org, stream, signing_key=signing_key, helpers=helpers, copies=copies, after=after, at_most=at_most
        )


async def checkpoint(
    tx: Transaction, org: OrgId, stream: Stream, *, key: bytes, at: datetime, row: tuple[int, bytes] | None = None
) -> Checkpoint | None:
    """Signs a row that was verified, else the present head; to be logged elsewhere too. None when that was signed before."""
    if row is None:
        head = await tx.fetchrow(
            "select last_seq, last_hash from f_audit_chains where org_id = $1 and stream = $2 for update", org, stream
        )
        row = (head["last_seq"], head["last_hash"]) if head is not None else (0, b"")
    seq, digest = row
    if seq == 0:
        return None
    signature = sign(key, org, stream, seq, digest, at)
    sql = "insert into f_audit_checkpoints (org_id, stream, seq, hash, signature, at) values ($1, $2, $3, $4, $5, $6) on conflict do nothing"
    stored = await tx.executed(sql, org, stream, seq, digest, signature, at)
    return Checkpoint(org, stream, seq, digest, signature, at) if stored else None


async def checkpoints(tx: Transaction, org: OrgId, stream: Stream) -> tuple[Checkpoint, ...]:
    """As stored, oldest first."""
    rows = await tx.fetch(
        f"select seq, hash, signature, {_AT} from f_audit_checkpoints where org_id = $1 and stream = $2 order by seq",  # noqa: S608
        org,
        stream,
    )
    return tuple(
        Checkpoint(org, stream, row["seq"], row["hash"], row["signature"], row["at"] or _NEVER) for row in rows
    )


async def anchors(tx: Transaction, org: OrgId, stream: Stream) -> tuple[Anchor, ...]:
    """As stored, newest first."""
    rows = await tx.fetch(
        f"select seq, hash, kept, kept_hash, signature, {_AT} from f_audit_anchors where org_id = $1 and stream = $2 order by seq desc, f_audit_anchors.at desc",  # noqa: S608
        org,
        stream,
    )
    return tuple(
        Anchor(
            org, stream, row["seq"], row["hash"], row["kept"], row["kept_hash"], row["signature"], row["at"] or _NEVER
        )
        for row in rows
    )


def _same(signature: str, ours: str) -> bool:
    return hmac.compare_digest(signature.encode("utf-8", "replace"), ours.encode())


def sign(key: bytes, org: OrgId, stream: str, seq: int, digest: bytes, at: datetime) -> str:
    return hmac.new(key, f"{org}|{stream}|{seq}|{digest.hex()}|{moment(at)}".encode(), hashlib.sha256).hexdigest()


def beginning(org: OrgId, stream: Stream) -> Anchor:
    """What a stream stands on that was never pruned."""
    genesis = hashlib.sha256(f"{org}|{stream}".encode()).digest()
    return Anchor(org, stream, 0, genesis, 0, _NOTHING, "", _NEVER)


_NEVER = datetime.min.replace(tzinfo=UTC)
_AT = "case when at >= '0001-01-02' and at < '9999-12-31' then at end as at"
"""Without the moments that no datetime holds, which nobody but a forger writes."""
_NOTHING = hashlib.sha256(b"").digest()
STRETCH = 5_000
"""Rows of one statement, which the statement's time limit has to cover."""


@dataclass(frozen=True, slots=True)
class _Signed:
    head: tuple[int, bytes]
    anchor: Anchor
    checkpoints: tuple[Checkpoint, ...]
    """Those with our signature."""
    broken: list[Broken]


async def _signed(tx: Transaction, org: OrgId, stream: Stream, key: bytes | None) -> _Signed:
    head = await tx.fetchrow(
        "select last_seq, last_hash from f_audit_chains where org_id = $1 and stream = $2", org, stream
    )
    ours, broken = list[Checkpoint](), list[Broken]()
    for each in await checkpoints(tx, org, stream):
        if key is None or each.genuine(key):
            ours.append(each)
        else:
            broken.append(Broken(each.seq, "checkpoint"))
    anchor = first = beginning(org, stream)
    for each in await anchors(tx, org, stream):
        if key is None or each.genuine(key):
            anchor = each
            break
        broken.append(Broken(each.seq, "anchor"))
    end = (head["last_seq"], head["last_hash"]) if head is not None else (0, first.hash)
    return _Signed(end, anchor, tuple(ours), broken)


async def _row_at(tx: Transaction, org: OrgId, stream: Stream, seq: int) -> tuple[int, bytes]:
    """With no hash when there is no such row: what follows is then not compared with it."""
    found = await tx.fetchval(
        f"select row_hash from {TABLES[stream]} where org_id = $1 and chain_seq = $2",  # noqa: S608
        org,
        seq,
    )
    return seq, found if found is not None else b""


async def _stretches(
    tx: Transaction, org: OrgId, stream: Stream, after: int, end: int | None
) -> tuple[list[int], bool]:
    """Numbers of the rows where stretches end, and whether more rows follow than were to be read."""
    rows = await tx.fetch(
        f"""
        select chain_seq from (
          select chain_seq, row_number() over w as n, lead(chain_seq) over w is null as last
          from {TABLES[stream]} where org_id = $1 and chain_seq > $2 and chain_seq <= $3 window w as (order by chain_seq)) each
        where n % {STRETCH} = 0 or last order by chain_seq
        """,  # noqa: S608
        *(org, after, end if end is not None else _LAST),
    )
    more = end is not None and bool(
        await tx.fetchval(
            f"select exists (select from {TABLES[stream]} where org_id = $1 and chain_seq > $2)",  # noqa: S608
            *(org, end),
        )
    )
    return [row["chain_seq"] for row in rows], more


@dataclass(frozen=True, slots=True)
class _Part:
    rows: int
    first: int | None
    broken: tuple[Broken, ...]


async def _judged(
    tx: Transaction,
    helpers: Sequence[Transaction],
    org: OrgId,
    stream: Stream,
    start: tuple[int, bytes],
    ends: Sequence[int],
) -> list[_Part]:
    waiting = iter([(None if n == 0 else ends[n - 1], end) for n, end in enumerate(ends)])
    parts: list[_Part] = []

    async def work(one: Transaction) -> None:
        for begin, end in waiting:
            parts.append(await _judge(one, org, stream, start, begin, end))

    # Nobody leaves a transaction while somebody else still works in one that shares its snapshot.
    for ended in await asyncio.gather(*(work(each) for each in (tx, *helpers)), return_exceptions=True):
        if ended is not None:
            raise ended
    return parts


async def _judge(
    tx: Transaction, org: OrgId, stream: Stream, start: tuple[int, bytes], after: int | None, end: int
) -> _Part:
    """Rows after `start`, or after another one that was read, up to and with `end`; each by itself and by the one before."""
    seq, digest = start if after is None else (after, b"")
    return await _read(tx, org, stream, seq if digest == b"" else seq + 1, seq, end, start, gapless=True)


async def _read(
    tx: Transaction,
    org: OrgId,
    stream: Stream,
    first: int,
    after: int,
    end: int,
    start: tuple[int, bytes],
    *,
    gapless: bool,
) -> _Part:
    row = await tx.fetchrow(_JUDGE[stream], org, first, after, end, start[0], start[1] or None, gapless)
    if row is None or not row["suspects"]:
        return _Part(row["n"] if row is not None else 0, row["first"] if row is not None else None, ())
    broken: list[Broken] = []
    changed = {seq for seq, agrees in zip(row["suspects"], row["agreeing"], strict=True) if not agrees}
    unlike = {seq for seq, hashed in zip(row["suspects"], row["hashed"], strict=True) if not hashed} - changed
    if unlike:
        changed |= unlike - (await texts_of_an_earlier_build(tx, org, stream, unlike)).keys()
    broken += (Broken(seq, "edited") for seq in changed)
    if gapless:
        for seq, before, linked in zip(row["suspects"], row["befores"], row["linked"], strict=True):
            if before != seq - 1:
                broken.append(_stretch(before + 1, "missing", seq - 1))
            elif not linked:
                broken.append(Broken(seq, "link"))
    return _Part(row["n"], row["first"], tuple(broken))


def _stretch(first: int, what: What, last: int) -> Broken:
    return Broken(first, what, last if last > first else None)


async def texts_of_an_earlier_build(
    tx: Transaction, org: OrgId, stream: Stream, seqs: Collection[int]
) -> dict[int, str]:
    """Of rows hashed by an earlier build, what was hashed: the canonical text that `append` sends, as it came. Others are left out."""
    found: dict[int, str] = {}
    for row in await tx.fetch(_ROWS[stream], org, sorted(seqs)):
        try:
            text = _stored_text(stream, row)
        except (ValueError, RecursionError):
            continue  # JSON that no build of ours wrote
        if row_hash(row["prev_hash"], row["chain_seq"], text) == row["row_hash"]:
            found[row["chain_seq"]] = text
    return found


async def _kept(tx: Transaction, org: OrgId, stream: Stream, anchor: Anchor) -> tuple[Broken, ...]:
    """What stands before the anchor has to be what pruning left there."""
    row = await tx.fetchrow(_KEPT[stream], org, anchor.seq)
    if row is None or (row["n"], row["digest"]) == (anchor.kept, anchor.kept_hash):
        return ()
    if anchor.seq == 0:
        return tuple(Broken(seq, "extra") for seq in row["seqs"])
    return (Broken(1, "kept", anchor.seq),)


@dataclass(frozen=True, slots=True)
class _Span:
    """What was read: rows after `start` up to `last`, and whether more follow."""

    start: int
    last: int
    more: bool


@dataclass(frozen=True, slots=True)
class _Fit:
    to: int
    """The newest of the points that fit, else 0."""
    broken: tuple[Broken, ...]


async def _against(
    tx: Transaction,
    org: OrgId,
    stream: Stream,
    points: Sequence[Checkpoint],
    span: _Span,
    what: Literal["checkpoint", "copy"],
) -> _Fit:
    """The rows at signed points have to be those that were signed. What was pruned cannot be compared."""
    rows = await tx.fetch(
        f"select chain_seq, row_hash from {TABLES[stream]} where org_id = $1 and chain_seq = any($2::bigint[])",  # noqa: S608
        *(org, [each.seq for each in points]),
    )
    hashes = {row["chain_seq"]: row["row_hash"] for row in rows}
    broken: list[Broken] = []
    good, fits = span.start, 0
    for each in sorted(points, key=lambda each: each.seq):
        if each.seq > span.last and span.more:
            break
        if each.seq in hashes and hashes[each.seq] == each.hash:
            good, fits = max(good, each.seq), each.seq
        elif each.seq in hashes:
            broken.append(_stretch(min(good + 1, each.seq), what, each.seq))
        elif each.seq > span.last and what == "copy":
            broken.append(_stretch(span.last + 1, what, each.seq))
    return _Fit(fits, tuple(broken))


async def _copied(
    tx: Transaction,
    org: OrgId,
    stream: Stream,
    copies: Sequence[Checkpoint],
    signed: _Signed,
    span: _Span,
    key: bytes | None,
) -> tuple[Broken, ...]:
    """A copy has to carry our signature, to say what is stored under its number, and to fit the rows."""
    of_this = [each for each in copies if (each.org, each.stream) == (org, stream)]
    foreign = [each for each in of_this if key is not None and not each.genuine(key)]
    ours = [each for each in of_this if each not in foreign]
    stored = {each.seq: each.hash for each in signed.checkpoints} | {signed.anchor.seq: signed.anchor.hash}
    other = [each for each in ours if stored.get(each.seq, each.hash) != each.hash]
    fit = await _against(tx, org, stream, [each for each in ours if each not in other], span, "copy")
    return (*(Broken(each.seq, "copy") for each in (*foreign, *other)), *fit.broken)


def _tail(head: tuple[int, bytes], last: int, last_hash: bytes, newest: int) -> tuple[Broken, ...]:
    """The chain's head, the newest checkpoint and the last row have to be of one mind about the end."""
    if head == (last, last_hash) and newest <= last:
        return ()
    if head[0] == last and newest <= last:
        return (Broken(last, "tail"),)
    end = max(head[0], newest)
    return (_stretch(last + 1, "tail", end) if end > last else _stretch(head[0] + 1, "tail", last),)


def row_hash(prev_hash: bytes, seq: int, text: str) -> bytes:
    return hashlib.sha256(prev_hash + f"{seq}|{text}".encode()).digest()


_EVENT_COLUMNS = "id, session_id, turn_id, state_rev, context_no, actor, event_type, payload, bot_context, trace_id, at"
_CALL_COLUMNS = (
    "id, call_id, phase, session_id, turn_id, state_rev, context_no, caller, tool_name, tool_version, request_payload, response_payload, args_digest,"
    " effect_id, status, code, policy_decision, masked_fields, assurance, upstream, latency_ms, bot_context, trace_id, at"
)
_COLUMNS: dict[Stream, str] = {"events": _EVENT_COLUMNS, "tools": _CALL_COLUMNS}
TABLES: dict[Stream, str] = {"events": "f_audit_events", "tools": "f_audit_mcp_tools"}
_NAMES: dict[Stream, tuple[str, ...]] = {
    stream: tuple(columns.replace(",", " ").split()) for stream, columns in _COLUMNS.items()
}
_JSON = re.compile(
    r"\b(actor|payload|bot_context|caller|request_payload|response_payload|policy_decision|upstream)\b(?=,|$)"
)
_FIRST, _LAST = -(2**63), 2**63 - 1
_ROWS: dict[Stream, str] = {
    stream: f"select {_JSON.sub(lambda name: name[0] + '::text', columns).removesuffix('at')}{_AT}, org_id, chain_seq, prev_hash, row_hash from {TABLES[stream]} where org_id = $1 and chain_seq = any($2::bigint[])"  # noqa: S608
    for stream, columns in _COLUMNS.items()
}
_KEPT: dict[Stream, str] = {
    stream: f"""
    select count(*) as n, sha256(coalesce(string_agg(row_hash, ''::bytea order by chain_seq), ''::bytea)) as digest,
           (array_agg(chain_seq order by chain_seq))[1:{BROKEN_SHOWN}] as seqs
    from {table} where org_id = $1 and chain_seq <= $2
    """  # noqa: S608
    for stream, table in TABLES.items()
}
_JUDGE: dict[Stream, str] = {
    # Where another stretch ends before the first row, its last row is read along, to be the one before.
    stream: f"""
    select count(*) as n, min(chain_seq) as first,
           array_agg(chain_seq) filter (where suspect) as suspects, array_agg(before) filter (where suspect) as befores,
           array_agg(hashed) filter (where suspect) as hashed, array_agg(agrees) filter (where suspect) as agreeing,
           array_agg(linked) filter (where suspect) as linked
    from (
      select *, not (hashed and agrees and (linked and before = chain_seq - 1 or not $7)) as suspect from (
        select chain_seq, hashed, agrees, coalesce(lag(chain_seq) over w, $5) as before,
               coalesce(coalesce(lag(row_hash) over w, $6::bytea) = prev_hash, true) as linked
        from (
          select e.chain_seq, e.prev_hash, e.row_hash, audit_agrees(e) as agrees,
                 sha256(e.prev_hash || convert_to(e.chain_seq::text || '|' || audit_text(e), 'UTF8')) = e.row_hash as hashed
          from {table} e where e.org_id = $1 and e.chain_seq >= $2 and e.chain_seq <= $4 order by e.chain_seq offset 0) narrow
        window w as (order by chain_seq)) each
      where chain_seq > $3) judged
    """  # noqa: S608
    for stream, table in TABLES.items()
}


def _stored_text(stream: Stream, row: Row) -> str:
    """As `append` wrote it."""
    stored = {name: _exactly(row[name]) if _JSON.fullmatch(name) else row[name] for name in _NAMES[stream]}
    return canonical({"org_id": row["org_id"], **stored})


def _exactly(text: str) -> object:
    """A number with more digits than a float holds is not one that was written; it stays text, which fits no hash."""

    def number(digits: str) -> float | str:
        value = float(digits)
        return value if Decimal(repr(value)) == Decimal(digits) else digits

    return json.loads(text, parse_float=number)
