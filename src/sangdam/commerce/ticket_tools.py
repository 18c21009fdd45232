"""A request for the shop's staff, filed on the mall's board once (tools.md §4.7).

Naming an order needs the right to it; a complaint or a question without one needs a contact. What was filed is found again by the
mark of its effect.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from sangdam.commerce.asking import Pause, asker_of, evenly, refusal, too_much, verified
from sangdam.commerce.house import House
from sangdam.commerce.shop import Shop, ShopFailure
from sangdam.commerce.tickets import (
    KINDS,
    OF_AN_ORDER,
    WRITER,
    Reason,
    ReplyChannel,
    Request,
    TicketKind,
    WithdrawalState,
    content_of,
    is_of,
    reference,
    same_request,
    title_of,
    without_last_part,
)
from sangdam.commerce.views import title_of as items_title
from sangdam.core.facts import CreateTicketOut
from sangdam.core.ids import OrderId, OrgId
from sangdam.core.phone import Phone
from sangdam.core.shop import Item, Order, Ticket, TicketDraft
from sangdam.orgs.hours import add_business_days
from sangdam.orgs.model import Org
from sangdam.tools.fields import OrderIdArg, PhoneArg
from sangdam.tools.model import (
    Assurance,
    Call,
    CallerKind,
    DefaultPolicy,
    Failed,
    Invalid,
    Preview,
    Refusal,
    Tool,
    Undecided,
)

_AHEAD = timedelta(minutes=5)
"""By which a caller's clock may be ahead of ours."""

ItemCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}-[0-9]{7}-[0-9]{2,3}$")]


class CreateTicketIn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    kind: TicketKind
    summary: str = Field(min_length=5, max_length=100)
    content: str = Field(min_length=5, max_length=2000)
    order_id: OrderIdArg | None = None
    item_codes: tuple[ItemCode, ...] = Field(default=(), max_length=50)
    reason: Reason | None = None
    priority: int = Field(default=2, ge=1, le=3)
    contact_phone: PhoneArg | None = None
    withdrawal_state: WithdrawalState | None = None
    first_requested_at: AwareDatetime | None = None
    reply_channel: ReplyChannel | None = None
    board_no: int | None = Field(default=None, ge=1, le=10**6)


def ticket_tools(
    shops: Callable[[OrgId], Awaitable[Shop]], house: House, *, floor_s: float, pause: Pause
) -> tuple[Tool, ...]:
    """`floor_s`: the shortest time in which an order is refused to who asks for it."""

    async def preview(call: Call, given: CreateTicketIn) -> Preview | Refusal:
        try:
            shop = await shops(call.org)
            about = await understood(shop, call, given)
            if not isinstance(about, Request):
                return about
            await board_of(shop, call, given)
        except ShopFailure as failure:
            return refusal(call, failure)
        contact = about.contact.digits if about.contact is not None else None
        settled = given.model_copy(update={"contact_phone": contact, "reply_channel": about.reply})
        due = reply_by(await house.org(call.org), call.clock.now())
        return Preview(
            arguments=settled.model_dump(mode="json", exclude_none=True),
            shown={
                "kind": given.kind,
                "kind_text": KINDS[given.kind],
                "order_id": given.order_id,
                "items": items_title(about.items) if about.items else None,
                "summary": given.summary,
                "content": given.content,
                "contact_masked": about.contact.masked if about.contact is not None else None,
                "reply_channel": about.reply,
                "expected_reply_by": due.isoformat() if due is not None else None,
            },
        )

    async def create(call: Call, given: CreateTicketIn) -> CreateTicketOut | Refusal:
        if call.effect is None:
            return Failed("INTERNAL_ERROR")
        try:
            shop, org = await shops(call.org), await house.org(call.org)
            about = await understood(shop, call, given)
            if not isinstance(about, Request):
                return about
            board_no = await board_of(shop, call, given)
            if about.session_code is not None:
                found = await shop.tickets(call, board_no, containing=about.session_code)
                same = same_request(about, found, call.clock.now())
                if same is not None:
                    return told(org, same, existing=True)
            made = await shop.file_ticket(
                call,
                board_no,
                TicketDraft(
                    writer=WRITER,
                    title=title_of(about),
                    content=content_of(about, call.effect),
                    client_ip=without_last_part(call.caller.client_ip),
                    order_id=about.order_id,
                    member_id=about.member_id,
                ),
            )
        except ShopFailure as failure:
            return refusal(call, failure)
        return told(org, made, existing=False)

    async def reconcile(call: Call, given: CreateTicketIn) -> CreateTicketOut | Failed | Undecided:
        if call.effect is None:
            return Undecided()
        try:
            shop, org = await shops(call.org), await house.org(call.org)
            board_no = await board_of(shop, call, given)
            found = await shop.tickets(call, board_no, containing=reference(call.effect))
        except ShopFailure:
            return Undecided()
        mine = next((ticket for ticket in found if is_of(ticket, call.effect)), None)
        return told(org, mine, existing=False) if mine is not None else Failed("CAFE24_TIMEOUT", retryable=True)

    async def board_of(shop: Shop, call: Call, given: CreateTicketIn) -> int:
        return given.board_no if given.board_no is not None else await shop.ticket_board(call)

    async def understood(shop: Shop, call: Call, given: CreateTicketIn) -> Request | Refusal:
        """The request with what the order and the conversation say. Raises ShopFailure."""
        if (wrong := unfit(call, given)) is not None:
            return wrong
        order: Order | None = None
        if given.order_id is not None:
            order_id = OrderId(given.order_id)
            order = await shop.order(call, asker_of(call, order_id), order_id, fresh=True)
            if (denied := too_much(call, order)) is not None:
                return denied
        items = items_of(order, given)
        if items is None:
            return Invalid(fields=("item_codes",))
        member = order.member_id if order is not None else None
        if given.reply_channel == "board" and member is None:
            return Invalid(fields=("reply_channel",))  # a secret article opens for its member only
        session = call.caller.session
        return Request(
            kind=given.kind,
            summary=given.summary,
            content=given.content,
            order_id=order.order_id if order is not None else None,
            items=items,
            reason=given.reason,
            priority=given.priority,
            withdrawal=given.withdrawal_state,
            first_requested_at=given.first_requested_at,
            reply=given.reply_channel or ("board" if member is not None else "sms"),
            contact=contact_of(call, given, order),
            session_code=await house.session_code(call.org, session) if session is not None else None,
            member_id=member,
        )

    agent, member, mcp = CallerKind.AGENT, CallerKind.MEMBER, CallerKind.MCP
    return (
        Tool(
            name="create_ticket", display_name="요청 접수", display_name_en="File a request",
            description="Files a request for the shop's staff as a secret article of the mall's board, once, after a person confirmed it. Cancels or refunds nothing by itself.",
            provider="cafe24", effect="write", assurance=Assurance.CLAIMED, input=CreateTicketIn, output=CreateTicketOut,
            default_policy=DefaultPolicy(frozenset({agent, member, mcp}), 120), run=evenly(create, floor_s=floor_s, pause=pause), confirmation=True,
            preview=evenly(preview, floor_s=floor_s, pause=pause), reconcile=reconcile, scopes=frozenset({"mall.read_community", "mall.write_community"}),
            breaker="cafe24", assurance_when=needed,
        ),
    )  # fmt: skip


def told(org: Org, ticket: Ticket, *, existing: bool) -> CreateTicketOut:
    return CreateTicketOut(
        ticket_id=f"{ticket.board_no}/{ticket.article_no}",
        receipt_no=f"{ticket.board_no}-{ticket.article_no}",
        created_at=ticket.created_at,
        existing=existing,
        expected_reply_by=reply_by(org, ticket.created_at),
    )


def reply_by(org: Org, since: datetime) -> datetime | None:
    """The end of the business day by which the shop means to answer."""
    return add_business_days(org.hours, since, org.settings.reply_business_days)


def needed(given: CreateTicketIn) -> Assurance:
    """What names no order is anybody's to say."""
    return Assurance.CLAIMED if given.order_id is not None else Assurance.ANONYMOUS


def unfit(call: Call, given: CreateTicketIn) -> Invalid | None:
    """What is wrong with the arguments by themselves."""
    late = call.clock.now() + _AHEAD
    if given.first_requested_at is not None and given.first_requested_at > late:
        return Invalid(fields=("first_requested_at",))
    if given.order_id is not None:
        return None
    if given.kind in OF_AN_ORDER:
        return Invalid(fields=("order_id",))
    if given.item_codes:
        return Invalid(fields=("item_codes",))
    return Invalid(fields=("contact_phone",)) if given.contact_phone is None else None


def items_of(order: Order | None, given: CreateTicketIn) -> tuple[Item, ...] | None:
    """The named items, or all of the order; None when one of them is not of it."""
    if order is None:
        return ()
    if not given.item_codes:
        return order.items
    known = {item.order_item_code: item for item in order.items}
    wanted = tuple(dict.fromkeys(given.item_codes))
    return tuple(known[code] for code in wanted) if all(code in known for code in wanted) else None


def contact_of(call: Call, given: CreateTicketIn, order: Order | None) -> Phone | None:
    """Where staff can reach who asked: as told, else the proved phone, else the buyer's."""
    if given.contact_phone is not None:
        return Phone(given.contact_phone)
    proof = verified(call) if call.caller.on_behalf else None
    if proof is not None and proof.phone is not None:
        return proof.phone
    return (order.buyer.cellphone or order.buyer.phone) if order is not None else None
