"""A log line: JSON, bound names first, people masked, also in what libraries say."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from sangdam.core import logs
from sangdam.core.errors import Kind, SangdamError


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure(build="abc123", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_has_what_is_bound_in_a_fixed_order(out: io.StringIO) -> None:
    with logs.bound(org="o", session="s", trace="t"):
        structlog.stdlib.get_logger().info("turn.closed", calls=2)
    structlog.stdlib.get_logger().info("later")
    first, later = lines(out)
    assert list(first) == ["at", "level", "event", "org", "session", "trace", "build", "calls"]
    assert (first["event"], first["org"], first["build"], first["calls"]) == ("turn.closed", "o", "abc123", 2)
    assert "org" not in later


def test_people_are_masked_by_name_and_by_shape(out: io.StringIO) -> None:
    structlog.stdlib.get_logger().info(
        "said", text="제 번호는 010-1234-5678이에요", nested={"phone": "01012345678"}, mail=["hanul@example.com"]
    )
    assert "1234-5678" not in out.getvalue()
    assert "01012345678" not in out.getvalue()
    assert "hanul@" not in out.getvalue()


def test_an_exception_tells_its_class_and_place_and_not_its_message(out: io.StringIO) -> None:
    try:
        raise ValueError("김하늘 010-1234-5678 서울 강남구 테헤란로 1")
    except ValueError:
        structlog.stdlib.get_logger().exception("failed")
    (line,) = lines(out)
    assert line["error"] == "ValueError"
    assert "test_logs.py" in line["where"][-1]
    assert "김하늘" not in out.getvalue()


def test_an_expected_failure_tells_its_code_and_its_words_for_operators(out: io.StringIO) -> None:
    structlog.stdlib.get_logger().warning("refused", exc_info=SangdamError(Kind.CONFIG, "no key for juso"))
    (line,) = lines(out)
    assert (line["code"], line["ops"]) == ("CONFIG_ERROR", "no key for juso")


def test_libraries_are_quoted_masked_and_only_from_warnings_on(out: io.StringIO) -> None:
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("could not call %s", "010-1234-5678")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["build"]) == ("some.library", "warning", "abc123")
    assert line["text"] == "could not call 010-****-5678"


def test_a_digest_of_a_checkpoint_stays_whole_and_nothing_else_does(out: io.StringIO) -> None:
    digest = "0101234567801012345678" + "a" * 42
    structlog.stdlib.get_logger().info("signed", hash=digest, signature=digest, other=digest, nested={"hash": digest})
    structlog.stdlib.get_logger().info("signed", hash="01012345678", signature=digest + "0")
    first, second = lines(out)
    assert (first["hash"], first["signature"]) == (digest, digest)
    assert "01012345678" not in str((first["other"], first["nested"], second))
