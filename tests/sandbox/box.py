"""One sandbox on a stopped clock, spoken to over HTTP in the same process."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from cafe24_sandbox import Cast, Sandbox, SandboxConfig, cast_of

DAY = date(2026, 3, 14)
NOON = datetime(2026, 3, 14, 3, tzinfo=UTC)
ADMIN = "/malls/sandboxmall/api/v2/admin"
OAUTH = "/malls/sandboxmall/api/v2/oauth"
BACK = SandboxConfig().redirect_uris[0]


class Clock:
    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Box:
    sandbox: Sandbox
    client: httpx2.AsyncClient
    clock: Clock
    token: str
    cast: Cast

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """A call of the Admin API; `path` is below `/api/v2/admin`."""
        sent = {"Authorization": f"Bearer {token or self.token}", **(headers or {})}
        if body is None:
            return await self.client.request(method, ADMIN + path, headers=sent)
        return await self.client.request(method, ADMIN + path, headers=sent, json=body)

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def control(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.client.request(method, f"/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def order(self, order_id: str) -> Any:
        return (await self.get(f"/orders/{order_id}?embed=items,receivers,buyer,return,cancellation,exchange"))["order"]

    async def consent(self, **changed: str) -> httpx2.Response:
        """The button of the consent page."""
        asked = {
            "response_type": "code",
            "client_id": self.sandbox.config.client_id,
            "state": "s-1",
            "redirect_uri": BACK,
            "scope": "mall.read_order mall.write_order",
            **changed,
        }
        asked = {name: value for name, value in asked.items() if value != ""}
        return await self.client.post(f"{OAUTH}/authorize", params=asked, data={"decision": "allow"})

    async def code(self, **changed: str) -> str:
        return landed(await self.consent(**changed))["code"]

    async def ask_token(self, *, secret: str | None = None, **form: str) -> httpx2.Response:
        config = self.sandbox.config
        pair = base64.b64encode(f"{config.client_id}:{secret or config.client_secret}".encode()).decode()
        return await self.client.post(f"{OAUTH}/token", data=form, headers={"Authorization": f"Basic {pair}"})

    def solapi_headers(self, *, at: datetime | None = None, secret: str | None = None) -> dict[str, str]:
        config = self.sandbox.config
        stamp, salt = (at or self.clock()).isoformat(), secrets.token_hex(16)
        signed = hmac.new(
            (secret or config.solapi_secret).encode(), (stamp + salt).encode(), hashlib.sha256
        ).hexdigest()
        return {
            "Authorization": f"HMAC-SHA256 ApiKey={config.solapi_key}, Date={stamp}, salt={salt}, signature={signed}"
        }

    async def send_sms(self, *messages: Mapping[str, object], **top: object) -> httpx2.Response:
        return await self.client.post(
            "/solapi/messages/v4/send-many/detail",
            json={"messages": list(messages), **top},
            headers=self.solapi_headers(),
        )


def landed(answer: httpx2.Response) -> dict[str, str]:
    """The query of the address a consent led back to."""
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def open_box(config: SandboxConfig | None = None) -> Box:
    clock = Clock()
    sandbox = Sandbox(config or SandboxConfig(start_day=DAY, clock=clock))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=sandbox.app), base_url="http://sandbox.test")
    token = str(sandbox.issue_tokens()["access_token"])
    return Box(sandbox, client, clock, token, cast_of(DAY))
