"""A conversation as tests hold it: messages in, replies out, judged by what was said, called and stored.

The product is the real one on a real Postgres; only the mall is `MemoryShop` and the phone is `Console`, both stand-ins that pass
the contracts of the real ones.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sangdam.agent.agents import Agent
from sangdam.agent.opening import opening_message
from sangdam.app import Product, Surroundings, opened
from sangdam.commerce.memory import MemoryShop
from sangdam.commerce.statuses import class_of, text_of
from sangdam.conversations.model import Accepted, NewSession, Session
from sangdam.core.clock import KST, SettableClock
from sangdam.core.ids import MemberId, OrderId, OrgId, UserId, new_trace_id, new_uuid
from sangdam.core.phone import Phone
from sangdam.core.shop import (
    CLAIM_CLASSES,
    Amounts,
    Buyer,
    Carrier,
    Claim,
    Customer,
    Item,
    Order,
    Place,
    Receiver,
    Shipment,
    StatusClass,
)
from sangdam.db.database import Database
from sangdam.db.testing import Addresses, connected
from sangdam.notify import Console
from sangdam.orgs.hours import Hours
from sangdam.settings import Settings
from sangdam.tools.registry import sync_catalogue

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Monday 11:00 in Seoul: the shop is open."""
CODE = "123456"
HANEUL = Phone("01000001234")
SEOJUN = Phone("01000005678")
NOBODY = Phone("01000000000")
CJ = Carrier("0006", "CJ대한통운", "https://trace.example.com/?no=")
OPEN_HOURS = Hours.model_validate({day: [["10:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")})

FORBIDDEN = re.compile(
    r"CAFE24|ORDER_|OTP_|TOOL|API|JSON|토큰|스코프|정책 행|시스템 오류|을\(를\)|이\(가\)|은\(는\)|\{|\}|None|null|Traceback|[A-Z]{2,}_[A-Z]{2,}"
)
PERSONAL = (
    "김하늘",
    "이서준",
    "01000001234",
    "010-0000-1234",
    "01000005678",
    "010-0000-5678",
    "세종대로",
    "690000000012",
)
DONE_WORDS = re.compile(r"바꿔 드렸어요|변경했어요|취소했어요|접수했어요|환불했어요")


def item(number: str, n: int, name: str, code: str, **more: Any) -> Item:
    status = class_of(code)
    return Item(
        f"{number}-{n:02d}", 100 + n, "P0000BCD000A", name, more.pop("option", "화이트 / M"), more.pop("quantity", 1), Decimal(12900), code, status, text_of(code, None),
        Claim(status, None, text_of(code, None)) if status in CLAIM_CLASSES else None, f"D-{number}-00", **more,
    )  # fmt: skip


def order(
    number: str,
    days_ago: float,
    items: Sequence[Item],
    *,
    phone: Phone = HANEUL,
    name: str = "김하늘",
    member: str | None = "haneul01",
    **more: Any,
) -> Order:
    unpaid = all(each.status_class is StatusClass.AWAITING_PAYMENT for each in items)
    return Order(
        OrderId(number), NOW - timedelta(days=days_ago), MemberId(member) if member else None, Buyer(name, phone, None, MemberId(member) if member else None),
        "no" if unpaid else "yes", ("신용카드",), Amounts(Decimal(25800), Decimal(3000), Decimal(0), Decimal(0) if unpaid else Decimal(28800), Decimal(28800) if unpaid else Decimal(0)),
        tuple(items), (Receiver(f"D-{number}-00", name, phone.dashed, "", Place("04524", "서울특별시 중구 세종대로 110", "3층 302호"), ""),), **more,
    )  # fmt: skip


def parcel(
    number: str, n: int, codes: Sequence[str], status: StatusClass, text: str, tracking: str = "690000000012"
) -> Shipment:
    return Shipment(f"D-{number}-{n:02d}", "0006", tracking, status, text, tuple(codes), NOW - timedelta(days=1))


SHIRT, OXFORD, PANTS, TWO_PARCELS, UNPAID, OTHERS = (
    "20261122-0000127", "20261122-0000130", "20261110-0000111", "20261118-0000140", "20261123-0000150", "20261120-0000200",
)  # fmt: skip


def seeded() -> MemoryShop:
    """김하늘 has seven orders, two of them yesterday's shirts; 이서준 has one."""
    shipped = datetime(2026, 11, 22, 18, 0, tzinfo=KST)
    orders = [
        order(OXFORD, 0.6, [item(OXFORD, 1, "옥스포드 셔츠", "N10")]),
        order(SHIRT, 0.9, [item(SHIRT, 1, "린넨 셔츠", "N30", shipped_at=shipped)]),
        order(
            TWO_PARCELS,
            5,
            [item(TWO_PARCELS, 1, "머그컵", "N30", shipped_at=shipped), item(TWO_PARCELS, 2, "접시", "N10")],
        ),
        order(
            PANTS,
            13,
            [
                item(
                    PANTS,
                    1,
                    "코튼 팬츠",
                    "N40",
                    shipped_at=shipped - timedelta(days=9),
                    delivered_at=shipped - timedelta(days=7),
                )
            ],
        ),
        order(
            UNPAID, 0.05, [item(UNPAID, 1, "니트", "N00")], payment_deadline=NOW + timedelta(days=2), auto_cancels=True
        ),
        order("20261101-0000101", 22, [item("20261101-0000101", 1, "양말", "C40")]),
        order("20261020-0000090", 34, [item("20261020-0000090", 1, "보류 담요", "N22")]),
        order(
            OTHERS,
            3,
            [item(OTHERS, 1, "남의 가방", "N30", shipped_at=shipped)],
            phone=SEOJUN,
            name="이서준",
            member="seojun",
        ),
    ]
    parcels = {
        OrderId(SHIRT): (parcel(SHIRT, 0, [f"{SHIRT}-01"], StatusClass.IN_TRANSIT, "배송중"),),
        OrderId(TWO_PARCELS): (
            parcel(TWO_PARCELS, 0, [f"{TWO_PARCELS}-01"], StatusClass.IN_TRANSIT, "배송중", "690000000033"),
        ),
        OrderId(PANTS): (parcel(PANTS, 0, [f"{PANTS}-01"], StatusClass.DELIVERED, "배송완료", "690000000044"),),
        OrderId(OTHERS): (parcel(OTHERS, 0, [f"{OTHERS}-01"], StatusClass.IN_TRANSIT, "배송중", "690000000055"),),
    }
    members = [(HANEUL, Customer(MemberId("haneul01"), 1, None)), (SEOJUN, Customer(MemberId("seojun"), 1, None))]
    return MemoryShop(orders, parcels, members, (CJ,))


@dataclass
class Answer:
    """The reply to one message."""

    text: str
    payload: Mapping[str, Any]
    kind: str

    @property
    def buttons(self) -> list[str]:
        return [reply["label"] for reply in self.payload["quick_replies"]]

    @property
    def cards(self) -> list[str]:
        return [card["id"] for card in self.payload["cards"]]

    @property
    def expected(self) -> str | None:
        expected = self.payload["expected"]
        return expected["kind"] if expected else None

    def action(self, label: str) -> Mapping[str, Any]:
        found = [reply["action"] for reply in self.payload["quick_replies"] if reply["label"] == label]
        assert found, f"no button {label!r} among {self.buttons}"
        return found[0]


@dataclass
class Talk:
    """One conversation. `say` and `press` answer with the reply; `heard` keeps all of them."""

    product: Product
    org: OrgId
    session: Session
    clock: SettableClock
    mall: MemoryShop
    phone: Console
    dsn: str
    count: int = 0
    heard: list[Answer] = field(default_factory=list[Answer])
    proved: bool = False

    async def send(
        self,
        text: str | None = None,
        action: Mapping[str, Any] | None = None,
        label: str | None = None,
        *,
        client_id: str | None = None,
    ) -> Accepted:
        self.count += 1
        self.clock.move(seconds=1)
        accepted = await self.product.inbox.accept(
            self.org,
            self.session.id,
            client_id=client_id or f"client-{self.count:04d}",
            text=text,
            action=action,
            label=label,
        )
        assert isinstance(accepted, Accepted)
        return accepted

    async def answer(self, after: int) -> Answer:
        """Works what is owed and reads the newest reply after `after`."""
        for _ in range(5):
            if await self.product.turns.work(self.org, self.session.id) != "superseded":
                break
        messages = await self.product.sessions.messages_after(self.org, self.session.id, after)
        bot = [message for message in messages if message.sender == "bot"]
        assert bot, f"no answer after {after}"
        reply = Answer(bot[-1].text, bot[-1].payload, bot[-1].kind)
        self.check(reply)
        self.heard.append(reply)
        return reply

    async def say(self, text: str) -> Answer:
        return await self.answer((await self.send(text)).seq)

    async def press(self, label: str) -> Answer:
        return await self.answer((await self.send(None, self.heard[-1].action(label), label)).seq)

    async def pick(self, order_id: str) -> Answer:
        card = next(card for card in self.heard[-1].payload["cards"] if card["id"] == order_id)
        return await self.answer((await self.send(None, card["action"], card["title"])).seq)

    async def prove(self, phone: Phone = HANEUL, code: str = CODE) -> Answer:
        """Phone, consent, code, as a shopper gives them one by one."""
        await self.say(phone.digits)
        await self.press("인증번호 받기")
        return await self.say(code)

    def check(self, reply: Answer) -> None:
        """What holds for every reply there is (dialogue.md §8)."""
        assert not FORBIDDEN.search(reply.text), reply.text
        assert len(reply.text) <= 600, len(reply.text)
        assert len(reply.payload["quick_replies"]) <= 9
        assert all(len(each["label"]) <= 20 for each in reply.payload["quick_replies"])
        assert not DONE_WORDS.search(reply.text), reply.text
        if self.heard:
            last, now = self.heard[-1].text.split("\n")[-1], reply.text.split("\n")[-1]
            assert not (self.heard[-1].expected and reply.expected) or last != now, f"said twice in a row: {now}"

    async def calls(self) -> list[tuple[str, str, str | None]]:
        """Tool, status, code of every closed call of this conversation, in order."""
        async with connected(self.dsn) as owner:
            rows = await owner.fetch(
                "select tool_name, status, code from f_audit_mcp_tools where session_id = $1 and phase = 'closed' order by chain_seq",
                self.session.id,
            )
        return [(row["tool_name"], row["status"], row["code"]) for row in rows]

    async def context(self) -> dict[str, Any]:
        async with connected(self.dsn) as owner:
            value = await owner.fetchval("select bot_context::text from d_conv_sessions where id = $1", self.session.id)
        return json.loads(value)

    async def consistent(self) -> None:
        """The consistency rule of data-model §6.1 (5) over the whole database, and that nothing personal lies open in it."""
        async with connected(self.dsn) as owner:
            for table in ("f_audit_events", "f_audit_mcp_tools"):
                wrong = await owner.fetch(
                    f"""
                    select a.id from {table} a join d_conv_turns t on t.id = a.turn_id
                    where a.state_rev <> t.state_rev or a.session_id <> t.session_id or a.bot_context is distinct from t.context_trail -> a.context_no
                    """
                )
                assert wrong == [], f"{len(wrong)} rows of {table} contradict their turn"
            turns = await owner.fetch(
                "select id, bot_context::text as c, (context_trail -> -1)::text as last from d_conv_turns where status in ('done', 'failed')"
            )
            for turn in turns:
                context, last = json.loads(turn["c"]), json.loads(turn["last"])
                assert (last["turn_id"], last["rev"]) == (context["turn_id"], context["rev"])
                assert last["assurance"] == context["identity"]["assurance"]
            assert await owner.fetchval("select count(*) from d_conv_turns where status = 'open'") == 0

    async def nothing_personal_lies_open(self) -> None:
        async with connected(self.dsn) as owner:
            tables = await owner.fetch(
                "select table_name as t from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
            )
            for table in tables:
                found = await owner.fetch(f'select t::text as row from "{table["t"]}" t')
                for row in found:
                    for personal in (HANEUL.digits, HANEUL.dashed, "김하늘"):
                        assert personal not in row["row"], f"{personal} lies open in {table['t']}"


@asynccontextmanager
async def talking(
    addresses: Addresses, *, mall: MemoryShop | None = None, sms: bool = True, opening: bool = True, at: datetime = NOW
) -> AsyncIterator[Talk]:
    """A conversation with the agent of a new org."""
    clock, phone, shop = SettableClock(at), Console(), mall or seeded()

    async def shop_of(_: OrgId) -> MemoryShop:
        return shop

    around = Surroundings(
        sms=phone if sms else None,
        shop=shop_of,
        code=lambda: CODE,
        orderer_floor_s=0.0,
        refusal_floor_s=0.0,
        clock=clock,
    )
    settings = Settings.load({"SANGDAM_PROFILE": "test"})
    async with opened(settings, addresses.app, around=around, pool=6) as product:
        async with await Database.open(addresses.owner, min_size=1, max_size=1) as owner, owner.system() as tx:
            await sync_catalogue(tx, product.registry)
        user = await product.accounts.create("owner@example.com", "correct horse battery", verified=True)
        assert user is not None
        made = await product.organisations.create(
            name="달빛샵",
            slug="dalbit",
            owner=user,
            owner_name="대표",
            owner_email="owner@example.com",
            trace_id=new_trace_id(),
            hours=OPEN_HOURS,
        )
        agent = await an_agent(product, made.org, user)
        words = opening_message("ko", "달빛샵", 30) if opening else None
        session = await product.sessions.open(
            made.org,
            NewSession(agent.id, agent.version, "widget", ip_hash="address"),
            opening=words[0] if words else None,
            payload=words[1] if words else None,
        )
        yield Talk(product, made.org, session, clock, shop, phone, addresses.superuser)


async def an_agent(product: Product, org: OrgId, by: UserId | None = None) -> Agent:
    async with product.db.org(org) as tx:
        tools = [tool.name for tool in product.registry]
        return await product.agents.create(tx, org, name="달빛이", tools=tools, by=by or UserId(new_uuid()))
