"""Text of a mall as one plain line. What people wrote there is data: it is shown, and never an instruction. Pure."""

import contextlib
import re
from html import unescape
from html.parser import HTMLParser

MOST_READ = 10_000
"""Characters of HTML, pictures written into it left out."""
_UNSEEN = frozenset({"script", "style", "template", "noscript", "head", "title", "textarea", "select", "svg", "iframe"})
_WITHOUT_BREAK = frozenset(
    {"a", "b", "i", "u", "s", "em", "strong", "span", "font", "small", "big", "mark", "sub", "sup", "del", "ins", "code", "abbr", "wbr", "label", "q"}
)  # fmt: skip
_PICTURE = re.compile(r"data:\w+/[^\"'<>\s]*")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen.append(tag)
        self._break(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)

    def _break(self, tag: str) -> None:
        if tag not in _WITHOUT_BREAK:
            self.parts.append(" ")


def plain_text(html: str) -> str:
    """`<p>안녕하세요</p><p>배송&nbsp;언제</p>` → `안녕하세요 배송 언제`. Never raises; a text without marks stays as it is."""
    html = _PICTURE.sub("", html)[:MOST_READ]
    marked = html.rfind(">") + 1  # a tag without an end would cost the parser the square of its length
    parser = _Text()
    with contextlib.suppress(
        AssertionError
    ):  # the parser's word for a declaration it does not know: the rest is left out
        parser.feed(html[:marked])
        parser.close()
    parser.handle_data(unescape(html[marked:]))
    return " ".join("".join(parser.parts).split())


def cut(text: str, most: int) -> str:
    """At most that long; what is left out is said by `…`."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
