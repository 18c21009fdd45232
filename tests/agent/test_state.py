"""The state in its two halves: the sealed one gives it back whole, the readable one holds masks only."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from sangdam.agent.flow import Chosen, Given, Identity
from sangdam.agent.state import (
    ANONYMOUS,
    PERSONAL,
    Expected,
    Proof,
    Run,
    Slot,
    State,
    Wish,
    context_of,
    from_memory,
    projection,
    to_memory,
)
from sangdam.core.ids import EffectId
from sangdam.tools.model import (
    Assurance,
    Denied,
    Done,
    Failed,
    Invalid,
    NeedsConfirmation,
    NeedsVerification,
    Unknown,
)

TEXT = st.text(max_size=12)
COUNT = st.integers(0, 10**6)
MOMENT = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
JSON = st.recursive(
    st.none() | st.booleans() | COUNT | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)  # fmt: skip
MAP = st.dictionaries(TEXT, JSON, max_size=3)
EFFECTS = st.uuids().map(EffectId)
OUTCOMES = st.one_of(
    st.builds(Done, MAP, st.booleans()),
    st.builds(Denied, TEXT, st.none() | st.floats(0, 3600)),
    st.builds(NeedsVerification, st.sampled_from(Assurance), TEXT, st.sampled_from(("missing", "expired", "other_order"))),
    st.builds(NeedsConfirmation, EFFECTS, TEXT, MAP, MOMENT, st.sampled_from(("none", "changed"))),
    st.builds(Invalid, TEXT, st.lists(TEXT, max_size=2).map(tuple), MAP),
    st.builds(Failed, TEXT, st.booleans(), MAP),
    st.builds(Unknown, TEXT, EFFECTS),
)  # fmt: skip
ANSWERS = st.one_of(
    JSON, st.builds(Given, TEXT, JSON), st.builds(Chosen, st.none() | TEXT, st.sampled_from((None, "next", "prev", "wider"))), OUTCOMES
)  # fmt: skip
RUNS = st.builds(
    Run, TEXT, TEXT, TEXT, COUNT, st.dictionaries(TEXT, ANSWERS, max_size=3), st.dictionaries(TEXT, st.integers(1, 3), max_size=2)
)  # fmt: skip
IDENTITIES = st.builds(Identity, st.sampled_from(Assurance), st.none() | TEXT, st.none() | TEXT, st.lists(TEXT, max_size=2).map(tuple))  # fmt: skip
STATES = st.builds(
    State,
    language=st.sampled_from(("ko", "en")), speaker=TEXT, slots=st.dictionaries(TEXT, st.builds(Slot, JSON, COUNT, TEXT), max_size=3), run=st.none() | RUNS,
    stack=st.lists(RUNS, max_size=3).map(tuple), agenda=st.lists(st.builds(Wish, TEXT, COUNT, MAP), max_size=3).map(tuple),
    expected=st.none() | st.builds(Expected, TEXT, TEXT, TEXT, COUNT, st.integers(1, 3)), more=st.booleans(),
    proof=st.builds(Proof, IDENTITIES, st.none() | TEXT, st.none() | TEXT, st.none() | MOMENT), facts=st.lists(MAP, max_size=3).map(tuple), no_progress=COUNT, abuse=COUNT,
    greeted=st.booleans(), last_text=TEXT, last_action=TEXT, csat=st.none() | MAP, closed=st.none() | TEXT, confidence=st.floats(0, 1), source=TEXT,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(STATES)
def test_what_was_remembered_is_the_state_again(state: State) -> None:
    again = from_memory(to_memory(state))
    assert again == state
    assert to_memory(again) == to_memory(state)


SESSION, TURN = uuid.UUID(int=7), uuid.UUID(int=8)
CANARIES = {
    "phone": "01023456789", "landline": "0223456789", "safe_number": "050423456789", "orderer_name": "김하늘", "otp": "482913", "address_query": "서울특별시 강남구 테헤란로 152",
    "address_detail": "11층 1102호", "contact": "01098765432", "csat_reason": "010-2345-6789로 전화했는데 늦었어요", "wish_text": "김하늘인데 환불해 주세요",
}  # fmt: skip
SECRET_PARTS = ("23456789", "2345-6789", "하늘", "482913", "테헤란로", "1102", "98765432", "010-9876")


@given(
    st.fixed_dictionaries({}, optional={name: st.just(value) for name, value in CANARIES.items()}),
    st.booleans(),
)
def test_the_readable_half_holds_no_raw_personal_value(values: dict[str, str], asked: bool) -> None:
    state = State(
        slots={name: Slot(value, 3) for name, value in values.items()},
        run=Run("order_lookup", "r", "order_lookup", 1, {f"ask:{name}": Given(name, value) for name, value in values.items()}),
        stack=(Run("wish:refund_request", "s", "refund_request", 1, {"known:wish_text": CANARIES["wish_text"]}),),
        expected=Expected("ask:otp:x", "otp", "r", 5) if asked else None,
        csat={"score": 1, "reason": CANARIES["csat_reason"]},
        last_text="010-2345-6789로 인증번호를 보내 드릴까요?",
        last_action=json.dumps({"value": CANARIES["phone"]}),
    )  # fmt: skip
    context = context_of(state, session=SESSION, turn=TURN, rev=2)
    for text in (json.dumps(context, ensure_ascii=False), json.dumps(projection(context), ensure_ascii=False)):
        for part in SECRET_PARTS:
            assert part not in text
    assert all(context["slots"][name]["ref"] == name for name in values)


def test_every_personal_slot_has_its_canary() -> None:
    assert set(CANARIES) == PERSONAL


@given(st.sampled_from(("product_query", "delivery_problem", "start", "anything")), st.sampled_from(("010-2345-6789", "01023456789 셔츠", "haneul23456789@example.com")))  # fmt: skip
def test_a_free_slot_passes_the_masker_too(name: str, value: str) -> None:
    context = context_of(State(slots={name: Slot(value, 1)}), session=SESSION, turn=None, rev=0)
    assert "2345" not in json.dumps(context)


@settings(max_examples=100, deadline=None)
@given(STATES)
def test_any_state_can_be_shown(state: State) -> None:
    if state.csat is not None:
        state = replace(state, csat={"score": 3, "reason": None})
    context = context_of(state, session=SESSION, turn=TURN, rev=7)
    seen = projection(json.loads(json.dumps(context, ensure_ascii=False)))
    assert seen == projection(context)
    assert (seen["rev"], seen["turn_id"], seen["assurance"]) == (7, context["turn_id"], state.proof.identity.level.name)


def test_an_empty_state_is_anonymous() -> None:
    assert State().proof.identity is ANONYMOUS
    assert from_memory(to_memory(State())) == State()
