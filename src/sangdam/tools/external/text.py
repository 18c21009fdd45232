"""Text that a stranger wrote, made fit to be shown: no control or formatting characters, no endless length. Pure.

What it says is not touched: it is quoted as somebody else's words wherever it is shown.
"""

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Controls, formatting (bidi overrides, zero-width, tags), surrogates, private use, unassigned."""
_KEPT = frozenset("\n\t")


def plain_text(text: str, longest: int, *, lines: bool = False) -> str:
    """NFC; `lines` keeps line breaks and tabs, else all white space is one space. Cut to `longest` characters."""
    text = text[: longest * 4]
    seen = "".join(
        sign
        if (lines and sign in _KEPT) or unicodedata.category(sign) not in _UNSEEN
        else " "
        if sign in "\r\n\t"
        else ""
        for sign in unicodedata.normalize("NFC", text)
    )
    if not lines:
        seen = " ".join(seen.split())
    return seen if len(seen) <= longest else seen[: longest - 1] + "…"
