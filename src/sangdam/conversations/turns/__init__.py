"""Turns as they are stored: loaded under a lock, opened before a tool, closed with their answer. `agent/turn.py` works them."""

from sangdam.conversations.turns.book import TurnBook
from sangdam.conversations.turns.model import Closing, Heard, Loaded, Opening, OpenTurn

__all__ = ["Closing", "Heard", "Loaded", "OpenTurn", "Opening", "TurnBook"]
