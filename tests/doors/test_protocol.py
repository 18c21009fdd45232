"""Frames as values: every text gives a frame or a refusal, limits on both sides, what shoppers are shown."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.conversations.model import Message, Sender
from sangdam.core.ids import SessionId
from sangdam.web.protocol import (
    ACTION_CHARACTERS,
    FRAME_BYTES,
    SENT_BYTES,
    Bad,
    Join,
    Leave,
    Ping,
    Received,
    Typing,
    UserMessage,
    clean,
    encode,
    error,
    parse,
    progress,
    shown,
    shown_text,
    user_message,
)

SESSION = SessionId(uuid.UUID(int=7))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
frames = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["join", "user_message", "received", "typing", "ping", "leave", "nonsense"])
        | json_values,
        "client_id": st.text(alphabet="abc-123", min_size=8, max_size=64) | json_values,
        "text": st.text() | json_values,
        "action": st.dictionaries(st.text(max_size=8), json_values, max_size=4) | json_values,
        "label": json_values,
        "ticket": json_values,
        "last_seq": json_values,
        "epoch": json_values,
        "seq": json_values,
        "ts": json_values,
    },
)


@given(st.text())
def test_any_text_gives_a_frame_or_a_refusal(text: str) -> None:
    parse(text)


@given(frames)
def test_any_object_gives_a_frame_that_can_be_stored_or_a_refusal(frame: dict[str, Any]) -> None:
    read = parse(json.dumps(frame))
    if not isinstance(read, UserMessage):
        return
    stored = json.dumps([read.text, read.action, read.label], ensure_ascii=False, allow_nan=False)
    stored.encode()
    assert "\\u0000" not in stored
    assert 8 <= len(read.client_id) <= 64
    assert (read.text is None) != (read.action is None)
    assert read.text is None or 1 <= len(read.text) <= 2000


@given(
    frames,
    st.dictionaries(
        st.text(min_size=1).map(lambda name: "x_" + name), st.text() | st.integers() | st.none(), max_size=3
    ),
)
def test_unknown_fields_change_nothing(frame: dict[str, Any], more: dict[str, Any]) -> None:
    assert repr(parse(json.dumps(frame))) == repr(parse(json.dumps({**more, **frame})))


@given(st.text())
def test_cleaned_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert "\x00" not in cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"type": "join", "ticket": "eyJ", "last_seq": 17, "epoch": 1, "protocol": 1}', Join("eyJ", 17, 1)),
        ('{"type": "join", "ticket": "eyJ"}', Join("eyJ", 0, None)),
        ('{"type": "received", "seq": 19}', Received(19)),
        ('{"type": "typing", "later": {"version": 2}}', Typing()),
        ('{"type": "ping", "ts": 1773469211000}', Ping(1773469211000)),
        ('{"type": "ping"}', Ping(None)),
        ('{"type": "leave"}', Leave()),
        (
            '{"type": "user_message", "client_id": "c-01HZX0", "text": " 배송지 바꿔 주세요\\n"}',
            UserMessage("c-01HZX0", "배송지 바꿔 주세요", None, None),
        ),
        (
            '{"type": "user_message", "client_id": "c-01HZY0", "action": {"type": "affirm", "effect_id": "e77b"}, "label": "네"}',
            UserMessage("c-01HZY0", None, {"type": "affirm", "effect_id": "e77b"}, "네"),
        ),
    ],
)
def test_the_documented_frames_are_read(text: str, frame: object) -> None:
    assert parse(text) == frame


@pytest.mark.parametrize(
    "text",
    ["", "{", "nonsense", "[]", "1", "null", '"join"', "NaN", '{"type": NaN}', "[" * 5000, '{"a":' * 2000, "9" * 5000],
)
def test_what_is_no_json_object_ends_the_socket(text: str) -> None:
    assert parse(text) == Bad("INVALID_JSON", None, 4400)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", "INVALID_FRAME"),
        ('{"type": 1}', "INVALID_FRAME"),
        ('{"type": "nonsense"}', "UNKNOWN_TYPE"),
        ('{"type": "join"}', "INVALID_FRAME"),
        ('{"type": "join", "ticket": ""}', "INVALID_FRAME"),
        ('{"type": "join", "ticket": "eyJ", "last_seq": -1}', "INVALID_FRAME"),
        ('{"type": "join", "ticket": "eyJ", "last_seq": true}', "INVALID_FRAME"),
        ('{"type": "join", "ticket": "eyJ", "epoch": "1"}', "INVALID_FRAME"),
        ('{"type": "received"}', "INVALID_FRAME"),
        ('{"type": "received", "seq": 1.5}', "INVALID_FRAME"),
        ('{"type": "user_message", "text": "안녕"}', "INVALID_FRAME"),
        ('{"type": "user_message", "client_id": "12345678"}', "MISSING_TEXT"),
        ('{"type": "user_message", "client_id": "12345678", "text": " \\u0000 "}', "MISSING_TEXT"),
        ('{"type": "user_message", "client_id": "12345678", "text": 1}', "INVALID_FRAME"),
        (
            '{"type": "user_message", "client_id": "12345678", "text": "안녕", "action": {"type": "affirm"}}',
            "INVALID_FRAME",
        ),
        ('{"type": "user_message", "client_id": "12345678", "action": {}}', "INVALID_FRAME"),
        ('{"type": "user_message", "client_id": "12345678", "action": "affirm"}', "INVALID_FRAME"),
        (
            '{"type": "user_message", "client_id": "12345678", "action": {"type": "set", "value": "\\u0000"}}',
            "INVALID_FRAME",
        ),
        (
            '{"type": "user_message", "client_id": "12345678", "action": {"type": "set", "value": 1e999}}',
            "INVALID_FRAME",
        ),
        (
            '{"type": "user_message", "client_id": "12345678", "action": {"type": "set", "value": "\\ud800"}}',
            "INVALID_FRAME",
        ),
        (
            '{"type": "user_message", "client_id": "12345678", "action": {"type": "set", "a": [[[[[[1]]]]]]}}',
            "INVALID_FRAME",
        ),
    ],
)
def test_what_is_not_understood_is_answered_and_the_socket_stays(text: str, code: str) -> None:
    read = parse(text)
    assert isinstance(read, Bad)
    assert (read.code, read.close) == (code, None)


@pytest.mark.parametrize(("length", "fits"), [(7, False), (8, True), (64, True), (65, False)])
def test_a_client_id_has_eight_to_sixty_four_characters(length: int, fits: bool) -> None:
    assert isinstance(user_message({"client_id": "c" * length, "text": "안녕"}), UserMessage) is fits


@pytest.mark.parametrize(("length", "fits"), [(1, True), (2000, True), (2001, False)])
def test_a_message_has_at_most_two_thousand_characters(length: int, fits: bool) -> None:
    read = user_message({"client_id": "12345678", "text": "가" * length})
    assert isinstance(read, UserMessage) if fits else read == Bad("TOO_LONG", "12345678")


@pytest.mark.parametrize(("size", "fits"), [(FRAME_BYTES, True), (FRAME_BYTES + 1, False)])
@pytest.mark.parametrize("sign", ["a", "가", "😀"])
def test_a_frame_has_at_most_sixteen_kilobytes(size: int, fits: bool, sign: str) -> None:
    shell = '{"type":"typing","x":""}'
    room = size - len(shell)
    width = len(sign.encode())
    text = shell.replace('""', f'"{sign * (room // width)}{"a" * (room % width)}"')
    assert len(text.encode()) == size
    assert parse(text) == (Typing() if fits else Bad("INVALID_FRAME", None, 4413))


def test_an_action_is_small() -> None:
    def read(length: int) -> object:
        return user_message({"client_id": "12345678", "action": {"type": "set", "value": "가" * length}})

    shell = len(json.dumps({"type": "set", "value": ""}))
    assert isinstance(read(ACTION_CHARACTERS - shell), UserMessage)
    assert read(ACTION_CHARACTERS - shell + 1) == Bad("TOO_LONG", "12345678")


def message(sender: Sender, text: str = "안녕하세요", **payload: Any) -> Message:
    return Message(
        19,
        sender,
        "text",
        text,
        payload,
        "c-00000001" if sender == "shopper" else None,
        None,
        datetime(2026, 3, 14, 5, 31, 2, tzinfo=UTC),
    )


def test_shoppers_see_that_a_tool_was_used_and_nothing_finer() -> None:
    """A foreign order and a missing one look the same."""
    actions = [
        {"tool": "lookup_order", "status": "failed", "code": "ORDER_NOT_OWNED", "call_id": "1"},
        {"tool": "lookup_order", "status": "error", "code": "CAFE24_NOT_FOUND", "call_id": "2"},
        {"tool": "search_address", "status": "success", "call_id": "3"},
    ]
    assert shown(message("bot", mcp_actions=actions), SESSION)["mcp_actions"] == [
        {"tool": "lookup_order", "status": "failed"},
        {"tool": "lookup_order", "status": "failed"},
        {"tool": "search_address", "status": "success"},
    ]


def test_a_bots_message_has_the_documented_shape() -> None:
    payload: dict[str, Any] = {
        "step": "confirm",
        "quick_replies": [{"label": "네", "action": {"type": "affirm"}}],
        "expected": {"kind": "confirm_write", "secret": 1},
        "choice_mode": "single",
    }
    frame = shown(message("bot", **payload), SESSION)
    assert frame == {
        "type": "assistant_message", "role": "bot", "seq": 19, "session_id": str(SESSION), "text": "안녕하세요", "kind": "text",
        "created_at": "2026-03-14T14:31:02+09:00", "turn_id": None, "step": "confirm", "mcp_actions": [],
        "quick_replies": [{"label": "네", "action": {"type": "affirm"}}], "cards": [], "citations": [], "expected": {"kind": "confirm_write"}, "choice_mode": "single",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "type_"),
    [
        ("shopper", "user_message"),
        ("bot", "assistant_message"),
        ("operator", "operator_message"),
        ("system", "system_message"),
    ],
)
def test_every_sender_has_a_frame(sender: Sender, type_: str) -> None:
    frame = shown(message(sender, name="상담원 이"), SESSION)
    assert (frame["type"], frame["role"], frame["seq"]) == (type_, sender, 19)
    assert frame.get("name") == ("상담원 이" if sender == "operator" else None)


@given(st.text(max_size=300), json_values)
def test_whatever_is_stored_is_shown_in_a_frame_of_bounded_size(text: str, value: object) -> None:
    many = [{"title": text, "v": 1}] * 2000
    sent = shown_text(
        message("bot", clean(text), cards=many, quick_replies=value, expected=value, mcp_actions=value), SESSION
    )
    assert len(sent.encode("utf-8", "replace")) <= SENT_BYTES
    assert json.loads(sent)["seq"] == 19


@pytest.mark.parametrize("language", ["ko", "en"])
def test_errors_and_hints_have_words_in_both_languages(language: str) -> None:
    closed = error("CONVERSATION_CLOSED", language=language, trace_id="t", client_id="c-00000001")
    assert (closed["retryable"], closed["new_ticket"], closed["client_id"]) == (False, True, "c-00000001")
    assert error("RATE_LIMIT", language=language, trace_id="t")["retryable"] is True
    for stage in ("reading", "checking", "writing"):
        hint = progress(stage, None, language)
        assert hint is not None
        assert hint["text"]
        assert "했어요" not in hint["text"]
    assert progress("thinking", None, language) is None


def test_korean_goes_over_the_wire_as_it_is() -> None:
    assert encode({"text": "안녕"}) == '{"text":"안녕"}'
