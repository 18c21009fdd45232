"""The doors: the shopper's socket and widget, the HTTP API, the pages. `server.create_web` joins them; only it loads the web framework."""

from sangdam.web.parts import Demo, Health, Limits, Parts
from sangdam.web.widgets import Widget, Widgets

__all__ = ["Demo", "Health", "Limits", "Parts", "Widget", "Widgets"]
