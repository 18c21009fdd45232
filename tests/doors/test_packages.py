"""The worked example of `docs/extending.md`, installed as it stands there and used through the doors."""

import re
import sys
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sangdam.app import Refused, opened
from sangdam.db.testing import Addresses
from sangdam.settings import Settings
from tests.commerce.world import served
from tests.doors.packages import installed
from tests.doors.shopfront import Shopfront, open_shop

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def block(language: str) -> str:
    """The page's first block of that language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@dataclass
class Branches:
    """The shop's own system."""

    pieces: int = 2
    broken: bool = False
    kept: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def app(self) -> Starlette:
        async def stock(request: Request) -> JSONResponse:
            return JSONResponse({"pieces": self.pieces})

        async def keep(request: Request) -> JSONResponse:
            self.kept.append(await request.json())
            return JSONResponse({"id": f"R-{len(self.kept)}"}, 500 if self.broken else 201)

        return Starlette(
            routes=[
                Route("/branches/{branch}/stock/{product}", stock),
                Route("/branches/{branch}/reservations", keep, methods=["POST"]),
            ]
        )


@pytest.fixture
async def branches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Branches]:
    """The package is installed and its system runs."""
    project = tomllib.loads(block("toml"))["project"]
    entry_points = project["entry-points"]["sangdam.tools"]
    installed(
        tmp_path, monkeypatch, name=project["name"], entry_points=entry_points, modules={"sangdam_branches": block("python")}
    )  # fmt: skip
    shop = Branches()
    async with served(shop.app()) as url:
        monkeypatch.setenv("BRANCHES_URL", url)
        yield shop
    sys.modules.pop("sangdam_branches", None)


async def call(
    shop: Shopfront, headers: dict[str, str], tool: str, params: dict[str, Any], *, key: str = "branches-0001", **more: Any
) -> Any:  # fmt: skip
    body = {"tool": tool, "params": params, "as_staff": True, "staff_reason": "손님 전화 확인", **more}
    return await shop.http.post("/api/mcp/tools/call", json=body, headers={**headers, "idempotency-key": key})


async def test_the_worked_example_is_installed_listed_and_used(branches: Branches, addresses: Addresses) -> None:
    async with open_shop(addresses) as shop:
        headers = await shop.sign_in()
        listed = (await shop.http.get("/api/mcp/tools", headers=headers)).json()["items"]
        shown = {tool["name"]: tool for tool in listed}
        assert (shown["branch_stock"]["effect"], shown["branch_stock"]["effective"]) == ("read", "allowed")
        assert (shown["keep_in_branch"]["effect"], shown["keep_in_branch"]["confirmation"]) == ("write", True)

        asked = {"branch": "gangnam", "product_no": 101}
        stock = await call(shop, headers, "branch_stock", asked)
        assert (stock.status_code, stock.json()["data"]) == (200, {"branch": "gangnam", "pieces": 2})
        wrong = await call(shop, headers, "branch_stock", {**asked, "url": "http://evil.example/"})
        assert (wrong.status_code, wrong.json()["error"]["fields"]) == (400, ["url"])

        first = await call(shop, headers, "keep_in_branch", asked)
        assert first.status_code == 409, first.text
        confirmation = first.json()["confirmation"]
        assert confirmation["preview"] == {"branch": "gangnam", "days": 3, "pieces": 2}
        assert branches.kept == []
        effect = first.json()["effect_id"]
        await shop.http.post(f"/api/approvals/{effect}", json={"decision": "approve"}, headers=headers)
        for _ in range(2):
            kept = await call(shop, headers, "keep_in_branch", asked, confirmation_digest=confirmation["digest"])
            assert (kept.status_code, kept.json()["data"]) == (200, {"reservation": "R-1"})
        assert branches.kept == [{"product_no": 101, "days": 3, "reference": effect}]

        branches.broken = True
        second = await call(shop, headers, "keep_in_branch", asked, key="branches-0003")
        await shop.http.post(
            f"/api/approvals/{second.json()['effect_id']}", json={"decision": "approve"}, headers=headers
        )
        for _ in range(2):
            digest = second.json()["confirmation"]["digest"]
            lost = await call(shop, headers, "keep_in_branch", asked, key="branches-0003", confirmation_digest=digest)
            assert (lost.json()["status"], lost.json()["error"]["code"]) == ("unknown", "EXTERNAL_UNAVAILABLE")
        assert len(branches.kept) == 2

        branches.pieces = 0
        none = await call(shop, headers, "keep_in_branch", asked, key="branches-0002")
        assert (none.status_code, none.json()["error"]["code"]) == (422, "EXTERNAL_REJECTED")
        async with shop.product.db.org(shop.org) as tx:
            rows = await tx.fetch(
                "select tool_name, upstream from f_audit_mcp_tools where phase = 'closed' and status = 'success' order by chain_seq"
            )
        assert [(row["tool_name"], [one["call"] for one in row["upstream"]]) for row in rows] == [
            ("branch_stock", ["GET /branches"]), ("keep_in_branch", ["POST /branches"]),
        ]  # fmt: skip


BROKEN = "raise RuntimeError('the package is broken')"
TAKEN = """
from dataclasses import replace
from sangdam.commerce import tools as ours
from sangdam.conversations.orderer import OrdererMatches
tools = [replace(tool, provider="sangdam") for tool in ours(None, None, None, None) if tool.name == "lookup_order"]
"""


async def test_a_package_that_does_not_fit_refuses_the_start_with_everything_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addresses: Addresses
) -> None:
    installed(
        tmp_path / "a",
        monkeypatch,
        name="sangdam-a",
        entry_points={"all": "broken_a:tools"},
        modules={"broken_a": BROKEN},
    )
    installed(
        tmp_path / "b", monkeypatch, name="sangdam-b", entry_points={"all": "taken_b:tools"}, modules={"taken_b": TAKEN}
    )
    with pytest.raises(Refused) as refused:
        async with opened(Settings.load({"SANGDAM_PROFILE": "test"}), addresses.app):
            pass
    assert refused.value.findings == (
        "sangdam-a (entry point all): broken_a:tools cannot be imported (RuntimeError: the package is broken)",
        "sangdam-b (entry point all): the tool lookup_order exists already",
    )
