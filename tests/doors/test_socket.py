"""The shopper's socket, over a real server: joining, order, resuming, limits, ends (interfaces.md §4)."""

import asyncio
import contextlib
import json
import os
import socket
import struct
import uuid
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sangdam.conversations.model import Accepted, NewSession, Session
from sangdam.core.ids import OrgId, SessionId, new_uuid
from sangdam.db.testing import Addresses, connected
from sangdam.web.tickets import Tickets
from tests.conversations.talk import an_agent
from tests.doors.shopfront import PATIENCE, SHOP, Shopfront, an_org, open_shop, replica, until


async def said(shop: Shopfront, session: Session, client_id: str, text: str) -> int:
    accepted = await shop.product.inbox.accept(shop.org, session.id, client_id=client_id, text=text)
    assert isinstance(accepted, Accepted)
    return accepted.seq


# Talking ------------------------------------------------------------------------------------------------------------------


async def test_a_message_is_acknowledged_and_shown_in_order(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.socket() as chat:
        ready = await chat.next()
        assert (ready["type"], ready["protocol"], ready["heartbeat_s"]) == ("ready", 1, 25)
        joined = await chat.join(shop.ticket(session))
        assert joined["session_code"] == session.code
        assert (joined["resumed"], joined["speaker"], joined["last_seq"]) == (False, "bot", 1)
        ack = await chat.say("c-00000001", "배송지 바꿔 주세요")
        assert (ack["seq"], ack["duplicate"]) == (2, False)
        await chat.until_seq(2)
        assert chat.transcript == [(1, "안녕하세요"), (2, "배송지 바꿔 주세요")]


async def test_a_repeated_client_id_gets_its_first_ack_again_and_creates_nothing(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat, shop.joined(session) as other:
        first = await chat.say("c-00000001", "안녕하세요")
        again = await other.say("c-00000001", "다른 말이어도")
        assert (first["seq"], again["seq"], again["duplicate"]) == (2, 2, True)
        assert len(await shop.product.sessions.messages_after(shop.org, session.id, 0)) == 2


async def test_the_agent_answers_over_the_socket(working_shop: Shopfront) -> None:
    session = await working_shop.session()
    async with working_shop.joined(session) as chat:
        ack = await chat.say("c-00000001", "주문 조회할게요")
        answer = await chat.until("assistant_message")
        while answer["seq"] <= ack["seq"]:
            answer = await chat.until("assistant_message")
        assert answer["seq"] == ack["seq"] + 1
        assert answer["turn_id"] is not None
        assert answer["step"] in ("ask", "confirm", "final", "handoff")
        assert answer["text"]


async def test_two_sockets_of_a_conversation_get_the_same_frames(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as one, shop.joined(session) as two:
        for n in range(4):
            await (one if n % 2 else two).say(f"c-0000000{n}", f"말 {n}")
        await shop.bot_says(session, "답")
        await one.until_seq(6)
        await two.until_seq(6)
        assert one.transcript == two.transcript
        assert [seq for seq, _ in one.transcript] == [1, 2, 3, 4, 5, 6]


async def test_any_process_shows_what_another_one_stored(shop: Shopfront) -> None:
    session = await shop.session()
    async with replica(shop) as other, shop.joined(session) as here, other.joined(session) as there:
        await there.until_seq(1)
        assert (await here.say("c-00000001", "여기서"))["seq"] == 2
        assert (await there.say("c-00000002", "저기서"))["seq"] == 3
        assert (await here.say("c-00000002", "다시"))["duplicate"] is True
        await here.until_seq(3)
        await there.until_seq(3)
        assert here.transcript == there.transcript


async def test_a_slow_turn_is_announced_and_nothing_is_promised(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        await chat.say("c-00000001", "안녕하세요")
        hint = await chat.until("progress")
        assert (hint["stage"], hint["turn_id"]) == ("reading", None)


async def test_hints_of_a_turn_reach_the_window_and_are_not_stored(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        await chat.until_seq(1)
        turn = str(new_uuid())
        await shop.product.live.hint(shop.org, session.id, {"kind": "progress", "turn_id": turn, "stage": "checking"})
        hint = await chat.until("progress")
        assert (hint["turn_id"], hint["stage"]) == (turn, "checking")
        await shop.product.live.hint(shop.org, session.id, {"kind": "typing", "who": "operator"})
        assert (await chat.until("typing"))["who"] == "operator"
        await shop.product.live.hint(OrgId(new_uuid()), session.id, {"kind": "typing", "who": "bot"})
        await shop.bot_says(session, "답")
        await chat.until_seq(2)
        assert len([frame for frame in chat.seen if frame["type"] == "typing"]) == 1


async def test_who_speaks_and_whether_the_conversation_is_open_is_told_when_it_changes(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat, connected(shop.addresses.superuser) as owner:
        await owner.execute(
            "update d_conv_sessions set status = 'waiting_person', speaker = 'operator' where id = $1", session.id
        )
        await shop.bot_says(session, "상담원을 불렀어요", step="handoff")
        state = await chat.until("state")
        assert (state["speaker"], state["status"]) == ("operator", "waiting_person")


async def test_ping_is_answered_with_its_own_time(shop: Shopfront) -> None:
    async with shop.socket() as chat:
        await chat.send({"type": "ping", "ts": 1773469211000})
        assert (await chat.until("pong"))["ts"] == 1773469211000


async def test_leaving_closes_the_conversation(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        await chat.send({"type": "leave"})
        assert (await chat.end()).code == 1000
    now = await shop.product.sessions.get(shop.org, session.id)
    assert now is not None
    assert now.status == "closed"
    async with shop.joined(session) as chat:
        error = await chat.say("c-00000001", "아직 계세요?")
        assert (error["code"], error["client_id"], error["new_ticket"]) == ("CONVERSATION_CLOSED", "c-00000001", True)


# Joining ------------------------------------------------------------------------------------------------------------------


async def test_nothing_but_ping_goes_before_join(shop: Shopfront) -> None:
    async with shop.socket() as chat:
        for frame in (
            {"type": "user_message", "client_id": "c-00000001", "text": "안녕"},
            {"type": "received", "seq": 1},
            {"type": "leave"},
        ):
            await chat.send(frame)
            assert (await chat.until("error"))["code"] == "NOT_JOINED"


async def test_who_does_not_join_within_five_seconds_is_sent_away(shop: Shopfront) -> None:
    async with shop.socket() as chat:
        await chat.next()
        shop.tick(seconds=4.9)
        await chat.send({"type": "ping"})
        await chat.until("pong")
        shop.tick(seconds=0.1)
        assert (await chat.end()).code == 4401


@pytest.mark.parametrize("case", ["nonsense", "other secret", "other audience", "no algorithm", "expired", "cut"])
async def test_a_ticket_that_is_not_ours_or_has_ended_joins_nothing(shop: Shopfront, case: str) -> None:
    session = await shop.session()
    good = shop.ticket(session)
    claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})
    secret = shop.product.settings.widget_ticket_secret.get_secret_value()
    match case:
        case "other secret":
            ticket = Tickets("x" * 32, shop.clock).issue(
                session=session.id, org=shop.org, widget=shop.widget.id, epoch=1
            )[0]
        case "other audience":
            ticket = jwt.encode({**claims, "aud": "sangdam:console"}, secret, algorithm="HS256")
        case "no algorithm":
            ticket = jwt.encode(claims, "", algorithm="none")
        case "expired":
            ticket = good
            shop.clock.move(minutes=5)
        case "cut":
            ticket = good[:-2]
        case _:
            ticket = case
    async with shop.socket() as chat:
        await chat.send({"type": "join", "ticket": ticket})
        assert (await chat.end()).code == 4401


async def test_a_ticket_lives_five_minutes(shop: Shopfront) -> None:
    session = await shop.session()
    ticket = shop.ticket(session)
    shop.clock.move(seconds=299)
    async with shop.socket() as chat:
        assert (await chat.join(ticket))["session_id"] == str(session.id)


async def test_an_unknown_conversation_and_one_of_another_org_are_not_found(shop: Shopfront) -> None:
    session = await shop.session()
    other, _ = await an_org(shop.product, "other", "other@example.com")
    async with shop.socket() as chat:
        await chat.send({"type": "join", "ticket": shop.ticket(session, session=SessionId(uuid.uuid4()))})
        assert (await chat.end()).code == 4404
    async with shop.socket() as chat:
        await chat.send({"type": "join", "ticket": shop.ticket(session, org=other)})
        assert (await chat.end()).code == 4403


@pytest.mark.parametrize(
    ("origin", "joins"),
    [(SHOP, True), ("https://evil.example.com", False), ("https://shop.example.com.evil.com", False), ("null", False)],
)
async def test_only_the_widgets_origins_and_this_one_join(shop: Shopfront, origin: str, joins: bool) -> None:
    session = await shop.session()
    async with shop.socket(origin=origin) as chat:
        if joins:
            await chat.join(shop.ticket(session))
            return
        await chat.send({"type": "join", "ticket": shop.ticket(session)})
        assert (await chat.end()).code == 4403


async def test_an_inactive_widget_joins_nobody(shop: Shopfront) -> None:
    session = await shop.session()
    async with connected(shop.addresses.superuser) as owner:
        await owner.execute("update b_bot_widgets set is_active = false where id = $1", shop.widget.id)
    async with shop.socket() as chat:
        await chat.send({"type": "join", "ticket": shop.ticket(session)})
        assert (await chat.end()).code == 4403


async def test_joining_twice_is_no_frame(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        await chat.send({"type": "join", "ticket": shop.ticket(session)})
        assert (await chat.until("error"))["code"] == "INVALID_FRAME"


# Broken frames ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", ["{", "[]", "nonsense", b"\x00\x01", '"' + "a" * 100])
async def test_a_frame_that_is_no_json_object_is_answered_once_and_ends_the_socket(
    shop: Shopfront, frame: str | bytes
) -> None:
    async with shop.socket() as chat:
        await chat.next()
        await chat.send(frame)
        assert (await chat.next())["code"] == "INVALID_JSON"
        assert (await chat.end()).code == 4400


async def test_text_that_is_not_utf8_is_answered_once_and_ends_the_socket(shop: Shopfront) -> None:
    async with shop.socket() as chat:
        await chat.next()
        await chat.wire.send(b"\xff\xfe", text=True)
        assert (await chat.next())["code"] == "INVALID_JSON"
        assert (await chat.end()).code == 4400


@pytest.mark.parametrize("kilobytes", [17, 60, 70, 300])
async def test_a_frame_too_large_ends_the_socket(shop: Shopfront, kilobytes: int) -> None:
    async with shop.socket() as chat:
        await chat.send(json.dumps({"type": "typing", "x": "a" * kilobytes * 1024}))
        assert (await chat.end()).code == 4413


async def test_what_is_not_understood_does_not_end_the_socket(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        for frame, code in (
            ({"type": "nonsense"}, "UNKNOWN_TYPE"),
            ({}, "INVALID_FRAME"),
            ({"type": "user_message", "client_id": "short", "text": "안녕"}, "INVALID_FRAME"),
            ({"type": "user_message", "client_id": "c-00000001", "text": "  "}, "MISSING_TEXT"),
            ({"type": "user_message", "client_id": "c-00000001", "text": "가" * 2001}, "TOO_LONG"),
        ):
            await chat.send(frame)
            error = await chat.until("error")
            assert error["code"] == code
            assert error["message_user"]
        assert (await chat.say("c-00000001", "가" * 2000))["seq"] == 2


# Resuming -----------------------------------------------------------------------------------------------------------------


async def test_who_comes_back_gets_what_was_missed(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        await chat.say("c-00000001", "하나")
        await chat.until_seq(2)
    await said(shop, session, "c-00000002", "둘")
    await shop.bot_says(session, "셋")
    async with shop.joined(session, last_seq=2, epoch=1) as chat:
        assert chat.seen[-1]["resumed"] is True
        await chat.until_seq(4)
        assert chat.transcript == [(3, "둘"), (4, "셋")]


async def test_a_long_absence_is_caught_up_with_over_many_pages(shop: Shopfront) -> None:
    session = await shop.session()
    for n in range(150):
        await shop.bot_says(session, f"말 {n}")
    async with shop.joined(session) as chat:
        await chat.until_seq(151)
        assert [seq for seq, _ in chat.transcript] == list(range(1, 152))


@pytest.mark.parametrize(("last_seq", "epoch"), [(2, 7), (99, 1)])
async def test_another_epoch_or_a_number_from_nowhere_resets_and_shows_everything(
    shop: Shopfront, last_seq: int, epoch: int
) -> None:
    session = await shop.session()
    await said(shop, session, "c-00000001", "하나")
    async with shop.joined(session, last_seq=last_seq, epoch=epoch) as chat:
        reset = await chat.until("reset")
        assert (reset["reason"], reset["epoch"], reset["first_seq"]) == ("epoch_changed", 1, 1)
        await chat.until_seq(2)
        assert chat.transcript == [(1, "안녕하세요"), (2, "하나")]


async def test_erased_history_resets_and_shows_what_is_left(shop: Shopfront) -> None:
    session = await shop.session()
    for n in range(5):
        await said(shop, session, f"c-0000000{n}", f"말 {n}")
    async with connected(shop.addresses.superuser) as owner:
        await owner.execute("delete from d_conv_messages where session_id = $1 and seq <= 4", session.id)
    async with shop.joined(session, last_seq=2, epoch=1) as chat:
        reset = await chat.until("reset")
        assert (reset["reason"], reset["first_seq"]) == ("history_expired", 5)
        await chat.until_seq(6)
        assert [seq for seq, _ in chat.transcript] == [5, 6]


async def test_a_lost_notification_costs_time_and_not_a_message(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat, connected(shop.addresses.superuser) as owner:
        await chat.until_seq(1)
        await owner.execute(
            """
            with moved as (update d_conv_sessions set next_seq = next_seq + 1 where id = $1 returning org_id, id, next_seq - 1 as seq)
            insert into d_conv_messages (org_id, session_id, seq, sender, kind, text) select org_id, id, seq, 'bot', 'text', '조용히' from moved
            """,
            session.id,
        )
        await chat.until_seq(2)
        assert chat.transcript[-1] == (2, "조용히")


steps = st.lists(st.sampled_from(["shopper", "bot", "drop", "rejoin"]), min_size=1, max_size=12)


async def test_reconnecting_equals_a_fresh_fetch(shop: Shopfront) -> None:
    """Whatever is said between any drops: what a window has pieced together is the transcript."""
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(steps)
    def property_(plan: list[str]) -> None:
        asyncio.run_coroutine_threadsafe(walk(plan), loop).result(60)

    async def walk(plan: list[str]) -> None:
        session = await shop.session()
        pieced: list[tuple[int, str]] = []
        context, chat = None, None
        for n, step in enumerate([*plan, "rejoin"]):
            if step in ("drop", "rejoin") and context is not None and chat is not None:
                pieced += chat.transcript
                await context.__aexit__(None, None, None)
                context = chat = None
            if step == "rejoin":
                context = shop.joined(session, last_seq=pieced[-1][0] if pieced else 0, epoch=1)
                chat = await context.__aenter__()
            elif step == "shopper":
                await said(shop, session, f"c-{n:08d}", f"손님 {n}")
            elif step == "bot":
                await shop.bot_says(session, f"답 {n}")
        stored = await shop.product.sessions.messages_after(shop.org, session.id, 0)
        assert chat is not None
        assert context is not None
        while (pieced + chat.transcript)[-1:] != [(stored[-1].seq, stored[-1].text)]:
            await chat.next()
        await context.__aexit__(None, None, None)
        assert pieced + chat.transcript == [(message.seq, message.text) for message in stored]

    await asyncio.to_thread(property_)


# Limits -------------------------------------------------------------------------------------------------------------------


async def test_ten_messages_in_ten_seconds_and_thirty_in_a_minute(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        count = 0
        for _ in range(3):
            for _ in range(10):
                count += 1
                assert (await chat.say(f"c-{count:08d}", "안녕"))["type"] == "ack"
            refused = await chat.say("c-refused", "안녕")
            assert (refused["code"], refused["client_id"], refused["retryable"]) == ("RATE_LIMIT", "c-refused", True)
            shop.clock.move(seconds=10)
        assert (await chat.say("c-refused", "안녕"))["code"] == "RATE_LIMIT"
        shop.clock.move(seconds=30)
        assert (await chat.say("c-refused", "안녕"))["type"] == "ack"


async def test_a_flood_of_frames_ends_the_socket(shop: Shopfront) -> None:
    async with shop.socket() as chat:
        for _ in range(101):
            await chat.send({"type": "ping"})
        assert (await chat.end()).code == 4429
        assert len([frame for frame in chat.seen if frame["type"] == "pong"]) == 100


async def test_the_sixth_socket_of_a_conversation_replaces_the_oldest(shop: Shopfront) -> None:
    session = await shop.session()
    async with contextlib.AsyncExitStack() as stack:
        chats = [await stack.enter_async_context(shop.joined(session)) for _ in range(5)]
        for number, chat in enumerate(chats):
            assert (await chat.say(f"c-0000000{number}", "저는 아직 있어요"))["seq"] == number + 2
        await stack.enter_async_context(shop.joined(session))
        assert (await chats[0].end()).code == 4409
        assert (await chats[1].say("c-00000009", "저도요"))["seq"] == 7


async def test_joins_of_an_address_are_limited_and_loopback_is_free_outside_prod(addresses: Addresses) -> None:
    async with open_shop(
        addresses, settings={"SANGDAM_JOINS_PER_MIN_IP": "3", "TRUSTED_PROXIES": "127.0.0.0/8"}
    ) as shop:
        session = await shop.session()
        far = {"x-forwarded-for": "198.51.100.7"}
        for count in range(4):
            async with shop.socket(headers=far) as chat:
                await chat.send({"type": "join", "ticket": shop.ticket(session)})
                if count < 3:
                    await chat.until("joined")
                    continue
                assert (await chat.until("error"))["code"] == "RATE_LIMIT"
                assert (await chat.end()).code == 4429
        async with shop.socket() as chat:
            await chat.join(shop.ticket(session))
        shop.clock.move(seconds=60)
        async with shop.socket(headers=far) as chat:
            await chat.join(shop.ticket(session))


async def test_a_reader_who_does_not_read_is_sent_away(shop: Shopfront) -> None:
    """More than 256 KB unsent: the line is closed, and everything is still there for who comes back."""
    session = await shop.session()
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    where = urlsplit(shop.base)
    await loop.sock_connect(raw, (where.hostname, where.port))
    key = b64encode(os.urandom(16)).decode()
    await loop.sock_sendall(
        raw,
        f"GET /ws HTTP/1.1\r\nHost: {where.netloc}\r\nOrigin: {shop.base}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode(),
    )
    assert b"101" in await loop.sock_recv(raw, 1024)
    join = json.dumps({"type": "join", "ticket": shop.ticket(session)}).encode()
    mask = b"\x00\x00\x00\x00"
    await loop.sock_sendall(raw, b"\x81" + struct.pack("!BH", 0x80 | 126, len(join)) + mask + join)
    await until(lambda: shop.product.live.watched == 1)
    for _ in range(200):
        if shop.product.live.watched == 0:
            break
        async with shop.product.db.org(shop.org) as tx:
            for _ in range(20):
                await shop.product.sessions.append(
                    shop.org,
                    tx,
                    session.id,
                    sender="bot",
                    kind="text",
                    text="가" * 2000,
                    payload={"cards": [{"title": "가" * 2000}] * 5},
                    now=shop.clock.now(),
                )
    await until(lambda: shop.product.live.watched == 0)
    tail = b""
    async with asyncio.timeout(PATIENCE):
        while more := await loop.sock_recv(raw, 65536):
            tail = (tail + more)[-4:]
            if tail == b"\x88\x02" + struct.pack("!H", 4429):
                break
    assert tail == b"\x88\x02" + struct.pack("!H", 4429)
    raw.close()
    async with shop.joined(session) as chat:
        now = await shop.product.sessions.get(shop.org, session.id)
        assert now is not None
        await chat.until_seq(now.last_seq)
        assert [seq for seq, _ in chat.transcript] == list(range(1, now.last_seq + 1))


async def test_a_database_that_is_away_loses_no_message(shop: Shopfront) -> None:
    """No ack without a stored message; the same `client_id` sent again is stored once the database is back."""
    session = await shop.session()
    name = urlsplit(shop.addresses.superuser).path.lstrip("/")
    async with (
        shop.joined(session) as chat,
        connected(shop.addresses.superuser.replace(f"/{name}", "/postgres")) as server,
    ):
        await chat.until_seq(1)
        await server.execute(f"alter database {name} with connection limit 0")
        await server.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", name)
        error = await chat.say("c-00000001", "들리세요?")
        assert (error["code"], error["client_id"], error["retryable"]) == ("UNAVAILABLE", "c-00000001", True)
        assert (await shop.http.get("/readyz")).status_code == 503
        assert (await shop.http.get("/healthz")).status_code == 200
        refused = await shop.http.post(
            "/api/widget/messages",
            json={"client_id": "c-00000001", "text": "들리세요?"},
            headers={"authorization": f"Bearer {shop.ticket(session)}"},
        )
        assert (refused.status_code, refused.json()["error"]["retryable"]) == (503, True)
        await server.execute(f"alter database {name} with connection limit -1")
        ack = await chat.say("c-00000001", "들리세요?")
        while ack["type"] == "error":
            shop.clock.move(seconds=10)
            ack = await chat.say("c-00000001", "들리세요?")
        assert ack["seq"] == 2
        await chat.until_seq(2)


# Ends ---------------------------------------------------------------------------------------------------------------------


async def test_the_server_pings_and_a_line_that_stays_silent_for_a_minute_ends(shop: Shopfront) -> None:
    """The browser answers pings by itself, so a living line never ends for silence."""
    session = await shop.session()
    async with shop.joined(session) as chat:
        hub = shop.site.hub
        window = next(iter(hub._windows))  # pyright: ignore[reportPrivateUsage]
        await chat.until_seq(1)
        heard = window.wire.heard
        shop.tick(seconds=25)
        await until(lambda: window.wire.heard > heard)
        shop.tick(seconds=59)
        await chat.send({"type": "ping"})
        await chat.until("pong")
        await until(lambda: window.wire.heard > heard + 1)
        chat.wire.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
        shop.tick(seconds=1)
        shop.tick(seconds=59.9)
        assert window.wire.alive
        shop.tick(seconds=0.1)
        assert not window.wire.alive
        chat.wire.transport.resume_reading()  # pyright: ignore[reportAttributeAccessIssue]
        assert (await chat.end()).code == 4408


async def test_a_joined_socket_lives_twelve_hours_and_its_ticket_may_end_before(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat:
        window = next(iter(shop.site.hub._windows))  # pyright: ignore[reportPrivateUsage]
        for _ in range(12 * 60 - 1):
            shop.clock.move(seconds=60)
            window.heard_at += 60
        assert (await chat.say("c-00000001", "표는 끝났어도"))["type"] == "ack"
        shop.tick(seconds=59)
        assert window.wire.alive
        shop.tick(seconds=1)
        assert (await chat.end()).code == 4401


async def test_draining_tells_everybody_refuses_joins_and_ends_with_1012(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat, shop.socket() as waiting:
        shop.site.drain()
        assert (await chat.until("draining"))["reconnect_in_ms"] == 800
        assert (await shop.http.get("/readyz")).status_code == 503
        assert (await chat.say("c-00000001", "마지막 말"))["type"] == "ack"
        await waiting.send({"type": "join", "ticket": shop.ticket(session)})
        assert (await waiting.end()).code == 1012
        async with shop.socket() as late:
            assert (await late.until("draining"))["type"] == "draining"
            assert (await late.end()).code == 1012
        shop.server.should_exit = True
        assert (await chat.end()).code == 1012
        async with asyncio.timeout(10):
            await shop.serving
    assert (await shop.product.sessions.messages_after(shop.org, session.id, 1))[0].text == "마지막 말"


async def test_what_cannot_be_shown_ends_the_socket_with_a_trace_and_not_in_silence(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session) as chat, connected(shop.addresses.superuser) as owner:
        await chat.until_seq(1)
        await owner.execute("update d_conv_messages set payload = '[]' where session_id = $1", session.id)
    async with shop.joined(session) as chat:
        closed = await chat.end()
        assert closed.code == 4500
        assert len(closed.reason) == 32


async def test_windows_that_are_gone_leave_nothing_behind(shop: Shopfront) -> None:
    session = await shop.session()
    async with shop.joined(session), shop.joined(session), shop.socket():
        assert shop.product.live.watched == 2
    hub = shop.site.hub
    await until(lambda: not hub._windows)  # pyright: ignore[reportPrivateUsage]
    assert shop.product.live.watched == 0
    assert not hub._of_session  # pyright: ignore[reportPrivateUsage]


async def test_another_orgs_words_are_never_shown(shop: Shopfront) -> None:
    other, _ = await an_org(shop.product, "other", "other@example.com")
    agent = await an_agent(shop.product, other)
    foreign = await shop.product.sessions.open(other, NewSession(agent.id, 1, "widget"), opening="남의 말")
    async with shop.socket() as chat:
        await chat.send({"type": "join", "ticket": shop.ticket(foreign)})
        assert (await chat.end()).code == 4403
    async with shop.socket() as chat:
        await chat.send({"type": "join", "ticket": shop.ticket(foreign, org=shop.org)})
        assert (await chat.end()).code == 4404
        assert chat.transcript == []
