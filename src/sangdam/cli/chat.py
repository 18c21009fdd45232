"""A conversation in the terminal, over the same API as any other client."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.panel import Panel

from sangdam.core.errors import Refused

WAIT_SECONDS = 30.0


async def chat(file: str, out: Console) -> None:
    try:
        demo: dict[str, Any] = json.loads(await asyncio.to_thread(Path(file).read_text, "utf-8"))
    except FileNotFoundError:
        raise Refused((f"{file} is not there: start `sangdam demo` first",)) from None
    headers = {"Authorization": f"Bearer {demo['api_token']}"}
    session: str | None = None
    buttons: list[dict[str, Any]] = []
    async with httpx2.AsyncClient(base_url=demo["base_url"], headers=headers, timeout=WAIT_SECONDS) as client:
        out.print("말씀하세요. 버튼은 번호로 누르고, 마치려면 Ctrl-D를 누르세요.")
        while True:
            try:
                said = (await asyncio.to_thread(out.input, "[bold]> [/bold]")).strip()
            except EOFError:
                return
            if not said:
                continue
            body: dict[str, Any] = {"client_id": f"cli-{secrets.token_hex(8)}"}
            if session is not None:
                body["session_id"] = session
            if said.isdigit() and 1 <= int(said) <= len(buttons):
                body["action"] = buttons[int(said) - 1]["action"]
            else:
                body["message"] = said
            answer = await client.post("/api/runtime/chat", json=body)
            if answer.status_code != 200:
                out.print(f"[red]{answer.json()['error']['message_user']}[/red]")
                continue
            told: dict[str, Any] = answer.json()
            session, reply = told["session_id"], told["reply"]
            buttons = [*reply["cards"], *reply["quick_replies"]]
            out.print(Panel(told["message"], title=f"{told['session_code']} · {told['step']}", title_align="left"))
            for number, button in enumerate(buttons, 1):
                out.print(f"  {number}. {button.get('label') or button.get('title')}", highlight=False)
