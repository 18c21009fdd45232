"""A process starts only when every tool a flow names is registered."""

from sangdam.agent.dialogue import KINDS, tools_named
from tests.conversations.talk import Talk


async def test_every_tool_a_flow_names_is_registered(talk: Talk) -> None:
    registered = {tool.name for tool in talk.product.registry}
    assert tools_named() <= registered
    assert tools_named() == frozenset().union(*(kind.tools for kind in KINDS.values()))
    assert {"send_otp", "verify_otp", "verify_orderer", "list_orders", "lookup_order", "track_shipment", "create_handoff"} <= tools_named()  # fmt: skip
