"""Tools over HTTP: how they stand, one call, policies, and what waits for a person (interfaces.md §2.2)."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sangdam.core.clock import kst
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import EffectId, SessionId
from sangdam.orgs import Member, Permission, Scope
from sangdam.tools.approvals import Approval, Approvals
from sangdam.tools.audit import status_of
from sangdam.tools.codes import CODES
from sangdam.tools.model import Conditions, Done, Invalid, MaskingRules, Unknown
from sangdam.tools.policies import Policies, shown
from sangdam.tools.policy import PolicyRow
from sangdam.tools.published import published_schema
from sangdam.tools.standing import Standing
from sangdam.web.callers import ByMember, Callers, Known
from sangdam.web.errors import answers, body, tool_words
from sangdam.web.http import language_of, trace_id_of
from sangdam.web.outcomes import confirmation_of, effect_of, is_retryable, ops_of, retry_after, told
from sangdam.web.replays import REPLAYED, Answer, Replays
from sangdam.web.tool_calls import Asked, Called, ToolCalls

ToolName = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[\w:.\-/]+$")]
IfMatch = Annotated[str | None, Header(alias="if-match", description="The version being replaced; 0 where there is none yet.")]  # fmt: skip
AnyKey = Annotated[str | None, Header(alias="idempotency-key", description="Needed for writes: 8 to 128 characters.")]
"""Not judged here: the gate refuses one of another shape, and audits that."""
IdempotencyKey = Annotated[str | None, Header(alias="idempotency-key", min_length=8, max_length=128)]


class PolicyView(BaseModel):
    is_allowed: bool
    allowed_callers: list[str]
    rate_limit_per_min: int
    session_limit_per_hour: int
    conditions: dict[str, JsonValue]
    masking_rules: dict[str, JsonValue]
    version: int


class LastError(BaseModel):
    code: str
    at: str


class ToolView(BaseModel):
    name: str
    version: str
    display_name: str
    description: str
    effect: Literal["read", "write"]
    assurance: str
    confirmation: bool
    schema_: dict[str, JsonValue] = Field(serialization_alias="schema")
    policy: PolicyView | None
    effective: Literal["allowed", "blocked"] = Field(description="For whoever asks, before arguments are looked at.")
    reason: str | None = Field(description="Code of the refusal.")
    rule: str | None
    scopes_granted: bool
    scopes_missing: list[str]
    last_success_at: str | None
    last_error: LastError | None
    calls_1h: int
    p95_ms: int | None
    breaker: str


class ToolsView(BaseModel):
    items: list[ToolView]


class CallRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tool: str = Field(min_length=1, max_length=100)
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    session_id: uuid.UUID | None = None
    customer_verification_token: str | None = Field(default=None, max_length=64)
    confirmation_digest: str | None = Field(default=None, max_length=100)
    as_staff: bool | None = None
    staff_reason: str | None = Field(default=None, max_length=400)


class ConfirmationView(BaseModel):
    digest: str
    preview: dict[str, JsonValue]
    expires_at: str
    reason: str


class CallMeta(BaseModel):
    latency_ms: int
    masked_fields: list[str]
    trace_id: str


class CallAnswer(BaseModel):
    """Of a call that was done. A refused one is the error envelope with the same fields beside `error`."""

    tool: str
    version: str | None
    status: str
    data: dict[str, JsonValue] | None
    call_id: uuid.UUID
    effect_id: uuid.UUID | None
    confirmation: ConfirmationView | None = None
    meta: CallMeta


class PolicyRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    is_allowed: bool
    allowed_callers: list[Literal["agent", "member", "mcp"]] = Field(default_factory=lambda: ["agent"], max_length=3)
    rate_limit_per_min: int = Field(default=300, ge=1, le=6000)
    session_limit_per_hour: int = Field(default=60, ge=1, le=6000)
    conditions: Conditions = Conditions()
    masking_rules: MaskingRules = MaskingRules()


class ApprovalView(BaseModel):
    id: uuid.UUID
    tool: str
    state: str
    shown: dict[str, JsonValue]
    digest: str
    caller: dict[str, JsonValue]
    session_id: uuid.UUID | None
    asked_at: str
    expires_at: str | None


class ApprovalsView(BaseModel):
    items: list[ApprovalView]


class DecisionRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: Literal["approve", "reject"]


def tool_routes(
    calls: ToolCalls, policies: Policies, approvals: Approvals, callers: Callers, replays: Replays
) -> APIRouter:
    router = APIRouter(tags=["tools"])

    async def reader(request: Request) -> Known:
        return await callers.known(request, permission=Permission.ADMIN_READ, scopes=frozenset({Scope.TOOLS_READ}))

    async def anybody(request: Request) -> Known:
        return await callers.identified(request)

    async def admin(request: Request) -> Known:
        return await callers.known(request, permission=Permission.ADMIN_WRITE)

    async def operator(request: Request) -> Known:
        return await callers.known(request, permission=Permission.CONVERSATIONS_ACT)

    @router.get("/api/mcp/tools", response_model=ToolsView, responses=answers(401, 403))
    async def list_tools(caller: Annotated[Known, Depends(reader)]) -> ToolsView:  # pyright: ignore[reportUnusedFunction]
        return ToolsView(items=[tool_view(standing) for standing in await calls.standings(caller)])

    @router.post(
        "/api/mcp/tools/call",
        response_model=CallAnswer,
        responses=answers(401, 403, 404, 409, 410, 413, 415, 422, 423, 424, 429, 502, 504),
    )
    async def call_tool(  # pyright: ignore[reportUnusedFunction]
        asked: CallRequest, caller: Annotated[Known, Depends(anybody)], request: Request, key: AnyKey = None
    ) -> Response:
        called = await calls.call(
            caller,
            Asked(
                tool=asked.tool,
                params=asked.params,
                session=SessionId(asked.session_id) if asked.session_id is not None else None,
                proof=asked.customer_verification_token,
                digest=asked.confirmation_digest,
                key=key,
                as_staff=asked.as_staff,
                staff_reason=asked.staff_reason,
            ),
            trace_id=trace_id_of(request),
            ip=str(callers.address(request)),
        )
        return call_answer(called, trace_id=trace_id_of(request), language=language_of(request))

    @router.put(
        "/api/mcp/tools/{name:path}/policy",
        response_model=PolicyView,
        responses=answers(401, 403, 404, 409, 413, 415, 422),
    )
    async def put_policy(  # pyright: ignore[reportUnusedFunction]
        name: ToolName,
        asked: PolicyRequest,
        caller: Annotated[Known, Depends(admin)],
        request: Request,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        member = member_of(caller)

        async def work() -> Answer:
            expected = version_of(if_match)
            if if_match is None:
                present = (await policies.list(member.org)).get(name)
                version = present.version if present is not None else 0
                raise SangdamError(Kind.CONFLICT, f"If-Match is missing: the present version is {version}")
            row = await policies.change(
                member, name, policy_row(asked), expected=expected, trace_id=trace_id_of(request)
            )
            return Answer(200, shown(row))

        return await replays.once(request, caller, [asked.model_dump(mode="json"), if_match], work)

    @router.get("/api/approvals", response_model=ApprovalsView, responses=answers(401, 403))
    async def list_approvals(caller: Annotated[Known, Depends(operator)]) -> ApprovalsView:  # pyright: ignore[reportUnusedFunction]
        return ApprovalsView(items=[approval_view(one) for one in await approvals.waiting(member_of(caller))])

    @router.post(
        "/api/approvals/{effect_id}",
        response_model=ApprovalView,
        responses=answers(401, 403, 404, 409, 413, 415, 422),
    )
    async def decide(  # pyright: ignore[reportUnusedFunction]
        effect_id: uuid.UUID,
        asked: DecisionRequest,
        caller: Annotated[Known, Depends(operator)],
        request: Request,
        key: IdempotencyKey = None,
    ) -> Response:
        member = member_of(caller)

        async def work() -> Answer:
            decided = await approvals.decide(
                member, EffectId(effect_id), approve=asked.decision == "approve", trace_id=trace_id_of(request)
            )
            return Answer(200, approval_view(decided).model_dump(mode="json"))

        return await replays.once(request, caller, asked.decision, work)

    return router


def member_of(known: Known) -> Member:
    """Raises FORBIDDEN for a token: what it wants is decided by people."""
    if isinstance(known, ByMember):
        return known.member
    raise SangdamError(Kind.FORBIDDEN, "this is for members, not for tokens")


def version_of(if_match: str | None) -> int | None:
    """None where nothing is expected to be there (`0`). Raises INVALID_PARAMS."""
    text = (if_match or "").strip().removeprefix("W/").strip('"')
    if if_match is None or text == "0":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise SangdamError(Kind.INVALID_PARAMS, "If-Match is a version number", fields=("if-match",))
    return int(text)


def policy_row(asked: PolicyRequest) -> PolicyRow:
    return PolicyRow(
        is_allowed=asked.is_allowed,
        allowed_callers=frozenset(asked.allowed_callers),
        per_minute=asked.rate_limit_per_min,
        session_per_hour=asked.session_limit_per_hour,
        conditions=asked.conditions,
        masking=asked.masking_rules,
        version=0,
    )


def tool_view(standing: Standing) -> ToolView:
    tool, policy = standing.tool, standing.policy
    return ToolView(
        name=tool.name,
        version=tool.version,
        display_name=tool.display_name,
        description=tool.description,
        effect=tool.effect,
        assurance=tool.assurance.name,
        confirmation=tool.confirmation,
        schema_=published_schema(tool),
        policy=PolicyView.model_validate(shown(policy)) if policy is not None else None,
        effective="allowed" if standing.refused is None else "blocked",
        reason=standing.refused,
        rule=standing.rule,
        scopes_granted=not standing.scopes_missing,
        scopes_missing=list(standing.scopes_missing),
        last_success_at=kst(standing.last_success_at).isoformat() if standing.last_success_at is not None else None,
        last_error=LastError(code=standing.last_error_code, at=kst(standing.last_error_at).isoformat())
        if standing.last_error_code is not None and standing.last_error_at is not None
        else None,
        calls_1h=standing.calls_1h,
        p95_ms=standing.p95_ms,
        breaker=standing.breaker,
    )


def approval_view(approval: Approval) -> ApprovalView:
    return ApprovalView(
        id=approval.effect,
        tool=approval.tool,
        state=approval.state,
        shown=dict(approval.shown),
        digest=approval.digest,
        caller=dict(approval.caller),
        session_id=approval.session,
        asked_at=kst(approval.asked_at).isoformat(),
        expires_at=kst(approval.expires_at).isoformat() if approval.expires_at is not None else None,
    )


def call_answer(called: Called, *, trace_id: str, language: str) -> JSONResponse:
    """HTTP's face of an outcome: 200 for what was done, else the code's own status and the envelope."""
    outcome = called.outcome
    content = {
        "tool": called.tool,
        "version": called.version,
        "status": status_of(outcome),
        "data": told(outcome),
        "call_id": str(called.call),
        "effect_id": str(effect) if (effect := effect_of(outcome)) is not None else None,
        "confirmation": confirmation_of(outcome),
        "meta": {
            "latency_ms": called.latency_ms,
            "masked_fields": list(outcome.hidden) if isinstance(outcome, Done) else [],
            "trace_id": trace_id,
        },
    }
    if isinstance(outcome, Done):
        headers = {REPLAYED: "true"} if outcome.replayed else None
        return JSONResponse(content, 200, headers)
    wait = retry_after(outcome)
    known = CODES[outcome.code]
    error = body(
        outcome.code,
        tool_words(outcome.code, language, unknown=isinstance(outcome, Unknown)),
        ops=ops_of(outcome),
        fields=outcome.fields if isinstance(outcome, Invalid) else (),
        retryable=is_retryable(outcome),
        retry_after=wait,
        trace_id=trace_id,
    )
    headers = {"retry-after": str(max(1, round(wait)))} if wait is not None else None
    return JSONResponse({**error, **content}, known.http, headers)
