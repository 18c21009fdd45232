"""Exactly one effect for every interleaving of send, time-out, retry, crash and double click."""

import asyncio
from collections import Counter
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.tools.schedules import Schedules, Stage

from sangdam.db.testing import Cluster

EXAMPLES = 80


def test_a_write_happens_once_whatever_the_order(cluster: Cluster) -> None:
    with asyncio.Runner() as runner:
        place = cluster.database()
        addresses = runner.run(place.__aenter__())
        stage = runner.run(Stage.build(addresses))

        class Mine(Schedules):
            counted: ClassVar[Counter[str]] = Counter()

        Mine.stage, Mine.runner = stage, runner
        try:
            run_state_machine_as_test(
                Mine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=25,
                    deadline=None,
                    database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
                ),
            )
        finally:
            runner.run(stage.db.close())
            runner.run(place.__aexit__(None, None, None))
        assert Mine.counted["schedules"] >= EXAMPLES
        seen = " ".join(Mine.counted)
        missing = [
            word for word in ("Done", "Unknown", "crash", "timeout", "ended done", "ended failed") if word not in seen
        ]
        assert not missing, "these schedules would show little"
