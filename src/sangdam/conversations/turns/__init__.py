"""Turns as they are stored: loaded under a lock, opened before a tool, closed with their answer. `agent/turn.py` works them."""

from sangdam.conversations.turns.model import Closing, Heard, Loaded, Opening, OpenTurn
from sangdam.conversations.turns.store import called, close, due, let_go, load, open_turn, renew, skip, supersede

__all__ = [
    "Closing",
    "Heard",
    "Loaded",
    "OpenTurn",
    "Opening",
    "called",
    "close",
    "due",
    "let_go",
    "load",
    "open_turn",
    "renew",
    "skip",
    "supersede",
]
