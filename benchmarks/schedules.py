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

from tests.tools.schedules import run_schedules

from sangdam.core import logs
from sangdam.db.testing import Cluster


def main(count: int, steps: int) -> None:
    logs.configure(level="error", build="bench", stream=io.StringIO())  # its tools break on purpose
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        cluster = Cluster.start(Path(home))
        try:
            asyncio.run(cluster.make_template())
            started = time.perf_counter()
            counted = run_schedules(cluster, count, steps=steps)
            seconds = time.perf_counter() - started
        finally:
            cluster.server.stop()
    print(f"{counted['schedules']} schedules in {seconds:.0f} s, 0 with a second effect or an untrue end")
    for name, number in sorted(counted.items()):
        print(f"  {name:<20} {number:>8}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=25)
    options = parser.parse_args()
    main(options.schedules, options.steps)
