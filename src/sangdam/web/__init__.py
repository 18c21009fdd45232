"""The doors: the shopper's socket and widget, the HTTP API, the pages. Nothing below knows that they exist."""

from sangdam.web.parts import Demo, Health, Limits, Parts
from sangdam.web.site import Site, create_web, server_config
from sangdam.web.widgets import Widget, Widgets

__all__ = ["Demo", "Health", "Limits", "Parts", "Site", "Widget", "Widgets", "create_web", "server_config"]
