"""What somebody who owns the database can do to an audit chain, at random, and where the first row lies that it touches.

Every forgery happens in a transaction of the superuser, past triggers and row security, and is rolled back: the chain is
as it was for the next one.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.db.chained import KEY, STREAMS, Chained

from sangdam.core.ids import OrgId
from sangdam.db import Database, Transaction
from sangdam.db.chain import Stream
from sangdam.db.verification import TABLES, VerifyReport, verify

REHASH = """
create or replace function forge_hashes(p_org uuid, p_stream text, p_from bigint) returns void language plpgsql as $$
declare v_prev bytea; v_seq bigint; v_table text := case p_stream when 'events' then 'f_audit_events' else 'f_audit_mcp_tools' end;
begin
  execute format('select row_hash from %I where org_id = $1 and chain_seq = $2', v_table) into v_prev using p_org, p_from - 1;
  v_prev := coalesce(v_prev, (select hash from f_audit_anchors where org_id = p_org and stream = p_stream and seq = p_from - 1),
                     sha256(convert_to(p_org::text || '|' || p_stream, 'UTF8')));
  for v_seq in execute format('select chain_seq from %I where org_id = $1 and chain_seq >= $2 order by chain_seq', v_table) using p_org, p_from loop
    execute format($q$ update %I e set prev_hash = $3, row_hash = sha256($3 || convert_to(e.chain_seq::text || '|' || audit_text(e), 'UTF8'))
                       where org_id = $1 and chain_seq = $2 returning row_hash $q$, v_table) into v_prev using p_org, v_seq, v_prev;
  end loop;
  update f_audit_chains set last_hash = v_prev,
    last_seq = coalesce(v_seq, (select max(seq) from (
      select chain_seq as seq from f_audit_events where org_id = p_org and p_stream = 'events' union all
      select chain_seq from f_audit_mcp_tools where org_id = p_org and p_stream = 'tools') rows))
  where org_id = p_org and stream = p_stream;
end $$
"""

WRITTEN: dict[Stream, str] = {
    "events": "org_id, session_id, turn_id, state_rev, context_no, actor, event_type, payload, bot_context, trace_id, at, created_at, prev_hash, row_hash",
    "tools": "org_id, phase, session_id, turn_id, state_rev, context_no, caller, tool_name, tool_version, request_payload, response_payload, args_digest,"
    " effect_id, status, code, policy_decision, masked_fields, assurance, upstream, latency_ms, bot_context, trace_id, at, created_at, prev_hash, row_hash",
}
"""Columns that a copied row takes over: not its ids, its place, and what the database makes of others."""

EDITS: dict[str, tuple[str, ...]] = {
    "uuid": ("gen_random_uuid()",),
    "int": ("coalesce({0}, 0) + 1", "coalesce({0}, 0) - 3"),
    "text": ("coalesce({0}, '') || 'x'", "coalesce({0}, '') || U&'\\200B'"),
    "time": ("{0} + interval '1 microsecond'", "{0} - interval '1 year'", "'infinity'", "'0044-03-15 12:00 BC'"),
    "json": (
        "jsonb_build_object('was', {0})",
        "jsonb_build_array({0})",
        "replace({0}::text, ':', ': \"다른 값\", \"b\":')::jsonb",
        "to_jsonb({0}::text)",
        "(repeat('[', 2000) || '0.10000000000000000555' || repeat(']', 2000))::jsonb",
    ),
    "list": ("{0} || '{{more}}'::text[]", "array['email']"),
    "bytes": ("sha256({0})", "set_byte({0}, 7, get_byte({0}, 7) # 1)", "''::bytea"),
}
COLUMNS: dict[Stream, dict[str, str]] = {
    "events": {
        "id": "uuid", "session_id": "uuid", "turn_id": "uuid", "state_rev": "int", "context_no": "int", "actor": "json", "payload": "json",
        "bot_context": "json", "trace_id": "text", "at": "time", "created_at": "time", "prev_hash": "bytes", "row_hash": "bytes",
    },
    "tools": {
        "id": "uuid", "call_id": "uuid", "session_id": "uuid", "turn_id": "uuid", "state_rev": "int", "context_no": "int", "caller": "json",
        "tool_name": "text", "tool_version": "text", "request_payload": "json", "response_payload": "json", "args_digest": "text", "effect_id": "uuid",
        "code": "text", "policy_decision": "json", "masked_fields": "list", "assurance": "text", "upstream": "json", "latency_ms": "int",
        "bot_context": "json", "trace_id": "text", "at": "time", "created_at": "time", "prev_hash": "bytes", "row_hash": "bytes",
    },
}  # fmt: skip
CLOSED: dict[Stream, tuple[str, ...]] = {
    "events": ("event_type = 'KB_GAP'",),
    "tools": ("phase = 'opened'", "status = 'blocked'"),
}
"""Columns of a closed list of values. Nothing is left out but `org_id` and `chain_seq`, which are forgeries of their own."""


@dataclass(frozen=True)
class Forgery:
    what: str
    stream: Stream
    first: int
    """The first row of which something is not as it was."""
    statements: tuple[str, ...]
    copies: bool = False
    """Nothing in the database says so any more: a copy outside does."""


@dataclass
class Forger:
    rng: random.Random
    it: Chained
    stranger: OrgId
    made: Counter[str] = field(default_factory=Counter[str])

    def forgery(self) -> Forgery:
        kinds: list[Callable[[Stream], Forgery]] = [
            *[self.edit] * 6, self.edit_closed, self.delete, self.delete, self.truncate, self.truncate_with_head, self.swap, self.reorder,
            self.insert_at_end, self.insert_between, self.insert_before, self.head, self.checkpoint, self.rewrite, self.rewrite, self.rewrite_shortened,
            self.prefix, self.to_another_org, self.renumber,
        ]  # fmt: skip
        if self.it.pruned_to:
            kinds += [self.edit_kept, self.delete_kept, self.anchor, self.insert_kept]
        made = self.rng.choice(kinds)(self.rng.choice(STREAMS))
        self.made[made.what] += 1
        return made

    def row(self, stream: Stream, *, low: int | None = None, high: int | None = None) -> int:
        return self.rng.randint(low or self.it.pruned_to + 1, high or self.it.rows[stream])

    def where(self, seq: int | str) -> str:
        return f"where org_id = '{self.it.org}' and chain_seq {seq if isinstance(seq, str) else f'= {seq}'}"

    def rehash(self, stream: Stream, seq: int) -> str:
        return f"select forge_hashes('{self.it.org}', '{stream}', {seq})"

    def set(self, stream: Stream, seq: int) -> str:
        column, kind = self.rng.choice(list(COLUMNS[stream].items()))
        value = self.rng.choice(EDITS[kind]).format(column)
        return f"update {TABLES[stream]} set {column} = {value} {self.where(seq)}"

    def edit(self, stream: Stream) -> Forgery:
        seq = self.row(stream)
        return Forgery("edit of a column", stream, seq, (self.set(stream, seq),))

    def edit_closed(self, stream: Stream) -> Forgery:
        seq, value = self.row(stream), self.rng.choice(CLOSED[stream])
        return Forgery("edit of a column", stream, seq, (f"update {TABLES[stream]} set {value} {self.where(seq)}",))

    def edit_kept(self, stream: Stream) -> Forgery:
        seq = self.rng.choice(self.it.kept[stream])
        return Forgery("edit of a kept row", stream, seq, (self.set(stream, seq),))

    def delete_kept(self, stream: Stream) -> Forgery:
        seq = self.rng.choice(self.it.kept[stream])
        return Forgery("deletion of a kept row", stream, seq, (f"delete from {TABLES[stream]} {self.where(seq)}",))

    def insert_kept(self, stream: Stream) -> Forgery:
        seq = self.row(stream, low=1, high=9)
        return Forgery("insertion among kept rows", stream, seq, (self.copied(stream, self.row(stream), seq),))

    def delete(self, stream: Stream) -> Forgery:
        first = self.row(stream, high=self.it.rows[stream] - 6)
        last = first + self.rng.randint(0, 5)
        return Forgery(
            "deletion", stream, first, (f"delete from {TABLES[stream]} {self.where(f'between {first} and {last}')}",)
        )

    def truncate(self, stream: Stream) -> Forgery:
        first = self.row(stream)
        return Forgery(
            "truncation of the tail", stream, first, (f"delete from {TABLES[stream]} {self.where(f'>= {first}')}",)
        )

    def truncate_with_head(self, stream: Stream) -> Forgery:
        first = self.row(stream, low=self.it.pruned_to + 2, high=self.it.outside)
        head = f"""
        update f_audit_chains set last_seq = {first - 1}, last_hash = (select row_hash from {TABLES[stream]} {self.where(first - 1)})
        where org_id = '{self.it.org}' and stream = '{stream}'
        """
        return Forgery(
            "truncation of the tail with its head",
            stream,
            first,
            (f"delete from {TABLES[stream]} {self.where(f'>= {first}')}", head),
            copies=first > self.it.points[-1],
        )

    def swap(self, stream: Stream) -> Forgery:
        one, other = sorted(self.rng.sample(range(self.it.pruned_to + 1, self.it.rows[stream] + 1), 2))
        return Forgery("reordering", stream, one, self.moved(stream, {one: other, other: one}))

    def reorder(self, stream: Stream) -> Forgery:
        first = self.row(stream, high=self.it.rows[stream] - 9)
        rows = range(first, first + self.rng.randint(3, 9))
        return Forgery(
            "reordering", stream, first, self.moved(stream, dict(zip(rows, (*rows[1:], rows[0]), strict=True)))
        )

    def moved(self, stream: Stream, places: dict[int, int]) -> tuple[str, ...]:
        table = TABLES[stream]
        away = [f"update {table} set chain_seq = {seq + 10_000} {self.where(seq)}" for seq in places]
        return (
            *away,
            *(f"update {table} set chain_seq = {to} {self.where(seq + 10_000)}" for seq, to in places.items()),
        )

    def copied(self, stream: Stream, of: int, to: int) -> str:
        ids = "id, call_id, chain_seq" if stream == "tools" else "id, chain_seq"
        made = f"gen_random_uuid(), gen_random_uuid(), {to}" if stream == "tools" else f"gen_random_uuid(), {to}"
        columns = WRITTEN[stream]
        return f"insert into {TABLES[stream]} ({ids}, {columns}) select {made}, {columns} from {TABLES[stream]} {self.where(of)}"

    def insert_at_end(self, stream: Stream) -> Forgery:
        to = self.it.rows[stream] + self.rng.choice((1, 1, 5))
        return Forgery(
            "insertion",
            stream,
            self.it.rows[stream] + 1,
            (
                self.copied(stream, self.row(stream), to),
                f"update {TABLES[stream]} e set prev_hash = (select row_hash from {TABLES[stream]} {self.where(self.it.rows[stream])}) {self.where(to)}",
                f"update {TABLES[stream]} e set row_hash = sha256(prev_hash || convert_to(chain_seq::text || '|' || audit_text(e), 'UTF8')) {self.where(to)}",
            ),
        )

    def insert_between(self, stream: Stream) -> Forgery:
        at, table = self.row(stream, low=self.it.pruned_to + 2, high=self.it.outside), TABLES[stream]
        forged = self.rng.choice((True, False))
        shift = (
            f"update {table} set chain_seq = chain_seq + 10001 {self.where(f'>= {at}')}",
            f"update {table} set chain_seq = chain_seq - 10000 {self.where('> 10000')}",
            self.copied(stream, self.row(stream, high=at - 1), at),
        )
        return Forgery(
            "insertion with new hashes" if forged else "insertion",
            stream,
            at,
            (*shift, self.rehash(stream, at)) if forged else shift,
            copies=forged and at > self.it.points[-1],
        )

    def insert_before(self, stream: Stream) -> Forgery:
        to = self.rng.choice((0, -1, -(2**63) + 1))
        return Forgery("insertion", stream, to, (self.copied(stream, self.row(stream), to),))

    def head(self, stream: Stream) -> Forgery:
        where = f"where org_id = '{self.it.org}' and stream = '{stream}'"
        by = self.rng.randint(1, 9)
        sql, first = self.rng.choice(
            (
                (f"update f_audit_chains set last_seq = last_seq - {by} {where}", self.it.rows[stream] - by + 1),
                (f"update f_audit_chains set last_seq = last_seq + {by} {where}", self.it.rows[stream] + 1),
                (f"update f_audit_chains set last_seq = {2**63 - 1} {where}", self.it.rows[stream] + 1),
                (f"update f_audit_chains set last_hash = sha256(last_hash) {where}", self.it.rows[stream]),
            )
        )
        return Forgery("edit of the head", stream, first, (sql,))

    def checkpoint(self, stream: Stream) -> Forgery:
        seq = self.rng.choice([seq for seq in self.it.points if seq > self.it.pruned_to])
        where = f"where org_id = '{self.it.org}' and stream = '{stream}' and seq = {seq}"
        sql, first = self.rng.choice(
            (
                (f"update f_audit_checkpoints set hash = sha256(hash) {where}", seq),
                (f"update f_audit_checkpoints set signature = md5(signature) {where}", seq),
                (f"update f_audit_checkpoints set signature = '서명' {where}", seq),
                (f"update f_audit_checkpoints set at = at + interval '1 microsecond' {where}", seq),
                (f"update f_audit_checkpoints set at = 'infinity' {where}", seq),
                (f"update f_audit_checkpoints set seq = seq + 3 {where}", seq + 3),
                (
                    f"insert into f_audit_checkpoints select org_id, stream, {seq + 1}, hash, signature, at from f_audit_checkpoints {where}",
                    seq + 1,
                ),
            )
        )
        return Forgery("edit of a checkpoint", stream, first, (sql,))

    def anchor(self, stream: Stream) -> Forgery:
        where = f"where org_id = '{self.it.org}' and stream = '{stream}'"
        further = f"""
        insert into f_audit_anchors select k.org_id, k.stream, k.seq, k.hash, 0, sha256(''::bytea), a.signature, a.at
        from f_audit_checkpoints k, f_audit_anchors a where k.org_id = a.org_id and k.stream = a.stream and k.seq = 120 and a.org_id = '{self.it.org}' and a.stream = '{stream}'
        """
        statements, first = self.rng.choice(
            (
                ((f"delete from f_audit_anchors {where}",), 1),
                ((f"update f_audit_anchors set kept = kept + 1 {where}",), 1),
                ((f"update f_audit_anchors set seq = seq - 1 {where}",), 1),
                ((f"update f_audit_anchors set at = at - interval '1 day' {where}",), 1),
                ((further, f"delete from {TABLES[stream]} {self.where('<= 120')}"), 1),
                ((further, f"delete from {TABLES[stream]} {self.where('between 61 and 120')}"), 61),
            )
        )
        return Forgery("edit of an anchor", stream, first, statements)

    def rewrite(self, stream: Stream) -> Forgery:
        seq = self.row(stream, high=self.it.outside)
        return Forgery(
            "rewriting of everything after a row",
            stream,
            seq,
            (f"update {TABLES[stream]} set trace_id = trace_id || 'x' {self.where(seq)}", self.rehash(stream, seq)),
            copies=seq > self.it.points[-1],
        )

    def rewrite_shortened(self, stream: Stream) -> Forgery:
        first, table = self.row(stream, low=self.it.pruned_to + 2, high=self.it.outside - 20), TABLES[stream]
        gone = self.rng.randint(1, 6)
        return Forgery(
            "deletion with new numbers and hashes",
            stream,
            first,
            (
                f"delete from {table} {self.where(f'between {first} and {first + gone - 1}')}",
                f"update {table} set chain_seq = chain_seq + 10000 {self.where(f'> {first}')}",
                f"update {table} set chain_seq = chain_seq - {10_000 + gone} {self.where('> 10000')}",
                self.rehash(stream, first),
            ),
            copies=first > self.it.points[-1],
        )

    def prefix(self, stream: Stream) -> Forgery:
        begin = self.it.pruned_to + 1
        last = self.rng.choice(
            [*(seq for seq in self.it.points if seq >= begin), self.row(stream, low=begin, high=239)]
        )
        return Forgery(
            "deletion of a prefix",
            stream,
            begin,
            (f"delete from {TABLES[stream]} {self.where(f'between {begin} and {last}')}",),
        )

    def to_another_org(self, stream: Stream) -> Forgery:
        seq = self.row(stream)
        return Forgery(
            "moving to another organisation",
            stream,
            seq,
            (f"update {TABLES[stream]} set org_id = '{self.stranger}' {self.where(seq)}",),
        )

    def renumber(self, stream: Stream) -> Forgery:
        seq, to = self.row(stream), self.rng.choice((1000, 2**63 - 1))
        return Forgery("reordering", stream, seq, (f"update {TABLES[stream]} set chain_seq = {to} {self.where(seq)}",))


async def judged(superuser: Database, it: Chained, forgery: Forgery) -> VerifyReport:
    """What verification says of the forged chain, which is whole again afterwards."""
    reports: list[VerifyReport] = []
    try:
        async with superuser.org(it.org) as tx:
            await tx.execute("set local session_replication_role = replica")
            for sql in forgery.statements:
                await tx.execute(sql)
            reports.append(await _verify(tx, it, forgery))
            raise _Undone
    except _Undone:
        return reports[0]


async def _verify(tx: Transaction, it: Chained, forgery: Forgery) -> VerifyReport:
    copies = it.copies if forgery.copies else ()
    return await verify(tx, it.org, forgery.stream, signing_key=KEY, copies=copies)


class _Undone(Exception):
    """Rolls the forgery back."""


def names(report: VerifyReport, seq: int) -> bool:
    """Whether the first finding is about this row, or a stretch with it."""
    return bool(report.broken) and report.broken[0].seq <= seq <= (report.broken[0].until or report.broken[0].seq)
