"""Serves one sandbox alone: `python -m cafe24_sandbox --port 8701`."""

import argparse
import socket
import sys
from collections.abc import Sequence
from datetime import date

import uvicorn

from cafe24_sandbox.app import Sandbox
from cafe24_sandbox.config import SandboxConfig


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cafe24_sandbox", description="내 컴퓨터에서 도는 연습용 쇼핑몰")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8701)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start-day", type=date.fromisoformat, default=None, help="YYYY-MM-DD, 기본값은 오늘")
    parser.add_argument("--mall", action="append", default=None, help="몰 아이디, 여러 번 쓸 수 있어요")
    parser.add_argument("--redirect-uri", action="append", default=None)
    parser.add_argument("--webhook-url", default=None)
    parser.add_argument("--webhook-key", default=None)
    parser.add_argument("--open-bucket", action="store_true", help="호출 제한을 끄기")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; 0 after a clean stop, 1 when the port could not be taken."""
    given = read_arguments(argv)
    plain = SandboxConfig()
    sandbox = Sandbox(
        SandboxConfig(
            start_day=given.start_day,
            seed=given.seed,
            malls=tuple(given.mall or plain.malls),
            redirect_uris=tuple(given.redirect_uri or plain.redirect_uris),
            webhook_url=given.webhook_url,
            webhook_key=given.webhook_key,
            open_bucket=given.open_bucket,
        )
    )
    config = uvicorn.Config(sandbox.app, host=given.host, port=given.port, log_level="warning", access_log=False)
    try:
        # Taken before the address is told: it is true also for port 0, and who comes early waits instead of being refused.
        listening = socket.create_server((given.host, given.port), backlog=config.backlog)
    except OSError as error:
        print(f"cannot listen on {given.host}:{given.port}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        print(f"http://{given.host}:{listening.getsockname()[1]}/_control", flush=True)  # noqa: T201
        uvicorn.Server(config).run(sockets=[listening])
    except SystemExit:
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
