"""Frames of the shopper's socket: text in, values out, and back. Pure; the same reading serves the HTTP fallback.

A frame that is no JSON object ends the socket; one that is an object but not understood is only answered with an error.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sangdam.conversations.model import TEXT_LIMIT, Message
from sangdam.core.clock import kst
from sangdam.core.ids import SessionId

FRAME_BYTES = 16 * 1024
"""Of one frame from the browser."""
SENT_BYTES = 64 * 1024
"""Of one frame to the browser."""
TICKET_CHARACTERS = 4096
ACTION_CHARACTERS = 4096
LABEL_CHARACTERS = 200
HEARTBEAT_SECONDS = 25
PROTOCOL = 1

CLIENT_ID = re.compile(r"[\x21-\x7e]{8,64}")
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LONGEST_INTEGER = 2**53
_DEEPEST = 6

ErrorCode = Literal[
    "INVALID_JSON",
    "INVALID_FRAME",
    "UNKNOWN_TYPE",
    "NOT_JOINED",
    "MISSING_TEXT",
    "TOO_LONG",
    "RATE_LIMIT",
    "CONVERSATION_CLOSED",
    "ACTION_EXPIRED",
    "UNAVAILABLE",
]
_RETRYABLE: frozenset[ErrorCode] = frozenset({"RATE_LIMIT", "UNAVAILABLE"})
_SAID: dict[ErrorCode, tuple[str, str]] = {
    "INVALID_JSON": ("메시지를 읽지 못했어요.", "The message could not be read."),
    "INVALID_FRAME": ("메시지를 읽지 못했어요.", "The message could not be read."),
    "UNKNOWN_TYPE": ("메시지를 읽지 못했어요.", "The message could not be read."),
    "NOT_JOINED": ("상담에 다시 연결할게요.", "Reconnecting to the chat."),
    "MISSING_TEXT": ("보낼 내용을 적어 주세요.", "Please type a message."),
    "TOO_LONG": (f"메시지는 {TEXT_LIMIT:,}자까지 보낼 수 있어요.", f"A message can have up to {TEXT_LIMIT:,} characters."),
    "RATE_LIMIT": ("메시지가 조금 빨라요. 잠시 뒤에 보내 주세요.", "That was a little fast. Please wait a moment."),
    "CONVERSATION_CLOSED": ("이 상담은 끝났어요. 새 상담을 시작할게요.", "This chat has ended. A new one will start."),
    "ACTION_EXPIRED": ("이미 지나간 선택이에요.", "That choice is no longer open."),
    "UNAVAILABLE": ("지금 잠시 연결이 원활하지 않아요. 곧 다시 보낼게요.", "We are briefly unavailable and will try again."),
}  # fmt: skip
_STAGES: dict[str, tuple[str, str]] = {
    "reading": ("말씀을 읽고 있어요", "Reading your message"),
    "checking": ("확인하고 있어요", "Checking"),
    "writing": ("답변을 쓰고 있어요", "Writing a reply"),
}


@dataclass(frozen=True)
class Join:
    ticket: str
    last_seq: int
    epoch: int | None


@dataclass(frozen=True)
class UserMessage:
    """A text, or a pressed button with the words on it."""

    client_id: str
    text: str | None
    action: Mapping[str, Any] | None
    label: str | None


@dataclass(frozen=True)
class Received:
    seq: int


@dataclass(frozen=True)
class Typing:
    pass


@dataclass(frozen=True)
class Ping:
    ts: int | float | None


@dataclass(frozen=True)
class Leave:
    pass


@dataclass(frozen=True)
class Bad:
    code: ErrorCode
    client_id: str | None = None
    close: int | None = None
    """The close code the socket ends with after the error."""


Frame = Join | UserMessage | Received | Typing | Ping | Leave


class _NotPlain(ValueError):
    pass


def parse(text: str) -> Frame | Bad:
    """One text frame from the browser. Total: any text gives a frame or a `Bad`."""
    if len(text) > FRAME_BYTES or (len(text) * 4 > FRAME_BYTES and len(text.encode("utf-8", "replace")) > FRAME_BYTES):
        return Bad("INVALID_FRAME", close=4413)
    try:
        read = cast("object", json.loads(text, parse_constant=_refuse))
    except (ValueError, RecursionError):
        return Bad("INVALID_JSON", close=4400)
    if not isinstance(read, dict):
        return Bad("INVALID_JSON", close=4400)
    frame = cast("dict[str, object]", read)
    match frame.get("type"):
        case "join":
            return _join(frame)
        case "user_message":
            return user_message(frame)
        case "received":
            seq = _count(frame.get("seq"))
            return Received(seq) if seq is not None else Bad("INVALID_FRAME")
        case "typing":
            return Typing()
        case "ping":
            return Ping(_moment(frame.get("ts")))
        case "leave":
            return Leave()
        case str():
            return Bad("UNKNOWN_TYPE", _client_id(frame))
        case _:
            return Bad("INVALID_FRAME", _client_id(frame))


def user_message(frame: Mapping[str, object]) -> UserMessage | Bad:
    """The fields of a `user_message`, from the socket or from a request body."""
    client_id = _client_id(frame)
    if client_id is None:
        return Bad("INVALID_FRAME")
    text, action, label = frame.get("text"), frame.get("action"), frame.get("label")
    if action is None:
        if text is None:
            return Bad("MISSING_TEXT", client_id)
        if not isinstance(text, str):
            return Bad("INVALID_FRAME", client_id)
        said = clean(text)
        if not said:
            return Bad("MISSING_TEXT", client_id)
        return UserMessage(client_id, said, None, None) if len(said) <= TEXT_LIMIT else Bad("TOO_LONG", client_id)
    if text is not None or not isinstance(action, Mapping) or not (label is None or isinstance(label, str)):
        return Bad("INVALID_FRAME", client_id)
    pressed = cast("Mapping[str, object]", action)
    words = clean(label or "")
    if len(words) > LABEL_CHARACTERS or not isinstance(pressed.get("type"), str):
        return Bad("INVALID_FRAME", client_id)
    try:
        plain = cast("dict[str, Any]", _plain(pressed, _DEEPEST))
    except _NotPlain:
        return Bad("INVALID_FRAME", client_id)
    if len(json.dumps(plain, ensure_ascii=False)) > ACTION_CHARACTERS:
        return Bad("TOO_LONG", client_id)
    return UserMessage(client_id, None, plain, words)


def clean(text: str) -> str:
    """Trimmed, with what no database column and no screen can hold (NUL, control signs, half characters) made harmless."""
    return _UNSAFE.sub(lambda found: "\ufffd" if found[0] >= "\ud800" else "", text).strip()


def encode(frame: Mapping[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def error(code: ErrorCode, *, language: str, trace_id: str, client_id: str | None = None) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "type": "error",
        "code": code,
        "message_user": words(code, language),
        "retryable": code in _RETRYABLE,
        "trace_id": trace_id,
    }
    if client_id is not None:
        frame["client_id"] = client_id
    if code == "CONVERSATION_CLOSED":
        frame["new_ticket"] = True
    return frame


def words(code: ErrorCode, language: str) -> str:
    return _SAID[code][0 if language == "ko" else 1]


def words_of(code: str, language: str) -> str | None:
    """What the socket says to this code; None for codes of others."""
    return next((ko if language == "ko" else en for known, (ko, en) in _SAID.items() if known == code), None)


def progress(stage: str, turn_id: str | None, language: str) -> dict[str, Any] | None:
    """None for a stage nobody has words for."""
    said = _STAGES.get(stage)
    if said is None:
        return None
    return {"type": "progress", "turn_id": turn_id, "stage": stage, "text": said[0 if language == "ko" else 1]}


def shown(message: Message, session: SessionId) -> dict[str, Any]:
    """A stored message as its shopper's window gets it: a tool is named with `success` or `failed` and nothing finer."""
    payload = message.payload
    common: dict[str, Any] = {
        "seq": message.seq,
        "session_id": str(session),
        "text": message.text,
        "kind": message.kind,
        "created_at": kst(message.created_at).isoformat(timespec="seconds"),
    }
    match message.sender:
        case "shopper":
            return {"type": "user_message", "role": "shopper", **common, "client_id": message.client_id}
        case "operator":
            return {"type": "operator_message", "role": "operator", **common, "name": payload.get("name")}
        case "system":
            return {"type": "system_message", "role": "system", **common}
        case "bot":
            frame = {
                "type": "assistant_message",
                "role": "bot",
                **common,
                "turn_id": str(message.turn) if message.turn is not None else None,
                "step": payload.get("step", "final"),
                "mcp_actions": [
                    {"tool": each.get("tool"), "status": "success" if each.get("status") == "success" else "failed"}
                    for each in _objects(payload.get("mcp_actions"))
                ],
                "quick_replies": _objects(payload.get("quick_replies")),
                "cards": _objects(payload.get("cards")),
                "citations": [{"n": each.get("n"), "title": each.get("title")} for each in _objects(payload.get("citations"))],
                "expected": _expected(payload.get("expected")),
            }  # fmt: skip
            return {**frame, **{name: payload[name] for name in ("choice_mode", "min", "max") if name in payload}}


def shown_text(message: Message, session: SessionId) -> str:
    """The frame as text, at most 64 KB: buttons and cards give way before words do."""
    frame = shown(message, session)
    text = encode(frame)
    if len(text) * 4 <= SENT_BYTES or len(text.encode()) <= SENT_BYTES:
        return text
    bare = {name: value for name, value in frame.items() if name not in ("quick_replies", "cards", "citations")}
    return encode({**bare, "text": message.text[: SENT_BYTES // 8]})


def _join(frame: Mapping[str, object]) -> Join | Bad:
    ticket = frame.get("ticket")
    last_seq = _count(frame.get("last_seq", 0))
    epoch = _count(frame.get("epoch")) if frame.get("epoch") is not None else None
    if not isinstance(ticket, str) or not 0 < len(ticket) <= TICKET_CHARACTERS or last_seq is None:
        return Bad("INVALID_FRAME")
    if frame.get("epoch") is not None and epoch is None:
        return Bad("INVALID_FRAME")
    return Join(ticket, last_seq, epoch)


def _client_id(frame: Mapping[str, object]) -> str | None:
    given = frame.get("client_id")
    return given if isinstance(given, str) and CLIENT_ID.fullmatch(given) else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _LONGEST_INTEGER else None


def _moment(value: object) -> int | float | None:
    if type(value) is int and abs(value) < _LONGEST_INTEGER:
        return value
    return value if type(value) is float and math.isfinite(value) else None


def _plain(value: object, depth: int) -> object:
    """JSON that every column and every reader takes. Raises `_NotPlain`."""
    if depth == 0:
        raise _NotPlain
    match value:
        case None | bool():
            return value
        case str():
            if _UNSAFE.search(value):
                raise _NotPlain
            return value
        case int():
            if abs(value) >= _LONGEST_INTEGER:
                raise _NotPlain
            return value
        case float():
            if not math.isfinite(value):
                raise _NotPlain
            return value
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return {str(_plain(name, depth)): _plain(each, depth - 1) for name, each in items}
        case Sequence():
            return [_plain(each, depth - 1) for each in cast("Sequence[object]", value)]
        case _:
            raise _NotPlain


def _objects(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        return []
    return [cast("Mapping[str, Any]", each) for each in cast("list[object]", value) if isinstance(each, Mapping)]


def _expected(value: object) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    expected = cast("Mapping[str, Any]", value)
    return {name: expected[name] for name in ("kind", "expires_at") if expected.get(name) is not None}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
