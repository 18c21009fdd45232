"""Roles, logins, tokens, and how organisations begin."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sangdam.core.clock import SettableClock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import UserId, new_uuid
from sangdam.db import Database
from sangdam.orgs import Accounts, ApiTokens, Hasher, Member, Organisations, Permission, Role, may
from sangdam.orgs.model import Scope, scopes_of, valid_business_number

PASSWORD = "달빛처럼 긴 비밀번호"


@pytest.fixture
def accounts(database: Database, hasher: Hasher, clock: SettableClock) -> Accounts:
    return Accounts(database, hasher, clock, cost_kib=1024, rounds=1)


@pytest.fixture
def tokens(database: Database, hasher: Hasher, clock: SettableClock) -> ApiTokens:
    return ApiTokens(database, hasher, clock)


EXPECTED = {
    Permission.CONVERSATIONS_READ: "owner admin operator auditor",
    Permission.CONVERSATIONS_ACT: "owner admin operator",
    Permission.MESSAGES_UNSEAL: "owner admin operator",
    Permission.ARTICLES_READ: "owner admin operator auditor",
    Permission.ARTICLES_PUBLISH: "owner admin operator",
    Permission.SETUP_READ: "owner admin operator auditor",
    Permission.SETUP_WRITE: "owner admin",
    Permission.RULES_WRITE: "owner admin operator",
    Permission.ADMIN_READ: "owner admin operator auditor",
    Permission.ADMIN_WRITE: "owner admin",
    Permission.TOOLS_CALL: "owner admin operator",
    Permission.BOARDS_READ: "owner admin operator",
    Permission.ORDERS_STAFF: "owner admin",
    Permission.AUDIT_READ: "owner admin auditor",
    Permission.AUDIT_OWN: "owner admin operator auditor",
    Permission.SHOPPER_ERASE: "owner admin",
    Permission.ORG_DELETE: "owner",
}


def test_the_table_of_roles_is_the_documented_one() -> None:
    assert set(EXPECTED) == set(Permission)
    for permission, roles in EXPECTED.items():
        assert {role.value for role in Role if may(role, permission)} == set(roles.split())


def test_an_unknown_role_may_nothing() -> None:
    assert not any(may(role, permission) for role in (None, "", "root", "pending") for permission in Permission)
    assert scopes_of("root") == frozenset()


@pytest.mark.parametrize(
    ("number", "valid"), [("1208147521", True), ("1208147522", False), ("123", False), ("12081475２1", False)]
)
def test_a_business_number_is_judged_by_its_check_digit(number: str, valid: bool) -> None:
    assert valid_business_number(number) is valid


async def test_a_login_opens_a_session_that_logout_ends(accounts: Accounts, organisations: Organisations) -> None:
    user = await accounts.create("Sky@Example.com ", PASSWORD, verified=True)
    assert user is not None
    login = await accounts.login("sky@example.com", PASSWORD, ip="203.0.113.9", user_agent="test")
    assert login is not None
    assert await accounts.user_of(login.token) == user
    assert await accounts.member_of(login.token) is None
    made = await organisations.create(
        name="달빛샵", slug="moon", owner=user, owner_name="김하늘", owner_email="sky@example.com", trace_id="t"
    )
    assert await accounts.member_of(login.token) == made
    await accounts.logout(login.token)
    assert await accounts.member_of(login.token) is None


async def test_wrong_unknown_unverified_and_locked_are_all_none(accounts: Accounts) -> None:
    await accounts.create("a@example.com", PASSWORD, verified=True)
    await accounts.create("new@example.com", PASSWORD, verified=False)
    for email, password in (
        ("a@example.com", "틀린 비밀번호예요"),
        ("nobody@example.com", PASSWORD),
        ("new@example.com", PASSWORD),
        ("", ""),
    ):
        assert await accounts.login(email, password, ip="1", user_agent="") is None


async def test_five_wrong_passwords_lock_for_fifteen_minutes(accounts: Accounts, clock: SettableClock) -> None:
    await accounts.create("a@example.com", PASSWORD, verified=True)
    for _ in range(4):
        assert await accounts.login("a@example.com", "wrong wrong wrong", ip="1", user_agent="") is None
    assert await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="") is not None
    for _ in range(5):
        await accounts.login("a@example.com", "wrong wrong wrong", ip="1", user_agent="")
    assert await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="") is None
    clock.move(minutes=14, seconds=59)
    assert await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="") is None
    clock.move(seconds=1)
    assert await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="") is not None


async def test_a_session_ends_after_two_idle_hours_and_after_twelve(accounts: Accounts, clock: SettableClock) -> None:
    await accounts.create("a@example.com", PASSWORD, verified=True)
    login = await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="")
    assert login is not None
    for _ in range(6):
        clock.move(minutes=119)
        assert await accounts.user_of(login.token) is not None
    clock.move(minutes=6)
    assert await accounts.user_of(login.token) is None
    second = await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="")
    assert second is not None
    clock.move(hours=2)
    assert await accounts.user_of(second.token) is None


async def test_a_new_password_ends_every_session(accounts: Accounts) -> None:
    user = await accounts.create("a@example.com", PASSWORD, verified=True)
    login = await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="")
    assert user is not None
    assert login is not None
    await accounts.set_password(user, "완전히 다른 비밀번호")
    assert await accounts.user_of(login.token) is None
    assert await accounts.login("a@example.com", PASSWORD, ip="1", user_agent="") is None


async def test_an_email_is_taken_once(accounts: Accounts) -> None:
    assert await accounts.create("a@example.com", PASSWORD, verified=True) is not None
    assert await accounts.create("A@example.com", PASSWORD, verified=True) is None


@pytest.mark.parametrize(
    ("email", "password"),
    [("a", PASSWORD), ("a@b", PASSWORD), ("a b@c.de", PASSWORD), ("a@b.de", "x" * 9), ("a@b.de", "x" * 129)],
)
async def test_unfit_addresses_and_passwords_are_refused(accounts: Accounts, email: str, password: str) -> None:
    with pytest.raises(SangdamError) as caught:
        await accounts.create(email, password, verified=True)
    assert caught.value.kind is Kind.INVALID_PARAMS


async def test_no_password_or_token_is_stored(accounts: Accounts, database: Database) -> None:
    await accounts.create("a@example.com", PASSWORD, verified=True)
    login = await accounts.login("a@example.com", PASSWORD, ip="203.0.113.9", user_agent="")
    assert login is not None
    async with database.system() as tx:
        rows = str(
            await tx.fetch("select u::text, s::text from h_auth_users u join h_auth_sessions s on s.user_id = u.id")
        )
    assert PASSWORD not in rows
    assert login.token not in rows
    assert "203.0.113.9" not in rows


async def test_a_token_is_found_by_its_secret_only_while_it_lives(
    tokens: ApiTokens, owner: Member, clock: SettableClock
) -> None:
    token, secret = await tokens.issue(
        owner, name="Claude", scopes=["tools:read"], acts_as="on_behalf", lasts=timedelta(days=1), trace_id="t"
    )
    found = await tokens.find(secret)
    assert found is not None
    assert (found.id, found.org, found.scopes, secret.startswith(found.prefix)) == (
        token.id,
        owner.org,
        {"tools:read"},
        True,
    )
    assert await tokens.find(secret[:-1] + "A") is None
    assert await tokens.find("sgd_") is None
    clock.move(days=1)
    assert await tokens.find(secret) is None


async def test_a_revoked_token_is_gone(tokens: ApiTokens, owner: Member) -> None:
    token, secret = await tokens.issue(
        owner, name="Claude", scopes=["tools:read"], acts_as="on_behalf", lasts=timedelta(days=1), trace_id="t"
    )
    assert await tokens.revoke(owner, token, trace_id="t")
    assert not await tokens.revoke(owner, token, trace_id="t")
    assert await tokens.find(secret) is None


async def test_a_token_never_has_more_than_its_maker(
    tokens: ApiTokens, organisations: Organisations, owner: Member
) -> None:
    admin = await organisations.add_member(
        owner.org, user=UserId(new_uuid()), name="이한", email="h@example.com", role=Role.ADMIN, by=owner, trace_id="t"
    )
    _, secret = await tokens.issue(
        admin,
        name="all",
        scopes=[scope.value for scope in Scope],
        acts_as="staff",
        lasts=timedelta(days=1),
        trace_id="t",
    )
    await organisations.change_role(owner, admin.user, Role.OPERATOR, trace_id="t")
    found = await tokens.find(secret)
    assert found is not None
    assert found.scopes == {scope.value for scope in scopes_of(Role.OPERATOR)}
    await organisations.change_role(owner, admin.user, None, trace_id="t")
    assert await tokens.find(secret) is None


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.PENDING])
async def test_only_owners_and_admins_make_tokens(tokens: ApiTokens, owner: Member, role: Role) -> None:
    with pytest.raises(SangdamError) as caught:
        await tokens.issue(
            replace(owner, role=role),
            name="x",
            scopes=["kb:read"],
            acts_as="on_behalf",
            lasts=timedelta(days=1),
            trace_id="t",
        )
    assert caught.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize("days", [0, 366])
async def test_a_token_lives_at_most_a_year(tokens: ApiTokens, owner: Member, days: int) -> None:
    with pytest.raises(SangdamError):
        await tokens.issue(
            owner, name="x", scopes=["kb:read"], acts_as="on_behalf", lasts=timedelta(days=days), trace_id="t"
        )


async def test_the_last_owner_stays_and_nobody_changes_themselves(organisations: Organisations, owner: Member) -> None:
    admin = await organisations.add_member(
        owner.org, user=UserId(new_uuid()), name="이한", email="h@example.com", role=Role.ADMIN, by=owner, trace_id="t"
    )
    for by, user, role in (
        (owner, owner.user, Role.ADMIN),
        (admin, owner.user, Role.ADMIN),
        (admin, admin.user, Role.OWNER),
    ):
        with pytest.raises(SangdamError):
            await organisations.change_role(by, user, role, trace_id="t")
    second = await organisations.change_role(owner, admin.user, Role.OWNER, trace_id="t")
    assert second is not None
    both = await asyncio.gather(
        organisations.change_role(owner, second.user, Role.ADMIN, trace_id="t"),
        organisations.change_role(second, owner.user, Role.ADMIN, trace_id="t"),
        return_exceptions=True,
    )
    assert any(isinstance(end, SangdamError) for end in both)
    assert any(member.role is Role.OWNER for member in await organisations.members(owner.org))


async def test_the_same_business_number_joins_as_pending(organisations: Organisations) -> None:
    first = await organisations.create(
        name="하나",
        slug="one",
        owner=UserId(new_uuid()),
        owner_name="가",
        owner_email="a@example.com",
        trace_id="t",
        business_number="1208147521",
    )
    second = await organisations.create(
        name="둘",
        slug="two",
        owner=UserId(new_uuid()),
        owner_name="나",
        owner_email="b@example.com",
        trace_id="t",
        business_number="1208147521",
    )
    assert (second.org, second.role) == (first.org, Role.PENDING)


async def test_a_person_belongs_to_one_organisation(organisations: Organisations, owner: Member) -> None:
    for slug, user in (("other", owner.user), ("moonlight", UserId(new_uuid()))):
        with pytest.raises(SangdamError) as caught:
            await organisations.create(
                name="x", slug=slug, owner=user, owner_name="x", owner_email="x@example.com", trace_id="t"
            )
        assert caught.value.kind is Kind.CONFLICT


async def test_a_member_of_another_organisation_is_out_of_reach(organisations: Organisations, owner: Member) -> None:
    other = await organisations.create(
        name="둘", slug="two", owner=UserId(new_uuid()), owner_name="나", owner_email="b@example.com", trace_id="t"
    )
    with pytest.raises(SangdamError) as caught:
        await organisations.change_role(owner, other.user, Role.AUDITOR, trace_id="t")
    assert caught.value.kind is Kind.NOT_FOUND
    with pytest.raises(SangdamError):
        await organisations.add_member(
            other.org, user=UserId(new_uuid()), name="x", email="x@example.com", role=Role.ADMIN, by=owner, trace_id="t"
        )


async def test_an_organisation_is_found_by_its_slug(organisations: Organisations, owner: Member) -> None:
    made = await organisations.read(owner.org)
    assert made is not None
    assert await organisations.find(made.slug) == made
    assert await organisations.find("nobody") is None
