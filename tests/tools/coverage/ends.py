"""The ends every tool may come to: by what it is, and by its own line of tools.md §4. Data only; nothing here calls anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sangdam.tools.model import Assurance, Tool

PROOF, CONFIRMED = "CUSTOMER_VERIFICATION_REQUIRED", "NEEDS_CONFIRMATION"
LATER: Mapping[str, str] = {}
"""Codes that no tool of this build ends with, and the part that brings the one which does."""


@dataclass(frozen=True)
class End:
    """What the caller hears, and what the audit says of it."""

    kind: str
    """Of the outcome."""
    code: str = ""
    """As the audit has it; empty for a success."""
    why: str = ""
    """Tells several ways to one code apart."""
    layer: int | None = None
    """Where the gate refused (tools.md §1.2); None where the tool itself said so."""
    rule: str = ""
    """By which rule, as a regular expression."""
    reason: str | None = None
    """Of a proof or a confirmation that is missing."""
    heard: str | None = None
    """The code the caller hears, where the audit knows more."""

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.why

    def __str__(self) -> str:
        return f"{self.kind} {self.code}" + (f" ({self.why})" if self.why else "")


def ends_of(tool: Tool) -> tuple[End, ...]:
    """All of them. Raises KeyError for a tool that says nothing of its own."""
    found = (*_of_every_tool(tool), *_of_who_asks(tool), *_of_a_write(tool), *_of_the_other_side(tool), *OWN[tool.name])
    return tuple(end for end in found if (tool.name, end.code) not in NEVER)


def _of_every_tool(tool: Tool) -> Iterator[End]:
    yield End("Done")
    yield End("Denied", "TOOL_NOT_FOUND", "switched off", 0, "active")
    yield End("Invalid", "INVALID_PARAMS", "an unknown argument", 0, "schema")
    yield End("Denied", "POLICY_NOT_FOUND", "no row", 1, "exists")
    yield End("Denied", "POLICY_BLOCK", "not allowed", 1, "is_allowed")
    yield End("Denied", "POLICY_BLOCK", "hours", 1, "hours")
    yield End("Denied", "CALLER_NOT_ALLOWED", "", 1, "allowed_callers")
    yield End("Denied", "TOOL_NOT_ALLOWED_FOR_AGENT", "", 1, "agent_tools")
    yield End("Denied", "FORBIDDEN", "a role that may not", 2, r"boards\.read" if tool.staff_only else r"orders\.staff")
    yield End("Denied", "FORBIDDEN", "staff without a reason", 2, "staff_reason")
    yield End("Denied", "RATE_LIMIT", "a minute", 1, "rate_limit_per_min")
    yield End("Denied", "RATE_LIMIT", "a conversation", 1, "session_limit_per_hour")
    yield End("Failed", "AUDIT_UNAVAILABLE")
    yield End("Failed", "INTERNAL_ERROR", "a bug")
    if tool.scopes:
        yield End("Denied", "SCOPE_ERROR", "not granted", 1, "scopes")
    if tool.breaker is not None:
        yield End("Denied", "CIRCUIT_OPEN", "", 1, "breaker")


def _of_who_asks(tool: Tool) -> Iterator[End]:
    yield End("NeedsVerification", PROOF, "a conversation of somebody else", 2, "session", "other_session")
    if tool.assurance is Assurance.ANONYMOUS:
        if not tool.staff_only:
            yield End("NeedsVerification", PROOF, "raised by the policy", 2, "grant:missing", "missing")
        return
    for reason in ("missing", "expired", "other_session", "purpose"):
        yield End("NeedsVerification", PROOF, reason, 2, f"grant:{reason}", reason)
    if {"phone", "cellphone"} & set(tool.input.model_fields):
        yield End("NeedsVerification", PROOF, "other_phone", 2, "grant:other_phone", "other_phone")
    if tool.assurance is Assurance.CLAIMED:
        yield End("NeedsVerification", PROOF, "other_order", 2, "grant:other_order", "other_order")
        yield End("Done", "", "by a claim")
    if "mcp" in tool.default_policy.callers:
        yield End("Done", "", "by a token")


def _of_a_write(tool: Tool) -> Iterator[End]:
    if tool.effect == "read":
        return
    yield End("Done", "", "again")
    yield End("Invalid", "INVALID_PARAMS", "no key", 0, "idempotency_key")
    yield End("Denied", "DUPLICATE_REQUEST", "", 3, "running")
    yield End("Invalid", "IDEMPOTENCY_MISMATCH", "", 3, "key")
    yield End("Unknown", OUT_OF_TIME[tool.provider], "out of time")
    yield End("Unknown", "AUDIT_UNAVAILABLE", "closing")
    if tool.confirmation:
        for reason in ("none", "changed", "expired", "void"):
            yield End("NeedsConfirmation", CONFIRMED, reason, 2, f"confirmation:{reason}", reason)


OUT_OF_TIME = {"cafe24": "CAFE24_TIMEOUT", "solapi": "SOLAPI_ERROR", "sangdam": "INTERNAL_ERROR"}
"""What a write whose tool did not come back is called, by its provider."""


def _of_the_other_side(tool: Tool) -> Iterator[End]:
    match tool.breaker:
        case "cafe24":
            yield from MALL
        case "juso":
            yield End("Failed", "CONFIG_ERROR", "no key of the address search")
            yield End("Failed", "ADDRESS_SEARCH_FAILED", "it is down")
        case "solapi":
            yield End("Failed", "CONFIG_ERROR", "no text messages")
            yield End("Failed", "SOLAPI_ERROR", "it is down")
        case _:
            return


MALL = (
    End("Failed", "CONFIG_ERROR", "no mall"),
    End("Failed", "TOKEN_REFRESH_FAILED", "it is down"),
    End("Failed", "TOKEN_REFRESH_FAILED", "the token is burnt"),
    End("Failed", "CAFE24_REAUTH_REQUIRED"),
    End("Failed", "SCOPE_ERROR", "the mall says so"),
    End("Failed", "CAFE24_NOT_FOUND"),
    End("Failed", "CAFE24_REJECTED"),
    End("Failed", "CAFE24_RATE_LIMITED"),
    End("Failed", "CAFE24_TIMEOUT"),
    End("Failed", "CAFE24_UNAVAILABLE"),
    End("Failed", "CAFE24_UNAVAILABLE", "the line is cut"),
    End("Failed", "CAFE24_ERROR"),
)

NEVER: Mapping[tuple[str, str], str] = {
    ("find_customer_by_phone", "CAFE24_NOT_FOUND"): "a member the mall does not have is CUSTOMER_NOT_FOUND",
    ("verify_orderer", "CAFE24_NOT_FOUND"): "a number the mall does not have is ORDERER_MISMATCH like a wrong name",
}
"""What a tool says otherwise, and how."""

_TAKEN_FOR_MISSING = End("Failed", "ORDER_NOT_OWNED", heard="CAFE24_NOT_FOUND")
_NO_CONVERSATION = End("Invalid", "INVALID_PARAMS", "no conversation")
_TOO_DEAR = End("Denied", "POLICY_BLOCK", "an order of too much", 4, "max_amount")

OWN: Mapping[str, tuple[End, ...]] = {
    "list_boards": (),
    "list_board_articles": (
        End("Failed", "CONFIG_ERROR", "no board"),
        End("Invalid", "INVALID_PARAMS", "more than a year"),
        End("Failed", "CAFE24_NOT_FOUND", "no such board"),
    ),
    "list_orders": (
        End("Invalid", "INVALID_PARAMS", "the end before the start"),
        End("NeedsVerification", PROOF, "somebody's member id", reason="other_phone"),
        End("Failed", "CUSTOMER_NOT_FOUND"),
        End("Failed", "CUSTOMER_AMBIGUOUS"),
        End("Failed", "CUSTOMER_MEMBER_ID_MISSING"),
    ),
    "find_customer_by_phone": (
        End("Invalid", "INVALID_PARAMS", "none or both"),
        End("Failed", "CUSTOMER_NOT_FOUND"),
        End("Failed", "CUSTOMER_MEMBER_ID_MISSING"),
    ),
    "lookup_order": (_TAKEN_FOR_MISSING, End("Failed", "CAFE24_NOT_FOUND", "no such order")),
    "track_shipment": (
        _TAKEN_FOR_MISSING,
        End("Failed", "CAFE24_NOT_FOUND", "no such order"),
        End("Failed", "CAFE24_NOT_FOUND", "no such parcel"),
        End("Failed", "CAFE24_UNAVAILABLE", "the parcels alone"),
    ),
    "create_ticket": (
        End("Failed", "CONFIG_ERROR", "no board"),
        End("Failed", "CONFIG_ERROR", "no such board"),
        End("Invalid", "INVALID_PARAMS", "an item of another order"),
        _TAKEN_FOR_MISSING,
        _TOO_DEAR,
        End("Failed", "CAFE24_REJECTED", "the write"),
        End("Failed", "SCOPE_ERROR", "the write"),
        End("Failed", "CAFE24_RATE_LIMITED", "the write"),
        End("Unknown", "CAFE24_TIMEOUT", "the write"),
        End("Unknown", "CAFE24_UNAVAILABLE", "the write"),
        End("Unknown", "CAFE24_ERROR", "the write"),
    ),
    "update_order_shipping_address": (
        End("Invalid", "INVALID_PARAMS", "an address nobody found"),
        _TAKEN_FOR_MISSING,
        _TOO_DEAR,
        End("Failed", "ORDER_NOT_CHANGEABLE"),
        End("Failed", "ORDER_NOT_CHANGEABLE", "shipped after the yes"),
        End("Invalid", "RECEIVER_CHOICE_REQUIRED"),
        End("Invalid", "AMBIGUOUS_ADDRESS"),
        End("Invalid", "MISSING_ZIPCODE"),
        End("Failed", "CONFIG_ERROR", "no key of the address search"),
        End("Failed", "ADDRESS_SEARCH_FAILED", "it is down"),
        End("Failed", "READBACK_MISMATCH"),
        End("Failed", "CAFE24_REJECTED", "the write"),
        End("Failed", "SCOPE_ERROR", "the write"),
        End("Failed", "CAFE24_RATE_LIMITED", "the write"),
        End("Failed", "TOKEN_REFRESH_FAILED", "after the yes"),
        End("Unknown", "CAFE24_TIMEOUT", "the write"),
        End("Unknown", "CAFE24_UNAVAILABLE", "the write"),
        End("Unknown", "CAFE24_UNAVAILABLE", "reading it back"),
        End("Unknown", "CAFE24_ERROR", "the write"),
    ),
    "read_product": (
        End("Failed", "CAFE24_NOT_FOUND", "no such product"),
        End("Failed", "CAFE24_NOT_FOUND", "a hidden one"),
    ),
    "read_supply": (
        End("Denied", "POLICY_BLOCK", "not for the agent", 4, "expose_supplier_name"),
        End("Invalid", "INVALID_PARAMS", "code and name"),
        End("Failed", "CAFE24_NOT_FOUND", "no such supplier"),
    ),
    "read_shipping": (End("Failed", "CAFE24_ERROR", "an amount that is none"),),
    "resolve_product": (),
    "subscribe_restock": (
        End("Invalid", "CHANNEL_UNSUPPORTED"),
        End("Invalid", "INVALID_PARAMS", "a day that is past"),
        End("Invalid", "INVALID_PARAMS", "a lead too long"),
        End("Invalid", "CONSENT_REQUIRED"),
        End("Failed", "CONFIG_ERROR", "no text messages"),
        End("Failed", "CAFE24_NOT_FOUND", "no such product"),
        End("Failed", "PRODUCT_NOT_SOLD_OUT"),
        End("Failed", "RESTOCK_NOT_PLANNED"),
        End("Failed", "SUBSCRIPTION_LIMIT"),
        End("Unknown", "INTERNAL_ERROR", "broken after it was stored"),
    ),
    "list_restock_subscriptions": (),
    "cancel_restock": (
        End("Invalid", "INVALID_PARAMS", "none or both"),
        End("Failed", "SUBSCRIPTION_NOT_FOUND"),
        End("Failed", "SUBSCRIPTION_NOT_FOUND", "somebody else's"),
        End("Unknown", "INTERNAL_ERROR", "broken after it was stored"),
    ),
    "search_address": (
        End("Failed", "ADDRESS_NOT_FOUND"),
        End("Failed", "ADDRESS_SEARCH_FAILED", "it says so"),
        End("Failed", "ADDRESS_SEARCH_FAILED", "no answer"),
    ),
    "send_otp": (
        End("Invalid", "INVALID_PARAMS", "a landline", 0, "schema"),
        _NO_CONVERSATION,
        End("Denied", "RATE_LIMIT", "the phone", 4, "phone"),
        End("Denied", "RATE_LIMIT", "its conversation", 4, "conversation"),
        End("Denied", "RATE_LIMIT", "the address", 4, "ip"),
        End("Failed", "OTP_RESEND_TOO_SOON"),
        End("Failed", "OTP_LOCKED"),
        End("Failed", "SOLAPI_ERROR", "it says so"),
        End("Unknown", "SOLAPI_ERROR", "no answer"),
    ),
    "verify_otp": (
        End("NeedsVerification", PROOF, "no conversation", reason="other_session"),
        End("Failed", "OTP_NOT_FOUND"),
        End("Failed", "OTP_EXPIRED"),
        End("Failed", "OTP_ALREADY_USED"),
        End("Failed", "OTP_INVALID"),
        End("Failed", "OTP_LOCKED"),
        End("Failed", "OTP_LOCKED", "for the right one too"),
    ),
    "verify_orderer": (
        _NO_CONVERSATION,
        End("Failed", "ORDERER_MISMATCH"),
        End("Failed", "ORDERER_MISMATCH", "no such order"),
        End("Failed", "ORDERER_LOCKED"),
        End("Denied", "RATE_LIMIT", "the address", 4, "ip"),
    ),
    "create_handoff": (_NO_CONVERSATION,),
}
"""A tool that is not named here has not said how it ends."""
