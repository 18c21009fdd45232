"""A request for the shop's staff as an article of the mall's board: how it reads, and how it is known again. Pure.

The last line names the conversation and the effect, so that a ticket whose answer was lost can be found. A full phone number
never goes there.
"""

import html
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sangdam.core.clock import kst
from sangdam.core.ids import EffectId, MemberId, OrderId
from sangdam.core.phone import Phone
from sangdam.core.shop import Item, Ticket

TicketKind = Literal[
    "cancel", "return", "exchange", "refund", "address", "option_change", "complaint", "product", "other"
]
Reason = Literal["change_of_mind", "defect", "wrong_item", "delay", "other"]
WithdrawalState = Literal["not_started", "within", "over", "unknown"]
ReplyChannel = Literal["board", "sms", "phone"]

WRITER = "상담 도우미"
SAME_REQUEST = timedelta(hours=24)
"""For so long an open ticket of the same kind, order and conversation stands for a new one."""
KINDS: Mapping[TicketKind, str] = {
    "cancel": "취소",
    "return": "반품",
    "exchange": "교환",
    "refund": "환불",
    "address": "배송지 변경",
    "option_change": "옵션 변경",
    "complaint": "불만",
    "product": "상품 문의",
    "other": "기타",
}
OF_AN_ORDER: frozenset[TicketKind] = frozenset({"cancel", "return", "exchange", "refund", "address", "option_change"})
"""These ask for something to be done with an order: without one, nobody would have proved whose it is."""
REASONS: Mapping[Reason, str] = {
    "change_of_mind": "단순 변심",
    "defect": "상품 하자",
    "wrong_item": "다른 상품 배송",
    "delay": "배송 지연",
    "other": "기타",
}
WITHDRAWAL: Mapping[WithdrawalState, str] = {
    "not_started": "배송 전",
    "within": "기간 안",
    "over": "기간이 지난 것으로 보임",
    "unknown": "확인 필요",
}
CHANNELS: Mapping[ReplyChannel, str] = {"board": "게시글 답변", "sms": "문자", "phone": "전화"}
PRIORITIES: Mapping[int, str] = {1: "높음", 3: "낮음"}
NOBODY = "0.0.0.0"  # noqa: S104 - what an article says of an address that is not known
NONE = "-"

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Request:
    """What a shopper asks the shop's staff for."""

    kind: TicketKind
    summary: str
    content: str
    order_id: OrderId | None = None
    items: Sequence[Item] = ()
    reason: Reason | None = None
    priority: int = 2
    withdrawal: WithdrawalState | None = None
    first_requested_at: datetime | None = None
    reply: ReplyChannel = "board"
    contact: Phone | None = None
    session_code: str | None = None
    member_id: MemberId | None = None
    """Whose article it becomes: nobody else of the mall's shoppers can open it."""


def title_of(request: Request) -> str:
    """`[취소] …`. Angle brackets are taken out: some boards show a title as it stands."""
    plain = " ".join(_UNPRINTABLE.sub(" ", request.summary).split())
    return f"{_prefix(request.kind)} {plain.translate({ord('<'): '〈', ord('>'): '〉'})}"


def content_of(request: Request, effect: EffectId) -> str:
    """HTML, whose text is what was said: no mark-up of it lives on."""
    facts = [
        ("주문번호", request.order_id),
        ("상품", ", ".join(_line(item) for item in request.items)),
        ("사유", REASONS[request.reason] if request.reason is not None else None),
        ("청약철회 기간", WITHDRAWAL[request.withdrawal] if request.withdrawal is not None else None),
        (
            "처음 요청한 때",
            f"{kst(request.first_requested_at):%Y-%m-%d %H:%M}" if request.first_requested_at is not None else None,
        ),
        ("중요도", PRIORITIES.get(request.priority)),
        ("답변 방법", CHANNELS[request.reply]),
    ]
    lines = [
        *_UNPRINTABLE.sub("", request.content.replace("\r\n", "\n")).strip().split("\n"),
        "",
        *(f"{name}: {value}" for name, value in facts if value),
        "",
        _last_line(request, effect),
    ]
    return "<br>\n".join(html.escape(line, quote=False) for line in lines)


def reference(effect: EffectId) -> str:
    """The first eight hex digits of the effect."""
    return effect.hex[:8]


def is_of(ticket: Ticket, effect: EffectId) -> bool:
    """Whether this article is what the effect filed. Only its last line counts: the words above it are the shopper's."""
    return ticket.content.rpartition("참조 ")[2].startswith(reference(effect))


def same_request(request: Request, found: Sequence[Ticket], now: datetime) -> Ticket | None:
    """The newest open ticket of this conversation that asks for the same, not a day old."""
    fitting = [
        ticket
        for ticket in found
        if ticket.open
        and ticket.order_id == request.order_id
        and ticket.title.startswith(_prefix(request.kind) + " ")
        and ticket.content.rpartition("상담번호 ")[2].startswith(f"{request.session_code} /")
        and now - ticket.created_at < SAME_REQUEST
    ]
    return max(fitting, key=lambda ticket: (ticket.created_at, ticket.article_no), default=None)


def without_last_part(address: str | None) -> str:
    """`203.0.113.0` and `2001:db8:1::`: the network of a shopper, not their line. NOBODY for what is no address."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return NOBODY
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.IPv6Address(int(found) >> 80 << 80))
        found = found.ipv4_mapped
    return str(ipaddress.IPv4Address(int(found) >> 8 << 8))


def _prefix(kind: TicketKind) -> str:
    return f"[{KINDS[kind]}]"


def _line(item: Item) -> str:
    option = f" ({item.option})" if item.option else ""
    return f"{item.name}{option} {item.quantity}개 {item.order_item_code}"


def _last_line(request: Request, effect: EffectId) -> str:
    contact = request.contact.masked if request.contact is not None else NONE
    return f"상담번호 {request.session_code or NONE} / 참조 {reference(effect)} / 연락처 {contact}"
