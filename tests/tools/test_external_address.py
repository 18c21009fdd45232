"""Which addresses a foreign server may have: the tricks that are known, and properties over all numbers."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sangdam.tools.external.address import Endpoint, Unfit, is_public, parse_allow, read_url

NOBODY = parse_allow([])


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://tools.example.com/mcp", "tools.example.com", "/mcp"),
        ("https://TOOLS.example.com:443", "tools.example.com", "/"),
        ("https://8.8.8.8/mcp", "8.8.8.8", "/mcp"),
        ("https://[2606:4700::1111]/mcp", "2606:4700::1111", "/mcp"),
        ("https://xn--9t4b11yi5a.kr/a/b-c_d~e", "xn--9t4b11yi5a.kr", "/a/b-c_d~e"),
    ],
)
def test_a_public_address_is_taken(url: str, host: str, path: str) -> None:
    endpoint = read_url(url, NOBODY)
    assert isinstance(endpoint, Endpoint)
    assert (endpoint.scheme, endpoint.host, endpoint.port, endpoint.vouched) == ("https", host, 443, False)
    assert endpoint.url.endswith(path)
    assert read_url(endpoint.url, NOBODY) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        # schemes, ports, users, queries, fragments
        "http://tools.example.com/mcp", "ftp://tools.example.com/", "file:///etc/passwd", "gopher://tools.example.com/", "//tools.example.com/", "tools.example.com",
        "https://tools.example.com:8443/mcp", "https://tools.example.com:0/", "https://tools.example.com:65536/", "https://tools.example.com:443443/",
        "https://user@tools.example.com/", "https://user:pass@tools.example.com/", "https://tools.example.com@127.0.0.1/", "https://tools.example.com:443@evil.example.net/",
        "https://tools.example.com/mcp?token=x", "https://tools.example.com/mcp#x", "https://tools.example.com?", "https://", "https:///mcp", "",
        # spaces, controls, backslashes, other slashes
        " https://tools.example.com/", "https://tools.example.com/ ", "https://tools.example.com/\r\nHost: x", "https://tools.example.com\\@127.0.0.1/", "https://tools.example.com\t/",
        "https:/\\tools.example.com", "https://tools.example.com\x00.evil.net/", "https://tools.example.com%00/", "https://127.0.0.1%2f@tools.example.com/",
        # loopback and private, in every spelling
        "https://127.0.0.1/", "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/", "https://127.1/", "https://127.0.1/", "https://2130706433/",
        "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.01/", "https://0/", "https://0.0.0.0/", "https://1.1/",
        "https://a.b.0x1/", "https://a.1/", "https://a.0x/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://100.64.0.1/", "https://169.254.169.254/",
        "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/", "https://[2001:0:7f00:1::]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fd00:ec2::254]/", "https://[ff02::1]/", "https://[::7f00:1]/",
        "https://[2606:4700::1111/", "https://2606:4700::1111/", "https://[8.8.8.8]/x y", "https://255.255.255.255/", "https://224.0.0.1/", "https://100.100.100.200/", "https://168.63.129.16/",
        # names that are not of the public internet
        "https://metadata/", "https://metadata.google.internal/", "https://db.local/", "https://router.lan/", "https://x.home.arpa/", "https://intranet.corp/", "https://tools.test/",
        "https://x.onion/", "https://-a.example.com/", "https://a-.example.com/", "https://a..example.com/", "https://.example.com/", "https://example.com./", f"https://{'a' * 64}.com/",
        # letters that only look like ASCII
        "https://１２７.０.０.１/", "https://127。0。0。1/", "https://ⓛocalhost/", "https://exаmple.com/", "https://tools.example.com／mcp", "https://[::１]/",
        "https://tools.example.com/" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_not_plainly_public_is_refused(url: str) -> None:
    unfit = read_url(url, NOBODY)
    assert isinstance(unfit, Unfit)
    assert len(url) < 12 or url[8:] not in unfit.reason  # it quotes nothing


def test_only_the_operator_lets_others_through_and_only_that_very_host_and_port() -> None:
    allow = parse_allow(["127.0.0.1:8080", "Tools.lan:443", "[::1]:9000"])
    taken = ["http://127.0.0.1:8080/mcp", "https://127.0.0.1:8080/mcp", "https://tools.lan/mcp", "http://[::1]:9000/"]
    for url in taken:
        endpoint = read_url(url, allow)
        assert isinstance(endpoint, Endpoint), url
        assert endpoint.vouched
    for url in ("http://127.0.0.1:8081/mcp", "http://127.0.0.1/", "http://tools.lan/", "https://tools.lan:8080/", "http://127.0.0.2:8080/", "http://u@127.0.0.1:8080/"):  # fmt: skip
        assert isinstance(read_url(url, allow), Unfit), url


# All numbers

PRIVATE_4 = [IPv4Network(text) for text in ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3")]  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**32 - 1).map(IPv4Address))
@example(IPv4Address("169.254.169.254"))
@example(IPv4Address("100.64.0.0"))
@example(IPv4Address("100.127.255.255"))
@example(IPv4Address("172.31.255.255"))
@example(IPv4Address("223.255.255.255"))
def test_a_public_ipv4_number_is_global_unicast(number: IPv4Address) -> None:
    public = is_public(str(number))
    if any(number in network for network in PRIVATE_4):
        assert not public
    if public:
        assert number.is_global
        assert not number.is_multicast
        assert not number.is_reserved


@pytest.mark.parametrize("edge", ["9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255"])  # fmt: skip
def test_the_neighbours_of_private_networks_are_public(edge: str) -> None:
    assert is_public(edge)


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.integers(0, 2**128 - 1), st.integers(0x2 << 124, (0x4 << 124) - 1)).map(IPv6Address))
def test_a_public_ipv6_number_is_given_out_unicast(number: IPv6Address) -> None:
    if is_public(str(number)):
        assert int(number) >> 125 == 1
        assert number.is_global
        assert number.ipv4_mapped is None
        assert number.sixtofour is None
        assert number.teredo is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**16 - 1))
def test_no_ipv6_number_carries_an_ipv4_number_inside(inner: IPv4Address, some: int) -> None:
    embedded = int(inner)
    carriers = [
        IPv6Address((0xFFFF << 32) | embedded),  # mapped
        IPv6Address(embedded),  # compatible
        IPv6Address((0x64FF9B << 96) | embedded),  # NAT64
        IPv6Address((0x64FF9B0001 << 80) | embedded),  # NAT64 of one's own
        IPv6Address((0x2002 << 112) | (embedded << 80) | some),  # 6to4
        IPv6Address((0x20010000 << 96) | (embedded << 64) | some),  # Teredo
        IPv6Address((0x26064700 << 96) | (0x5EFE << 32) | embedded),  # ISATAP
        IPv6Address((0x26064700 << 96) | (0x02005EFE << 32) | embedded),
    ]
    assert not [str(number) for number in carriers if is_public(str(number))]


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=30), st.from_regex(r"[0-9a-fx.:%]{0,40}", fullmatch=True)))
def test_what_is_no_number_is_not_public(text: str) -> None:
    if is_public(text):
        assert str(ip_address(text))


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=60), st.from_regex(r"https?://[a-z0-9.@:\[\]\\/%?#_-]{0,40}", fullmatch=True)))
def test_a_url_that_is_taken_names_a_public_host_and_nothing_else(url: str) -> None:
    endpoint = read_url(url, NOBODY)
    if isinstance(endpoint, Endpoint):
        assert endpoint.scheme == "https"
        assert endpoint.port == 443
        assert "." in endpoint.host or ":" in endpoint.host
        assert not set(endpoint.url) & set("@?#\\ ")
        assert endpoint.url.isascii()
