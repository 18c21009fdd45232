"""Exactly one effect for every interleaving of send, time-out, retry, crash and double click."""

from tests.tools.schedules import run_schedules

from sangdam.db.testing import Cluster

EXAMPLES = 80


def test_a_write_happens_once_whatever_the_order(cluster: Cluster) -> None:
    counted = run_schedules(cluster, EXAMPLES)
    assert counted["schedules"] >= EXAMPLES
    seen = " ".join(counted)
    missing = [
        word for word in ("Done", "Unknown", "crash", "timeout", "ended done", "ended failed") if word not in seen
    ]
    assert not missing, "these schedules would show little"
