"""uvicorn's socket protocol with what ASGI has no words for: our close codes, pings, how much is still unsent.

Frames are written straight to the transport, so a window needs no task to send and never waits for a slow reader.
"""

import asyncio
import socket
from typing import Any, cast

from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.http11 import Request
from websockets.server import ServerProtocol

EXTENSION = "sangdam.wire"
"""Where a window finds its wire in the ASGI scope's extensions."""
LARGEST_FRAME = 64 * 1024
"""What is read at all; above, the connection ends with 4413 before the frame is whole."""
_OURS = {1009: 4413, 1007: 4400}


class _Frames(ServerProtocol):
    """Ends a connection over a frame too large or not UTF-8 with our codes."""

    def fail(self, code: int, reason: str = "") -> None:
        super().fail(_OURS.get(int(code), code), reason)


class Wire(WebSocketsSansIOProtocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Frames(max_size=LARGEST_FRAME, logger=self.logger)
        self.heard = 0
        """Grows with everything received, pongs included."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # asyncio does this only for listening sockets made with an explicit protocol number; without it a reply waits 40 ms.
        line = transport.get_extra_info("socket")
        if line is not None and line.family in (socket.AF_INET, socket.AF_INET6):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.heard += 1
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            # The application's task begins in the next round of the loop: it finds the wire there.
            cast("dict[str, Any]", scope["extensions"])[EXTENSION] = self

    def send_receive_event_to_app(self) -> None:
        """Text that is no UTF-8 is handed on as bytes, so that the door can answer before it closes."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    @property
    def alive(self) -> bool:
        return not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def unsent(self) -> int:
        """Bytes the reader has not taken yet (beyond what the kernel holds)."""
        return self.transport.get_write_buffer_size()

    def say(self, text: str) -> bool:
        """False when the connection has ended or is ending."""
        if not self.alive:
            return False
        try:
            self.conn.send_text(text.encode())
        except InvalidState:
            return False
        self._flush()
        return True

    def ping(self) -> None:
        if not self.alive:
            return
        try:
            self.conn.send_ping(b"")
        except InvalidState:
            return
        self._flush()

    def leave(self, code: int, reason: str = "") -> None:
        """Says goodbye now and cuts the line ten seconds later at the latest, whether the other side answers or not."""
        if not self.alive:
            return
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            return
        self._flush()
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def slim(self) -> None:
        """Lets go of what only the handshake needed."""
        self.request = cast("Any", None)
        self.response = cast("Any", None)
        self.scope["headers"] = []

    def _flush(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))
