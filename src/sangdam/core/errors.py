"""Expected failures. One root with a `kind`; `web/errors.py` is the one table from kind to HTTP, socket and JSON-RPC codes."""

from enum import StrEnum


class Kind(StrEnum):
    UNAUTHORIZED = "UNAUTHORIZED"
    ORG_PENDING = "ORG_PENDING"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    TOO_LARGE = "TOO_LARGE"
    INVALID_BODY = "INVALID_BODY"
    INVALID_PARAMS = "INVALID_PARAMS"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    DUPLICATE_REQUEST = "DUPLICATE_REQUEST"
    RATE_LIMIT = "RATE_LIMIT"
    CONFIG = "CONFIG_ERROR"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL_ERROR"


class SangdamError(Exception):
    """Something that was expected to be able to go wrong.

    `ops` is for operators and may name internals; it never holds personal data or secrets. What a shopper reads is chosen by kind.
    """

    def __init__(
        self,
        kind: Kind,
        ops: str,
        *,
        code: str | None = None,
        fields: tuple[str, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(ops)
        self.kind = kind
        self.ops = ops
        self.code = code or kind.value
        self.fields = fields
        self.retry_after = retry_after
        """Seconds."""


class Refused(Exception):
    """This build may not start on this configuration; `findings` says why, all of it."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings
