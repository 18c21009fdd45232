"""The SQL of organisations, members, logins, tokens and connections."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sangdam.core.ids import OrgId, UserId
from sangdam.db.database import Row, Transaction
from sangdam.orgs.hours import Hours
from sangdam.orgs.model import ApiToken, Member, Org, OrgSettings, Role, scopes_of

# Organisations and members


async def insert_org(
    tx: Transaction,
    org: OrgId,
    *,
    name: str,
    name_en: str | None,
    slug: str,
    plan: str,
    business_number: str | None,
    hours: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    await tx.execute(
        "insert into a_iam_organizations (id, name, name_en, slug, plan, business_registration_number, business_hours, settings)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        org,
        name,
        name_en,
        slug,
        plan,
        business_number,
        hours,
        settings,
    )
    await tx.execute("insert into a_iam_auth_settings (org_id) values ($1)", org)


async def read_org(tx: Transaction, org: OrgId) -> Org | None:
    row = await tx.fetchrow(
        "select id, name, slug, name_en, plan, business_registration_number, business_hours, timezone, settings, status, default_agent_id"
        " from a_iam_organizations where id = $1",
        org,
    )
    if row is None:
        return None
    hours = Hours.model_validate(row["business_hours"]).model_copy(update={"timezone": row["timezone"]})
    return Org(
        id=OrgId(row["id"]),
        name=row["name"],
        slug=row["slug"],
        name_en=row["name_en"],
        plan=row["plan"],
        business_registration_number=row["business_registration_number"],
        hours=hours,
        settings=OrgSettings.model_validate(row["settings"]),
        status=row["status"],
        default_agent_id=row["default_agent_id"],
    )


async def write_org(
    tx: Transaction, org: OrgId, *, hours: Mapping[str, Any] | None, settings: Mapping[str, Any] | None
) -> None:
    await tx.execute(
        "update a_iam_organizations set business_hours = coalesce($2, business_hours), settings = coalesce($3, settings), updated_at = now() where id = $1",
        org,
        hours,
        settings,
    )


async def write_default_agent(tx: Transaction, org: OrgId, agent: uuid.UUID) -> None:
    await tx.execute(
        "update a_iam_organizations set default_agent_id = $2, updated_at = now() where id = $1", org, agent
    )


async def org_of_business(tx: Transaction, number: str) -> OrgId | None:
    found = await tx.fetchval("select org_id from sys_org_by_business_number($1)", number)
    return OrgId(found) if found is not None else None


async def org_of_slug(tx: Transaction, slug: str) -> OrgId | None:
    found = await tx.fetchval("select org_id from sys_org_by_slug($1)", slug)
    return OrgId(found) if found is not None else None


async def org_of_member(tx: Transaction, user: UserId) -> OrgId | None:
    found = await tx.fetchval("select org_id from sys_member($1)", user)
    return OrgId(found) if found is not None else None


async def insert_member(
    tx: Transaction,
    org: OrgId,
    *,
    user: UserId,
    role: Role,
    name: str,
    email: str,
    invited_by: UserId | None,
    approved_at: datetime | None,
) -> None:
    await tx.execute(
        "insert into a_iam_user_access_maps (user_id, org_id, org_role, display_name, email, invited_by, approved_at) values ($1, $2, $3, $4, $5, $6, $7)",
        user,
        org,
        role.value,
        name,
        email,
        invited_by,
        approved_at,
    )


_MEMBER = "select user_id, org_id, org_role, display_name, email from a_iam_user_access_maps where org_id = $1"


def _member(row: Row | None) -> Member | None:
    if row is None:
        return None
    return Member(
        UserId(row["user_id"]), OrgId(row["org_id"]), Role(row["org_role"]), row["display_name"], row["email"]
    )


async def read_member(tx: Transaction, org: OrgId, user: UserId) -> Member | None:
    return _member(await tx.fetchrow(_MEMBER + " and user_id = $2", org, user))


async def read_members(tx: Transaction, org: OrgId) -> tuple[Member, ...]:
    rows = await tx.fetch(_MEMBER + " order by created_at, user_id", org)
    return tuple(member for row in rows if (member := _member(row)) is not None)


async def lock_owners(tx: Transaction, org: OrgId) -> int:
    """How many owners there are; until the end of the transaction nobody else changes that."""
    return len(
        await tx.fetch(
            "select user_id from a_iam_user_access_maps where org_id = $1 and org_role = 'owner' order by user_id for update",
            org,
        )
    )


async def write_role(tx: Transaction, org: OrgId, user: UserId, role: Role, *, at: datetime) -> None:
    await tx.execute(
        "update a_iam_user_access_maps set org_role = $3, approved_at = coalesce(approved_at, $4), updated_at = $4 where org_id = $1 and user_id = $2",
        org,
        user,
        role.value,
        at,
    )


async def delete_member(tx: Transaction, org: OrgId, user: UserId) -> None:
    await tx.execute("delete from a_iam_user_access_maps where org_id = $1 and user_id = $2", org, user)


# Logins: people, who belong to no organisation until they join one


async def insert_user(
    tx: Transaction, *, email: str, password_hash: str, verified_at: datetime | None
) -> UserId | None:
    found = await tx.fetchval(
        "insert into h_auth_users (email, password_hash, email_verified_at) values ($1, $2, $3) on conflict (email) do nothing returning id",
        email,
        password_hash,
        verified_at,
    )
    return UserId(found) if found is not None else None


async def read_login(tx: Transaction, email: str) -> Row | None:
    """id, password_hash, email_verified_at, status, locked_until."""
    return await tx.fetchrow(
        "select id, password_hash, email_verified_at, status, locked_until from h_auth_users where email = $1", email
    )


async def count_wrong_password(tx: Transaction, user: UserId, *, limit: int, locked_until: datetime) -> None:
    await tx.execute(
        "update h_auth_users set failed_logins = case when failed_logins + 1 >= $2 then 0 else failed_logins + 1 end,"
        " locked_until = case when failed_logins + 1 >= $2 then $3 else locked_until end where id = $1",
        user,
        limit,
        locked_until,
    )


async def insert_session(
    tx: Transaction,
    user: UserId,
    *,
    token_hash: str,
    now: datetime,
    expires_at: datetime,
    ip_hash: str,
    user_agent: str,
) -> None:
    await tx.execute("update h_auth_users set failed_logins = 0, locked_until = null where id = $1", user)
    await tx.execute(
        "insert into h_auth_sessions (user_id, token_hash, created_at, last_seen_at, expires_at, ip_hash, user_agent) values ($1, $2, $3, $3, $4, $5, $6)",
        user,
        token_hash,
        now,
        expires_at,
        ip_hash,
        user_agent,
    )


async def read_session(
    tx: Transaction, token_hash: str, *, now: datetime, idle: timedelta, touch_after: timedelta
) -> Row | None:
    """user_id, org_id (None without membership) of a live session; notes that it was seen."""
    row = await tx.fetchrow(
        "select s.id, s.user_id, s.last_seen_at, m.org_id from h_auth_sessions s join h_auth_users u on u.id = s.user_id"
        " left join lateral sys_member(s.user_id) m on true"
        " where s.token_hash = $1 and s.revoked_at is null and s.expires_at > $2 and s.last_seen_at > $3 and u.status = 'active'",
        token_hash,
        now,
        now - idle,
    )
    if row is not None and row["last_seen_at"] <= now - touch_after:
        await tx.execute("update h_auth_sessions set last_seen_at = $2 where id = $1", row["id"], now)
    return row


async def revoke_session(tx: Transaction, token_hash: str, *, now: datetime) -> None:
    await tx.execute(
        "update h_auth_sessions set revoked_at = $2 where token_hash = $1 and revoked_at is null", token_hash, now
    )


async def write_password(tx: Transaction, user: UserId, password_hash: str, *, now: datetime) -> None:
    """Every session of that person ends."""
    await tx.execute(
        "update h_auth_users set password_hash = $2, failed_logins = 0, locked_until = null where id = $1",
        user,
        password_hash,
    )
    await tx.execute("update h_auth_sessions set revoked_at = $2 where user_id = $1 and revoked_at is null", user, now)


async def mark_verified(tx: Transaction, user: UserId, *, now: datetime) -> None:
    await tx.execute(
        "update h_auth_users set email_verified_at = coalesce(email_verified_at, $2) where id = $1", user, now
    )


# API tokens

_TOKEN = (
    "select t.id, t.org_id, t.name, t.prefix, t.created_by, t.acts_as, t.scopes, t.expires_at, t.created_at, t.last_used_at, t.revoked_at, t.operated_by_person, m.org_role"
    " from a_iam_api_tokens t left join a_iam_user_access_maps m on m.user_id = t.created_by and m.org_id = t.org_id where t.org_id = $1"
)


def _token(row: Row) -> ApiToken:
    return ApiToken(
        id=row["id"],
        org=OrgId(row["org_id"]),
        name=row["name"],
        prefix=row["prefix"],
        created_by=UserId(row["created_by"]),
        acts_as=row["acts_as"],
        scopes=frozenset(row["scopes"]) & {scope.value for scope in scopes_of(row["org_role"])},
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        maker_role=Role(row["org_role"]) if row["org_role"] is not None else None,
        operated_by_person=row["operated_by_person"],
    )


async def insert_token(tx: Transaction, org: OrgId, token: ApiToken, *, token_hash: str) -> None:
    await tx.execute(
        "insert into a_iam_api_tokens (id, org_id, name, token_hash, prefix, created_by, acts_as, scopes, expires_at, created_at, operated_by_person)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        token.id,
        org,
        token.name,
        token_hash,
        token.prefix,
        token.created_by,
        token.acts_as,
        sorted(token.scopes),
        token.expires_at,
        token.created_at,
        token.operated_by_person,
    )


async def token_by_hash(tx: Transaction, token_hash: str) -> tuple[OrgId, uuid.UUID] | None:
    row = await tx.fetchrow("select org_id, token_id from sys_org_by_token($1)", token_hash)
    return (OrgId(row["org_id"]), row["token_id"]) if row is not None else None


async def read_token(tx: Transaction, org: OrgId, token: uuid.UUID) -> ApiToken | None:
    row = await tx.fetchrow(_TOKEN + " and t.id = $2", org, token)
    return _token(row) if row is not None else None


async def read_tokens(tx: Transaction, org: OrgId) -> tuple[ApiToken, ...]:
    return tuple(_token(row) for row in await tx.fetch(_TOKEN + " order by t.created_at desc, t.id", org))


async def touch_token(tx: Transaction, org: OrgId, token: uuid.UUID, *, now: datetime) -> None:
    await tx.execute("update a_iam_api_tokens set last_used_at = $3 where org_id = $1 and id = $2", org, token, now)


async def revoke_token(tx: Transaction, org: OrgId, token: uuid.UUID, *, now: datetime) -> bool:
    return bool(
        await tx.executed(
            "update a_iam_api_tokens set revoked_at = $3 where org_id = $1 and id = $2 and revoked_at is null",
            org,
            token,
            now,
        )
    )


# Connections: `providers.cafe24` and the journal of token answers


_PROVIDER = "select id, providers -> $2 as value from a_iam_auth_settings where org_id = $1"
_PROVIDER_LOCKED = "select id, providers -> $2 as value from a_iam_auth_settings where org_id = $1 for update"


async def read_provider(
    tx: Transaction, org: OrgId, provider: str, *, lock: bool = False
) -> tuple[uuid.UUID, dict[str, Any] | None] | None:
    """The settings row's id and that provider's object."""
    row = await tx.fetchrow(_PROVIDER_LOCKED if lock else _PROVIDER, org, provider)
    return (row["id"], row["value"]) if row is not None else None


async def write_provider(
    tx: Transaction, org: OrgId, provider: str, value: Mapping[str, Any], *, by: UserId | None, now: datetime
) -> None:
    """That key alone; the row is locked by `read_provider(lock=True)` in the same transaction."""
    await tx.execute(
        "update a_iam_auth_settings set providers = jsonb_set(providers, array[$2::text], $3::jsonb), version = version + 1,"
        " updated_by = coalesce($4, updated_by), updated_at = $5 where org_id = $1",
        org,
        provider,
        value,
        by,
        now,
    )


async def swap_provider(
    tx: Transaction, org: OrgId, provider: str, value: Mapping[str, Any], *, version: int, now: datetime
) -> bool:
    """Replaces that key if its `token_version` is still `version`."""
    return bool(
        await tx.executed(
            "update a_iam_auth_settings set providers = jsonb_set(providers, array[$2::text], $3::jsonb), updated_at = $5"
            " where org_id = $1 and (providers -> $2 ->> 'token_version')::int = $4",
            org,
            provider,
            value,
            version,
            now,
        )
    )


async def take_lease(
    tx: Transaction, org: OrgId, provider: str, *, version: int, holder: str, now: datetime, until: datetime
) -> bool:
    """One row, one winner: only while the version stands and no lease is alive."""
    return bool(
        await tx.executed(
            "update a_iam_auth_settings set providers = jsonb_set(providers, array[$2::text, 'lease'], $3::jsonb)"
            " where org_id = $1 and (providers -> $2 ->> 'token_version')::int = $4"
            " and (providers #>> array[$2, 'lease', 'holder'] is null or (providers #>> array[$2, 'lease', 'until'])::timestamptz <= $5)",
            org,
            provider,
            {"holder": holder, "until": until.isoformat()},
            version,
            now,
        )
    )


async def release_lease(tx: Transaction, org: OrgId, provider: str, *, holder: str) -> bool:
    return bool(
        await tx.executed(
            "update a_iam_auth_settings set providers = jsonb_set(providers, array[$2::text, 'lease'], '{\"holder\": null, \"until\": null}'::jsonb)"
            " where org_id = $1 and providers #>> array[$2, 'lease', 'holder'] = $3",
            org,
            provider,
            holder,
        )
    )


async def insert_journal(
    tx: Transaction,
    org: OrgId,
    *,
    row: uuid.UUID,
    provider: str,
    mall_id: str,
    version: int,
    sealed: str,
    state: str,
    now: datetime,
) -> None:
    await tx.execute(
        "insert into a_iam_token_journal (id, org_id, provider, mall_id, from_version, response, state, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        row,
        org,
        provider,
        mall_id,
        version,
        sealed,
        state,
        now,
    )


async def read_journal(tx: Transaction, org: OrgId, *, provider: str, version: int) -> tuple[uuid.UUID, str] | None:
    """Row id and sealed answer of what was written and not yet applied."""
    row = await tx.fetchrow(
        "select id, response from a_iam_token_journal where org_id = $1 and provider = $2 and from_version = $3 and state = 'written'",
        org,
        provider,
        version,
    )
    return (row["id"], row["response"]) if row is not None else None


async def move_journal(tx: Transaction, org: OrgId, *, provider: str, version: int, state: str, now: datetime) -> bool:
    return bool(
        await tx.executed(
            "update a_iam_token_journal set state = $4, applied_at = $5 where org_id = $1 and provider = $2 and from_version = $3 and state = 'written'",
            org,
            provider,
            version,
            state,
            now,
        )
    )


async def count_token_requests(tx: Transaction, org: OrgId, *, provider: str, since: datetime) -> int:
    """Answers in the journal and requests that ended without one."""
    journaled = await tx.fetchval(
        "select count(*) from a_iam_token_journal where org_id = $1 and provider = $2 and created_at > $3",
        org,
        provider,
        since,
    )
    failed = await tx.fetchval(
        "select count(*) from f_audit_events where org_id = $1 and event_type = 'TOKEN_REFRESH_FAILED' and at > $2 and payload -> 'requested' = 'true'::jsonb",
        org,
        since,
    )
    return int(journaled) + int(failed)


async def mall_holder(tx: Transaction, mall_id: str) -> Sequence[OrgId]:
    return [OrgId(row["org_id"]) for row in await tx.fetch("select org_id from sys_org_by_mall($1)", mall_id)]
