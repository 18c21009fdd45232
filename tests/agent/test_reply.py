"""Replies: facts as the record has them, one question at the end, and never more than fits."""

import random
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sangdam.agent.dialogue import KINDS, Draft
from sangdam.agent.flow import Ask, Button, Card, Choice, Option, Say, Waiting, YesNo
from sangdam.agent.flows.order_lookup import template_for
from sangdam.agent.reply import (
    BUTTON_LIMIT,
    CARD_LIMIT,
    LIST_LIMIT,
    TEXT_LIMIT,
    clip,
    compose,
    joined,
    order_words,
    shown,
    track_words,
    words,
)
from sangdam.agent.state import Expected, State
from sangdam.agent.templates import EN, KO
from sangdam.commerce.views import order_facts, tracking
from sangdam.core.facts import OrderFacts, TrackShipmentOut
from sangdam.core.shop import StatusClass
from tests.agent.walk import MOMENT, Walk, opening_slots
from tests.conversations.talk import CJ, NOW, PANTS, SHIRT, TWO_PARCELS, UNPAID, item, order, seeded

SHOP = seeded()


def facts(number: str) -> OrderFacts:
    return order_facts(next(each for each in SHOP.orders_known if each.order_id == number), asked_at=NOW)


def track(number: str) -> TrackShipmentOut:
    known = next(each for each in SHOP.orders_known if each.order_id == number)
    return tracking(known, SHOP.parcels.get(known.order_id, ()), (CJ,), SHOP.terms)


def composed(draft: Draft, **state: Any) -> Any:
    waiting = draft.question
    if waiting is not None:
        kind = waiting.step.kind if isinstance(waiting.step, Ask) else "yes_no" if isinstance(waiting.step, YesNo) else "choice"  # fmt: skip
        state.setdefault("expected", Expected(waiting.key, kind, "r", 3))
    return compose(State(**state), draft, shop="달빛샵", retention_days=30, token="r.k")


def asking(step: Ask | YesNo | Choice, **draft: Any) -> Draft:
    return Draft(question=Waiting(f"ask:{step.key}", step), **draft)


ASK = Ask("order_or_phone", "order_id_or_phone", "pick.ask", ("order_id", "phone"))
SEND = YesNo("otp_consent", "w.verify", {"phone": "010-****-1234"})

# One question, last --------------------------------------------------------------------------------------------------


def test_an_answer_comes_before_the_question() -> None:
    reply = composed(asking(SEND, says=[Say("identify.mobile_needed")]))
    assert reply.text.split("\n") == [words("ko", "identify.mobile_needed"), words("ko", "w.verify", {"phone": "010-****-1234"})]  # fmt: skip
    assert (reply.step, reply.kind, reply.expected) == ("ask", "choice", {"kind": "yes_no"})


def test_a_second_question_is_left_out() -> None:
    reply = composed(asking(ASK, says=[Say("w.lock"), Say("more.yes")]))
    assert reply.text == f"안전을 위해 15분 동안 확인을 잠시 막아 두었어요.\n{KO['pick.ask']}"


@pytest.mark.parametrize("key", ["unread", "repeat.none", "menu", "cancel.nothing"])
def test_after_a_question_nothing_more_is_asked(key: str) -> None:
    reply = composed(Draft(says=[Say(key)]), more=True)
    assert reply.text == KO[key]


def test_after_an_answer_it_asks_whether_there_is_more() -> None:
    assert composed(Draft(says=[Say("track.found")]), more=True).text.split("\n")[-1] == KO["more.ask"]
    assert composed(Draft(says=[Say("track.found")]), more=False).text == KO["track.found"]
    assert composed(Draft(says=[Say("track.found")]), more=True, closed="resolved").text == KO["track.found"]
    assert composed(Draft(says=[Say("handoff.no_contact")], handed_off=True), more=True).step == "handoff"


def test_nothing_to_say_is_still_an_answer() -> None:
    assert composed(Draft()).text == KO["nothing"]


@pytest.mark.parametrize("again", [1, 2])
def test_a_question_is_never_said_twice_in_a_row(again: int) -> None:
    first = composed(asking(ASK))
    once = composed(asking(ASK, again=again), last_text=first.text)
    assert once.text == KO[f"again.order_id_or_phone.{again}"]
    assert composed(asking(ASK), last_text=first.text).text == KO["again.order_id_or_phone.1"]
    assert composed(asking(ASK, again=again), last_text=once.text).text != once.text
    assert composed(asking(ASK, reason_asked=True)).text == f"{KO['why.order_id_or_phone']} {KO['pick.ask']}"


@given(st.lists(st.sampled_from([*KO.values(), "가" * 300, "https://trace.example.com/?no=1 " * 5]), min_size=1, max_size=6))  # fmt: skip
def test_any_parts_make_one_text_with_one_question_at_its_end(parts: list[str]) -> None:
    parts = [re.sub(r"\{\w+(?::\w+)?\}", "셔츠", part).strip() for part in parts]
    text = joined(parts)
    assert len(text) <= TEXT_LIMIT
    assert text.endswith(parts[-1]) or len(parts[-1]) > TEXT_LIMIT
    before = text.removesuffix(parts[-1])
    assert not re.search(r"\?(?:\s|$)", before)


def test_long_facts_are_cut_at_a_line_and_the_question_stays_whole() -> None:
    lines = "\n".join(f"· 린넨 셔츠 {n}번째 색상과 크기 1개, 배송중" for n in range(40))
    text = joined([lines, KO["more.ask"]])
    assert len(text) <= TEXT_LIMIT
    *head, dots, question = text.split("\n")
    assert (dots, question) == ("…", KO["more.ask"])
    assert all(line in lines.split("\n") for line in head)


@given(st.text(max_size=1500), st.integers(10, 700))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    assert len(clip(text, limit)) <= limit
    assert clip(text, limit) == text or len(text) > limit


# Buttons and cards ----------------------------------------------------------------------------------------------------


def test_no_more_buttons_and_cards_than_fit() -> None:
    many = tuple(Button(f"버튼 {n}", {"type": "person"}) for n in range(12))
    options = tuple(Option(str(n), f"{n}번째 아주 긴 이름의 선택지라서 스무 글자를 넘어요") for n in range(12))
    cards = tuple(Card(str(n), f"상품 {n}", "3월 14일") for n in range(12))
    asked = composed(asking(Ask("a", "way", "pick.none", ("way",), buttons=many)))
    assert len(asked.quick_replies) == BUTTON_LIMIT == 5
    listed = composed(asking(Choice("c", "which.ask", options)))
    assert len(listed.quick_replies) == LIST_LIMIT == 9
    assert all(len(reply["label"]) <= 20 for reply in listed.quick_replies)
    shown_cards = composed(asking(Choice("c", "pick.choose", options, {"total": 12}, cards, more=True, earlier=True, wider=True)))  # fmt: skip
    assert len(shown_cards.cards) == CARD_LIMIT == 5
    assert [reply["label"] for reply in shown_cards.quick_replies] == [
        "더 보기",
        "이전",
        "1년까지 넓히기",
        "여기 없어요",
    ]
    assert shown_cards.kind == "cards"


def test_a_plain_yes_or_no_has_its_two_buttons_bound_to_the_question() -> None:
    reply = composed(asking(YesNo("x", "agenda.next", {"label": "flow.faq"})))
    assert [(each["label"], each["action"]) for each in reply.quick_replies] == [
        ("네", {"type": "affirm", "question": "r.k"}),
        ("아니요", {"type": "deny", "question": "r.k"}),
    ]


def test_wishes_are_good_at_any_time_and_answers_only_for_their_question() -> None:
    buttons = (Button("button.person", {"type": "person"}), Button("button.by_order", {"type": "set", "slot": "way", "value": "order"}))  # fmt: skip
    person, way = composed(asking(Ask("a", "way", "pick.none", ("way",), buttons=buttons))).quick_replies
    assert person["action"] == {"type": "person"}
    assert way["action"] == {"type": "set", "slot": "way", "value": "order", "question": "r.k"}


# Facts ----------------------------------------------------------------------------------------------------------------


def test_an_order_is_told_with_date_status_amount_and_number() -> None:
    text = order_words("ko", "order.facts", facts(SHIRT))
    assert text.split("\n") == [
        "11월 22일(일)에 주문하신 린넨 셔츠는 지금 '배송중' 상태예요.",
        "· 린넨 셔츠 (화이트 / M) 1개, 배송중",
        "결제 금액은 28,800원이에요.",
        "받으실 곳은 서울특별시 중구예요.",
        "주문번호는 20261122-0000127이에요.",
    ]


def test_an_unpaid_order_is_told_with_what_is_due_and_no_paid_amount() -> None:
    unpaid = facts(UNPAID)
    text = order_words("ko", template_for(unpaid), unpaid)
    assert "입금하실 금액은 28,800원이에요." in text
    assert "입금 기한은 11월 25일(수)까지예요. 기한이 지나면 자동으로 취소돼요." in text
    assert "결제 금액" not in text


def test_a_big_order_names_five_items_and_counts_the_rest() -> None:
    big = order_facts(order("20261122-0000999", 1, [item("20261122-0000999", n, f"상품{n}", "N30") for n in range(1, 9)]), asked_at=NOW)  # fmt: skip
    text = order_words("ko", "order.facts", big)
    assert "상품1 외 7건은" in text
    assert text.count("\n· ") == 5
    assert "그 밖에 3건이 더 있어요." in text


def test_a_partly_shipped_order_is_told_parcel_by_parcel() -> None:
    text = track_words("ko", "track.partial", track(TWO_PARCELS))
    assert "· 머그컵: CJ대한통운 690000000033, 11월 22일(일)에 출발했어요." in text
    assert "· 접시 (화이트 / M): 아직 발송 전이에요 (상품준비중)." in text


def test_a_delivered_parcel_is_told_with_both_days() -> None:
    text = track_words("ko", "track.delivered", track(PANTS))
    assert re.search(
        r"CJ대한통운 690000000044, \d+월 \d+일\(.\)에 출발했어요\. \d+월 \d+일\(.\)에 배송 완료됐어요\.", text
    )


def test_what_the_record_does_not_hold_is_not_said() -> None:
    bare = track(SHIRT)
    (parcel,) = bare.shipments
    blank = parcel.model_copy(update={"carrier_name": None, "tracking_no": None, "shipped_at": None, "delivered_at": None, "status_text": "", "tracking_url": None})  # fmt: skip
    text = track_words("ko", "track.in_transit", bare.model_copy(update={"shipments": (blank,)}))
    assert text.split("\n")[1:] == ["택배사 확인 중 송장번호 확인 중."]


@pytest.mark.parametrize(("days", "span"), [((2, 3), "2~3일"), ((3, 3), "3일")])
def test_the_usual_days_are_told_where_the_shop_said_them(days: tuple[int, int], span: str) -> None:
    waiting = track(UNPAID).model_copy(update={"summary": "not_shipped", "usual_days": days})
    assert f"보통 {span} 안에" in track_words("ko", "track.not_shipped", waiting)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("known", [each.order_id for each in SHOP.orders_known])
def test_every_order_can_be_told_in_both_languages(known: str, language: str) -> None:
    for status in StatusClass:
        told = order_words(language, "order.facts", facts(known).model_copy(update={"status_class": status}))
        assert "None" not in told
    for summary in ("awaiting_payment", "not_shipped", "held", "partial", "in_transit", "delivered", "canceled"):
        told = track_words(language, f"track.{summary}", track(known).model_copy(update={"summary": summary}))
        assert "None" not in told


def test_values_are_shown_as_they_are_written() -> None:
    assert (shown(MOMENT, "ko"), shown(MOMENT, "en")) == ("3월 14일(토)", "Sat, Mar 14")
    assert (shown(MOMENT.isoformat(), "ko"), shown("2026-03-13T15:30:00Z", "ko")) == ("3월 14일(토)", "3월 14일(토)")
    assert shown(Decimal(28800), "ko") == "28,800원"
    assert shown(MOMENT + timedelta(hours=9), "ko") == "3월 14일(토)"


@given(st.text(min_size=1, max_size=60) | st.just("LINE-UP T-SHIRT 2026 SUMMER LIMITED") | st.from_regex(r"[0-9]{4}-[A-Z0-9 T:-]{15,30}", fullmatch=True))  # fmt: skip
def test_a_name_that_looks_like_a_moment_is_still_a_name(name: str) -> None:
    assert name.strip()[:5] in words("ko", "track.delivered", {"date": MOMENT, "title": name})


def test_words_of_the_mall_are_quoted_and_never_filled_in() -> None:
    text = words("ko", "order.facts", {"date": MOMENT, "title": "{shop} 셔츠 {0}", "status": "{status}"})
    assert text == "3월 14일(토)에 주문하신 {shop} 셔츠 {0}은 지금 '{status}' 상태예요."


# Whole conversations --------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 2**32), st.sampled_from(["ko", "en"]), st.integers(0, 2))
def test_every_reply_of_every_flow_keeps_the_contract(name: str, seed: int, language: str, again: int) -> None:
    pick = random.Random(seed).choice
    walk = Walk(KINDS[name].run, opening_slots(pick), good=0.9)
    for _ in range(15):
        advanced = walk.advance()
        if isinstance(advanced.next, Waiting) or walk.over:
            question = advanced.next if isinstance(advanced.next, Waiting) else None
            reply = composed(Draft(says=list(walk.said), question=question, again=again), language=language, more=walk.over)  # fmt: skip
            keeps_the_contract(reply)
            walk.said.clear()
        if walk.over:
            return
        walk.respond(advanced, pick)


def keeps_the_contract(reply: Any) -> None:
    assert 0 < len(reply.text) <= TEXT_LIMIT
    asked = re.sub(r"https?://\S+", "", reply.text)
    assert asked.count("?") <= 1, reply.text
    assert "?" not in asked.rstrip().removesuffix("?"), reply.text
    assert "None" not in reply.text
    assert "{" not in reply.text
    assert len(reply.quick_replies) <= (LIST_LIMIT if reply.cards else 6)
    assert all(1 <= len(each["label"]) <= 20 for each in reply.quick_replies)
    assert not any("." in each["label"] and each["label"] not in (*KO.values(), *EN.values()) for each in reply.quick_replies)  # fmt: skip
    assert len(reply.cards) <= CARD_LIMIT
    payload = reply.payload()
    assert set(payload) == {"step", "quick_replies", "cards", "citations", "expected"}
