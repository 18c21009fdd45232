"""The audit as it grows: `python benchmarks/audit.py [--rows 1000000] [--forgeries 1000]`, on an embedded Postgres with fsync on.

What forgeries are named; rows a second appended and verified; what a row of the chain costs; and how long every list takes.
"""

import argparse
import asyncio
import hashlib
import json
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conversations.talk import NOW
from tests.db.chained import KEY, ORDER, STREAMS, a_session, an_org, call, chained, event, written
from tests.db.forgeries import REHASH, Forger, judged, names
from tests.doors.shopfront import Shopfront, open_shop

from sangdam.core.ids import OrgId
from sangdam.core.phone import Phone
from sangdam.db import Database
from sangdam.db.chain import append
from sangdam.db.postgres import EmbeddedPostgres
from sangdam.db.testing import Addresses, Cluster, connected
from sangdam.db.verification import TABLES, beginning, checkpoint, verified

CHECKPOINT_EVERY = 1_000
ROUNDS, IN_A_ROUND = 40, 50
"""Appends one by one, at both sizes in turn."""

FILL = """
create function bench_link(state bytea, genesis bytea, seq bigint, text text) returns bytea immutable language sql as
  $$ select sha256(coalesce(state, genesis) || convert_to(seq::text || '|' || text, 'UTF8')) $$;
create aggregate bench_chain(bytea, bigint, text) (sfunc = bench_link, stype = bytea);

create function bench_events(p_org uuid, p_from bigint, p_to bigint, p_at timestamptz) returns setof f_audit_events language sql as $$
  select r.* from generate_series(p_from, p_to) n, jsonb_populate_record(null::f_audit_events, jsonb_build_object(
    'id', gen_random_uuid(), 'org_id', p_org, 'session_id', md5('s' || n / 30)::uuid, 'turn_id', md5('t' || n / 6)::uuid, 'state_rev', n / 6 % 9, 'context_no', n % 3,
    'actor', case when n % 400 = 0 then jsonb_build_object('kind', 'member', 'id', md5('m' || n % 7)::uuid, 'role', 'operator') else jsonb_build_object('kind', 'agent', 'id', md5('a')::uuid) end,
    'event_type', (array['TURN_OPENED','MESSAGE_ACCEPTED','COMMANDS_READ','SLOT_SET','FINAL_ANSWER_READY','TURN_CLOSED'])[n % 6 + 1],
    'payload', jsonb_build_object('seq', n % 40, 'slot', 'product_query', 'commands', jsonb_build_array('SetSlot', 'StartFlow')),
    'bot_context', jsonb_build_object('rev', n % 9, 'run', md5('r' || n / 20)::uuid, 'flow', 'shipment_tracking', 'step', 'ask:order_or_phone', 'intent', 'shipping_inquiry', 'schema', 1,
      'turn_id', md5('t' || n / 6)::uuid, 'expected', 'order_id_or_phone', 'order_id', case when n % 90 < 12 then to_char(n / 900, 'FM00000000') || '-0000127' end, 'assurance', 'ANONYMOUS',
      'session_id', md5('s' || n / 30)::uuid, 'agenda_size', 0, 'args_digest', null),
    'trace_id', md5('c' || n / 6), 'at', p_at + n * interval '2 seconds', 'chain_seq', n)) r $$;

create function bench_calls(p_org uuid, p_from bigint, p_to bigint, p_at timestamptz) returns setof f_audit_mcp_tools language sql as $$
  select r.* from generate_series(p_from, p_to) n, jsonb_populate_record(null::f_audit_mcp_tools, jsonb_build_object(
    'id', gen_random_uuid(), 'org_id', p_org, 'call_id', gen_random_uuid(), 'phase', 'closed', 'session_id', md5('s' || n / 30)::uuid, 'turn_id', md5('t' || n / 6)::uuid,
    'state_rev', n / 6 % 9, 'context_no', n % 3,
    'caller', jsonb_build_object('kind', case when n % 400 = 0 then 'member' else 'agent' end, 'id', md5('m' || n % 7)::uuid, 'role', null, 'on_behalf', true),
    'tool_name', (array['lookup_order','track_shipment','list_orders','send_otp','verify_otp','read_product','search_knowledge','create_handoff'])[n % 8 + 1], 'tool_version', '1',
    'request_payload', case when n % 3 = 0 then jsonb_build_object('order_id', to_char(n / 900, 'FM00000000') || '-0000127') else jsonb_build_object('cellphone', '010-****-1234', 'days', 30) end,
    'response_payload', jsonb_build_object('kind', 'done', 'result', jsonb_build_object('item_id', md5('i' || n)::uuid, 'existing', false, 'open_now', true, 'position', 1)),
    'args_digest', 'hmac:' || encode(sha256(convert_to(n::text, 'UTF8')), 'hex'), 'effect_id', case when n % 5 = 0 then md5('e' || n)::uuid end,
    'status', case when n % 40 = 0 then 'error' when n % 50000 = 7 then 'unknown' else 'success' end, 'code', case when n % 40 = 0 then 'CAFE24_TIMEOUT' when n % 50000 = 7 then 'CAFE24_ERROR' end,
    'policy_decision', jsonb_build_object('code', null, 'rule', null, 'layer', null, 'allowed', true, 'policy_version', 1, 'scopes_missing', jsonb_build_array()),
    'masked_fields', jsonb_build_array('cellphone'), 'assurance', 'VERIFIED',
    'upstream', jsonb_build_array(jsonb_build_object('call', 'GET /orders/{id}', 'status', 200, 'ms', 120, 'attempt', 1)), 'latency_ms', n % 900,
    'bot_context', jsonb_build_object('rev', n % 9, 'run', md5('r' || n / 20)::uuid, 'flow', 'shipment_tracking', 'step', 'use:lookup_order', 'intent', 'shipping_inquiry', 'schema', 1,
      'turn_id', md5('t' || n / 6)::uuid, 'expected', null, 'order_id', null, 'assurance', 'VERIFIED', 'session_id', md5('s' || n / 30)::uuid, 'agenda_size', 0, 'args_digest', null),
    'trace_id', md5('c' || n / 6), 'at', p_at + n * interval '2 seconds', 'chain_seq', n)) r $$
"""


async def fill(addresses: Addresses, db: Database, org: OrgId, rows: int, at: datetime) -> None:
    """Chains of real rows with right hashes, made by the database, after what is there; signed every thousand rows."""
    async with connected(addresses.owner) as owner:
        if not await owner.fetchval("select exists (select from pg_proc where proname = 'bench_link')"):
            await owner.execute(FILL)
        for stream in STREAMS:
            table, made = TABLES[stream], "bench_events" if stream == "events" else "bench_calls"
            columns = await owner.fetchval(
                "select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and attgenerated = '' and attname not in ('prev_hash', 'row_hash', 'created_at')",
                table,
            )
            while True:
                head = await owner.fetchrow(
                    "select last_seq, last_hash from f_audit_chains where org_id = $1 and stream = $2", org, stream
                )
                seq = head["last_seq"] if head is not None else 0
                if seq >= rows:
                    break
                end = min(rows, seq + 20_000)
                await owner.execute(
                    f"""
                    with made as (select r.*, r.at as made_at, bench_chain($5, r.chain_seq, audit_text(r)) over (order by r.chain_seq) as linked
                                  from {made}($1, $2, $3, $4) r),
                         written as (
                           insert into {table} ({columns}, created_at, prev_hash, row_hash)
                           select {columns}, at, coalesce(lag(linked) over (order by chain_seq), $5), linked from made returning chain_seq, row_hash)
                    insert into f_audit_chains select $1, $6, chain_seq, row_hash from written order by chain_seq desc limit 1
                    on conflict (org_id, stream) do update set last_seq = excluded.last_seq, last_hash = excluded.last_hash
                    """,  # noqa: S608
                    *(
                        org,
                        seq + 1,
                        end,
                        at,
                        head["last_hash"] if head is not None else beginning(org, stream).hash,
                        stream,
                    ),
                )
                async with db.org(org) as tx:
                    found = await tx.fetch(
                        f"select chain_seq, row_hash from {table} where org_id = $1 and chain_seq > $2 and chain_seq % {CHECKPOINT_EVERY} = 0",  # noqa: S608
                        *(org, seq),
                    )
                    for row in found:
                        place = (row["chain_seq"], row["row_hash"])
                        await checkpoint(tx, org, stream, key=KEY, at=at, row=place)
        for table in ("f_audit_events", "f_audit_mcp_tools"):
            await owner.execute(f"vacuum analyze {table}", timeout=600)


async def forgeries(cluster: Cluster, count: int) -> None:
    print(f"{'forgery':<42} {'made':>6} {'named at its first row':>24}")
    made, named = Counter[str](), Counter[str]()
    for pruned in (False, True):
        async with cluster.database() as addresses, await Database.open(addresses.app) as db:
            it = await chained(db, addresses, pruned=pruned)
            async with connected(addresses.superuser) as superuser:
                await superuser.execute(REHASH)
            forger = Forger(random.Random(20261128 + pruned), it, await an_org(addresses.owner))
            async with await Database.open(addresses.superuser, max_size=1) as superuser_db:
                for _ in range(count // 2):
                    forgery = forger.forgery()
                    report = await judged(superuser_db, it, forgery)
                    made[forgery.what] += 1
                    named[forgery.what] += names(report, forgery.first)
            for stream in STREAMS:
                assert (await verified(db, it.org, stream, signing_key=KEY, copies=it.copies)).whole
    for what, number in made.most_common():
        print(f"{what:<42} {number:>6} {named[what]:>24}")
    print(f"{'all':<42} {made.total():>6} {named.total():>24}\n")


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    await work()
    return (time.perf_counter() - start) * 1e3


def p99(took: Sequence[float]) -> float:
    return statistics.quantiles(took, n=100)[-1]


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


async def inserts(small: tuple[Database, OrgId], large: tuple[Database, OrgId], rows: int) -> None:
    took: dict[str, list[float]] = {"small": [], "large": []}
    batches: dict[str, list[float]] = {"small": [], "large": []}
    number = 0

    def one(db: Database, org: OrgId, count: int) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            nonlocal number
            number += 1
            async with db.org(org) as tx:
                await append(
                    tx,
                    org,
                    events=[event(number + n, NOW) for n in range(count)],
                    calls=[call(number, NOW)] if count == 1 else [],
                )

        return work

    for each in (small, large):
        for _ in range(200):
            await one(*each, 1)()
    for _ in range(ROUNDS):
        for name, each in (("small", small), ("large", large)):
            took[name] += [await timed(one(*each, 1)) for _ in range(IN_A_ROUND)]
            batches[name] += [await timed(one(*each, 50)) for _ in range(3)]
    print(f"{'append, durable':<34} {'p50':>9} {'p99':>9} {'a second':>10}")
    for name, size in (("small", 1_000), ("large", rows)):
        each = took[name]
        print(
            f"one event and one call at {size:>9,} {statistics.median(each):6.2f} ms {p99(each):6.2f} ms {2000 / statistics.mean(each):8,.0f} rows"
        )
        each = batches[name]
        print(
            f"50 events at once at      {size:>9,} {statistics.median(each):6.2f} ms {p99(each):6.2f} ms {50_000 / statistics.mean(each):8,.0f} rows"
        )
    ratio = p99(took["large"]) / p99(took["small"])
    middle = statistics.median(took["large"]) / statistics.median(took["small"])
    print(f"p99 at {rows:,} against 1,000: × {ratio:.2f} (p50 × {middle:.2f})   {load()}\n")


async def verify_rate(db: Database, org: OrgId, rows: int) -> None:
    for stream in STREAMS:
        for at_once in (1, 2):
            took: list[float] = []
            for _ in range(3 if rows <= 100_000 else 2):
                start = time.perf_counter()
                report = await verified(db, org, stream, signing_key=KEY, at_once=at_once)
                took.append(time.perf_counter() - start)
                assert report.whole, report.broken[:3]
                assert report.rows >= rows
            connections = f"{at_once} connection{'s' if at_once > 1 else ' '}"
            print(
                f"verify {rows:>9,} {stream:<7} {connections} {min(took):8.3f} s {rows / min(took):10,.0f} rows/s   {load()}"
            )


async def weight(addresses: Addresses, rows: int) -> None:
    async with connected(addresses.owner) as owner:
        for stream in STREAMS:
            table = TABLES[stream]
            row = await owner.fetchrow(
                f"""
                select avg(pg_column_size(chain_seq) + pg_column_size(prev_hash) + pg_column_size(row_hash)) as columns,
                       avg(pg_column_size(t)) as whole, count(*) as n,
                       pg_relation_size('{table}_org_id_chain_seq_key') as chain_index, pg_indexes_size('{table}') as indexes,
                       (select sum(pg_column_size(k)) from f_audit_checkpoints k where k.stream = '{stream}') as signed
                from {table} t
                """  # noqa: S608
            )
            assert row is not None
            chain = [float(row["columns"]), float(row["chain_index"] / row["n"]), float(row["signed"] or 0) / row["n"]]
            print(
                f"a row of {stream:<7} chain {sum(chain):5.0f} B (columns {chain[0]:.0f}, index {chain[1]:.0f}, checkpoints {chain[2]:.1f}) of {float(row['whole']):5.0f} B, all indexes {row['indexes'] / row['n']:4.0f} B"
            )
    print()


async def lists(shop: Shopfront, rows: int, begin: datetime) -> None:
    """Every route over HTTP, with a question for every index, and the worst ones: nothing, or only the oldest, fits."""
    phone = Phone("01012345678")
    hashed = shop.product.hasher.phone(shop.org, phone)
    session = await a_session(shop.addresses, shop.org, phone_hash=hashed, session_code="S-ABCDEF")
    await written(shop.product.db, shop.org, rows + 1, rows + 60, NOW, sessions=[session])
    headers = {"authorization": f"Bearer {await shop.token('audit:read')}"}
    operator = {"from": (begin + timedelta(days=2)).isoformat(), "to": (begin + timedelta(days=3)).isoformat()}
    old = "00000003-0000127"
    trace = md5("c17")
    questions: list[tuple[str, str, dict[str, Any]]] = [
        ("newest", "tools", {}),
        ("newest", "events", {}),
        ("the oldest day", "tools", operator),
        ("the oldest day, by type", "events", {**operator, "event_type": "SLOT_SET"}),
        ("by tool", "tools", {"tool": "track_shipment"}),
        ("by a tool that was never used", "tools", {"tool": "nothing"}),
        ("by tool and a rare status", "tools", {"tool": "lookup_order", "status": "unknown"}),
        ("by status alone", "tools", {"status": "rate_limited"}),
        ("by code", "tools", {"code": "CAFE24_TIMEOUT"}),
        ("by a rare code", "tools", {"code": "CAFE24_ERROR"}),
        ("by code and a tool that never had it", "tools", {"code": "CAFE24_TIMEOUT", "tool": "track_shipment"}),
        ("by an old order", "tools", {"order_id": old}),
        ("by an old order", "events", {"order_id": old}),
        ("by order and tool", "tools", {"order_id": ORDER, "tool": "lookup_order"}),
        ("by conversation", "events", {"session_id": md5("s17")}),
        ("by session code", "events", {"session_code": "S-ABCDEF"}),
        ("by phone", "tools", {"phone": "010-1234-5678"}),
        ("by phone of nobody", "tools", {"phone": "010-8765-4321"}),
        ("by trace", "events", {"trace_id": trace}),
        ("by type", "events", {"event_type": "TURN_CLOSED"}),
        ("by a type that never was", "events", {"event_type": "KB_GAP"}),
        ("type and a trace without it", "events", {"event_type": "KB_GAP", "trace_id": trace}),
    ]
    print(f"{'GET /api/audit, limit 100':<48} {'items':>6} {'median':>10} {'worst of 7':>12}")
    worst = 0.0
    for label, route, params in questions:
        took, count = await asked(shop, f"/api/audit/{route}", headers, {"limit": 100, **params})
        worst = max(worst, *took)
        print(f"{f'{route}: {label}':<48} {count:>6} {statistics.median(took):7.1f} ms {max(took):9.1f} ms")
    cursor = ""
    for _ in range(3):
        page = (
            await shop.http.get(
                "/api/audit/tools", headers=headers, params={"limit": 100, **({"cursor": cursor} if cursor else {})}
            )
        ).json()
        cursor = page["next_cursor"]
    took, count = await asked(shop, "/api/audit/tools", headers, {"limit": 100, "cursor": cursor})
    print(f"{'tools: the fourth page':<48} {count:>6} {statistics.median(took):7.1f} ms {max(took):9.1f} ms")
    took, count = await asked(shop, f"/api/audit/trace/{trace}", headers, {})
    worst = max(worst, *took)
    print(f"{'one trace':<48} {count:>6} {statistics.median(took):7.1f} ms {max(took):9.1f} ms")
    print(f"the worst of all: {worst:.0f} ms   {load()}\n")


async def asked(shop: Shopfront, path: str, headers: dict[str, str], params: dict[str, Any]) -> tuple[list[float], int]:
    took: list[float] = []
    items = 0
    for _ in range(7):
        start = time.perf_counter()
        answer = await shop.http.get(path, headers=headers, params=params)
        took.append((time.perf_counter() - start) * 1e3)
        assert answer.status_code == 200, answer.text
        items = len(json.loads(answer.text)["items"])
    return took, items


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


async def main(rows: int, count: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        cluster = Cluster(Path(home), await asyncio.to_thread(EmbeddedPostgres.start, Path(home)))
        try:
            await cluster.make_template()
            if count:
                await forgeries(cluster, count)
            async with AsyncExitStack() as stack:
                little = await stack.enter_async_context(cluster.database())
                small_db = await stack.enter_async_context(await Database.open(little.app))
                small = await an_org(little.owner)
                addresses = await stack.enter_async_context(cluster.database())
                shop = await stack.enter_async_context(open_shop(addresses))
                db = await stack.enter_async_context(await Database.open(addresses.app))
                for size in (1_000, 10_000, 100_000, rows):
                    if size > rows:
                        continue
                    start = time.perf_counter()
                    await fill(addresses, db, shop.org, size, begin)
                    print(f"(filled up to {size:,} in both streams in {time.perf_counter() - start:.0f} s)")
                    await verify_rate(db, shop.org, size)
                print()
                await weight(addresses, rows)
                await fill(little, small_db, small, 1_000, begin)
                await inserts((small_db, small), (db, shop.org), rows)
                await lists(shop, rows + 10_000, begin)
        finally:
            cluster.server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--forgeries", type=int, default=1_000)
    options = parser.parse_args()
    uvloop.run(main(options.rows, options.forgeries))
