"""Structured logs: one JSON line per event on stdout, past-tense names, bound once per request, job or socket.

Everything passes the masker here, also what libraries log through `logging`. Values of exceptions are not logged, only
their classes and places: a message of a driver or a client may quote a person.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog

from sangdam.core.errors import SangdamError
from sangdam.core.mask import mask_text, mask_value

Level = Literal["debug", "info", "warning", "error"]

BOUND = ("org", "session", "turn", "call", "trace", "build")
"""The names `bound` takes, in the order in which a line shows them."""
_FIRST = ("at", "level", "event", *BOUND)
_FRAMES = 6
_DIGEST = re.compile(r"[0-9a-f]{64}")


def configure(*, level: Level = "info", build: str, stream: TextIO | None = None) -> None:
    """Once per process, before anything is logged. `build` is on every line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _describe_exception,
        _mask,
        _order,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _quote_event, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries tell their debug and info stories in prose; what matters of them is a warning.
    root.setLevel(max(logging.WARNING, getattr(logging, level.upper())))
    structlog.contextvars.bind_contextvars(build=build)


@contextmanager
def bound(
    *, org: object = None, session: object = None, turn: object = None, call: object = None, trace: str | None = None
) -> Iterator[None]:
    """Adds these to every line logged inside, also by tasks started inside. None leaves a name as it was."""
    given = {"org": org, "session": session, "turn": turn, "call": call, "trace": trace}
    with structlog.contextvars.bound_contextvars(
        **{name: str(value) for name, value in given.items() if value is not None}
    ):
        yield


def _mask(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {name: line[name] for name in _FIRST if name in line}
    # A digest is of use only whole: by these two a checkpoint of the audit is compared with its copy in the log.
    kept |= {name: line[name] for name in ("hash", "signature") if _DIGEST.fullmatch(str(line.get(name)))}
    masked = mask_value("line", {name: value for name, value in line.items() if name not in kept})
    return {**kept, **masked} if isinstance(masked, dict) else kept


def _order(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**{name: line[name] for name in _FIRST if name in line}, **line}


def _quote_event(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The sentence a library logged: free text, so it is masked as text and kept beside the name of its logger."""
    line["text"] = mask_text(str(line["event"]))
    line["event"] = str(line.pop("logger", "library"))
    return line


def _describe_exception(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = line.pop("exc_info", None)
    match given:
        case None | False:
            return line
        case BaseException() as error:
            pass
        case (_, BaseException() as error, _):
            pass
        case _:
            error = sys.exc_info()[1]
    if error is not None:
        line["error"] = type(error).__name__
        if isinstance(error, SangdamError):
            line["code"], line["ops"] = error.code, error.ops
        line["where"] = _places(error.__traceback__)
        if error.__cause__ is not None:
            line["cause"] = type(error.__cause__).__name__
    return line


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [
        f"{frame.filename.rpartition('site-packages/')[2].rpartition('src/')[2]}:{frame.lineno} {frame.name}"
        for frame in frames
    ]
