"""What `docs/mcp.md` says to copy works as it stands there."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sangdam.db.testing import Addresses
from sangdam.orgs import Scope
from tests.doors.mcp_desk import READ, WRITE, Desk, a_desk, a_key
from tests.doors.shopfront import EMAIL, PASSWORD
from tests.processes.running import PATIENCE, SANGDAM

PAGE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text("utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
async def desk(addresses: Addresses) -> AsyncIterator[Desk]:
    async with a_desk(addresses) as opened_desk:
        yield opened_desk


async def ran(*command: str, folder: Path, said: str = "", **settings: str) -> str:
    """What a program prints, which ends without an error."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PYTHONPATH") if name in os.environ}
    path = f"{SANGDAM.parent}{os.pathsep}{os.environ['PATH']}"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**kept, "PATH": path, **settings}, stdin=pipe, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate(said.encode())
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's script needs curl")
async def test_a_token_is_made_as_the_page_says(desk: Desk, tmp_path: Path) -> None:
    (script,) = snippets("sh")
    made = json.loads(
        await ran("bash", "-eu", "-c", script, folder=tmp_path, SANGDAM_URL=desk.shop.base, EMAIL=EMAIL, PASSWORD=PASSWORD)
    )  # fmt: skip
    assert made["operated_by_person"] is True
    found = await desk.shop.product.tokens.find(made["token"])
    assert found is not None
    assert found.scopes == {READ, WRITE}


def test_the_configurations_are_what_the_clients_read() -> None:
    desktop, cursor = (json.loads(text)["mcpServers"]["sangdam"] for text in snippets("json"))
    assert desktop["args"][0] == "mcp"
    assert set(desktop["env"]) == {"SANGDAM_API_TOKEN"}
    assert cursor["url"].endswith("/mcp")
    assert cursor["headers"]["Authorization"].startswith("Bearer ")


def test_the_scopes_of_the_page_are_scopes() -> None:
    named = re.findall(r"^\| `(\w+:\w+)` \|", PAGE, re.MULTILINE)
    assert len(named) == 6
    assert set(named) <= {scope.value for scope in Scope}


async def test_the_client_over_http_runs(desk: Desk, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(snippets("python")[0], "utf-8")
    token = await desk.shop.token(READ, WRITE)
    said = await ran(sys.executable, str(script), folder=tmp_path, SANGDAM_URL=desk.shop.base, SANGDAM_API_TOKEN=token)
    assert "lookup_order 주문 조회" in said
    assert said.splitlines()[-1] == "CUSTOMER_VERIFICATION_REQUIRED"


@pytest.mark.parametrize(("answer", "written"), [("y\n", ["가"]), ("\n", [])])
async def test_the_client_over_stdio_asks_its_person(
    desk: Desk, tmp_path: Path, answer: str, written: list[str]
) -> None:
    script = tmp_path / "call.py"
    script.write_text(snippets("python")[1], "utf-8")
    token = await desk.shop.token(WRITE, operated_by_person=True)
    said = await ran(
        sys.executable,
        str(script),
        "change_note",
        json.dumps({"text": "가", "idempotency_key": a_key()}),
        folder=tmp_path,
        said=answer,
        SANGDAM_URL=desk.shop.base,
        SANGDAM_API_TOKEN=token,
    )
    assert "'메모 변경' 요청이에요." in said
    assert desk.notes.written == written
    assert ("승인하지 않았어요" in said) == (not written)
