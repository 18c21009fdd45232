"""A state-changing request with an Idempotency-Key: done once, answered the same ever after (interfaces.md §1.1)."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from sangdam.core.clock import Clock
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, new_uuid
from sangdam.db.database import Database
from sangdam.orgs.keyring import Hasher, KeyRing
from sangdam.web import store
from sangdam.web.callers import Known

KEY_HEADER = "idempotency-key"
REPLAYED = "idempotent-replay"
CLAIM = timedelta(seconds=30)
"""What a request that died holds its key for."""
_KEY = re.compile(r"[\x21-\x7e]{8,128}")


def key_of(request: Request, *, needed: bool = False) -> str | None:
    """Raises INVALID_PARAMS for a key of another shape, and for none where one is needed."""
    key = request.headers.get(KEY_HEADER)
    if key is None and not needed:
        return None
    if key is None or _KEY.fullmatch(key) is None:
        raise SangdamError(Kind.INVALID_PARAMS, f"{KEY_HEADER} has 8 to 128 visible characters", fields=(KEY_HEADER,))
    return key


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


Work = Callable[[], Awaitable[Answer]]


class Replays:
    def __init__(self, db: Database, keyring: KeyRing, hasher: Hasher, clock: Clock) -> None:
        self._db = db
        self._keyring = keyring
        self._hasher = hasher
        self._clock = clock

    async def once(self, request: Request, known: Known, asked: object, work: Work) -> JSONResponse:
        """`asked`: what the caller wants, as JSON values; the same key with another wish is refused. Without a key it is just done.

        Raises IDEMPOTENCY_MISMATCH, DUPLICATE_REQUEST while the first is running, and what `work` raises: then the key is free again.
        """
        key = key_of(request)
        if key is None:
            answer = await work()
            return JSONResponse(answer.body, answer.status)
        org, now = known.org, self._clock.now()
        wish = [request.method, request.url.path, asked]
        digest = self._hasher.digest(json.dumps(wish, ensure_ascii=False, sort_keys=True, default=str))
        row, key_hash = new_uuid(), hashlib.sha256(key.encode()).hexdigest()
        async with self._db.org(org) as tx:
            kept = await store.claim_request(
                org, tx, row, known.id, key_hash, digest, now=now, until=now + CLAIM
            )  # fmt: skip
        if kept is not None:
            return self._again(org, kept, digest)
        try:
            answer = await work()
        except BaseException:
            async with self._db.org(org) as tx:
                await store.release_request(org, tx, row)
            raise
        sealed = self._keyring.seal(json.dumps(answer.body), table="e_ops_requests", column="answer", org=org, row=row)
        async with self._db.org(org) as tx:
            await store.answer_request(org, tx, row, answer.status, sealed)
        return JSONResponse(answer.body, answer.status)

    def _again(self, org: OrgId, kept: store.Kept, digest: str) -> JSONResponse:
        if kept.request_hash != digest:
            raise SangdamError(Kind.IDEMPOTENCY_MISMATCH, "the key was used for another request")
        if kept.status is None or kept.answer is None:
            raise SangdamError(
                Kind.DUPLICATE_REQUEST, "the first request with this key is still running", retry_after=1
            )
        body = self._keyring.open(kept.answer, table="e_ops_requests", column="answer", org=org, row=kept.id)
        return JSONResponse(json.loads(body), kept.status, headers={REPLAYED: "true"})
