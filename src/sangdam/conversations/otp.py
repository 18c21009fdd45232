"""One-time codes: six digits to a phone, five minutes, five tries. The code itself is never stored, logged or handed back.

The answers are the same whether or not the phone has orders; every limit is counted before anything is sent.
"""

import hmac
import math
import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sangdam.conversations import store
from sangdam.core.facts import SendOtpOut, VerifyOtpOut
from sangdam.core.ids import OrgId, SessionId
from sangdam.core.phone import Phone
from sangdam.db import chain
from sangdam.db.chain import EventType
from sangdam.db.database import Database, Transaction
from sangdam.notify import Accepted, Channel, NoAnswer, Notice, Rejected
from sangdam.orgs.keyring import Hasher, KeyRing
from sangdam.tools.audit import event_of
from sangdam.tools.model import Assurance as _Assurance
from sangdam.tools.model import (
    Call,
    CallerKind,
    Failed,
    Invalid,
    Limit,
    NeedsVerification,
    Refusal,
    Undecided,
    Unknown,
    UpstreamCall,
)

CODE_LIFE = timedelta(minutes=5)
GRANT_LIFE = timedelta(minutes=15)
LOCK = timedelta(minutes=15)
BETWEEN_SENDS = timedelta(seconds=30)
PER_TEN_MINUTES = 3
PER_DAY_PHONE = 10
PER_HOUR_ADDRESS = 10
TRIES = 5
SEND_SECONDS = 8.0
Purpose = Literal["orders", "notify"]


def random_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


@dataclass(frozen=True)
class Sender:
    """What an org sends its codes with."""

    shop_name: str
    channel: Channel | None
    """None: SMS is not configured."""
    daily_cap: int


Senders = Callable[[OrgId], Awaitable[Sender]]


class Codes:
    def __init__(
        self, db: Database, keyring: KeyRing, hasher: Hasher, senders: Senders, *, code: Callable[[], str] = random_code
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._hasher = hasher
        self._senders = senders
        self._code = code

    async def send(self, call: Call, phone: Phone, purpose: Purpose) -> SendOtpOut | Refusal:
        session = call.caller.session
        if session is None:
            return Invalid(fields=("session_id",))
        if not phone.is_mobile:
            return Invalid(fields=("phone",))
        org, now = call.org, call.clock.now()
        sender = await self._senders(org)
        if sender.channel is None:
            return Failed("CONFIG_ERROR")
        phone_hash = self._hasher.phone(org, phone)
        async with self._db.org(org) as tx:
            if await store.locked_since(org, tx, session, phone_hash, now - LOCK):
                return Failed("OTP_LOCKED")
            last = await store.last_sent(org, tx, session, phone_hash)
        if last is not None and now - last < BETWEEN_SENDS:
            return _too_soon(now - last)
        breach = await call.limits.hit(
            Limit("phone", phone.e164, PER_TEN_MINUTES, timedelta(minutes=10)),
            Limit("conversation", str(session), PER_TEN_MINUTES, timedelta(minutes=10)),
            Limit("phone_day", phone.e164, PER_DAY_PHONE, timedelta(days=1)),
            Limit("ip", call.caller.client_ip or f"session:{session}", PER_HOUR_ADDRESS, timedelta(hours=1)),
            Limit("org_day", str(org), sender.daily_cap, timedelta(days=1)),
        )
        if breach is not None:
            return breach.denied
        return await self._send(call, session, phone, phone_hash, purpose, sender.channel, sender.shop_name, now)

    async def _send(
        self, call: Call, session: SessionId, phone: Phone, phone_hash: str, purpose: Purpose, channel: Channel, shop: str, now: datetime
    ) -> SendOtpOut | Refusal:  # fmt: skip
        org = call.org
        row = uuid.uuid4()
        code = self._code()
        async with self._db.org(org) as tx:
            # Looked at once more with nobody beside: two requests of one moment have both passed the look above.
            await store.one_sender_at_a_time(org, tx, session, phone_hash)
            last = await store.last_sent(org, tx, session, phone_hash)
            if last is not None and now - last < BETWEEN_SENDS:
                return _too_soon(now - last)
            await store.replace_codes(org, tx, session)
            await store.insert_code(
                org,
                tx,
                {
                    "id": row,
                    "session": session,
                    "purpose": purpose,
                    "phone_hash": phone_hash,
                    "phone_masked": phone.masked,
                    "phone": self._keyring.seal(
                        phone.digits, table="h_auth_otp_verifications", column="phone", org=org, row=row
                    ),
                    "code_hash": self._hash(org, session, row, code),
                    "sent_at": now,
                    "expires_at": now + CODE_LIFE,
                    "ip_hash": self._hasher.hash("ip", org, call.caller.client_ip) if call.caller.client_ip else "",
                },
            )
        call.sent = True
        text = f"[{shop}] 인증번호 {code} (5분 유효). 다른 사람에게 알려 주지 마세요."
        sent = await channel.send(
            Notice(phone, text, str(row)), seconds=min(SEND_SECONDS, max(0.5, call.remaining - 0.5))
        )
        if (asked := sent.asked) is not None:
            call.upstream.append(UpstreamCall(asked.call, asked.status, asked.ms, 1, "solapi"))
        async with self._db.org(org) as tx:
            match sent:
                case Accepted(message_id=message_id):
                    await store.code_sent(org, tx, row, message_id)
                case NoAnswer():
                    pass  # it may have arrived: the code stays good, and the shopper can ask again after 30 seconds
                case Rejected():
                    await store.code_failed(org, tx, row)
            await chain.append(
                tx,
                org,
                events=[
                    event_of(
                        call,
                        EventType.OTP_FAILED if isinstance(sent, Rejected) else EventType.OTP_SENT,
                        {"purpose": purpose, "phone": phone.masked},
                        now,
                    )
                ],
            )
        if isinstance(sent, NoAnswer) and call.effect is not None:
            return Unknown("SOLAPI_ERROR", call.effect)
        if isinstance(sent, Rejected):
            call.sent = False
            return Failed("SOLAPI_ERROR", retryable=sent.retryable, detail={"provider_code": sent.code})
        return SendOtpOut(
            otp_ref=str(row), destination_masked=phone.masked, expires_at=now + CODE_LIFE, resend_at=now + BETWEEN_SENDS, sends_left=await self._sends_left(org, session, now)
        )  # fmt: skip

    async def sent_after(self, call: Call, phone: Phone) -> SendOtpOut | Failed | Undecided:
        """What became of a send whose end was lost. Once the code has run out it makes no difference any more: it failed."""
        session, org, now = call.caller.session, call.org, call.clock.now()
        if session is None or call.begun_at is None:
            return Failed("SOLAPI_ERROR", retryable=True)
        async with self._db.org(org) as tx:
            row = await store.code_sent_since(org, tx, session, self._hasher.phone(org, phone), call.begun_at)
        if row is None or row["status"] == "send_failed":
            return Failed("SOLAPI_ERROR", retryable=True)
        if row["provider_message_id"] is None and row["status"] != "verified":
            return Failed("SOLAPI_ERROR", retryable=True) if row["expires_at"] <= now else Undecided()
        return SendOtpOut(
            otp_ref=str(row["id"]), destination_masked=phone.masked, expires_at=row["expires_at"], resend_at=row["sent_at"] + BETWEEN_SENDS,
            sends_left=await self._sends_left(org, session, now),
        )  # fmt: skip

    async def _sends_left(self, org: OrgId, session: SessionId, now: datetime) -> int:
        async with self._db.org(org) as tx:
            sent = await store.codes_since(org, tx, session, now - timedelta(minutes=10))
        return max(0, PER_TEN_MINUTES - sent)

    async def verify(self, call: Call, code: str, reference: uuid.UUID | None) -> VerifyOtpOut | Refusal:
        session = call.caller.session
        if session is None:
            return NeedsVerification(_Assurance.ANONYMOUS, "orders", "other_session")
        org, now = call.org, call.clock.now()
        token = secrets.token_urlsafe(32) if call.caller.kind is not CallerKind.AGENT else None
        async with self._db.org(org) as tx:
            row = await store.last_code(org, tx, session, reference)
            if row is None:
                return Failed("OTP_NOT_FOUND")
            right = hmac.compare_digest(self._hash(org, session, row["id"], code), row["code_hash"])
            if await store.locked_since(org, tx, session, row["phone_hash"], now - LOCK):
                return Failed("OTP_LOCKED")
            if row["status"] == "verified":
                return Failed("OTP_ALREADY_USED")
            if row["status"] in ("replaced", "expired", "locked") or row["expires_at"] <= now:
                await store.code_expired(org, tx, row["id"])
                return Failed("OTP_EXPIRED")
            if not right:
                return await self._wrong(call, tx, row["id"], row["max_attempts"], now)
            expires_at = now + GRANT_LIFE
            await store.right_code(
                org, tx, row["id"], now=now, grant_expires_at=expires_at, token_hash=self._hasher.hash("grant", org, token) if token is not None else None
            )  # fmt: skip
            await chain.append(
                tx, org, events=[event_of(call, EventType.OTP_VERIFIED, {"purpose": row["purpose"]}, now)]
            )
        return VerifyOtpOut(
            purposes=("orders", "notify") if row["purpose"] == "orders" else ("notify",), phone_masked=row["phone_masked"], expires_at=expires_at, grant_id=str(row["id"]),
            customer_verification_token=token,
        )  # fmt: skip

    async def _wrong(self, call: Call, tx: Transaction, row: uuid.UUID, most: int, now: datetime) -> Refusal:
        tries = await store.wrong_code(call.org, tx, row, now)
        locked = tries >= most
        await chain.append(
            tx,
            call.org,
            events=[event_of(call, EventType.OTP_LOCKED if locked else EventType.OTP_FAILED, {"tries": tries}, now)],
        )
        return Failed("OTP_LOCKED") if locked else Failed("OTP_INVALID", retryable=True, detail={"left": most - tries})

    def _hash(self, org: OrgId, session: SessionId, row: uuid.UUID, code: str) -> str:
        return self._hasher.hash("otp", org, f"{session}|{row}|{code}")


def _too_soon(since: timedelta) -> Failed:
    return Failed("OTP_RESEND_TOO_SOON", detail={"retry_after": math.ceil((BETWEEN_SENDS - since).total_seconds())})
