"""An installed package whose tools do not fit: the process says so and does not start."""

from pathlib import Path

import pytest

import sangdam
from sangdam.db.testing import Addresses
from tests.doors.packages import written
from tests.processes.running import finished

REFUSED = 3
SOURCE = Path(sangdam.__file__).parents[1]


@pytest.mark.parametrize("command", ["serve", "work", "doctor"])
async def test_a_broken_package_refuses_the_start(command: str, addresses: Addresses, tmp_path: Path) -> None:
    package = written(
        tmp_path / "site", name="sangdam-gifts", entry_points={"gifts": "gifts:tools"}, modules={"gifts": "import no_such_library"}
    )  # fmt: skip
    settings = {"SANGDAM_PROFILE": "test", "DATABASE_URL": addresses.app, "PYTHONPATH": f"{package}:{SOURCE}"}
    code, said = await finished(command, folder=tmp_path, settings=settings)
    assert code == REFUSED, said
    said = " ".join(said.split())
    assert "sangdam-gifts (entry point gifts): gifts:tools cannot be imported (ModuleNotFoundError" in said
    assert "Traceback" not in said
