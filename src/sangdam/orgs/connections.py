"""An org's link to its mall: the sealed token pair, and the steps of a single-flight refresh as compare-and-swap statements.

When and how a token is renewed is decided in `commerce/cafe24`; here every step changes one row value or says that somebody
else was faster. No step holds a transaction while the mall is asked (cafe24-oauth-and-jobs.md §2.2).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, UserId, new_uuid
from sangdam.db.chain import AuditEvent, EventType, append
from sangdam.db.database import Database, Transaction
from sangdam.orgs import store
from sangdam.orgs.keyring import KeyRing

PROVIDER = "cafe24"
_TABLE = "a_iam_auth_settings"
_JOURNAL = "a_iam_token_journal"

Status = Literal["connected", "degraded", "reauthorisation_required", "revoked"]
_FREE = {"holder": None, "until": None}


@dataclass(frozen=True)
class TokenPair:
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    refresh_token_expires_at: datetime
    issued_at: datetime
    scopes: frozenset[str]


@dataclass(frozen=True)
class LastRefresh:
    at: datetime
    outcome: str
    code: str | None
    trigger: str
    run_id: str | None
    failures: int = 0
    """In a row."""
    retry_at: datetime | None = None


@dataclass(frozen=True)
class Connection:
    org: OrgId
    mall_id: str
    shop_no: int
    board_no: int | None
    status: Status
    version: int
    """`token_version`: moves with every new pair."""
    pair: TokenPair | None
    """Opened; None when it was disconnected."""
    connected_by: UserId | None
    last_refresh: LastRefresh | None
    lease_holder: str | None
    lease_until: datetime | None

    @property
    def scopes(self) -> frozenset[str]:
        return self.pair.scopes if self.pair is not None else frozenset()


class Connections:
    def __init__(self, db: Database, keyring: KeyRing, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._clock = clock

    async def read(self, org: OrgId) -> Connection | None:
        """None when no mall was ever connected. Raises `SealBroken`."""
        async with self._db.org(org) as tx:
            found = await store.read_provider(tx, org, PROVIDER)
        if found is None or not found[1] or not found[1].get("mall_id"):
            return None
        return self._opened(org, found[0], found[1])

    async def connect(
        self,
        org: OrgId,
        *,
        mall_id: str,
        pair: TokenPair,
        by: UserId | None,
        trace_id: str,
        shop_no: int = 1,
        board_no: int | None = None,
    ) -> Connection:
        """Stores a first or renewed consent. The same mall keeps its shop and board. Raises CONFLICT `MALL_TAKEN`."""
        now = self._clock.now()
        async with self._db.org(org) as tx:
            await tx.lock(f"mall:{mall_id}")
            if any(holder != org for holder in await store.mall_holder(tx, mall_id)):
                raise SangdamError(
                    Kind.CONFLICT, f"mall {mall_id} is connected to another organisation", code="MALL_TAKEN"
                )
            row, before = await self._locked(tx, org)
            same = before.get("mall_id") == mall_id
            value = {
                "mall_id": mall_id,
                "shop_no": before.get("shop_no", shop_no) if same else shop_no,
                "board_no": board_no if board_no is not None or not same else before.get("board_no"),
                **self._sealed(org, row, pair),
                "status": "connected",
                "token_version": int(before.get("token_version", 0)) + 1,
                "connected_by": str(by) if by is not None else None,
                "last_refresh": None,
                "lease": _FREE,
            }
            await store.write_provider(tx, org, PROVIDER, value, by=by, now=now)
            await append(
                tx,
                org,
                events=[
                    self._changed(
                        by, trace_id, now, {"change": "connected", "mall_id": mall_id, "scopes": sorted(pair.scopes)}
                    )
                ],
            )
        return self._opened(org, row, value)

    async def disconnect(self, org: OrgId, *, by: UserId, trace_id: str) -> None:
        """Forgets the tokens; what was set up stays. Asking the mall to revoke them comes before."""
        await self._without_tokens(org, "revoked", by=by, trace_id=trace_id, change="disconnected")

    async def mark_revoked(self, org: OrgId, *, trace_id: str) -> None:
        """The app was removed in the mall."""
        await self._without_tokens(org, "revoked", by=None, trace_id=trace_id, change="app_removed")

    async def configure(self, org: OrgId, *, shop_no: int, board_no: int | None, by: UserId, trace_id: str) -> None:
        """Raises NOT_FOUND without a connection."""
        now = self._clock.now()
        async with self._db.org(org) as tx:
            _, before = await self._locked(tx, org)
            if not before.get("mall_id"):
                raise SangdamError(Kind.NOT_FOUND, "no mall is connected")
            await store.write_provider(
                tx, org, PROVIDER, {**before, "shop_no": shop_no, "board_no": board_no}, by=by, now=now
            )
            await append(
                tx,
                org,
                events=[
                    self._changed(by, trace_id, now, {"change": "configured", "shop_no": shop_no, "board_no": board_no})
                ],
            )

    # The steps of a refresh, in order

    async def take_lease(self, org: OrgId, version: int, *, holder: str, until: datetime) -> bool:
        """True for one holder at a time, and only while the pair is still of that version."""
        async with self._db.org(org) as tx:
            return await store.take_lease(
                tx, org, PROVIDER, version=version, holder=holder, now=self._clock.now(), until=until
            )

    async def release_lease(self, org: OrgId, *, holder: str) -> bool:
        async with self._db.org(org) as tx:
            return await store.release_lease(tx, org, PROVIDER, holder=holder)

    async def journal_written(self, org: OrgId, version: int) -> str | None:
        """The mall's answer to a refresh from that version that was stored and not applied: its holder died in between."""
        async with self._db.org(org) as tx:
            found = await store.read_journal(tx, org, provider=PROVIDER, version=version)
        if found is None:
            return None
        return self._keyring.open(found[1], table=_JOURNAL, column="response", org=org, row=found[0])

    async def write_journal(self, org: OrgId, *, mall_id: str, version: int, answer: str, void: bool = False) -> None:
        """Seals and commits the mall's answer before anything else can fail. `void` keeps an answer that cannot be used."""
        row = new_uuid()
        sealed = self._keyring.seal(answer, table=_JOURNAL, column="response", org=org, row=row)
        state = "void" if void else "written"
        async with self._db.org(org) as tx:
            await store.insert_journal(
                tx,
                org,
                row=row,
                provider=PROVIDER,
                mall_id=mall_id,
                version=version,
                sealed=sealed,
                state=state,
                now=self._clock.now(),
            )

    async def void_journal(self, org: OrgId, version: int) -> bool:
        async with self._db.org(org) as tx:
            return await store.move_journal(
                tx, org, provider=PROVIDER, version=version, state="void", now=self._clock.now()
            )

    async def apply(
        self, org: OrgId, version: int, pair: TokenPair, *, trigger: str, run_id: str | None, trace_id: str
    ) -> bool:
        """The new pair in place of version's, lease free, journal `applied`, TOKEN_REFRESH_OK. False when the version moved."""
        now = self._clock.now()
        async with self._db.org(org) as tx:
            row, before = await self._locked(tx, org)
            last = {"at": now.isoformat(), "outcome": "ok", "code": None, "trigger": trigger, "run_id": run_id}
            value = {
                **before,
                **self._sealed(org, row, pair),
                "status": "connected",
                "token_version": version + 1,
                "last_refresh": last,
                "lease": _FREE,
            }
            if not await store.swap_provider(tx, org, PROVIDER, value, version=version, now=now):
                return False
            await store.move_journal(tx, org, provider=PROVIDER, version=version, state="applied", now=now)
            payload = {"mall_id": before.get("mall_id"), "version": version + 1, "trigger": trigger, "run_id": run_id}
            await append(
                tx,
                org,
                events=[AuditEvent(EventType.TOKEN_REFRESH_OK, {"kind": "job", "id": run_id}, now, trace_id, payload)],
            )
        return True

    async def record_failure(
        self,
        org: OrgId,
        version: int,
        *,
        status: Status,
        code: str,
        trigger: str,
        run_id: str | None,
        trace_id: str,
        requested: bool,
        retry_at: datetime | None = None,
    ) -> bool:
        """Notes why no new pair came, frees the lease, writes TOKEN_REFRESH_FAILED. False when the version moved meanwhile.

        `requested`: a request left and its answer is not in the journal; it counts against the mall's budget.
        """
        now = self._clock.now()
        async with self._db.org(org) as tx:
            _, before = await self._locked(tx, org)
            last: dict[str, Any] = before.get("last_refresh") or {}
            failures = int(last.get("failures", 0)) + 1
            noted = {
                "at": now.isoformat(),
                "outcome": "failed",
                "code": code,
                "trigger": trigger,
                "run_id": run_id,
                "failures": failures,
                "retry_at": retry_at.isoformat() if retry_at is not None else None,
            }
            swapped = await store.swap_provider(
                tx,
                org,
                PROVIDER,
                {**before, "status": status, "last_refresh": noted, "lease": _FREE},
                version=version,
                now=now,
            )
            payload = {
                "mall_id": before.get("mall_id"), "version": version, "cause": code, "status": status, "trigger": trigger, "run_id": run_id,
                "requested": requested, "failures": failures,
            }  # fmt: skip
            await append(
                tx,
                org,
                events=[
                    AuditEvent(EventType.TOKEN_REFRESH_FAILED, {"kind": "job", "id": run_id}, now, trace_id, payload)
                ],
            )
        return swapped

    async def count_requests(self, org: OrgId, *, within: timedelta) -> int:
        """Token requests of that span: answers in the journal and failures without one."""
        async with self._db.org(org) as tx:
            return await store.count_token_requests(tx, org, provider=PROVIDER, since=self._clock.now() - within)

    async def note(self, org: OrgId, events: Sequence[AuditEvent]) -> None:
        """Events of a refresh that changed nothing here (TOKEN_REFRESH_SKIPPED_FRESH, TOKEN_REFRESH_LOCKED, OAUTH_REFUSED)."""
        async with self._db.org(org) as tx:
            await append(tx, org, events=events)

    async def _locked(self, tx: Transaction, org: OrgId) -> tuple[uuid.UUID, dict[str, Any]]:
        found = await store.read_provider(tx, org, PROVIDER, lock=True)
        if found is None:
            raise SangdamError(Kind.NOT_FOUND, "the organisation has no settings row")
        return found[0], found[1] or {}

    async def _without_tokens(
        self, org: OrgId, status: Status, *, by: UserId | None, trace_id: str, change: str
    ) -> None:
        now = self._clock.now()
        async with self._db.org(org) as tx:
            _, before = await self._locked(tx, org)
            if not before.get("mall_id"):
                return
            kept = {
                name: value
                for name, value in before.items()
                if name not in ("access_token", "refresh_token", "expires_at", "refresh_token_expires_at")
            }
            value: dict[str, Any] = {
                **kept,
                "scopes": [],
                "status": status,
                "token_version": int(before.get("token_version", 0)) + 1,
                "lease": _FREE,
            }
            await store.write_provider(tx, org, PROVIDER, value, by=by, now=now)
            await append(
                tx, org, events=[self._changed(by, trace_id, now, {"change": change, "mall_id": before["mall_id"]})]
            )

    def _changed(self, by: UserId | None, trace_id: str, now: datetime, payload: Mapping[str, object]) -> AuditEvent:
        actor = {"kind": "member", "id": str(by)} if by is not None else {"kind": "mall"}
        return AuditEvent(EventType.CONNECTION_CHANGED, actor, now, trace_id, payload)

    def _sealed(self, org: OrgId, row: uuid.UUID, pair: TokenPair) -> dict[str, object]:
        return {
            "access_token": self._keyring.seal(
                pair.access_token, table=_TABLE, column="providers.cafe24.access_token", org=org, row=row
            ),
            "refresh_token": self._keyring.seal(
                pair.refresh_token, table=_TABLE, column="providers.cafe24.refresh_token", org=org, row=row
            ),
            "expires_at": pair.expires_at.isoformat(),
            "refresh_token_expires_at": pair.refresh_token_expires_at.isoformat(),
            "issued_at": pair.issued_at.isoformat(),
            "scopes": sorted(pair.scopes),
        }

    def _opened(self, org: OrgId, row: uuid.UUID, value: Mapping[str, Any]) -> Connection:
        lease: Mapping[str, Any] = value.get("lease") or _FREE
        last: Mapping[str, Any] | None = value.get("last_refresh")
        pair = None
        if value.get("access_token") and value.get("refresh_token"):
            pair = TokenPair(
                access_token=self._keyring.open(
                    value["access_token"], table=_TABLE, column="providers.cafe24.access_token", org=org, row=row
                ),
                refresh_token=self._keyring.open(
                    value["refresh_token"], table=_TABLE, column="providers.cafe24.refresh_token", org=org, row=row
                ),
                expires_at=datetime.fromisoformat(value["expires_at"]),
                refresh_token_expires_at=datetime.fromisoformat(value["refresh_token_expires_at"]),
                issued_at=datetime.fromisoformat(value["issued_at"]),
                scopes=frozenset(value["scopes"]),
            )
        return Connection(
            org=org,
            mall_id=value["mall_id"],
            shop_no=value["shop_no"],
            board_no=value.get("board_no"),
            status=value["status"],
            version=value["token_version"],
            pair=pair,
            connected_by=UserId(uuid.UUID(value["connected_by"])) if value.get("connected_by") else None,
            last_refresh=_last_refresh(last) if last else None,
            lease_holder=lease["holder"],
            lease_until=_moment(lease["until"]),
        )


def _last_refresh(last: Mapping[str, Any]) -> LastRefresh:
    return LastRefresh(
        at=datetime.fromisoformat(last["at"]),
        outcome=last["outcome"],
        code=last.get("code"),
        trigger=last.get("trigger", ""),
        run_id=last.get("run_id"),
        failures=int(last.get("failures", 0)),
        retry_at=_moment(last.get("retry_at")),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
