"""Every tool is brought to every end it may come to, through the gate, over HTTP; what was met is `docs/tool-coverage.md`."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.tools.coverage import everywhere, own
from tests.tools.coverage.attempt import Attempt
from tests.tools.coverage.ends import LATER, NEVER, OWN, End, ends_of
from tests.tools.coverage.good import GOOD, set_up
from tests.tools.coverage.hall import Hall
from tests.tools.coverage.scene import NAMES, Scenario, Scene
from tests.tools.coverage.table import COMMAND, page

from sangdam.db.chain import verify
from sangdam.tools import CODES
from sangdam.tools.model import Tool

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("coverage")]
BETWEEN = 11
"""Minutes from one scene to the next: no window, cache or pause of one reaches into another."""
PAGE = Path(__file__).parents[3] / "docs" / "tool-coverage.md"


def scenario_of(tool: Tool, end: End) -> Scenario | None:
    return own.SCENARIOS.get((tool.name, *end.key)) or everywhere.SCENARIOS.get(end.key)


async def ended(hall: Hall, name: str) -> dict[End, Attempt]:
    """Every end of a tool, each in a scene of its own; what did not end so is raised together."""
    if name not in hall.ended:
        tool = hall.tool(name)
        hall.ended[name], wrong = {}, list[Exception]()
        for end in ends_of(tool):
            try:
                hall.ended[name][end] = await played(hall, tool, end)
            except Exception as error:  # noqa: BLE001 - the other ends are worth knowing too
                error.add_note(str(end))
                wrong.append(error)
        if wrong:
            raise ExceptionGroup(f"{name} ended otherwise", wrong)
    return hall.ended[name]


async def played(hall: Hall, tool: Tool, end: End) -> Attempt:
    """In a new conversation of a shopper nobody saw before; what the scene spoils is whole again after it."""
    scenario = scenario_of(tool, end)
    assert scenario is not None, "nothing brings it there"
    hall.clock.move(minutes=BETWEEN)
    async with AsyncExitStack() as after:
        after.callback(hall.sandbox.clear_faults)
        desk = replace(hall.desk, session=await hall.begun())
        scene = Scene(hall, tool, desk, next(hall.numbers), after)
        await set_up(scene)
        attempt = await scenario(scene)
    attempt.is_(end)
    hall.names |= scene.names
    return attempt


async def everything(hall: Hall) -> dict[str, dict[End, Attempt]]:
    return {tool.name: await ended(hall, tool.name) for tool in hall.tools}


async def test_every_tool_says_how_it_ends_and_has_a_good_call(hall: Hall) -> None:
    names = {tool.name for tool in hall.tools}
    assert set(OWN) == set(GOOD) == names
    assert {tool for tool, _ in NEVER} <= names


async def test_every_code_belongs_to_a_tool_or_to_what_is_to_come(hall: Hall) -> None:
    met = {end.code for tool in hall.tools for end in ends_of(tool)} - {""}
    assert not met & set(LATER)
    assert met | set(LATER) == set(CODES)


async def test_ends_and_scenarios_belong_together(hall: Hall) -> None:
    wanted = [(tool, end) for tool in hall.tools for end in ends_of(tool)]
    assert [(tool.name, str(end)) for tool, end in wanted if scenario_of(tool, end) is None] == []
    keys = [(tool.name, *end.key) for tool, end in wanted]
    assert len(set(keys)) == len(keys), "two ends of a tool are told apart by nothing"
    assert set(own.SCENARIOS) <= set(keys)
    assert set(everywhere.SCENARIOS) <= {key for _, *rest in keys for key in [tuple(rest)]}


@pytest.mark.parametrize("name", GOOD)
async def test_a_tool_comes_to_each_of_its_ends(hall: Hall, name: str) -> None:
    assert await ended(hall, name)


async def test_no_tool_ended_as_nobody_said(hall: Hall) -> None:
    """On the way to its ends it was called much more often."""
    await everything(hall)
    said = {(tool.name, end.kind, end.code) for tool in hall.tools for end in ends_of(tool)}
    assert set(hall.met) - said == set()


async def test_there_are_as_many_closed_rows_as_attempts(hall: Hall) -> None:
    await everything(hall)
    reads = sum(tool.effect == "read" for tool in hall.tools)
    assert hall.unwritten == reads, "of a read whose row cannot be closed there is none"
    assert await hall.closed() == hall.attempts - hall.unwritten
    assert hall.met.total() == hall.attempts
    async with hall.product.db.org(hall.desk.mall.org) as tx:
        assert (await verify(tx, hall.desk.mall.org, "tools")).whole


async def test_nobody_lies_open_anywhere(hall: Hall) -> None:
    await everything(hall)
    assert len(hall.names) > len(NAMES)
    assert await hall.named() == {}


async def test_the_page_says_what_was_met(hall: Hall, pytestconfig: pytest.Config) -> None:
    written = page(await everything(hall))
    if pytestconfig.getoption("write_coverage"):
        PAGE.write_text(written, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == written, f"write it again: {COMMAND}"
