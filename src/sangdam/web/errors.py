"""The one table from kind of failure to HTTP status, socket close code and JSON-RPC code, and the envelope of every error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from sangdam.core.errors import Kind, SangdamError
from sangdam.tools.codes import CODES, UNKNOWN_WORDING
from sangdam.web import protocol


@dataclass(frozen=True)
class Face:
    """How a kind of failure looks from outside."""

    http: int
    close: int
    """Socket close code."""
    rpc: int
    """JSON-RPC error code (protocol faults of MCP only): one of JSON-RPC's own, or of -32000 to -32019, which MCP leaves to us."""
    retryable: bool
    ko: str
    en: str


FACES: Mapping[Kind, Face] = {
    Kind.UNAUTHORIZED: Face(401, 4401, -32010, False, "다시 연결해 주세요.", "Please sign in again."),
    Kind.ORG_PENDING: Face(403, 4403, -32011, False, "관리자의 승인을 기다리고 있어요.", "Waiting for approval by an admin."),
    Kind.FORBIDDEN: Face(403, 4403, -32011, False, "지금은 이 요청을 처리할 수 없어요.", "This is not allowed."),
    Kind.NOT_FOUND: Face(404, 4404, -32012, False, "찾으시는 내용이 없어요.", "Nothing was found here."),
    Kind.CONFLICT: Face(409, 4400, -32013, False, "그 사이에 내용이 바뀌었어요. 다시 확인해 주세요.", "This has changed meanwhile."),
    Kind.TOO_LARGE: Face(413, 4413, -32600, False, "보내신 내용이 너무 커요.", "That was too large."),
    Kind.INVALID_BODY: Face(400, 4400, -32600, False, "보내신 내용을 읽지 못했어요.", "The request could not be read."),
    Kind.INVALID_PARAMS: Face(400, 4400, -32602, False, "입력하신 내용을 확인해 주세요.", "Please check what was entered."),
    Kind.IDEMPOTENCY_MISMATCH: Face(422, 4400, -32600, False, "같은 요청 번호로 다른 내용이 왔어요.", "The key was used for another request."),
    Kind.DUPLICATE_REQUEST: Face(409, 4400, -32013, True, "같은 요청을 처리하고 있어요.", "The same request is being worked on."),
    Kind.RATE_LIMIT: Face(429, 4429, -32014, True, "요청이 조금 많아요. 잠시 뒤에 다시 시도해 주세요.", "Too many requests. Please wait a moment."),
    Kind.CONFIG: Face(424, 4500, -32016, False, "아직 준비되지 않은 기능이에요.", "This is not set up yet."),
    Kind.UNAVAILABLE: Face(503, 1012, -32015, True, "지금 잠시 연결이 원활하지 않아요. 곧 다시 시도해 주세요.", "We are briefly unavailable. Please try again."),
    Kind.INTERNAL: Face(500, 4500, -32603, False, "처리하지 못했어요. 잠시 뒤에 다시 시도해 주세요.", "Something went wrong. Please try again later."),
}  # fmt: skip

OTHER_STATUS: Mapping[int, tuple[str, Kind]] = {
    404: ("NOT_FOUND", Kind.NOT_FOUND),
    405: ("METHOD_NOT_ALLOWED", Kind.INVALID_BODY),
    413: ("TOO_LARGE", Kind.TOO_LARGE),
    415: ("UNSUPPORTED_MEDIA_TYPE", Kind.INVALID_BODY),
}
"""What the framework refuses by itself: status to code and the kind whose words are used."""


_TOOL_WORDS: Mapping[str, tuple[str, str]] = {
    "W-FIX": ("입력하신 내용을 확인해 주세요.", "Please check what was entered."),
    "W-NOPE": ("그 요청은 제가 직접 처리할 수 없어요.", "I cannot do that myself."),
    "W-VERIFY": ("주문하신 분이 맞는지 먼저 확인해야 해요.", "Who asks has to be checked first."),
    "W-CONFIRM": ("바뀔 내용을 확인해 주셔야 진행돼요.", "The change has to be confirmed first."),
    "W-BUSY": ("지금 요청이 몰려 있어요. 잠시 뒤에 다시 시도해 주세요.", "There are many requests right now. Please try again in a moment."),
    "W-DOWN": ("지금 응답을 받지 못했어요. 잠시 뒤에 다시 시도해 주세요.", "There was no answer just now. Please try again later."),
    "W-PERSON": ("이 부분은 담당자가 직접 확인해야 해요.", "A person has to look at this."),
    "W-NOTFOUND": ("알려 주신 정보와 맞는 내용을 찾지 못했어요.", "Nothing was found that matches."),
    "W-STATE": ("지금 상태에서는 바꿀 수 없어요.", "This cannot be changed in its present state."),
    "W-CHECK": ("변경한 내용이 주문서와 달라 담당자가 확인하고 있어요.", "The order differs from what was asked for. A person is looking at it."),
    "W-INFLIGHT": ("같은 요청을 처리하고 있어요.", "The same request is being worked on."),
    "W-ADDR": ("주소를 정확히 찾지 못했어요.", "The address could not be found."),
    "W-CODE": ("인증번호를 확인하지 못했어요.", "The code could not be verified."),
    "W-LOCK": ("안전을 위해 확인을 잠시 막아 두었어요.", "Checking is blocked for a while, for safety."),
    "W-SMS": ("지금은 문자를 보낼 수 없어요.", "Text messages cannot be sent right now."),
    "W-UNKNOWN": ("요청은 보냈는데 결과를 아직 확인하지 못했어요. 다시 요청하지 않으셔도 돼요.", "The request was sent, but its result is not known yet. There is no need to repeat it."),
}  # fmt: skip


def tool_words(code: str, language: str, *, unknown: bool = False) -> str:
    """What a person reads of a refused tool call (tools.md §2.1). `unknown`: a change was sent and its end is not known."""
    known = CODES.get(code)
    wording = UNKNOWN_WORDING if unknown else known.wording if known is not None else None
    ko, en = _TOOL_WORDS.get(wording or "", (FACES[Kind.FORBIDDEN].ko, FACES[Kind.FORBIDDEN].en))
    return ko if language == "ko" else en


class ErrorBody(BaseModel):
    code: str = Field(examples=["NOT_FOUND"])
    message_user: str
    message_ops: str | None = Field(default=None, description="For members and tokens only.")
    retryable: bool
    retry_after: float | None = Field(default=None, description="Seconds.")
    fields: list[str]
    trace_id: str


class ErrorEnvelope(BaseModel):
    """Every error on every route."""

    error: ErrorBody


def envelope(error: SangdamError, *, trace_id: str, trusted: bool, language: str = "ko") -> tuple[int, dict[str, Any]]:
    """HTTP status and body. `trusted` callers (members, tokens) also read `message_ops` and `fields`."""
    face = FACES[error.kind]
    known = CODES.get(error.code) if error.code != error.kind.value else None
    status = known.http if known is not None else face.http
    retryable = known.retryable if known is not None else face.retryable
    said = protocol.words_of(error.code, language) if error.code != error.kind.value else None
    said = said or (face.ko if language == "ko" else face.en)
    return status, body(
        error.code,
        said,
        ops=error.ops if trusted else None,
        fields=error.fields if trusted else (),
        retryable=retryable,
        retry_after=error.retry_after,
        trace_id=trace_id,
    )


def body(
    code: str,
    said: str,
    *,
    trace_id: str,
    ops: str | None = None,
    fields: Sequence[str] = (),
    retryable: bool = False,
    retry_after: float | None = None,
) -> dict[str, Any]:
    content: dict[str, Any] = {"code": code, "message_user": said}
    if ops is not None:
        content["message_ops"] = ops
    return {
        "error": {
            **content,
            "retryable": retryable,
            "retry_after": retry_after,
            "fields": list(fields),
            "trace_id": trace_id,
        }
    }


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a route: these, and what any route may answer (400, 500, 503)."""
    return {status: {"model": ErrorEnvelope} for status in sorted({400, 500, 503, *statuses})}
