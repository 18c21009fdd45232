"""What is taken of an installed package, and what refuses the start."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel
from tests.tools.world import NOW, Nothing, Order, Shop

from sangdam.core.clock import SettableClock
from sangdam.tools import Assurance, ToolContext
from sangdam.tools.model import Tool
from sangdam.tools.packages import GROUP, PackagesRefused, packaged_tools

Given = Callable[[ToolContext], Any]


def a_tool(name: str = "gift_wrap", **more: Any) -> Tool:
    return Shop().tool(name, more.pop("input", Nothing), provider=more.pop("provider", "sangdam"), **more)


def an_entry(monkeypatch: pytest.MonkeyPatch, brought: Any, *, name: str = "gifts") -> EntryPoint:
    module = ModuleType(f"package_{name}")
    module.tools = brought  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return EntryPoint(name, f"{module.__name__}:tools", GROUP)


def brought(*entries: EntryPoint, taken: tuple[str, ...] = ("lookup_order",)) -> tuple[Tool, ...]:
    context = ToolContext(httpx2.AsyncClient(), SettableClock(NOW), "1.0")
    return packaged_tools(context, taken=taken, found=entries)


def findings(*entries: EntryPoint) -> tuple[str, ...]:
    with pytest.raises(PackagesRefused) as refused:
        brought(*entries)
    return refused.value.findings


def test_tools_come_as_a_list_or_from_a_function_of_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ToolContext] = []

    def made(context: ToolContext) -> list[Tool]:
        seen.append(context)
        return [a_tool("made_one")]

    first, second = an_entry(monkeypatch, (a_tool("plain_one"),), name="b"), an_entry(monkeypatch, made, name="a")
    assert [tool.name for tool in brought(first, second)] == ["made_one", "plain_one"]
    assert [context.build for context in seen] == ["1.0"]


def test_without_packages_there_is_nothing() -> None:
    assert brought() == ()
    assert packaged_tools(ToolContext(httpx2.AsyncClient(), SettableClock(NOW), ""), taken=()) == ()


class Loose(BaseModel):
    pass


@pytest.mark.parametrize(
    ("tool", "why"),
    [
        (a_tool("lookup_order"), "exists already"),
        (a_tool("shop/track"), "no name"),
        (a_tool("cafe24:thing"), "no name"),
        (a_tool("Gift"), "no name"),
        (a_tool("gi"), "no name"),
        (a_tool("g" * 65), "no name"),
        (a_tool(provider="cafe24"), "provider"),
        (a_tool(provider="external"), "provider"),
        (a_tool(input=Loose), "unknown fields"),
        (replace(a_tool(), foreign=True), "foreign"),
        (replace(a_tool(), confirmation=True), "preview"),
        (replace(a_tool(), unsigned_fields=("nothing",)), "unsigned"),
        (replace(a_tool(), output=dict), "BaseModel"),  # pyright: ignore[reportArgumentType]
        (replace(a_tool(), assurance=2), "assurance"),  # pyright: ignore[reportArgumentType]
        (replace(a_tool(), effect="delete"), "effect"),  # pyright: ignore[reportArgumentType]
        (replace(a_tool(), default_policy=None), "default policy"),  # pyright: ignore[reportArgumentType]
        (replace(a_tool(), run=None), "cannot run"),  # pyright: ignore[reportArgumentType]
        ("gift_wrap", "no Tool"),
        (None, "no Tool"),
    ],
)  # fmt: skip
def test_a_tool_that_does_not_fit_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tool: Any, why: str
) -> None:
    (finding,) = findings(an_entry(monkeypatch, [tool]))
    assert why in finding
    assert finding.startswith("a package (entry point gifts): ")


def test_a_name_is_brought_once(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = [an_entry(monkeypatch, [a_tool("gift_wrap")], name=name) for name in ("a", "b")]
    assert findings(*twice) == ("a package (entry point b): the tool gift_wrap is brought twice",)


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(context: ToolContext) -> list[Tool]:
        raise KeyError("GIFTS_URL")

    entries = [
        EntryPoint("a", "no_such_package:tools", GROUP),
        EntryPoint("b", "sys:no_such_thing", GROUP),
        an_entry(monkeypatch, raises, name="c"),
        an_entry(monkeypatch, 7, name="d"),
        an_entry(
            monkeypatch,
            [a_tool("good_one"), a_tool("lookup_order", input=Order, assurance=Assurance.CLAIMED)],
            name="e",
        ),
    ]
    found = findings(*entries)
    assert len(found) == 5
    for part, finding in zip(
        ("ModuleNotFoundError", "AttributeError", "GIFTS_URL", "TypeError", "lookup_order"), found, strict=True
    ):
        assert part in finding
