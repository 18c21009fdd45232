"""Exactly one effect, over many schedules of clicks, lost answers, kills and looks: `python benchmarks/schedules.py --schedules 10000`.

Stops at the first schedule in which the mall did something twice, or in which the product says in the end what is not so.
"""

import argparse
import asyncio
import io
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.tools.schedules import Schedules, Stage

from sangdam.core import logs
from sangdam.db.testing import Cluster


def main(count: int, steps: int) -> None:
    logs.configure(level="error", build="bench", stream=io.StringIO())  # its tools break on purpose
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home, asyncio.Runner() as runner:
        cluster = Cluster.start(Path(home))
        try:
            runner.run(cluster.make_template())
            place = cluster.database()
            Schedules.runner = runner
            Schedules.stage = runner.run(Stage.build(runner.run(place.__aenter__())))
            started = time.perf_counter()
            chosen = settings(
                max_examples=count,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            )
            run_state_machine_as_test(Schedules, settings=chosen)
            seconds = time.perf_counter() - started
            runner.run(Schedules.stage.db.close())
            runner.run(place.__aexit__(None, None, None))
        finally:
            cluster.server.stop()
    counted = Schedules.counted
    print(f"{counted['schedules']} schedules in {seconds:.0f} s, 0 with a second effect or an untrue end")
    for name, number in sorted(counted.items()):
        print(f"  {name:<20} {number:>8}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=25)
    options = parser.parse_args()
    main(options.schedules, options.steps)
