"""What a sandbox is made with; every default is harmless and public."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from cafe24_sandbox.times import system_clock


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """`start_day` is the day (Korea time) the mall's records are counted back from; None means the clock's today.

    `clock` gives aware datetimes. Without `public_url` links start with the host the caller used.
    """

    start_day: date | None = None
    seed: int = 1
    malls: tuple[str, ...] = ("sandboxmall",)
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    redirect_uris: tuple[str, ...] = (
        "http://127.0.0.1:8700/api/cafe24/callback",
        "http://localhost:8700/api/cafe24/callback",
    )
    webhook_url: str | None = None
    webhook_key: str | None = None
    solapi_key: str = "sandbox-solapi-key"
    solapi_secret: str = "sandbox-solapi-secret"
    juso_key: str = "sandbox-juso-key"
    open_bucket: bool = False
    clock: Callable[[], datetime] = system_clock
    public_url: str | None = None
