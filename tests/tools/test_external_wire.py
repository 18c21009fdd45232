"""The wire to a foreign server: it goes where it was checked and nowhere else, keeps the name for TLS and Host, and counts."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tools.stranger import Stranger, serving

from sangdam.tools.external.address import Endpoint, Unfit, is_public, parse_allow, read_url
from sangdam.tools.external.client import Listed, Place, Trouble, Visits
from sangdam.tools.external.wire import (
    MOST_ADDRESSES,
    Broken,
    CountedStream,
    PinnedNetwork,
    PinnedTransport,
    Resolve,
    SystemResolver,
    Wire,
)

HOST = "tools.moonlight.kr"
PUBLIC, OTHER, PRIVATE = "93.184.216.34", "2606:4700::1111", "169.254.169.254"


def an_endpoint(url: str = f"https://{HOST}/mcp", *allow: str) -> Endpoint:
    endpoint = read_url(url, parse_allow(allow))
    assert isinstance(endpoint, Endpoint)
    return endpoint


@dataclass
class Names:
    """A name server: each question gets the next answer, the last one for ever."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list[str])

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@dataclass
class Lines(httpcore2.AsyncNetworkBackend):
    """Where connections were made to; those in `dead` do not answer."""

    dead: frozenset[str] = frozenset()
    to: list[str] = field(default_factory=list[str])

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:  # fmt: skip
        self.to.append(host)
        if host in self.dead:
            raise httpcore2.ConnectError
        return httpcore2.AsyncMockStream([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"])


# Where it connects to


async def test_it_connects_to_the_address_that_was_checked_not_to_the_name() -> None:
    lines, names = Lines(), Names([[PUBLIC, OTHER]])
    network = PinnedNetwork(an_endpoint(), Wire(1000), names, lines)
    await network.connect_tcp(HOST, 443)
    assert (lines.to, names.asked) == ([PUBLIC], [HOST])


async def test_a_name_that_changes_its_answer_leads_nowhere() -> None:
    """DNS rebinding: public when it is looked at, private when it is used."""
    lines, names = Lines(), Names([[PUBLIC], [PRIVATE], ["127.0.0.1"]])
    wire = Wire(1000)
    network = PinnedNetwork(an_endpoint(), wire, names, lines)
    await network.connect_tcp(HOST, 443)
    for _ in range(2):
        with pytest.raises(Broken):
            await network.connect_tcp(HOST, 443)
    assert lines.to == [PUBLIC]
    assert wire.cause == "address"


@pytest.mark.parametrize("answer", [[PUBLIC, PRIVATE], ["::ffff:127.0.0.1"], ["fe80::1%eth0"], ["10.0.0.1"], [], ["localhost"], [OTHER, "fd00::1"]])  # fmt: skip
async def test_one_address_that_is_not_public_spoils_the_answer(answer: list[str]) -> None:
    lines, wire = Lines(), Wire(1000)
    with pytest.raises(Broken):
        await PinnedNetwork(an_endpoint(), wire, Names([answer]), lines).connect_tcp(HOST, 443)
    assert (lines.to, wire.cause, wire.tried) == ([], "address", False)


async def test_only_the_endpoints_own_host_and_port_are_connected_to() -> None:
    for host, port in (("other.moonlight.kr", 443), (HOST, 80), ("127.0.0.1", 443)):
        lines, wire = Lines(), Wire(1000)
        with pytest.raises(Broken):
            await PinnedNetwork(an_endpoint(), wire, Names([[PUBLIC]]), lines).connect_tcp(host, port)
        assert (lines.to, wire.cause) == ([], "address")
    with pytest.raises(Broken):
        await PinnedNetwork(an_endpoint(), Wire(1000), Names([[PUBLIC]]), Lines()).connect_unix_socket(
            "/run/docker.sock"
        )


async def test_the_next_address_is_tried_and_not_more_than_a_few() -> None:
    lines = Lines(dead=frozenset({PUBLIC}))
    await PinnedNetwork(an_endpoint(), Wire(1000), Names([[PUBLIC, OTHER]]), lines).connect_tcp(HOST, 443)
    assert lines.to == [PUBLIC, OTHER]
    many = [f"8.8.8.{last}" for last in range(50)]
    lines, wire = Lines(dead=frozenset(many)), Wire(1000)
    with pytest.raises(Broken):
        await PinnedNetwork(an_endpoint(), wire, Names([many]), lines).connect_tcp(HOST, 443)
    assert (len(lines.to), wire.cause) == (MOST_ADDRESSES, "connect")


async def test_a_name_that_is_not_known_or_takes_too_long_is_a_failed_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    monkeypatch.setattr("sangdam.tools.external.wire.RESOLVE_SECONDS", 0.01)
    for resolve in (unknown, silent):
        wire = Wire(1000)
        with pytest.raises(Broken):
            await PinnedNetwork(an_endpoint(), wire, resolve, Lines()).connect_tcp(HOST, 443)
        assert wire.cause == "connect"


async def test_the_operator_may_let_a_private_address_through() -> None:
    lines = Lines()
    endpoint = an_endpoint("http://tools.lan:8080/", "tools.lan:8080")
    await PinnedNetwork(endpoint, Wire(1000), Names([["10.0.0.7"]]), lines).connect_tcp("tools.lan", 8080)
    assert lines.to == ["10.0.0.7"]


ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda number: str(ipaddress.IPv4Address(number))),
    st.integers(0, 2**128 - 1).map(lambda number: str(ipaddress.IPv6Address(number))),
    st.sampled_from([PUBLIC, OTHER, PRIVATE, "127.0.0.1", "::1", "::ffff:10.0.0.1", "fe80::1%1", "nonsense", ""]),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(ADDRESSES, max_size=4), min_size=1, max_size=4), st.frozensets(st.sampled_from([PUBLIC, OTHER]))
)
def test_whatever_a_name_server_answers_only_public_addresses_are_connected_to(
    answers: list[list[str]], dead: frozenset[str]
) -> None:
    lines, names = Lines(dead), Names([list(answer) for answer in answers])

    async def several() -> None:
        network = PinnedNetwork(an_endpoint(), Wire(1000), names, lines)
        for number, answer in enumerate(answers, 1):
            before = len(lines.to)
            with contextlib.suppress(Broken):
                await network.connect_tcp(HOST, 443)
            assert len(names.asked) == number  # once a connection
            assert set(lines.to[before:]) <= set(answer)
            assert not (lines.to[before:] and not all(is_public(address) for address in answer))

    asyncio.run(several())
    assert all(is_public(address) for address in lines.to)


async def test_the_systems_resolver_gives_numbers() -> None:
    resolver = SystemResolver()
    try:
        found = await resolver("localhost", 443)
    finally:
        resolver.close()
    assert found
    assert not any(is_public(address) for address in found)


# What passes


async def test_bytes_are_counted_and_what_leaves_is_noticed_before_it_leaves() -> None:
    left: list[str] = []
    wire = Wire(10, lambda: left.append("left"))
    stream = CountedStream(httpcore2.AsyncMockStream([b"12345", b"67890", b"1"]), wire)
    await stream.write(b"a handshake")
    assert (left, wire.left) == ([], False)
    wire.calling = True
    await stream.write(b"the call")
    await stream.write(b"more of it")
    assert (left, wire.left) == (["left"], True)
    assert await stream.read(5) + await stream.read(5) == b"1234567890"
    with pytest.raises(Broken):
        await stream.read(5)
    assert wire.cause == "too_large"


def a_client(wire: Wire, answer: bytes) -> httpx2.AsyncClient:
    class Answering(Lines):
        async def connect_tcp(self, host: str, port: int, *args: Any, **more: Any) -> httpcore2.AsyncNetworkStream:
            self.to.append(host)
            return httpcore2.AsyncMockStream([answer])

    endpoint = an_endpoint(f"http://{HOST}/mcp", f"{HOST}:80")
    transport = PinnedTransport(
        PinnedNetwork(endpoint, wire, Names([[PUBLIC]]), Answering()), wire, ssl.create_default_context()
    )
    return httpx2.AsyncClient(transport=transport, trust_env=False)


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        (b"HTTP/1.1 307 No\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", "redirect"),
        (b"HTTP/1.1 301 No\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", "redirect"),
        (b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", "unauthorized"),
        (b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n", "unauthorized"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n", "encoding"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 0\r\n\r\n", "encoding"),
        (b"not http at all\r\n\r\n", "cut"),
        (b"", "cut"),
    ],
)  # fmt: skip
async def test_an_answer_that_leads_elsewhere_or_is_packed_ends_the_conversation(head: bytes, cause: str) -> None:
    wire = Wire(1000)
    async with a_client(wire, head) as http:
        with pytest.raises(Broken):
            await http.post(f"http://{HOST}/mcp", json={})
    assert wire.cause == cause


async def test_nothing_but_posting_and_taking_leave_reaches_the_network() -> None:
    wire = Wire(1000)
    async with a_client(wire, b"") as http:
        assert (await http.get(f"http://{HOST}/mcp")).status_code == 405
    assert not wire.tried


# Over real TLS


@dataclass
class Papers:
    client: ssl.SSLContext
    server: ssl.SSLContext
    asked_for: list[str | None] = field(default_factory=list[str | None])
    """Names that came with SNI."""


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    begun = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    paper = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begun)
        .not_valid_after(begun + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = paper.public_bytes(serialization.Encoding.PEM)
    chain = tmp_path / "server.pem"
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + pem
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    made = Papers(ssl.create_default_context(cadata=pem.decode()), server)

    def asked(_socket: Any, name: str | None, _context: ssl.SSLContext) -> None:
        made.asked_for.append(name)

    server.sni_callback = asked
    return made


async def listed(
    stranger: Stranger, resolve: Resolve, tls: ssl.SSLContext, *, host: str = HOST
) -> Listed | Unfit | Trouble:
    url = f"https://{host}:{stranger.port}/mcp"
    place = Place(an_endpoint(url, f"{host}:{stranger.port}"), stranger.secret, None)
    return await Visits(resolve, tls, build="1").tools(place, seconds=8)


async def test_tls_and_host_keep_the_name_while_the_connection_goes_to_the_number(papers: Papers) -> None:
    names = Names([["127.0.0.1"]])
    async with serving(Stranger(), tls=papers.server) as stranger:
        found = await listed(stranger, names, papers.client)
    assert isinstance(found, Listed)
    assert set(found.listing.tools) == {"add_points", "track"}
    assert set(papers.asked_for) == {HOST}
    assert {seen.headers["host"] for seen in stranger.seen} == {f"{HOST}:{stranger.port}"}
    assert len(names.asked) == len(papers.asked_for)


async def test_a_certificate_of_another_name_or_authority_is_refused(papers: Papers) -> None:
    async with serving(Stranger(), tls=papers.server) as stranger:
        for host, tls in (("other.moonlight.kr", papers.client), (HOST, ssl.create_default_context())):
            found = await listed(stranger, Names([["127.0.0.1"]]), tls, host=host)
            assert isinstance(found, Trouble)
            assert found.cause == "connect"
    assert stranger.seen == []


async def test_a_proxy_of_the_environment_is_not_used(papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    async with serving(Stranger(), tls=papers.server) as stranger:
        assert isinstance(await listed(stranger, Names([["127.0.0.1"]]), papers.client), Listed)
