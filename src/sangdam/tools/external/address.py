"""Which addresses a foreign server may have. Pure: names and numbers are judged here, the wire only asks.

A name is judged when it is written down; every address it resolves to is judged before a connection is made, and the connection goes
to one of those addresses and nowhere else. Lists of networks: IANA's special-purpose registries (RFC 6890), read narrowly.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

LONGEST_URL = 2000

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)",
    re.ASCII,
)
"""No user, no query (a secret in it would be shown to whoever may see the address), no fragment, nothing but ASCII."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label like this makes the whole host a number for some parsers (`127.1`, `0x7f000001`, `2130706433`)."""
_PRIVATE_SUFFIXES = (
    "localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "test", "invalid", "example", "onion",
)  # fmt: skip

_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's own service, on a number that looks public
    )
)  # fmt: skip
_UNICAST_6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out; mapped, NAT64, unique-local, link-local and multicast addresses lie outside."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)  # Teredo and other protocol assignments, documentation, 6to4, documentation
_ISATAP = (0x00005EFE, 0x02005EFE)
"""Upper half of an interface identifier that carries an IPv4 address."""

Allow = frozenset[tuple[str, int]]
"""`(host, port)` that the operator of this deployment lets through whatever it resolves to."""


@dataclass(frozen=True)
class Unfit:
    """Why something of a foreign server is not taken. For admins; it quotes nothing."""

    reason: str


@dataclass(frozen=True)
class Endpoint:
    url: str
    scheme: Literal["http", "https"]
    host: str
    """Lower case, without brackets."""
    port: int
    vouched: bool
    """The operator lets it through."""


def parse_allow(entries: Iterable[str]) -> Allow:
    """Of `host:port` each; `[::1]:8080` for IPv6."""
    pairs = (entry.strip().lower().rpartition(":") for entry in entries)
    return frozenset((host.strip("[]"), int(port)) for host, _, port in pairs)


def read_url(text: str, allow: Allow) -> Endpoint | Unfit:
    """What of a URL may be connected to at all, before its name is resolved."""
    match = _URL.fullmatch(text) if len(text) <= LONGEST_URL else None
    if match is None:
        return Unfit("an address is https://host/path in plain ASCII, without user, query or fragment")
    scheme: Literal["http", "https"] = "https" if match["scheme"] == "https" else "http"
    host = match["host"].strip("[]").lower()
    port = int(match["port"]) if match["port"] is not None else 443 if scheme == "https" else 80
    vouched = (host, port) in allow
    if not vouched:
        if scheme != "https":
            return Unfit("only https, unless SANGDAM_MCP_SERVER_ALLOW names host and port")
        if port != 443:
            return Unfit("only port 443, unless SANGDAM_MCP_SERVER_ALLOW names host and port")
        if (unfit := _unfit_host(host, bracketed=match["host"].startswith("["))) is not None:
            return unfit
    name = f"[{host}]" if ":" in host else host
    usual = port == (443 if scheme == "https" else 80)
    return Endpoint(
        f"{scheme}://{name}{'' if usual else f':{port}'}{match['path'] or '/'}", scheme, host, port, vouched
    )


def is_public(address: str) -> bool:
    """Whether a resolved address is global unicast; anything that is not plainly one is not."""
    try:
        number = ip_address(address)
    except ValueError:
        return False
    return _is_public(number)


def _unfit_host(host: str, *, bracketed: bool) -> Unfit | None:
    private = Unfit("the host is not on the public internet")
    labels = host.split(".")
    if bracketed or _NUMBER.fullmatch(labels[-1]):
        # `ip_address` takes four decimal parts without leading zeros and nothing else.
        return None if is_public(host) else private
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return Unfit("the host is not a full domain name")
    return private if labels[-1] in _PRIVATE_SUFFIXES else None


def _is_public(number: IPv4Address | IPv6Address) -> bool:
    if isinstance(number, IPv4Address):
        return not any(number in network for network in _NOT_PUBLIC_4)
    return (
        number.scope_id is None
        and number in _UNICAST_6
        and not any(number in network for network in _NOT_PUBLIC_6)
        and (int(number) >> 32) & 0xFFFFFFFF not in _ISATAP
    )
