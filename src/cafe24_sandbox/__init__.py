"""A Cafe24 mall on your machine: Admin API, OAuth, SOLAPI and address look-up over HTTP, in memory.

`Sandbox(SandboxConfig()).app` is an ASGI application; `python -m cafe24_sandbox` serves it alone.
"""

from cafe24_sandbox.app import Sandbox
from cafe24_sandbox.cast import Cast, Shopper, cast_of
from cafe24_sandbox.config import SandboxConfig
from cafe24_sandbox.wire import Refused

__all__ = ["Cast", "Refused", "Sandbox", "SandboxConfig", "Shopper", "cast_of"]
