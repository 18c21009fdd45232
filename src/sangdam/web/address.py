"""Who is at the other end: the address of a connection, or the one a trusted proxy vouches for. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOWHERE = ip_address("0.0.0.0")  # noqa: S104
"""A connection without an address, such as a Unix socket."""
_HOPS = 10


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address:
    """`forwarded` are the values of X-Forwarded-For, of which only what trusted proxies added is believed."""
    address = _parse(peer or "")
    if address is None:
        return NOWHERE
    hops = [hop.strip() for value in forwarded for hop in value.split(",")][-_HOPS:]
    for hop in reversed(hops):
        if not within(address, trusted):
            break
        earlier = _parse(hop)
        if earlier is None:
            break
        address = earlier
    return address


def bucket(address: Address) -> str:
    """What a per-address limit counts: an IPv6 caller owns a whole /64."""
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


def within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def may_scrape(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> bool:
    """Whether metrics are shown: to loopback and to the trusted proxies themselves, not to whom they forward for."""
    address = _parse(peer or "")
    if address is None or not (address.is_loopback or within(address, trusted)):
        return False
    if not forwarded:
        return True
    client = client_address(peer, forwarded, trusted)
    return client != address and (client.is_loopback or within(client, trusted))


def _parse(text: str) -> Address | None:
    text = text.strip().removeprefix("[").partition("]")[0].partition("%")[0]
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
