"""The audit as a file of JSON lines that can be verified from itself alone, and that verification.

A row's line ends with the very text that was hashed; the last line of a stream signs which rows the file has to hold. Who
re-formats the file breaks it.
"""

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from sangdam.core.ids import OrgId
from sangdam.db.chain import Stream, moment
from sangdam.db.checkpoints import of, told
from sangdam.db.database import Transaction
from sangdam.db.verification import (
    TABLES,
    Anchor,
    Broken,
    Checkpoint,
    VerifyReport,
    anchors,
    beginning,
    checkpoints,
    row_hash,
    texts_of_an_earlier_build,
)

FORMAT = 1
_ROWS_AT_ONCE = 2_000


async def export(
    tx: Transaction,
    org: OrgId,
    *,
    slug: str,
    streams: Sequence[Stream],
    since: datetime | None,
    until: datetime | None,
    key: bytes,
    at: datetime,
) -> AsyncIterator[str]:
    """The file in pieces of whole lines, oldest rows first. `tx` is a snapshot. `since` and `until` cut off whole ends of a stream."""
    span = {
        "since": moment(since) if since is not None else None,
        "until": moment(until) if until is not None else None,
    }
    header = _line(kind="export", format=FORMAT, org=str(org), slug=slug, streams=list(streams), at=moment(at), **span)
    yield header
    for stream in streams:
        first, last = await _span(tx, org, stream, since, until)
        for anchor in (await anchors(tx, org, stream))[:1]:
            yield _line(kind="anchor", **_anchor(anchor))
        for each in await checkpoints(tx, org, stream):
            if first - 1 <= each.seq <= last:
                yield _line(kind="checkpoint", **told(each))
        end = _End(org, stream, _digest(header), at)
        while first <= last:
            rows = await tx.fetch(_TEXTS[stream], org, first, last, _ROWS_AT_ONCE)
            if not rows:
                break
            unlike = [row["chain_seq"] for row in rows if not row["hashed"]]
            earlier = await texts_of_an_earlier_build(tx, org, stream, unlike) if unlike else {}
            for row in rows:
                end.add(row["chain_seq"], row["row_hash"])
            yield "".join(
                _row(
                    stream,
                    row["chain_seq"],
                    row["prev_hash"],
                    row["row_hash"],
                    earlier.get(row["chain_seq"]) or row["text"],
                )
                for row in rows
            )
            first = rows[-1]["chain_seq"] + 1
        yield _line(kind="end", **end.told(key))


@dataclass(frozen=True, slots=True)
class FileReport:
    org: OrgId | None
    streams: tuple[VerifyReport, ...]
    unreadable: tuple[int, ...]
    """Numbers of lines that are none of an export."""
    wanting: tuple[str, ...]
    """What a whole file has and this one has not: `header`, or the name of a stream."""

    @property
    def whole(self) -> bool:
        return not self.unreadable and not self.wanting and all(each.whole for each in self.streams)


def verify_file(lines: Iterable[str], *, key: bytes) -> FileReport:
    """Everything that is wrong with an export, without any database."""
    org: OrgId | None = None
    named: Sequence[str] = ()
    header = ""
    found: dict[Stream, _Reading] = {}
    unreadable: list[int] = []

    def reading(name: str) -> _Reading:
        stream: Stream = "tools" if name == "tools" else "events"
        if stream not in found and org is not None:
            found[stream] = _Reading(org, stream, header, key)
        return found[stream]

    for number, line in enumerate(lines, start=1):
        row = _ROW.fullmatch(line.rstrip("\n")) if org is not None else None
        if row is not None:
            digests = bytes.fromhex(row["prev"]), bytes.fromhex(row["hash"])
            reading(row["stream"]).row(int(row["seq"]), *digests, row["text"])
            continue
        fields = _fields(line)
        match fields.get("kind"):
            case "export" if org is None and (given := _header(fields)) is not None:
                (org, named), header = given, _digest(line)
            case "anchor" | "checkpoint" | "end" if org is not None and fields.get("stream") in TABLES:
                if not reading(fields["stream"]).sign(fields):
                    unreadable.append(number)
            case _:
                unreadable.append(number)
    wanting = ["header"] if org is None else [name for name in named if name not in found]
    return FileReport(org, tuple(each.report() for each in found.values()), tuple(unreadable), tuple(wanting))


@dataclass(slots=True)
class _End:
    """Which rows a stream of a file has to hold."""

    org: OrgId
    stream: Stream
    header: str
    """The digest of the file's first line."""
    at: datetime
    rows: int = 0
    first: int | None = None
    last: int | None = None
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, seq: int, digest: bytes) -> None:
        self.rows += 1
        self.first = seq if self.first is None else self.first
        self.last = seq
        self._hash.update(digest)

    def told(self, key: bytes) -> dict[str, Any]:
        what = f"export|{self.header}|{self.rows}|{self.first}|{self.last}|{self._hash.hexdigest()}|{moment(self.at)}"
        return {
            "org": str(self.org),
            "stream": self.stream,
            "rows": self.rows,
            "first_seq": self.first,
            "last_seq": self.last,
            "rows_hash": self._hash.hexdigest(),
            "signature": hmac.new(key, f"{self.org}|{self.stream}|{what}".encode(), hashlib.sha256).hexdigest(),
            "signed_at": moment(self.at),
        }


class _Reading:
    """One stream of a file, line by line."""

    def __init__(self, org: OrgId, stream: Stream, header: str, key: bytes) -> None:
        self._key = key
        self._anchor = beginning(org, stream)
        self._points: dict[int, Checkpoint] = {}
        self._seen = _End(org, stream, header, datetime.min.replace(tzinfo=UTC))
        self._last: tuple[int, bytes] | None = None
        self._broken: list[Broken] = []
        self._good = 0
        self._ended = False

    def row(self, seq: int, prev_hash: bytes, digest: bytes, text: str) -> None:
        if self._ended or (self._last is not None and seq <= self._last[0]):
            self._broken.append(Broken(seq, "extra"))
            return
        if row_hash(prev_hash, seq, text) != digest:
            self._broken.append(Broken(seq, "edited"))
        before = self._last[0] if self._last is not None else None
        if before is not None and seq > max(before, self._anchor.seq) + 1:
            first = max(before, self._anchor.seq) + 1
            self._broken.append(Broken(first, "missing", seq - 1 if seq - 1 > first else None))
        else:
            known = self._hash_before(seq)
            if known is not None and known != prev_hash:
                self._broken.append(Broken(seq, "link"))
        point = self._points.get(seq)
        if point is not None and point.hash != digest:
            self._broken.append(Broken(min(self._good + 1, seq), "checkpoint", seq if seq > self._good + 1 else None))
        elif point is not None:
            self._good = seq
        self._seen.add(seq, digest)
        self._last = (seq, digest)

    def sign(self, fields: Mapping[str, Any]) -> bool:
        """False when the line cannot be read."""
        match fields["kind"]:
            case "checkpoint":
                point = of(fields)
                if point is None:
                    return False
                if point.genuine(self._key) and (point.org, point.stream) == (self._seen.org, self._seen.stream):
                    self._points[point.seq] = point
                else:
                    self._broken.append(Broken(point.seq, "checkpoint"))
            case "anchor":
                anchor = _read_anchor(fields)
                if anchor is None:
                    return False
                if anchor.genuine(self._key) and (anchor.org, anchor.stream) == (self._seen.org, self._seen.stream):
                    self._anchor = anchor
                else:
                    self._broken.append(Broken(anchor.seq, "anchor"))
            case _:
                try:
                    self._seen.at = datetime.fromisoformat(fields["signed_at"]).astimezone(UTC)
                except (KeyError, TypeError, ValueError, OverflowError):
                    return False
                if fields != {"kind": "end", **self._seen.told(self._key)}:
                    self._broken.append(Broken(self._last[0] if self._last is not None else 1, "tail"))
                self._ended = True
        return True

    def report(self) -> VerifyReport:
        if not self._ended:
            self._broken.append(Broken(self._last[0] + 1 if self._last is not None else 1, "tail"))
        broken = sorted(set(self._broken), key=lambda each: (each.seq, each.until or each.seq, each.what))
        seen = self._seen
        return VerifyReport(
            org=seen.org,
            stream=seen.stream,
            rows=seen.rows,
            first_seq=seen.first,
            last_seq=seen.last,
            broken=tuple(broken),
            last_hash=self._last[1] if self._last is not None else None,
            pruned_to=self._anchor.seq,
            signed_to=(seen.last or 0) if self._ended and not broken else self._good,
        )

    def _hash_before(self, seq: int) -> bytes | None:
        """What the row before it has, as far as the file tells."""
        if self._last is not None and self._last[0] == seq - 1:
            return self._last[1]
        if self._anchor.seq == seq - 1:
            return self._anchor.hash
        point = self._points.get(seq - 1)
        return point.hash if point is not None else None


async def _span(
    tx: Transaction, org: OrgId, stream: Stream, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """First and last row of the time asked for; what lies between them belongs to it, whatever its own time."""
    row = await tx.fetchrow(
        f"""
        select min(chain_seq) as first, max(chain_seq) as last from {TABLES[stream]}
        where org_id = $1 and ($2::timestamptz is null or at >= $2) and ($3::timestamptz is null or at < $3)
        """,  # noqa: S608
        *(org, since, until),
    )
    return (row["first"], row["last"]) if row is not None and row["first"] is not None else (1, 0)


def _line(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def _digest(line: str) -> str:
    return hashlib.sha256(line.rstrip("\n").encode()).hexdigest()


def _row(stream: Stream, seq: int, prev_hash: bytes, digest: bytes, text: str) -> str:
    return f'{{"kind":"row","stream":"{stream}","seq":{seq},"prev_hash":"{prev_hash.hex()}","row_hash":"{digest.hex()}","row":{text}}}\n'


_ROW = re.compile(
    r'\{"kind":"row","stream":"(?P<stream>events|tools)","seq":(?P<seq>-?\d{1,19}),"prev_hash":"(?P<prev>(?:[0-9a-f]{2})*)",'
    r'"row_hash":"(?P<hash>(?:[0-9a-f]{2})*)","row":(?P<text>\{.*\})\}'
)


def _anchor(anchor: Anchor) -> dict[str, Any]:
    return {
        "org": str(anchor.org),
        "stream": anchor.stream,
        "seq": anchor.seq,
        "hash": anchor.hash.hex(),
        "kept": anchor.kept,
        "kept_hash": anchor.kept_hash.hex(),
        "signature": anchor.signature,
        "signed_at": moment(anchor.at),
    }


def _read_anchor(fields: Mapping[str, Any]) -> Anchor | None:
    point = of(fields)
    try:
        kept, kept_hash = int(fields["kept"]), bytes.fromhex(fields["kept_hash"])
    except (KeyError, TypeError, ValueError):
        return None
    if point is None:
        return None
    return Anchor(point.org, point.stream, point.seq, point.hash, kept, kept_hash, point.signature, point.at)


def _fields(line: str) -> dict[str, Any]:
    try:
        given: object = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {}


def _header(fields: Mapping[str, Any]) -> tuple[OrgId, Sequence[str]] | None:
    try:
        streams = [str(name) for name in fields["streams"]]
        return (OrgId(UUID(fields["org"])), streams) if fields["format"] == FORMAT else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


_TEXTS: dict[Stream, str] = {
    stream: f"""
    select chain_seq, prev_hash, row_hash, text, sha256(prev_hash || convert_to(chain_seq::text || '|' || text, 'UTF8')) = row_hash as hashed
    from (select e.chain_seq, e.prev_hash, e.row_hash, audit_text(e) as text from {table} e
          where e.org_id = $1 and e.chain_seq >= $2 and e.chain_seq <= $3 order by e.chain_seq limit $4 offset 0) rows order by chain_seq
    """  # noqa: S608
    for stream, table in TABLES.items()
}
