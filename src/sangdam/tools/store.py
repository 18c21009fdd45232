"""The SQL of the gate: catalogue, policies, counters, breakers, effects. Always inside the caller's own org transaction."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from sangdam.core.ids import EffectId, OrgId, SessionId, TurnId, UserId
from sangdam.db.chain import AuditCall, canonical
from sangdam.db.database import Row, Transaction
from sangdam.orgs.hours import Hours
from sangdam.tools.breaker import Breaker
from sangdam.tools.model import Conditions, MaskingRules
from sangdam.tools.policy import PolicyRow

EffectState = Literal["proposed", "confirmed", "running", "done", "failed", "unknown", "void"]


# Catalogue and policies


@dataclass(frozen=True)
class CatalogueRow:
    name: str
    version: str
    display_name: str
    display_name_en: str
    description: str
    provider: str
    effect: str
    assurance: str
    confirmation: bool
    scopes: tuple[str, ...]
    schema_json: dict[str, Any]
    output_schema: dict[str, Any]
    masking: dict[str, Any]
    default_policy: dict[str, Any]
    schema_sha256: str
    is_active: bool


_COLUMNS = tuple(column.name for column in fields(CatalogueRow))


async def write_catalogue(tx: Transaction, rows: Sequence[CatalogueRow]) -> None:
    values = ", ".join(f"${n}" for n in range(1, len(_COLUMNS) + 1))
    updates = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
    sql = f"insert into c_mcp_tools ({', '.join(_COLUMNS)}) values ({values}) on conflict (name) do update set {updates}, updated_at = now()"  # noqa: S608
    for row in rows:
        values_of: dict[str, Any] = {**vars(row), "scopes": list(row.scopes)}
        await tx.execute(sql, *(values_of[column] for column in _COLUMNS))
    await tx.execute(
        "update c_mcp_tools set is_active = false, updated_at = now() where is_active and name <> all($1::text[])",
        [row.name for row in rows],
    )


async def read_catalogue(tx: Transaction) -> tuple[CatalogueRow, ...]:
    rows = await tx.fetch(f"select {', '.join(_COLUMNS)} from c_mcp_tools order by name")  # noqa: S608
    return tuple(_catalogue_row({**dict(row.items()), "scopes": tuple(row["scopes"])}) for row in rows)


def _catalogue_row(columns: dict[str, Any]) -> CatalogueRow:
    return CatalogueRow(**columns)


async def insert_policy(
    tx: Transaction, org: OrgId, tool: str, *, callers: Sequence[str], per_minute: int, session_per_hour: int
) -> None:
    await tx.execute(
        "insert into c_mcp_tool_policies (org_id, tool_name, is_allowed, allowed_callers, rate_limit_per_min, session_limit_per_hour)"
        " values ($1, $2, true, $3, $4, $5) on conflict (org_id, tool_name) do nothing",
        org,
        tool,
        list(callers),
        per_minute,
        session_per_hour,
    )


_POLICY = "id as policy_id, tool_name, is_allowed, allowed_callers, rate_limit_per_min, session_limit_per_hour, conditions, masking_rules, version"
_POLICIES = f"select {_POLICY} from c_mcp_tool_policies where org_id = $1"  # noqa: S608
_POLICIES_OF = _POLICIES + " and tool_name = any($2::text[]) order by tool_name for update"


async def read_policies(tx: Transaction, org: OrgId) -> dict[str, PolicyRow]:
    return {
        row["tool_name"]: _policy(row, Conditions.model_validate(row["conditions"]))
        for row in await tx.fetch(_POLICIES, org)
    }


async def lock_policy(tx: Transaction, org: OrgId, tool: str) -> PolicyRow | None:
    rows = await tx.fetch(_POLICIES_OF, org, [tool])
    return _policy(rows[0], Conditions.model_validate(rows[0]["conditions"])) if rows else None


async def is_brought(tx: Transaction, org: OrgId, tool: str) -> bool:
    """Whether `<server>/<tool>` is a tool of one of the org's own servers, switched on or off."""
    server, _, name = tool.partition("/")
    return await tx.fetchval(
        "select exists (select from c_mcp_servers where org_id = $1 and name = $2 and tools ? $3)", org, server, name
    )


async def write_policy(tx: Transaction, org: OrgId, tool: str, policy: PolicyRow, *, by: UserId, at: datetime) -> None:
    """Inserts or replaces; the version is the caller's."""
    await tx.execute(
        "insert into c_mcp_tool_policies (org_id, tool_name, is_allowed, allowed_callers, rate_limit_per_min, session_limit_per_hour, conditions, masking_rules,"
        " version, updated_by, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (org_id, tool_name) do update set is_allowed = $3,"
        " allowed_callers = $4, rate_limit_per_min = $5, session_limit_per_hour = $6, conditions = $7, masking_rules = $8, version = $9, updated_by = $10, updated_at = $11",
        org,
        tool,
        policy.is_allowed,
        sorted(policy.allowed_callers),
        policy.per_minute,
        policy.session_per_hour,
        policy.conditions.model_dump(mode="json", exclude_defaults=True),
        {"fields": sorted(policy.masking.fields)} if policy.masking.fields else {},
        policy.version,
        by,
        at,
    )


# What a call must know before it runs, in one query


@dataclass(frozen=True)
class Ground:
    active: bool
    org_active: bool
    hours: Hours
    policy: PolicyRow | None
    breaker: Breaker
    granted: frozenset[str] | None


_GROUND = """
select coalesce(t.is_active, e.status <> 'disabled' and e.tool ->> 'present_digest' = e.tool ->> 'allowed_digest') as active, o.status, o.business_hours, o.timezone,
  p.id as policy_id, p.is_allowed, p.allowed_callers, p.rate_limit_per_min, p.session_limit_per_hour, p.conditions, p.masking_rules, p.version,
  b.state, b.failures, b.next_try_at,
  case when s.providers #>> '{cafe24,status}' is distinct from 'revoked' then s.providers #> '{cafe24,scopes}' end as granted
from a_iam_organizations o
left join c_mcp_tools t on t.name = $2
left join (select s.org_id, s.status, s.tools -> substr($2, strpos($2, '/') + 1) as tool from c_mcp_servers s where s.name = split_part($2, '/', 1)) e
  on e.org_id = o.id and strpos($2, '/') > 0
left join c_mcp_tool_policies p on p.org_id = o.id and p.tool_name = $2
left join c_mcp_breakers b on b.org_id = o.id and b.upstream = $3
left join a_iam_auth_settings s on s.org_id = o.id and $4
where o.id = $1
"""


async def read_ground(
    tx: Transaction, org: OrgId, tool: str, *, upstream: str | None, with_scopes: bool
) -> Ground | None:
    """None for an org that is not there. Raises when a stored policy cannot be understood: then nothing may run."""
    row = await tx.fetchrow(_GROUND, org, tool, upstream, with_scopes)
    if row is None:
        return None
    conditions = Conditions.model_validate(row["conditions"]) if row["policy_id"] is not None else Conditions()
    hours = Hours.model_validate(row["business_hours"]) if conditions.hours != "always" else Hours()
    return Ground(
        active=bool(row["active"]),
        org_active=row["status"] == "active",
        hours=hours.model_copy(update={"timezone": row["timezone"]}),
        policy=_policy(row, conditions) if row["policy_id"] is not None else None,
        breaker=Breaker(row["state"], row["failures"], row["next_try_at"]) if row["state"] is not None else Breaker(),
        granted=frozenset(row["granted"]) if row["granted"] is not None else None,
    )


def _policy(row: Row, conditions: Conditions) -> PolicyRow:
    return PolicyRow(
        is_allowed=row["is_allowed"],
        allowed_callers=frozenset(row["allowed_callers"]),
        per_minute=row["rate_limit_per_min"],
        session_per_hour=row["session_limit_per_hour"],
        conditions=conditions,
        masking=MaskingRules.model_validate(row["masking_rules"]),
        version=row["version"],
    )


# How tools stand


@dataclass(frozen=True)
class Lately:
    """What one tool did; times are of the audit."""

    calls: int = 0
    p95_ms: int | None = None
    last_success_at: datetime | None = None
    last_error_code: str | None = None
    last_error_at: datetime | None = None


_LATELY = """
select n.tool_name, coalesce(h.calls, 0) as calls, h.p95_ms, s.at as success_at, e.code, e.at as error_at
from (select distinct p.tool_name from c_mcp_tool_policies p where p.org_id = $1) n
left join lateral (
  select count(*)::int as calls, percentile_disc(0.95) within group (order by a.latency_ms) as p95_ms from f_audit_mcp_tools a
  where a.org_id = $1 and a.tool_name = n.tool_name and a.phase = 'closed' and a.at > $2) h on true
left join lateral (
  select a.at from f_audit_mcp_tools a where a.org_id = $1 and a.tool_name = n.tool_name and a.phase = 'closed' and a.at > $3
  and a.status in ('success', 'replayed') order by a.at desc limit 1) s on true
left join lateral (
  select a.at, a.code from f_audit_mcp_tools a where a.org_id = $1 and a.tool_name = n.tool_name and a.phase = 'closed' and a.at > $3
  and a.status in ('error', 'unknown') order by a.at desc limit 1) e on true
"""


async def lately(tx: Transaction, org: OrgId, *, since: datetime, remembered: datetime) -> dict[str, Lately]:
    """By tool. Calls and p95 since `since`; the last success and failure since `remembered`."""
    rows = await tx.fetch(_LATELY, org, since, remembered)
    return {
        row["tool_name"]: Lately(row["calls"], row["p95_ms"], row["success_at"], row["code"], row["error_at"])
        for row in rows
    }


async def org_is_active(tx: Transaction, org: OrgId) -> bool:
    return await tx.fetchval("select status from a_iam_organizations where id = $1", org) == "active"


async def granted_scopes(tx: Transaction, org: OrgId) -> frozenset[str] | None:
    """What the mall granted; None without a connection."""
    found = await tx.fetchval(
        "select case when providers #>> '{cafe24,status}' is distinct from 'revoked' then providers #> '{cafe24,scopes}' end"
        " from a_iam_auth_settings where org_id = $1",
        org,
    )
    return frozenset(found) if found is not None else None


async def read_breakers(tx: Transaction, org: OrgId) -> dict[str, Breaker]:
    rows = await tx.fetch("select upstream, state, failures, next_try_at from c_mcp_breakers where org_id = $1", org)
    return {row["upstream"]: Breaker(row["state"], row["failures"], row["next_try_at"]) for row in rows}


# Counters


async def count_windows(tx: Transaction, org: OrgId, windows: Mapping[str, datetime]) -> dict[str, int]:
    """Counts one hit per key in its window and returns the counts, this hit included."""
    keys = sorted(windows)
    rows = await tx.fetch(
        "insert into c_mcp_rate_counters as c (key, window_start, count) select $1 || '|' || u.key, u.start, 1"
        " from unnest($2::text[], $3::timestamptz[]) as u(key, start) on conflict (key, window_start) do update set count = c.count + 1 returning key, count",
        str(org),
        keys,
        [windows[key] for key in keys],
    )
    return {row["key"].partition("|")[2]: row["count"] for row in rows}


@dataclass(frozen=True)
class Sliding:
    """One key of a sliding window: hits in buckets after `since` count; a new hit goes into `bucket`."""

    key: str
    limit: int
    since: datetime
    bucket: datetime


async def hit_sliding(tx: Transaction, org: OrgId, hits: Sequence[Sliding]) -> tuple[int, datetime] | None:
    """Counts on all or, when one is full, on none: then its index and its oldest bucket."""
    keys = [f"{org}|{hit.key}" for hit in hits]
    await tx.fetch(
        "select pg_advisory_xact_lock(hashtextextended(k, 1)) from (select k from unnest($1::text[]) k order by k) ordered",
        keys,
    )
    rows = await tx.fetch(
        "select u.n, coalesce(sum(c.count), 0)::int as count, min(c.window_start) as oldest"
        " from unnest($1::text[], $2::timestamptz[]) with ordinality as u(key, since, n)"
        " left join c_mcp_rate_counters c on c.key = u.key and c.window_start > u.since group by u.n order by u.n",
        keys,
        [hit.since for hit in hits],
    )
    for row, hit in zip(rows, hits, strict=True):
        if row["count"] >= hit.limit:
            return row["n"] - 1, row["oldest"] or hit.bucket
    await tx.execute(
        "insert into c_mcp_rate_counters as c (key, window_start, count) select u.key, u.bucket, 1 from unnest($1::text[], $2::timestamptz[]) as u(key, bucket)"
        " on conflict (key, window_start) do update set count = c.count + 1",
        keys,
        [hit.bucket for hit in hits],
    )
    return None


# Breakers


async def take_probe(tx: Transaction, org: OrgId, upstream: str, *, now: datetime, until: datetime) -> bool:
    """One caller wins the right to try an open upstream."""
    return bool(
        await tx.executed(
            "update c_mcp_breakers set state = 'half_open', next_try_at = $4"
            " where org_id = $1 and upstream = $2 and state <> 'closed' and (next_try_at is null or next_try_at <= $3)",
            org,
            upstream,
            now,
            until,
        )
    )


async def close_breaker(tx: Transaction, org: OrgId, upstream: str) -> bool:
    """True when it was not closed. The failures that opened it are forgotten."""
    closed = await tx.executed(
        "update c_mcp_breakers set state = 'closed', failures = 0, opened_at = null, next_try_at = null where org_id = $1 and upstream = $2 and state <> 'closed'",
        org,
        upstream,
    )
    if closed:
        await tx.execute("delete from c_mcp_rate_counters where key = $1", _failures_key(org, upstream))
    return bool(closed)


async def count_failure(tx: Transaction, org: OrgId, upstream: str, *, now: datetime, window: timedelta) -> int:
    """Counts one failure and returns those inside the window."""
    key = _failures_key(org, upstream)
    await tx.execute(
        "insert into c_mcp_rate_counters as c (key, window_start, count) values ($1, date_trunc('second', $2::timestamptz), 1)"
        " on conflict (key, window_start) do update set count = c.count + 1",
        key,
        now,
    )
    return await tx.fetchval(
        "select sum(count)::int from c_mcp_rate_counters where key = $1 and window_start > $2", key, now - window
    )


async def failures_of(tx: Transaction, org: OrgId, upstream: str) -> int:
    return (
        await tx.fetchval(
            "select failures from c_mcp_breakers where org_id = $1 and upstream = $2 for update", org, upstream
        )
        or 0
    )


async def open_breaker(
    tx: Transaction,
    org: OrgId,
    upstream: str,
    *,
    failures: int,
    now: datetime,
    until: datetime,
    code: str | None,
    only_closed: bool,
) -> bool:
    """False when `only_closed` and it was open already."""
    return bool(
        await tx.executed(
            "insert into c_mcp_breakers as b (org_id, upstream, state, failures, opened_at, next_try_at, last_code) values ($1, $2, 'open', $3, $4, $5, $6)"
            " on conflict (org_id, upstream) do update set state = 'open', failures = $3, opened_at = coalesce(b.opened_at, $4), next_try_at = $5,"
            " last_code = $6 where not $7 or b.state = 'closed'",
            org,
            upstream,
            failures,
            now,
            until,
            code,
            only_closed,
        )
    )


def _failures_key(org: OrgId, upstream: str) -> str:
    return f"{org}|breaker|{upstream}"


# Effects


@dataclass(frozen=True)
class Effect:
    id: EffectId
    key: str
    tool_name: str
    args_digest: str
    asked_digest: str | None
    state: EffectState
    session: SessionId | None
    turn: TurnId | None
    caller: Mapping[str, Any]
    preview: Mapping[str, Any]
    args_sealed: str
    asked: bool
    """A yes was, or is, needed."""
    confirmed: bool
    created_at: datetime
    expires_at: datetime | None
    lease_until: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    """Of an unknown one: when its end was lost."""
    outcome_sealed: str | None
    code: str | None
    looks: int


_EFFECT = (
    "id, key, tool_name, args_digest, asked_digest, state, session_id, turn_id, caller, preview, args_sealed, expires_at is not null as asked,"
    " confirmed_by is not null as confirmed, created_at, expires_at, lease_until, started_at, finished_at, outcome_sealed, code, looks"
)
_EFFECT_BY_ID = f"select {_EFFECT} from e_ops_effects where org_id = $1 and id = $2 for update"  # noqa: S608
_EFFECT_BY_KEY = f"select {_EFFECT} from e_ops_effects where org_id = $1 and key = $2 and state <> 'void' for update"  # noqa: S608
_CONFIRM = f"""
update e_ops_effects set state = case state when 'proposed' then 'confirmed' else state end, confirmed_by = $3
where org_id = $1 and id = $2 and state in ('proposed', 'failed') and confirmed_by is null and expires_at > $4 returning {_EFFECT}
"""  # noqa: S608


def _effect(row: Row | None) -> Effect | None:
    if row is None:
        return None
    return Effect(
        EffectId(row["id"]), row["key"], row["tool_name"], row["args_digest"], row["asked_digest"], row["state"], row["session_id"], row["turn_id"],
        row["caller"], row["preview"], row["args_sealed"], row["asked"], row["confirmed"], row["created_at"], row["expires_at"], row["lease_until"],
        row["started_at"], row["finished_at"], row["outcome_sealed"], row["code"], row["looks"],
    )  # fmt: skip


_PROPOSALS = f"""
select {_EFFECT} from e_ops_effects where org_id = $1 and (state in ('proposed', 'confirmed') or (state = 'failed' and confirmed_by is null)) and expires_at > $2 and caller ->> 'kind' <> 'agent'
order by created_at desc limit $3
"""  # noqa: S608


async def proposals(tx: Transaction, org: OrgId, *, now: datetime, limit: int) -> tuple[Effect, ...]:
    """What waits for a person of the org, or has their yes and has not run."""
    rows = await tx.fetch(_PROPOSALS, org, now, limit)
    return tuple(effect for row in rows if (effect := _effect(row)) is not None)


async def effect_of(tx: Transaction, org: OrgId, effect: EffectId) -> Effect | None:
    """Locked until the transaction ends."""
    return _effect(await tx.fetchrow(_EFFECT_BY_ID, org, effect))


async def effect_by_key(tx: Transaction, org: OrgId, key: str) -> Effect | None:
    """The live effect of that key, locked."""
    return _effect(await tx.fetchrow(_EFFECT_BY_KEY, org, key))


async def why_void(tx: Transaction, org: OrgId, key: str) -> str | None:
    """Why the latest effect of that key was voided."""
    return await tx.fetchval(
        "select code from e_ops_effects where org_id = $1 and key = $2 and state = 'void' order by created_at desc limit 1",
        org,
        key,
    )


@dataclass(frozen=True)
class NewEffect:
    id: EffectId
    key: str
    tool_name: str
    args_digest: str
    asked_digest: str
    caller: Mapping[str, object]
    session: SessionId | None
    turn: TurnId | None
    flow_run: uuid.UUID | None
    args_sealed: str
    now: datetime
    """`created_at`: the clock of the process, so that ages are of one clock."""


async def insert_proposed(
    tx: Transaction, org: OrgId, new: NewEffect, *, preview: Mapping[str, object], expires_at: datetime
) -> bool:
    return bool(
        await tx.executed(
            "insert into e_ops_effects (id, org_id, key, tool_name, args_digest, asked_digest, caller, session_id, turn_id, flow_run, args_sealed, created_at,"
            " state, preview, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'proposed', $13, $14)"
            " on conflict (org_id, key) where state <> 'void' do nothing",
            *_new(org, new),
            preview,
            expires_at,
        )
    )


async def insert_running(tx: Transaction, org: OrgId, new: NewEffect, *, lease_until: datetime) -> bool:
    return bool(
        await tx.executed(
            "insert into e_ops_effects (id, org_id, key, tool_name, args_digest, asked_digest, caller, session_id, turn_id, flow_run, args_sealed, created_at,"
            " state, attempts, lease_until, started_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'running', 1, $13, $12)"
            " on conflict (org_id, key) where state <> 'void' do nothing",
            *_new(org, new),
            lease_until,
        )
    )


def _new(org: OrgId, new: NewEffect) -> tuple[object, ...]:
    return (
        new.id,
        org,
        new.key,
        new.tool_name,
        new.args_digest,
        new.asked_digest,
        new.caller,
        new.session,
        new.turn,
        new.flow_run,
        new.args_sealed,
        new.now,
    )


async def ask_again(
    tx: Transaction,
    org: OrgId,
    new: NewEffect,
    effect: EffectId,
    *,
    preview: Mapping[str, object],
    expires_at: datetime,
) -> None:
    """A failed effect whose yes ran out keeps its row, key and arguments and waits for a new yes."""
    await tx.execute(
        "update e_ops_effects set preview = $3, expires_at = $4, asked_digest = $5, confirmed_by = null where org_id = $1 and id = $2 and state = 'failed'",
        org,
        effect,
        preview,
        expires_at,
        new.asked_digest,
    )


async def confirm_effect(
    tx: Transaction, org: OrgId, effect: EffectId, *, by: Mapping[str, object], now: datetime
) -> Effect | None:
    return _effect(await tx.fetchrow(_CONFIRM, org, effect, by, now))


async def start_effect(
    tx: Transaction, org: OrgId, effect: EffectId, *, now: datetime, lease_until: datetime, needs_yes: bool
) -> bool:
    """Moves to `running`; with `needs_yes` only under an unexpired confirmation."""
    return bool(
        await tx.executed(
            "update e_ops_effects set state = 'running', attempts = attempts + 1, lease_until = $4, started_at = $3, finished_at = null, code = null,"
            " outcome = null, outcome_sealed = null where org_id = $1 and id = $2 and state in ('confirmed', 'failed')"
            " and (not $5 or (confirmed_by is not null and expires_at > $3))",
            org,
            effect,
            now,
            lease_until,
            needs_yes,
        )
    )


async def settle_effect(
    tx: Transaction,
    org: OrgId,
    effect: EffectId,
    *,
    state: EffectState,
    code: str | None,
    outcome: Mapping[str, object],
    sealed: str | None,
    now: datetime,
    look_at: datetime | None,
) -> bool:
    """From `running` or `unknown`; False when it was settled already. `look_at`: when the shop is asked first, of an `unknown` one."""
    return bool(
        await tx.executed(
            "update e_ops_effects set state = $3, code = $4, outcome = $5, outcome_sealed = $6, finished_at = $7, lease_until = null, next_look_at = $8"
            " where org_id = $1 and id = $2 and state in ('running', 'unknown') and ($3 <> 'unknown' or state = 'running')",
            org,
            effect,
            state,
            code,
            outcome,
            sealed,
            now,
            look_at,
        )
    )


async def void_effects(
    tx: Transaction,
    org: OrgId,
    *,
    reason: str,
    effect: EffectId | None = None,
    session: SessionId | None = None,
    flow_run: uuid.UUID | None = None,
    order_id: str | None = None,
    under: str | None = None,
    but: str | None = None,
    expired_at: datetime | None = None,
) -> tuple[EffectId, ...]:
    """Voids what waits for a yes or has one and did not run, where every condition given fits. `under`: keys that begin so."""
    rows = await tx.fetch(
        "update e_ops_effects set state = 'void', code = $2 where org_id = $1 and state in ('proposed', 'confirmed') and ($3::uuid is null or id = $3)"
        " and ($4::uuid is null or session_id = $4) and ($5::uuid is null or flow_run = $5) and ($6::text is null or preview ->> 'order_id' = $6)"
        " and ($7::text is null or starts_with(key, $7)) and ($8::text is null or key <> $8) and ($9::timestamptz is null or expires_at <= $9) returning id",
        org,
        reason,
        effect,
        session,
        flow_run,
        order_id,
        under,
        but,
        expired_at,
    )
    return tuple(EffectId(row["id"]) for row in rows)


# Looks of the reconciler


async def due_looks(tx: Transaction, now: datetime, limit: int) -> tuple[tuple[OrgId, EffectId], ...]:
    """In a system transaction: writes whose end is not known and that may be looked at now."""
    rows = await tx.fetch("select org_id, effect_id from sys_due_reconcile($1, $2)", now, limit)
    return tuple((OrgId(row["org_id"]), EffectId(row["effect_id"])) for row in rows)


async def lapsed_orgs(tx: Transaction, now: datetime, limit: int) -> tuple[OrgId, ...]:
    """In a system transaction: organisations with proposals that ran out."""
    rows = await tx.fetch("select org_id from sys_lapsed_proposals($1, $2)", now, limit)
    return tuple(OrgId(row["org_id"]) for row in rows)


_BEGIN_LOOK = f"""
update e_ops_effects set state = 'unknown', next_look_at = $4, code = coalesce(code, 'INTERNAL_ERROR'), finished_at = coalesce(finished_at, $3), lease_until = null
where org_id = $1 and id = $2 and ((state = 'unknown' and next_look_at <= $3) or (state = 'running' and coalesce(next_look_at, lease_until) <= $3))
returning {_EFFECT}
"""  # noqa: S608


async def begin_look(tx: Transaction, org: OrgId, effect: EffectId, *, now: datetime, until: datetime) -> Effect | None:
    """Takes the look until then; a running write whose holder died becomes `unknown`. None when none is due."""
    return _effect(await tx.fetchrow(_BEGIN_LOOK, org, effect, now, until))


async def end_look(tx: Transaction, org: OrgId, effect: EffectId, *, next_look_at: datetime | None) -> bool:
    """The look saw nothing; False when the effect was settled meanwhile."""
    return bool(
        await tx.executed(
            "update e_ops_effects set looks = looks + 1, next_look_at = $3 where org_id = $1 and id = $2 and state = 'unknown'",
            org,
            effect,
            next_look_at,
        )
    )


async def calls_left_open(tx: Transaction, org: OrgId, effect: EffectId) -> tuple[AuditCall, ...]:
    """Opened rows of this effect without their closed one, as they were appended."""
    rows = await tx.fetch(
        "select o.* from f_audit_mcp_tools o where o.org_id = $1 and o.effect_id = $2 and o.phase = 'opened'"
        " and not exists (select from f_audit_mcp_tools c where c.call_id = o.call_id and c.phase = 'closed') order by o.chain_seq",
        org,
        effect,
    )
    return tuple(
        AuditCall(
            call=row["call_id"], phase="opened", caller=row["caller"], tool_name=row["tool_name"], tool_version=row["tool_version"], request=row["request_payload"],
            response=row["response_payload"], args_digest=row["args_digest"], status="opened", policy_decision=row["policy_decision"], assurance=row["assurance"],
            latency_ms=row["latency_ms"], trace_id=row["trace_id"], at=row["at"], code=row["code"], effect=row["effect_id"],
            masked_fields=tuple(row["masked_fields"]), upstream=row["upstream"], session=row["session_id"], turn=row["turn_id"], state_rev=row["state_rev"],
            context_no=row["context_no"], bot_context=canonical(row["bot_context"]),
        )
        for row in rows
    )  # fmt: skip
