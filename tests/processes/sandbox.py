"""The sandbox mall as tests steer it and look into it: over HTTP, like anybody."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.processes.running import until


@dataclass
class Sandbox:
    """The mall's controls."""

    base: str
    http: httpx2.AsyncClient

    async def control(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Any:
        answer = await self.http.request(method, f"{self.base}/_control/{path}", json=body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def texts(self) -> list[dict[str, Any]]:
        """Text messages that arrived, newest first."""
        return (await self.http.get(f"{self.base}/inbox", headers={"accept": "application/json"})).json()

    async def code(self) -> str:
        """The one-time code that was sent last."""
        found = re.search(r"\b\d{6}\b", (await self.texts())[0]["text"])
        assert found is not None
        return found.group()

    async def orders(self, phone: str) -> dict[str, str]:
        """Order numbers of a shopper of the cast, by what they are an example of."""
        shoppers = (await self.control("GET", "cast"))["shoppers"]
        return next(each["orders"] for each in shoppers if each["phone"] == phone)

    async def order(self, number: str) -> dict[str, Any]:
        return (await self.control("GET", "state", order_id=number))["orders"][0]

    async def fault(self, **rule: Any) -> int:
        return (await self.control("POST", "faults", rule))["faults"][0]["id"]

    async def struck(self, fault: int) -> None:
        """Until a call has met this fault."""

        async def look() -> bool:
            rules = (await self.control("GET", "faults"))["faults"]
            return any(rule["id"] == fault and rule["hits"] > 0 for rule in rules)

        await until(look)
