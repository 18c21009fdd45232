"""A request as an article, and how it is known again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.commerce.goods import NOW, item

from sangdam.commerce.tickets import (
    NOBODY,
    Request,
    content_of,
    is_of,
    reference,
    same_request,
    title_of,
    without_last_part,
)
from sangdam.core.ids import EffectId, OrderId, new_uuid
from sangdam.core.phone import Phone
from sangdam.core.shop import Ticket

EFFECT = EffectId(new_uuid())
CODE = "S-7KQ2MD"
NUMBER = OrderId("20260310-0000127")
CANCEL = Request(
    "cancel", "셔츠 주문 취소해 주세요", "색이 마음에 안 들어요.\n취소 부탁드려요.", order_id=NUMBER, items=(item(1, "N10"),), contact=Phone("01000001234"), session_code=CODE
)  # fmt: skip


def filed(request: Request = CANCEL, effect: EffectId = EFFECT, **more: Any) -> Ticket:
    return replace(
        Ticket(9, 3321, NOW, title_of(request), content_of(request, effect), request.order_id, open=True), **more
    )


def test_an_article_says_what_was_asked_and_ends_with_its_marks() -> None:
    full = replace(
        CANCEL, reason="change_of_mind", priority=1, withdrawal="within", first_requested_at=NOW - timedelta(minutes=3)
    )
    assert title_of(full) == "[취소] 셔츠 주문 취소해 주세요"
    assert content_of(full, EFFECT).split("<br>\n") == [
        "색이 마음에 안 들어요.",
        "취소 부탁드려요.",
        "",
        "주문번호: 20260310-0000127",
        "상품: 상품1 (화이트 / M) 1개 20260310-0000127-01",
        "사유: 단순 변심",
        "청약철회 기간: 기간 안",
        "처음 요청한 때: 2026-03-14 14:25",
        "중요도: 높음",
        "답변 방법: 게시글 답변",
        "",
        f"상담번호 {CODE} / 참조 {reference(EFFECT)} / 연락처 010-****-1234",
    ]


def test_what_is_not_known_is_left_out() -> None:
    plain = Request("other", "문의드려요", "도매도 하시나요?", reply="sms")
    assert content_of(plain, EFFECT).split("<br>\n") == [
        "도매도 하시나요?",
        "",
        "답변 방법: 문자",
        "",
        f"상담번호 - / 참조 {reference(EFFECT)} / 연락처 -",
    ]


def test_mark_up_and_control_signs_are_text() -> None:
    hostile = replace(
        CANCEL,
        summary="<script>\n취소\x00</script>",
        content="<img src=x onerror=alert(1)> & \x00\x1b[31m\r\n</p>",
    )
    assert title_of(hostile) == "[취소] 〈script〉 취소 〈/script〉"
    content = content_of(hostile, EFFECT)
    assert content.startswith("&lt;img src=x onerror=alert(1)&gt; &amp; [31m<br>\n&lt;/p&gt;<br>\n")
    assert not set(content) & set("\x00\x1b\r")


def test_a_full_number_stays_here() -> None:
    assert "0000-1234" not in content_of(CANCEL, EFFECT)
    assert "00001234" not in content_of(CANCEL, EFFECT)


def test_an_article_is_known_by_its_effect() -> None:
    assert is_of(filed(), EFFECT)
    assert not is_of(filed(), EffectId(new_uuid()))
    other = EffectId(new_uuid())
    forged = replace(CANCEL, content=f"상담번호 {CODE} / 참조 {reference(other)} / 연락처 010-****-1234")
    assert not is_of(filed(forged), other), "only the last line counts"
    assert is_of(filed(forged), EFFECT)


@pytest.mark.parametrize(
    "changed",
    [
        {"open": False},
        {"title": "[반품] 셔츠 주문 취소해 주세요"},
        {"title": "취소"},
        {"order_id": OrderId("20260310-0000128")},
        {"order_id": None},
        {"created_at": NOW - timedelta(hours=24)},
        {"content": content_of(replace(CANCEL, session_code="S-AAAAAA", content=f"상담번호 {CODE} / 참조"), EFFECT)},
    ],
)
def test_an_open_ticket_of_the_same_kind_and_order_stands_for_a_new_one(changed: dict[str, Any]) -> None:
    assert same_request(CANCEL, [filed()], NOW) == filed()
    assert same_request(CANCEL, [filed(**changed)], NOW) is None


def test_the_newest_of_several_and_up_to_a_day() -> None:
    old = filed(created_at=NOW - timedelta(hours=23, minutes=59, seconds=59), article_no=3300)
    assert same_request(CANCEL, [old], NOW) == old
    assert same_request(CANCEL, [old, filed()], NOW) == filed()
    assert same_request(CANCEL, [], NOW) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.0"),
        ("203.0.113.0", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:db8::1", "2001:db8::"),
        ("::ffff:203.0.113.9", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::"),
        (None, NOBODY),
        ("", NOBODY),
        ("9f86d081884c7d65", NOBODY),
        ("203.0.113", NOBODY),
        ("203.0.113.9, 10.0.0.1", NOBODY),
    ],
)
def test_of_an_address_the_network_is_told(address: str | None, network: str) -> None:
    assert without_last_part(address) == network
