"""Calls of a hostile caller, and what they got and left behind: `python benchmarks/hostile.py --calls 10000`.

Prints how the calls ended, and ends with 1 when one of them read or wrote without a right, left a personal value in the database, the log or
the metrics, or left no closed row in the audit.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.tools.hostile import campaign

from sangdam.core import logs
from sangdam.db.testing import Cluster


async def main(calls: int, seed: int) -> int:
    logs.configure(level="error", build="bench")
    with tempfile.TemporaryDirectory(prefix="sangdam-bench-") as home:
        cluster = Cluster.start(Path(home))
        try:
            await cluster.make_template()
            async with cluster.database() as addresses, campaign(addresses, seed=seed) as attack:
                started = time.perf_counter()
                for _ in range(calls):
                    await attack.attempt()
                seconds = time.perf_counter() - started
                mismatches = await attack.mismatches()
        finally:
            cluster.server.stop()
    print(f"{calls} calls with seed {seed} in {seconds:.0f} s")
    for ending, number in attack.ended.most_common():
        print(f"  {ending:<40} {number:>8}")
    print(f"violations {len(attack.violations)}, differences afterwards {len(mismatches)}")
    for line in [*attack.violations, *mismatches][:20]:
        print(f"  {line}")
    return 1 if attack.violations or mismatches else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.calls, options.seed)))
