"""Reading and changing what an org allows. A change holds for the next call of every process: nobody keeps a copy."""

from collections.abc import Mapping
from dataclasses import replace

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.database import Database
from sangdam.orgs.model import Member, Permission
from sangdam.tools import store
from sangdam.tools.model import CallerKind
from sangdam.tools.policy import PolicyRow
from sangdam.tools.registry import Registry

_LIMITS = range(1, 6001)


class Policies:
    def __init__(self, db: Database, registry: Registry, clock: Clock) -> None:
        self._db = db
        self._registry = registry
        self._clock = clock

    async def list(self, org: OrgId) -> Mapping[str, PolicyRow]:
        """By tool name; a tool without a row is refused."""
        async with self._db.org(org) as tx:
            return await store.read_policies(tx, org)

    async def change(
        self, by: Member, tool: str, policy: PolicyRow, *, expected: int | None, trace_id: str
    ) -> PolicyRow:
        """Replaces the row of version `expected` (None: there is none yet) and writes POLICY_CHANGED with before and after.

        `policy.version` is ignored. Raises FORBIDDEN, NOT_FOUND, INVALID_PARAMS, CONFLICT when the version is another.
        """
        if not by.may(Permission.ADMIN_WRITE):
            raise SangdamError(Kind.FORBIDDEN, "policies are changed by owners and admins")
        if tool not in self._registry and "/" not in tool:
            raise SangdamError(Kind.NOT_FOUND, "no such tool")
        wrong = [
            name
            for name, value in (
                ("rate_limit_per_min", policy.per_minute),
                ("session_limit_per_hour", policy.session_per_hour),
            )
            if value not in _LIMITS
        ]
        if not policy.allowed_callers <= {kind.value for kind in CallerKind}:
            wrong.append("allowed_callers")
        if wrong:
            raise SangdamError(Kind.INVALID_PARAMS, "a policy field is out of range", fields=tuple(wrong))
        now = self._clock.now()
        async with self._db.org(by.org) as tx:
            if "/" in tool and not await store.is_brought(tx, by.org, tool):
                raise SangdamError(Kind.NOT_FOUND, "no such tool")
            before = await store.lock_policy(tx, by.org, tool)
            present = before.version if before is not None else None
            if present != expected:
                raise SangdamError(Kind.CONFLICT, f"the policy has version {present}")
            after = replace(policy, version=(present or 0) + 1)
            await store.write_policy(tx, by.org, tool, after, by=by.user, at=now)
            payload = {"tool": tool, "before": shown(before) if before is not None else None, "after": shown(after)}
            actor = {"kind": "member", "id": by.user, "role": by.role.value}
            await append(tx, by.org, events=[AuditEvent(EventType.POLICY_CHANGED, actor, now, trace_id, payload)])
        return after


def shown(policy: PolicyRow) -> dict[str, object]:
    """The row under the names of its columns."""
    return {
        "is_allowed": policy.is_allowed,
        "allowed_callers": sorted(policy.allowed_callers),
        "rate_limit_per_min": policy.per_minute,
        "session_limit_per_hour": policy.session_per_hour,
        "conditions": policy.conditions.model_dump(mode="json", exclude_defaults=True),
        "masking_rules": {"fields": sorted(policy.masking.fields)} if policy.masking.fields else {},
        "version": policy.version,
    }
