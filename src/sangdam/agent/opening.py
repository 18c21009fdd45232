"""The first words of a conversation: who answers, how to reach a person, how long words are kept (dialogue.md §6.15)."""

from collections.abc import Mapping
from typing import Any

from sangdam.agent.flows.steps import MENU
from sangdam.agent.reply import quick_reply, words


def opening_message(language: str, shop: str, retention_days: int) -> tuple[str, Mapping[str, Any]]:
    """Text and payload of the opening message; its buttons start only what exists."""
    text = words(language, "opening", {"shop": shop, "days": retention_days})
    buttons = [quick_reply(language, button, "") for button in MENU]
    return text, {
        "step": "ask",
        "quick_replies": buttons,
        "cards": [],
        "citations": [],
        "expected": None,
        "mcp_actions": [],
    }
