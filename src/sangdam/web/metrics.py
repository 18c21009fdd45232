"""What the doors count, in the registry of the process (interfaces.md §5)."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    def __init__(self, registry: CollectorRegistry, *, build: str, profile: str, sockets: Callable[[], int]) -> None:
        self.registry = registry
        Gauge("sangdam_socket_connections", "Open sockets.", registry=registry).set_function(sockets)
        Gauge("sangdam_boot_info", "What runs here.", ["build", "profile"], registry=registry).labels(
            build, profile
        ).set(1)
        self._resumes = Counter("sangdam_socket_resume", "Joins by what they found.", ["result"], registry=registry)
        self._messages = Counter("sangdam_messages", "Messages by who said them.", ["sender"], registry=registry)

    def resumed(self, result: str) -> None:
        """`new`, `resumed` or `reset`."""
        self._resumes.labels(result).inc()

    def accepted(self, sender: str) -> None:
        self._messages.labels(sender).inc()
