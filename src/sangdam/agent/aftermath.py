"""What a conversation is told once it is known what became of a change whose answer was lost. Pure."""

from sangdam.agent.reply import words
from sangdam.tools.model import Done, Failed, Outcome

_KINDS = {
    "create_ticket": "ticket",
    "update_order_shipping_address": "address",
    "subscribe_restock": "restock",
    "cancel_restock": "restock_cancel",
}
_SILENT = frozenset({"send_otp", "verify_otp", "verify_orderer", "create_handoff"})
"""Steps on the way to something: the conversation goes on by itself."""


def aftermath(language: str, tool: str, outcome: Outcome) -> str | None:
    """None where there is nothing to tell."""
    if tool in _SILENT:
        return None
    kind = _KINDS.get(tool, "other")
    match outcome:
        case Done(result):
            return words(language, f"after.{kind}.done", {"receipt": str(result.get("receipt_no", ""))})
        case Failed():
            return words(language, f"after.{kind}.failed")
        case _:
            return words(language, "after.person")
