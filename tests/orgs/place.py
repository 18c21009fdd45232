"""When these tests happen."""

from datetime import UTC, datetime

NOW = datetime(2026, 3, 14, 5, 28, 44, tzinfo=UTC)
