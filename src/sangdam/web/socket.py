"""The shopper's socket at `/ws`: a window on a conversation (interfaces.md §4). Stored before acknowledged, read before shown.

A window has no task besides the one the server runs it in: one shared timer pings and ends, one short task reads when it is woken.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, assert_never

import structlog

from sangdam.conversations.live import Watch
from sangdam.conversations.model import Accepted, Message, Refused, Session
from sangdam.core.errors import Kind, SangdamError
from sangdam.core.ids import OrgId, SessionId, new_trace_id
from sangdam.core.logs import bound
from sangdam.web import protocol
from sangdam.web.address import bucket, client_address
from sangdam.web.metrics import Metrics
from sangdam.web.parts import Parts
from sangdam.web.protocol import Bad, ErrorCode, Join, Leave, Ping, Received, Typing, UserMessage
from sangdam.web.rates import Rates, SlidingWindow
from sangdam.web.tickets import Tickets
from sangdam.web.widgets import Widget, Widgets, origin_of
from sangdam.web.wire import EXTENSION, Wire

log = structlog.get_logger(__name__)

Place = tuple[OrgId, SessionId]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JOIN_SECONDS = 5.0
PING_SECONDS = 25.0
SILENT_SECONDS = 60.0
LIFE_SECONDS = 12 * 3600.0
TICK_SECONDS = 1.0
BACKLOG_BYTES = 256 * 1024
PAGE = 32
"""Messages read at once: of the longest ones fewer bytes than the backlog."""
CATCH_UP_SECONDS = 10.0
LAST_LOOK_SECONDS = 3.0
PROGRESS_SECONDS = 0.25
TYPING_SECONDS = 3.0
RECONNECT_MS = 800
FRAMES_BURST = 100
FRAMES_PER_SECOND = 20.0


class Window:
    """One socket. Before it has joined it has no conversation."""

    __slots__ = (
        "allowance", "allowed_at", "dirty", "epoch", "heard", "heard_at", "ip", "joined_at", "language", "opened_at", "origin", "pinged_at", "place",
        "progress", "pump", "seq", "speaker", "status", "trace_id", "typed_at", "watch", "wire",
    )  # fmt: skip

    def __init__(self, wire: Wire, *, origin: str, ip: str, loopback: bool, now: float) -> None:
        self.wire = wire
        self.origin = origin
        self.ip: str | None = None if loopback else ip
        """None where per-IP limits do not bind."""
        self.trace_id = new_trace_id()
        self.opened_at = now
        self.heard = wire.heard
        self.heard_at = now
        self.pinged_at = now
        self.joined_at: float | None = None
        self.allowance = float(FRAMES_BURST)
        self.allowed_at = now
        self.typed_at = now - TYPING_SECONDS
        self.place: Place | None = None
        self.language = "ko"
        self.epoch = 1
        self.seq = 0
        """The last one sent."""
        self.speaker = "bot"
        self.status = "open"
        self.watch: Watch | None = None
        self.dirty = False
        self.pump: asyncio.Task[None] | None = None
        self.progress: asyncio.TimerHandle | None = None

    def say(self, frame: dict[str, Any]) -> bool:
        return self.wire.say(protocol.encode(frame))

    def error(self, code: ErrorCode, client_id: str | None = None) -> None:
        self.say(protocol.error(code, language=self.language, trace_id=self.trace_id, client_id=client_id))

    def calm(self) -> None:
        """An answer came, or nobody is there to read that one is on its way."""
        if self.progress is not None:
            self.progress.cancel()
            self.progress = None


class Hub:
    """Every socket of this process."""

    def __init__(self, parts: Parts, widgets: Widgets, tickets: Tickets, chat: Rates[SessionId]) -> None:
        self._parts = parts
        self._widgets = widgets
        self._tickets = tickets
        self._chat = chat
        self._joins = SlidingWindow[str](parts.limits.joins_per_min_ip, 60.0)
        self._own = origin_of(parts.public_base_url)
        self._windows: set[Window] = set()
        self._of_session: dict[SessionId, list[Window]] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._frames_per_second = max(FRAMES_PER_SECOND, float(parts.limits.chat_per_10s))
        self.draining = False
        self.metrics = Metrics(
            parts.registry, build=parts.build, profile=parts.profile, sockets=lambda: len(self._windows)
        )

    def start(self) -> None:
        self._ticking = asyncio.create_task(self._tick_on(), name="sockets")

    async def stop(self) -> None:
        """Ends what is left with 1012."""
        self.draining = True
        for window in list(self._windows):
            window.wire.leave(1012)
            self._forget(window)
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
            self._ticking = None

    def drain(self) -> None:
        """Refuses new joins and tells everybody to come back soon; sockets stay open until the server stops."""
        self.draining = True
        for window in list(self._windows):
            window.say({"type": "draining", "reconnect_in_ms": RECONNECT_MS})

    async def show_all(self) -> None:
        """Every window shows what is stored by now; after the last turn of this process, before the doors close."""
        for window in list(self._windows):
            self._wake(window)
        reading = [window.pump for window in self._windows if window.pump is not None]
        if reading:
            await asyncio.wait(reading, timeout=LAST_LOOK_SECONDS)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket from handshake to end, as an ASGI application."""
        await receive()
        wire = scope.get("extensions", {}).get(EXTENSION)
        if not isinstance(wire, Wire):
            # Another server than ours has no way to ping or to see a backlog.
            log.error("socket_refused", reason="the server was not started with server_config")
            await send({"type": "websocket.close", "code": 1011})
            return
        window = self._window(scope, wire)
        await send({"type": "websocket.accept"})
        wire.slim()
        now_ms = int(self._parts.clock.now().timestamp() * 1000)
        window.say(
            {"type": "ready", "ts": now_ms, "protocol": protocol.PROTOCOL, "heartbeat_s": protocol.HEARTBEAT_SECONDS}
        )
        if self.draining:
            window.say({"type": "draining", "reconnect_in_ms": RECONNECT_MS})
            wire.leave(1012)
            return
        self._windows.add(window)
        try:
            while True:
                event = await receive()
                if event["type"] != "websocket.receive":
                    return
                await self._hear(window, event.get("text"))
        except Exception as error:  # noqa: BLE001 - one socket
            self._broke(window, error)
        finally:
            self._forget(window)

    def tick(self) -> None:
        """Pings, and ends what has not joined, fallen silent or lived its time. Called every second."""
        now = self._parts.clock.monotonic()
        for window in list(self._windows):
            wire = window.wire
            if wire.heard != window.heard:
                window.heard = wire.heard
                window.heard_at = now
            if now - window.heard_at >= SILENT_SECONDS:
                wire.leave(4408)
            elif window.joined_at is None:
                if now - window.opened_at >= JOIN_SECONDS:
                    wire.leave(4401)
            elif now - window.joined_at >= LIFE_SECONDS:
                wire.leave(4401)
            elif now - window.pinged_at >= PING_SECONDS:
                window.pinged_at = now
                wire.ping()

    # What the browser says ----------------------------------------------------------------------------------------------

    async def _hear(self, window: Window, text: str | None) -> None:
        if not self._within_frames(window):
            window.error("RATE_LIMIT")
            window.wire.leave(4429)
            return
        frame = protocol.parse(text) if text is not None else Bad("INVALID_JSON", close=4400)
        match frame:
            case Bad(code, client_id, close):
                window.error(code, client_id)
                if close is not None:
                    window.wire.leave(close)
            case Ping(ts):
                window.say({"type": "pong", "ts": ts})
            case Join():
                await self._join(window, frame)
            case UserMessage() | Received() | Typing() | Leave():
                if window.place is None:
                    window.error("NOT_JOINED", frame.client_id if isinstance(frame, UserMessage) else None)
                    return
                with bound(org=window.place[0], session=window.place[1], trace=window.trace_id):
                    await self._heard(window, window.place, frame)
            case _:
                assert_never(frame)

    async def _heard(self, window: Window, place: Place, frame: UserMessage | Received | Typing | Leave) -> None:
        match frame:
            case UserMessage():
                await self._said(window, place, frame)
            case Received():
                pass
            case Typing():
                await self._typing(window, place)
            case Leave():
                try:
                    await self._parts.sessions.close(*place, "abandoned")
                except SangdamError as error:
                    log.warning("conversation_not_closed", kind=error.kind.value)
                window.wire.leave(1000)
            case _:
                assert_never(frame)

    def _within_frames(self, window: Window) -> bool:
        now = self._parts.clock.monotonic()
        window.allowance = min(
            float(FRAMES_BURST), window.allowance + (now - window.allowed_at) * self._frames_per_second
        )
        window.allowed_at = now
        if window.allowance < 1.0:
            return False
        window.allowance -= 1.0
        return True

    async def _join(self, window: Window, frame: Join) -> None:
        if window.place is not None:
            window.error("INVALID_FRAME")
            return
        now = self._parts.clock.monotonic()
        if self.draining:
            window.say({"type": "draining", "reconnect_in_ms": RECONNECT_MS})
            window.wire.leave(1012)
            return
        if window.ip is not None and self._joins.hit(window.ip, now) is not None:
            window.error("RATE_LIMIT")
            window.wire.leave(4429)
            return
        ticket = self._tickets.read(frame.ticket)
        if ticket is None:
            window.wire.leave(4401)
            return
        try:
            widget = await self._widgets.read(ticket.org, ticket.widget)
            session = await self._parts.sessions.get(ticket.org, ticket.session)
        except SangdamError as error:
            log.warning("join_failed", kind=error.kind.value)
            window.error("UNAVAILABLE")
            window.wire.leave(1012)
            return
        if widget is None or not self._admits(widget, window.origin):
            window.wire.leave(4403)
            return
        if session is None:
            window.wire.leave(4404)
            return
        if window.wire.alive and not self.draining:
            self._open(window, session, frame, now)

    def _open(self, window: Window, session: Session, frame: Join, now: float) -> None:
        known = frame.last_seq > 0
        moved = known and (
            (frame.epoch is not None and frame.epoch != session.epoch) or frame.last_seq > session.last_seq
        )
        window.place = (session.org, session.id)
        window.joined_at = now
        window.language, window.speaker, window.status, window.epoch = (
            session.language,
            session.speaker,
            session.status,
            session.epoch,
        )
        window.seq = 0 if moved else frame.last_seq
        beside = self._of_session.setdefault(session.id, [])
        while len(beside) >= self._parts.limits.sockets_per_conversation:
            beside.pop(0).wire.leave(4409)
        beside.append(window)
        window.watch = self._parts.live.watch(session.org, session.id, window.seq, lambda: self._wake(window))
        window.say(
            {
                "type": "joined",
                "session_id": str(session.id),
                "session_code": session.code,
                "epoch": session.epoch,
                "last_seq": session.last_seq,
                "resumed": known and not moved,
                "speaker": session.speaker,
                "status": session.status,
                "language": session.language,
            }
        )
        if moved:
            window.say({"type": "reset", "reason": "epoch_changed", "epoch": session.epoch, "first_seq": 1})
        self.metrics.resumed("reset" if moved else "resumed" if known else "new")
        self._wake(window)

    async def _said(self, window: Window, place: Place, frame: UserMessage) -> None:
        if self._chat.hit(place[1], self._parts.clock.monotonic()) is not None:
            window.error("RATE_LIMIT", frame.client_id)
            return
        try:
            answer = await self._parts.inbox.accept(
                *place, client_id=frame.client_id, text=frame.text, action=frame.action, label=frame.label
            )
        except SangdamError as error:
            log.warning("message_not_stored", kind=error.kind.value)
            window.error("UNAVAILABLE", frame.client_id)
            return
        match answer:
            case Accepted(seq, duplicate):
                window.say({"type": "ack", "client_id": frame.client_id, "seq": seq, "duplicate": duplicate})
                if not duplicate:
                    self.metrics.accepted("shopper")
                    self._expect_answer(window)
            case Refused(reason):
                if reason == "closed":
                    window.error("CONVERSATION_CLOSED", frame.client_id)
                else:
                    window.wire.leave(4404)
            case _:
                assert_never(answer)

    async def _typing(self, window: Window, place: Place) -> None:
        now = self._parts.clock.monotonic()
        if window.speaker != "operator" or now - window.typed_at < TYPING_SECONDS:
            return
        window.typed_at = now
        await self._parts.live.hint(*place, {"kind": "typing", "who": "shopper"})

    # What the window shows ----------------------------------------------------------------------------------------------

    def _expect_answer(self, window: Window) -> None:
        """A turn that takes longer than a moment is announced; the words promise nothing."""
        window.calm()
        if window.speaker == "bot":
            window.progress = asyncio.get_running_loop().call_later(PROGRESS_SECONDS, self._still_reading, window)

    def _still_reading(self, window: Window) -> None:
        window.progress = None
        frame = protocol.progress("reading", None, window.language)
        if frame is not None:
            window.say(frame)

    def _wake(self, window: Window) -> None:
        window.dirty = True
        if window.pump is None and window.wire.alive:
            window.pump = asyncio.get_running_loop().create_task(self._pump(window))

    async def _pump(self, window: Window) -> None:
        try:
            while window.dirty and window.place is not None and window.wire.alive:
                window.dirty = False
                self._show_hints(window)
                await self._show(window, *window.place)
        except SangdamError as error:
            window.dirty = False
            if error.kind is not Kind.UNAVAILABLE:
                self._broke(window, error)
                return
            # The shared sweep wakes this window again.
            log.warning("window_not_read", kind=error.kind.value)
        except Exception as error:  # noqa: BLE001 - one socket
            self._broke(window, error)
        finally:
            window.pump = None
            if window.dirty:
                self._wake(window)

    def _show_hints(self, window: Window) -> None:
        hints = window.watch.hints if window.watch is not None else None
        while hints:
            hint = hints.popleft()
            match hint.get("kind"):
                case "progress":
                    window.calm()
                    frame = protocol.progress(str(hint.get("stage")), hint.get("turn_id"), window.language)
                    if frame is not None:
                        window.say(frame)
                case "typing" if hint.get("who") in ("bot", "operator"):
                    window.say({"type": "typing", "who": hint["who"]})
                case _:
                    pass

    async def _show(self, window: Window, org: OrgId, session: SessionId) -> None:
        """Everything after the last frame sent, in order and without gaps."""
        again = False
        while True:
            page = await self._parts.sessions.messages_after(org, session, window.seq, limit=PAGE)
            if page and window.seq and page[0].seq != window.seq + 1 and not again:
                again = True  # once: what is left begins where it begins
                page = await self._parts.sessions.messages_after(org, session, 0, limit=PAGE)
                window.say(
                    {
                        "type": "reset",
                        "reason": "history_expired",
                        "epoch": window.epoch,
                        "first_seq": page[0].seq if page else 1,
                    }
                )
                self.metrics.resumed("reset")
            for message in page:
                if not window.wire.say(protocol.shown_text(message, session)):
                    return
                window.seq = message.seq
                if window.watch is not None:
                    window.watch.seen(message.seq)
            if any(message.sender in ("bot", "operator") for message in page):
                window.calm()
            if window.wire.unsent > BACKLOG_BYTES:
                window.wire.leave(4429)
                return
            if any(_may_change_hands(message) for message in page):
                await self._show_state(window, org, session)
            if len(page) < PAGE:
                return
            try:
                async with asyncio.timeout(CATCH_UP_SECONDS):
                    await window.wire.writable.wait()
            except TimeoutError:
                window.wire.leave(4429)
                return

    async def _show_state(self, window: Window, org: OrgId, session: SessionId) -> None:
        now = await self._parts.sessions.get(org, session)
        if now is None:
            window.wire.leave(4404)
            return
        window.language = now.language
        if (now.speaker, now.status) != (window.speaker, window.status):
            window.speaker, window.status = now.speaker, now.status
            window.say({"type": "state", "speaker": now.speaker, "status": now.status})

    # Housekeeping -------------------------------------------------------------------------------------------------------

    def _window(self, scope: Scope, wire: Wire) -> Window:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        origin = next((value for name, value in headers if name == b"origin"), b"").decode("latin-1")
        host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
        forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
        client = scope.get("client")
        address = client_address(client[0] if client else None, forwarded, self._parts.trusted_proxies)
        given = origin_of(origin) or ""
        if given and is_own_origin(given, host, own=self._own, prod=self._parts.profile == "prod"):
            given = self._own or given
        free = address.is_loopback and self._parts.profile != "prod"
        return Window(wire, origin=given, ip=bucket(address), loopback=free, now=self._parts.clock.monotonic())

    def _admits(self, widget: Widget, origin: str) -> bool:
        return bool(origin) and (origin == self._own or origin in widget.origins)

    def _forget(self, window: Window) -> None:
        self._windows.discard(window)
        window.calm()
        if window.watch is not None:
            window.watch.close()
            window.watch = None
        if window.place is None:
            return
        beside = self._of_session.get(window.place[1], [])
        if window in beside:
            beside.remove(window)
        if not beside:
            self._of_session.pop(window.place[1], None)

    def _broke(self, window: Window, error: Exception) -> None:
        org, session = window.place or (None, None)
        with bound(org=org, session=session, trace=window.trace_id):
            log.error("socket_broke", exc_info=error)
        window.wire.leave(4500, window.trace_id)

    async def _tick_on(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.tick()


def is_own_origin(origin: str, host: str, *, own: str | None, prod: bool) -> bool:
    """This deployment's own origin; outside `prod` also the loopback name the page was opened by."""
    if origin == own:
        return True
    name, _, authority = origin.partition("://")
    return (
        not prod
        and name == "http"
        and authority == host
        and authority.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
    )


def _may_change_hands(message: Message) -> bool:
    """Whether who speaks, or whether the conversation is open, may have changed with this message."""
    return message.sender in ("operator", "system") or (
        message.sender == "bot" and message.payload.get("step") in ("final", "handoff")
    )
