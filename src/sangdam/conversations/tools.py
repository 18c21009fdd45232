"""What conversations contribute to the gate: codes, and a person (tools.md §4.14, 4.15, 4.20)."""

import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sangdam.conversations.otp import Codes
from sangdam.conversations.review import Review
from sangdam.core.facts import CreateHandoffOut, SendOtpOut, VerifyOtpOut
from sangdam.core.phone import Phone
from sangdam.tools.fields import MobileArg, PhoneArg
from sangdam.tools.model import Assurance, Call, CallerKind, DefaultPolicy, Failed, Refusal, Tool, Undecided


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SendOtpIn(_In):
    phone: MobileArg
    purpose: Literal["orders", "notify"] = "orders"


class VerifyOtpIn(_In):
    code: str = Field(pattern=r"^\d{6}$")
    otp_ref: uuid.UUID | None = None


class CreateHandoffIn(_In):
    reason: Literal["asked", "policy", "failed", "abuse", "kb_gap", "legal", "callback"]
    summary: str = Field(max_length=500)
    contact_phone: PhoneArg | None = None
    priority: int = Field(default=2, ge=1, le=3)


_AGENT, _MEMBER, _MCP = CallerKind.AGENT, CallerKind.MEMBER, CallerKind.MCP


def tools(codes: Codes, review: Review) -> tuple[Tool, ...]:
    async def send_otp(call: Call, given: SendOtpIn) -> SendOtpOut | Refusal:
        return await codes.send(call, Phone(given.phone), given.purpose)

    async def verify_otp(call: Call, given: VerifyOtpIn) -> VerifyOtpOut | Refusal:
        return await codes.verify(call, given.code, given.otp_ref)

    async def send_otp_after(call: Call, given: SendOtpIn) -> SendOtpOut | Failed | Undecided:
        return await codes.sent_after(call, Phone(given.phone))

    async def verify_otp_after(call: Call, given: VerifyOtpIn) -> Failed:
        # A proof that was given stands by itself; the code may be asked again.
        return Failed("OTP_NOT_FOUND")

    async def create_handoff_after(call: Call, given: CreateHandoffIn) -> CreateHandoffOut | Failed:
        return await review.handed_over(call)

    async def create_handoff(call: Call, given: CreateHandoffIn) -> CreateHandoffOut | Refusal:
        contact = Phone(given.contact_phone) if given.contact_phone is not None else None
        return await review.hand_over(
            call, reason=given.reason, summary=given.summary, priority=given.priority, contact=contact
        )

    return (
        Tool(
            name="send_otp",
            display_name="인증번호 보내기",
            display_name_en="Send a one-time code",
            description="Sends a six-digit code to a mobile phone, to prove that the shopper holds it. Valid five minutes.",
            provider="solapi",
            effect="write",
            assurance=Assurance.ANONYMOUS,
            input=SendOtpIn,
            output=SendOtpOut,
            default_policy=DefaultPolicy(frozenset({_AGENT, _MEMBER}), 120),
            run=send_otp,
            reconcile=send_otp_after,
            masking=("phone",),
            deadline_s=10.0,
            breaker="solapi",
        ),
        Tool(
            name="verify_otp",
            display_name="인증번호 확인",
            display_name_en="Check a one-time code",
            description="Checks the code that the shopper received. A right code proves the phone for fifteen minutes.",
            provider="sangdam",
            effect="write",
            assurance=Assurance.ANONYMOUS,
            input=VerifyOtpIn,
            output=VerifyOtpOut,
            default_policy=DefaultPolicy(frozenset({_AGENT, _MEMBER, _MCP}), 600),
            run=verify_otp,
            reconcile=verify_otp_after,
            masking=("code",),
            unsigned_fields=("code",),
            deadline_s=10.0,
        ),
        Tool(
            name="create_handoff",
            display_name="상담원에게 전달",
            display_name_en="Hand over to a person",
            description="Puts the conversation in the queue of the shop's staff.",
            provider="sangdam",
            effect="write",
            assurance=Assurance.ANONYMOUS,
            input=CreateHandoffIn,
            output=CreateHandoffOut,
            default_policy=DefaultPolicy(frozenset({_AGENT, _MEMBER, _MCP}), 300),
            run=create_handoff,
            reconcile=create_handoff_after,
            masking=("contact_phone",),
            deadline_s=10.0,
        ),
    )
