"""Texts that MCP clients may read, by address: `sangdam://<shelf>/<key>`. What is not theirs and what is not there look the same."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

from sangdam.conversations.sessions import Sessions
from sangdam.core.clock import kst
from sangdam.core.ids import OrgId
from sangdam.orgs import Scope
from sangdam.orgs.model import ApiToken
from sangdam.web.parts import Shelf

LATEST = 500
"""Messages of a conversation that are shown."""
_PAGE = 200
_ADDRESS = re.compile(r"sangdam://([a-z]{1,40})/([^/?#\s]{1,600})")


class Shelves:
    def __init__(self, shelves: Sequence[Shelf]) -> None:
        self._shelves = {shelf.name: shelf for shelf in shelves}

    def open_to(self, token: ApiToken) -> tuple[Shelf, ...]:
        return tuple(shelf for shelf in self._shelves.values() if shelf.scope.value in token.scopes)

    async def read(self, token: ApiToken, uri: str) -> tuple[Shelf, str] | None:
        """The shelf and the text; None for whatever this token may not read."""
        found = _ADDRESS.fullmatch(uri)
        shelf = self._shelves.get(found[1]) if found is not None else None
        if found is None or shelf is None or shelf.scope.value not in token.scopes:
            return None
        text = await shelf.read(token.org, unquote(found[2]))
        return (shelf, text) if text is not None else None


def transcripts(sessions: Sessions) -> Shelf:
    """Conversations, as the masks have them."""

    async def read(org: OrgId, code: str) -> str | None:
        session = await sessions.by_code(org, code)
        if session is None:
            return None
        skipped = max(0, session.last_seq - LATEST)
        lines = [
            f"{session.code} ({session.channel}, {session.status}, {kst(session.started_at).isoformat(timespec='seconds')})"
        ]
        if skipped:
            lines.append(f"(1-{skipped}: …)")
        seen = skipped
        while page := await sessions.messages_after(org, session.id, seen, limit=_PAGE, for_shopper=False):
            lines += [
                f"{one.seq} {kst(one.created_at).isoformat(timespec='seconds')} {one.sender}: {_one_line(one.text)}"
                for one in page
            ]
            seen = page[-1].seq
        return "\n".join(lines)

    return Shelf(
        name="sessions",
        template="sangdam://sessions/{code}",
        title="상담 기록",
        description="What was said in a conversation, personal values masked. The code looks like S-7KQ2MD.",
        scope=Scope.SESSIONS_READ,
        read=read,
    )


def _one_line(text: str) -> str:
    return " ⏎ ".join(text.splitlines())
