"""What the gate counts (interfaces.md §5). Labels are names of this build, never what a caller wrote."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from sangdam.db.chain import AuditCall
from sangdam.tools.registry import Registry

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 6.0, 10.0)
OTHER = "other"
"""A tool that this build does not know: one an org brought along, or no tool at all."""


class ToolMetrics:
    def __init__(self, metrics: CollectorRegistry, registry: Registry) -> None:
        self._providers = {tool.name: tool.provider for tool in registry}
        self._calls = Counter(
            "sangdam_tool_calls", "Uses of tools by how they ended.", ["tool", "status", "code"], registry=metrics
        )
        self._seconds = Histogram(
            "sangdam_tool_seconds", "How long a use took.", ["tool"], buckets=_SECONDS, registry=metrics
        )
        self._upstream = Histogram(
            "sangdam_upstream_seconds", "How long the other side took.", ["upstream", "status"], buckets=_SECONDS, registry=metrics
        )  # fmt: skip
        self._append = Histogram(
            "sangdam_audit_append_seconds", "Appending one call to the audit.", buckets=_SECONDS, registry=metrics
        )

    def called(self, row: AuditCall, append_s: float) -> None:
        tool = row.tool_name if row.tool_name in self._providers else OTHER
        self._calls.labels(tool, row.status, row.code or "").inc()
        self._seconds.labels(tool).observe(row.latency_ms / 1000)
        self._append.observe(append_s)
        for call in row.upstream:
            status = call.get("status")
            shown = f"{status // 100}xx" if isinstance(status, int) else "none"
            ms = call.get("ms")
            self._upstream.labels(self._providers.get(tool, OTHER), shown).observe(
                ms / 1000 if isinstance(ms, int) else 0.0
            )
