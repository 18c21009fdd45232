"""Zero unauthorised reads or writes, zero personal values left behind, whatever is asked."""

import structlog
from tests.tools.hostile import campaign

from sangdam.db.testing import Addresses

CALLS = 600


async def test_a_hostile_caller_gets_and_leaves_nothing(addresses: Addresses) -> None:
    try:
        async with campaign(addresses, seed=20260314) as attack:
            for _ in range(CALLS):
                await attack.attempt()
            assert attack.violations == []
            assert await attack.mismatches() == []
            assert len(attack.ended) >= 12, "calls that all end alike show little"
            assert attack.ended["Done"] > 0, "a gate that lets nothing through shows little"
    finally:
        structlog.reset_defaults()
