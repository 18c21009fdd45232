"""How a call ended, in the parts that every wire tells. HTTP and MCP arrange them."""

from collections.abc import Mapping
from typing import Any, cast

from sangdam.core.clock import kst
from sangdam.core.ids import EffectId
from sangdam.core.mask import mask_value
from sangdam.tools.codes import CODES
from sangdam.tools.model import Denied, Done, Failed, Invalid, NeedsConfirmation, NeedsVerification, Outcome, Unknown


def told(outcome: Outcome) -> dict[str, Any] | None:
    """What of an outcome its caller may go on with."""
    match outcome:
        case Done(result):
            return dict(result)
        case NeedsVerification(level, purpose, reason):
            return {"level": level.name, "purpose": purpose, "reason": reason}
        case Failed(detail=detail) if "left" in detail:
            return {"left": detail["left"]}
        case _:
            return None


def effect_of(outcome: Outcome) -> EffectId | None:
    return outcome.effect if isinstance(outcome, Done | NeedsConfirmation | Unknown) else None


def confirmation_of(outcome: Outcome) -> dict[str, Any] | None:
    if not isinstance(outcome, NeedsConfirmation):
        return None
    return {
        "digest": outcome.digest,
        "preview": dict(outcome.preview),
        "expires_at": kst(outcome.expires_at).isoformat(),
        "reason": outcome.reason,
    }


def retry_after(outcome: Outcome) -> float | None:
    """Seconds."""
    match outcome:
        case Denied(retry_after=seconds):
            return seconds
        case Failed(detail=detail) if isinstance(seconds := detail.get("retry_after"), int | float):
            return float(seconds)
        case _:
            return None


def is_retryable(outcome: Outcome) -> bool:
    return (
        outcome.retryable
        if isinstance(outcome, Failed)
        else not isinstance(outcome, Done) and CODES[outcome.code].retryable
    )


def ops_of(outcome: Outcome) -> str:
    """For operators: the code's hint and what the tool knows, masked."""
    detail: Mapping[str, Any] = outcome.detail if isinstance(outcome, Failed | Invalid) else {}
    hint = CODES[outcome.code].hint if not isinstance(outcome, Done) else ""
    if isinstance(outcome, NeedsVerification | NeedsConfirmation):
        detail = {"reason": outcome.reason}
    shown_detail = cast("Mapping[str, object]", mask_value("detail", dict(detail)))
    return " ".join([hint, *(f"{name}={value}" for name, value in shown_detail.items())])[:600]
