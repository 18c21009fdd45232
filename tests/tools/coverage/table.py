"""The table on a page: tools as rows, codes as columns; in each cell what the caller got."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.tools.coverage.ends import CONFIRMED, FOREIGN, NEVER, PROOF, End

from sangdam.tools import CODES

COMMAND = ".venv/bin/python -m pytest tests/tools/coverage --write-coverage"
NONE = "—"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Before it runs": (
        "", "TOOL_NOT_FOUND", "INVALID_PARAMS", "POLICY_NOT_FOUND", "POLICY_BLOCK", "CALLER_NOT_ALLOWED", "TOOL_NOT_ALLOWED_FOR_AGENT", "FORBIDDEN", "RATE_LIMIT",
    ),
    "Who asks, whose yes, and once only": (
        PROOF, CONFIRMED, "DUPLICATE_REQUEST", "IDEMPOTENCY_MISMATCH", "AUDIT_UNAVAILABLE", "INTERNAL_ERROR",
    ),
    "The way to the other side": (
        "SCOPE_ERROR", "CIRCUIT_OPEN", "CONFIG_ERROR", "TOKEN_REFRESH_FAILED", "CAFE24_REAUTH_REQUIRED",
    ),
    "What the mall says": (
        "CAFE24_NOT_FOUND", "CAFE24_REJECTED", "CAFE24_RATE_LIMITED", "CAFE24_TIMEOUT", "CAFE24_UNAVAILABLE", "CAFE24_ERROR",
    ),
}  # fmt: skip
"""The other codes belong to few tools each and stand in a list."""
REASONS: Mapping[str, tuple[str, ...]] = {
    PROOF: ("missing", "expired", "other_session", "other_phone", "other_order", "purpose"),
    CONFIRMED: ("none", "changed", "expired", "void"),
}

Ends = Mapping[str, Sequence[End]]


def page(met: Mapping[str, Iterable[End]]) -> str:
    """By tool, the ends that were met."""
    ends: Ends = {tool: tuple(found) for tool, found in met.items()}
    grouped = {code for codes in GROUPS.values() for code in codes}
    few = [code for code in CODES if code not in grouped | FOREIGN]
    ways = {code: _ways(ends, code) for code in ("", *CODES)}
    return "\n".join(
        [
            "# How each tool may end",
            "",
            f"Written by `{COMMAND}`; without the option the same tests fail when this page is not what they met.",
            "",
            f"{len(ends)} tools came to {sum(map(len, ends.values()))} ends, each through the gate in a conversation of its own, against the sandbox mall on a real",
            "server and a real Postgres. After every attempt one closed audit row said the same as the caller heard, and named nobody; there were",
            "as many closed rows as attempts. A cell says what the caller got.",
            f"{NONE} stands where that cannot happen: the tool asks nobody there, needs no proof or no yes, or changes nothing.",
            "",
            *(line for title, codes in GROUPS.items() for line in _table(title, codes, ends, _kinds, _title)),
            "## What few tools say",
            "",
            "| code | tools |",
            "|---|---|",
            *(f"| `{code}` | {_tools(ends, code)} |" for code in few),
            "",
            *(
                line
                for code, reasons in REASONS.items()
                for line in _table(f"Why `{code}`", reasons, {tool: _of(found, code) for tool, found in ends.items()}, _reason, str)
            ),
            "## What comes about in more ways than one",
            "",
            "| code | when |",
            "|---|---|",
            *(f"| {_title(code)} | {'; '.join(found)} |" for code, found in ways.items() if len(found) > 1),
            "",
            "## What is said otherwise",
            "",
            *(f"- `{tool}` never ends with `{code}`: {why}." for (tool, code), why in NEVER.items()),
            f"- {', '.join(f'`{code}`' for code in CODES if code in FOREIGN)}: of the tools of servers that an organisation connected (`tests/tools/test_external_calls.py`).",
            "- `ORDER_NOT_OWNED` is what the audit has; a shopper hears `CAFE24_NOT_FOUND`, as of an order that does not exist.",
            "- `AUDIT_UNAVAILABLE` of a read leaves no row: nothing could be written down, and nothing was told.",
            "",
        ]
    )  # fmt: skip


def _table(
    title: str,
    columns: Sequence[str],
    ends: Ends,
    cell: Callable[[Iterable[End], str], str],
    head: Callable[[str], str],
) -> list[str]:
    return [
        f"## {title}",
        "",
        "| tool | " + " | ".join(map(head, columns)) + " |",
        "|---" * (len(columns) + 1) + "|",
        *(
            f"| `{tool}` | " + " | ".join(cell(found, column) for column in columns) + " |"
            for tool, found in ends.items()
        ),
        "",
    ]


def _title(code: str) -> str:
    return f"`{code}`" if code else "success"


def _of(ends: Iterable[End], code: str) -> tuple[End, ...]:
    return tuple(end for end in ends if end.code == code)


def _kinds(ends: Iterable[End], code: str) -> str:
    return ", ".join(dict.fromkeys(end.kind for end in _of(ends, code))) or NONE


def _reason(ends: Iterable[End], reason: str) -> str:
    return ", ".join(dict.fromkeys(end.kind for end in ends if end.reason == reason)) or NONE


def _tools(ends: Ends, code: str) -> str:
    return ", ".join(f"`{tool}` {_kinds(found, code)}" for tool, found in ends.items() if _of(found, code))


def _ways(ends: Ends, code: str) -> list[str]:
    return list(dict.fromkeys(end.why or "simply" for found in ends.values() for end in _of(found, code)))
