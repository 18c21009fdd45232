"""Distributions as `pip` leaves them: a module and its `.dist-info` in a folder on the path."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, entry_points: Mapping[str, str], modules: Mapping[str, str]
) -> Path:  # fmt: skip
    """Written, and on the path until the test ends."""
    written(folder, name=name, entry_points=entry_points, modules=modules)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()
    for module in modules:
        monkeypatch.delitem(sys.modules, module, raising=False)
    return folder


def written(folder: Path, *, name: str, entry_points: Mapping[str, str], modules: Mapping[str, str]) -> Path:
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"{entry} = {value}" for entry, value in entry_points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[sangdam.tools]", *lines, ""]), encoding="utf-8")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
    return folder
