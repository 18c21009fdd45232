"""How organisations and members come to be and change. An org and its first owner are one transaction."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, UserId, new_uuid
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.database import Database, Transaction, UniqueViolation
from sangdam.orgs import store
from sangdam.orgs.hours import Hours
from sangdam.orgs.model import Member, Org, OrgSettings, Permission, Role, valid_business_number

Seed = Callable[[Transaction, OrgId], Awaitable[None]]
"""What else a new org begins with, in the same transaction (tool policies, a first agent)."""

DEFAULT_HOURS = Hours.model_validate(
    {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    | {"lunch": ["12:00", "13:00"], "holidays": "kr"}
)


class Organisations:
    def __init__(self, db: Database, clock: Clock, *, seed: Seed | None = None) -> None:
        self._db = db
        self._clock = clock
        self._seed = seed

    async def create(
        self,
        *,
        name: str,
        slug: str,
        owner: UserId,
        owner_name: str,
        owner_email: str,
        trace_id: str,
        name_en: str | None = None,
        business_number: str | None = None,
        hours: Hours = DEFAULT_HOURS,
        settings: OrgSettings | None = None,
        plan: str = "starter",
    ) -> Member:
        """The owner of the new org; or a pending member of the org that holds this business number already.

        Raises INVALID_PARAMS; CONFLICT for a slug in use or a person who belongs to an org.
        """
        if business_number is not None and not valid_business_number(business_number):
            raise SangdamError(
                Kind.INVALID_PARAMS,
                "the check digit of the business number is wrong",
                fields=("business_registration_number",),
            )
        now = self._clock.now()
        if business_number is not None:
            async with self._db.system() as tx:
                existing = await store.org_of_business(tx, business_number)
            if existing is not None:
                return await self.add_member(
                    existing,
                    user=owner,
                    name=owner_name,
                    email=owner_email,
                    role=Role.PENDING,
                    by=None,
                    trace_id=trace_id,
                )
        org = OrgId(new_uuid())
        try:
            async with self._db.org(org) as tx:
                await store.insert_org(
                    tx,
                    org,
                    name=name,
                    name_en=name_en,
                    slug=slug,
                    plan=plan,
                    business_number=business_number,
                    hours=hours.model_dump(mode="json", exclude_none=True),
                    settings=(settings or OrgSettings()).model_dump(mode="json"),
                )
                await store.insert_member(
                    tx,
                    org,
                    user=owner,
                    role=Role.OWNER,
                    name=owner_name,
                    email=owner_email,
                    invited_by=None,
                    approved_at=now,
                )
                if self._seed is not None:
                    await self._seed(tx, org)
                await append(tx, org, events=[_event(None, owner, "created", Role.OWNER, now, trace_id)])
        except UniqueViolation as error:
            raise SangdamError(
                Kind.CONFLICT, "the slug is in use, or this person belongs to an organisation", fields=("slug",)
            ) from error
        return Member(owner, org, Role.OWNER, owner_name, owner_email)

    async def read(self, org: OrgId) -> Org | None:
        async with self._db.org(org) as tx:
            return await store.read_org(tx, org)

    async def find(self, slug: str) -> Org | None:
        async with self._db.system() as tx:
            org = await store.org_of_slug(tx, slug)
        return await self.read(org) if org is not None else None

    async def update(self, org: OrgId, *, hours: Hours | None = None, settings: OrgSettings | None = None) -> None:
        async with self._db.org(org) as tx:
            await store.write_org(
                tx,
                org,
                hours=hours.model_dump(mode="json", exclude_none=True) if hours is not None else None,
                settings=settings.model_dump(mode="json") if settings is not None else None,
            )

    async def members(self, org: OrgId) -> tuple[Member, ...]:
        async with self._db.org(org) as tx:
            return await store.read_members(tx, org)

    async def add_member(
        self, org: OrgId, *, user: UserId, name: str, email: str, role: Role, by: Member | None, trace_id: str
    ) -> Member:
        """By an admin with any role below owner, or by nobody as `pending`. Raises FORBIDDEN, CONFLICT."""
        if by is None and role is not Role.PENDING:
            raise SangdamError(Kind.FORBIDDEN, "who is not invited begins as pending")
        if by is not None and (
            by.org != org or not by.may(Permission.ADMIN_WRITE) or (role is Role.OWNER and by.role is not Role.OWNER)
        ):
            raise SangdamError(Kind.FORBIDDEN, "members are added by owners and admins of the same organisation")
        now = self._clock.now()
        try:
            async with self._db.org(org) as tx:
                await store.insert_member(
                    tx,
                    org,
                    user=user,
                    role=role,
                    name=name,
                    email=email,
                    invited_by=by.user if by is not None else None,
                    approved_at=None if role is Role.PENDING else now,
                )
                await append(tx, org, events=[_event(by, user, "added", role, now, trace_id)])
        except UniqueViolation as error:
            raise SangdamError(Kind.CONFLICT, "this person belongs to an organisation already") from error
        return Member(user, org, role, name, email)

    async def change_role(self, by: Member, user: UserId, role: Role | None, *, trace_id: str) -> Member | None:
        """A new role, or None to remove the member. Never one's own, never the last owner's; owners are made by owners.

        Raises FORBIDDEN, NOT_FOUND, CONFLICT.
        """
        if not by.may(Permission.ADMIN_WRITE) or by.user == user:
            raise SangdamError(Kind.FORBIDDEN, "roles are changed by another owner or admin")
        now = self._clock.now()
        async with self._db.org(by.org) as tx:
            owners = await store.lock_owners(tx, by.org)
            member = await store.read_member(tx, by.org, user)
            if member is None:
                raise SangdamError(Kind.NOT_FOUND, "no such member")
            if Role.OWNER in (member.role, role) and by.role is not Role.OWNER:
                raise SangdamError(Kind.FORBIDDEN, "only an owner makes or unmakes an owner")
            if member.role is Role.OWNER and role is not Role.OWNER and owners <= 1:
                raise SangdamError(Kind.CONFLICT, "the last owner stays")
            if role is None:
                await store.delete_member(tx, by.org, user)
            else:
                await store.write_role(tx, by.org, user, role, at=now)
            event = _event(by, user, "removed" if role is None else "role", role, now, trace_id, before=member.role)
            await append(tx, by.org, events=[event])
        return None if role is None else Member(user, by.org, role, member.display_name, member.email)


def _event(
    by: Member | None,
    user: UserId,
    change: str,
    role: Role | None,
    now: datetime,
    trace_id: str,
    *,
    before: Role | None = None,
) -> AuditEvent:
    actor: dict[str, object] = (
        {"kind": "member", "id": by.user, "role": by.role.value} if by is not None else {"kind": "member", "id": user}
    )
    payload = {
        "user_id": user,
        "change": change,
        "role": role.value if role is not None else None,
        "before": before.value if before is not None else None,
    }
    return AuditEvent(EventType.MEMBER_CHANGED, actor, now, trace_id, payload)
