"""Each step refuses with its own code, is audited, and nothing after it runs."""

from tests.tools.world import World

from sangdam.tools.model import Done


async def test_a_read_is_done_and_recorded_once(world: World) -> None:
    outcome = await world.gate.call(world.agent(), "search_knowledge", {})
    assert outcome == Done({"text": "됐어요", "cellphone": None})
    rows = await world.audit()
    assert [(row["phase"], row["status"], row["code"], row["tool_name"]) for row in rows] == [
        ("closed", "success", None, "search_knowledge")
    ]


async def test_a_write_opens_its_row_before_it_runs(world: World) -> None:
    outcome = await world.gate.call(world.agent(), "create_handoff", {}, key="conv:1:create_handoff:7")
    assert isinstance(outcome, Done)
    assert [row["phase"] for row in await world.audit()] == ["opened", "closed"]
    assert [effect["state"] for effect in await world.effects()] == ["done"]
