"""What is published of a tool: the schema of its arguments by wire, and of its results by who reads them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal, cast

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict
from tests.tools.world import Nothing, Order, Shop, Strict, Told

from sangdam.tools import Registry, published_output, published_schema
from sangdam.tools.masking import masked
from sangdam.tools.model import Assurance, Tool
from sangdam.tools.published import OF_THE_CALL, Way


def fits(schema: Any, value: object) -> bool:
    return cast("Any", Draft202012Validator)(schema).is_valid(value)


def anonymous(_: BaseModel) -> Assurance:
    return Assurance.ANONYMOUS


NONE = frozenset[str]()
SHOP = Shop()
LOOK = SHOP.tool("look", Order, assurance=Assurance.CLAIMED)
READ = SHOP.tool("read", Nothing)
WRITE = SHOP.tool("write", Nothing, effect="write")
CHANGE = SHOP.tool("change", Order, effect="write", assurance=Assurance.VERIFIED, preview=True)
TICKET = SHOP.tool("ticket", Nothing, effect="write", assurance_when=anonymous)

SESSION, PROOF, REASON, KEY, DIGEST = (
    "session_id", "customer_verification_token", "staff_reason", "idempotency_key", "confirmation_digest",
)  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "way", "names", "required"),
    [
        (READ, "params", NONE, NONE),
        (READ, "on_behalf", {SESSION}, NONE),
        (READ, "staff", {SESSION, REASON}, {REASON}),
        (LOOK, "params", {PROOF}, NONE),
        (LOOK, "on_behalf", {SESSION, PROOF}, NONE),
        (LOOK, "staff", {SESSION, REASON}, {REASON}),
        (WRITE, "params", {KEY}, NONE),
        (WRITE, "on_behalf", {SESSION, KEY}, {KEY}),
        (WRITE, "staff", {SESSION, REASON, KEY}, {REASON, KEY}),
        (CHANGE, "params", {PROOF, KEY}, NONE),
        (CHANGE, "on_behalf", {SESSION, PROOF, KEY, DIGEST}, {KEY}),
        (CHANGE, "staff", {SESSION, REASON, KEY, DIGEST}, {REASON, KEY}),
        (TICKET, "on_behalf", {SESSION, PROOF, KEY}, {KEY}),
    ],
    ids=lambda value: value.name if isinstance(value, Tool) else None,
)
def test_each_wire_has_the_names_of_the_call_that_stand_among_its_arguments(
    tool: Tool, way: Way, names: set[str] | frozenset[str], required: set[str] | frozenset[str]
) -> None:
    schema = published_schema(tool, way)
    Draft202012Validator.check_schema(schema)
    own = set(tool.input.model_fields)
    assert set(schema["properties"]) == own | names
    assert set(schema.get("required", [])) == own | required
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (PROOF, "A" * 43, ["A" * 42, "A" * 44, "A" * 42 + "!"]),
        (KEY, "12345678", ["1234567", "x" * 129, "has space", "한글한글한글한글"]),
        (REASON, "다섯 글자", ["네 글자", "가" * 201]),
    ],
)
def test_the_schema_draws_the_line_where_the_gate_does(name: str, right: str, wrong: list[str]) -> None:
    assert fits(OF_THE_CALL[name], right)
    assert [each for each in wrong if fits(OF_THE_CALL[name], each)] == []


class Reserved(Strict):
    session_id: str


def test_a_tool_cannot_take_a_name_of_the_call() -> None:
    with pytest.raises(ValueError, match="session_id"):
        Registry([SHOP.tool("a", Reserved)])


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    count: int
    price: Decimal
    state: Literal["new", "old"] | None = None


class Result(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lines: tuple[Line, ...]
    first: Line
    pair: tuple[int, bool]
    by_name: dict[str, int]
    words: list[str]


RESULT: dict[str, Any] = Result(
    lines=(Line(name="가", count=1, price=Decimal(5), state="new"),), first=Line(name="나", count=2, price=Decimal(6)), pair=(3, True), by_name={"가": 1},
    words=["다"],
).model_dump(mode="json")  # fmt: skip


def test_a_result_with_masks_in_it_fits_the_schema_of_who_sees_masks() -> None:
    tool = replace(LOOK, output=Result)
    hidden, _ = masked(RESULT, frozenset({"name", "count", "price", "state", "pair", "by_name", "words", "가"}))
    assert hidden != RESULT
    plain, relaxed = published_output(tool), published_output(tool, masked=True)
    assert fits(plain, RESULT)
    assert fits(relaxed, RESULT)
    assert fits(relaxed, hidden)
    assert not fits(plain, hidden)
    assert not fits(relaxed, {**RESULT, "more": 1})
    assert not fits(relaxed, {name: value for name, value in RESULT.items() if name != "first"})


def test_of_a_write_no_word_is_promised() -> None:
    assert fits(published_output(WRITE), {})
    assert not fits(published_output(READ), {})
    assert fits(published_output(READ), Told(text="네").model_dump(mode="json"))
