"""Sliding windows and whose address a request has."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.web.address import NOWHERE, bucket, client_address, may_scrape
from sangdam.web.rates import Rates, SlidingWindow

PROXY = (ip_network("10.0.0.0/8"),)


@given(st.integers(1, 5), st.lists(st.floats(0, 10), max_size=60))
def test_no_window_of_any_position_holds_more_than_the_limit(limit: int, steps: list[float]) -> None:
    window = SlidingWindow[str](limit, 10.0)
    now, taken = 0.0, list[float]()
    for step in steps:
        now += step
        if window.hit("a", now) is None:
            taken.append(now)
    for start in taken:
        assert sum(start <= moment < start + 9.999 for moment in taken) <= limit


def test_the_time_to_wait_is_told_and_is_enough() -> None:
    window = SlidingWindow[str](2, 10.0)
    assert window.hit("a", 0.0) is None
    assert window.hit("a", 4.0) is None
    assert window.hit("a", 5.0) == 5.0
    assert window.hit("b", 5.0) is None
    assert window.hit("a", 10.0) is None


def test_a_hit_counts_in_all_windows_or_in_none() -> None:
    rates = Rates(SlidingWindow[str](1, 1.0), SlidingWindow[str](2, 60.0))
    assert rates.hit("a", 0.0) is None
    assert rates.hit("a", 0.5) == 0.5
    assert rates.hit("a", 1.0) is None
    assert rates.hit("a", 2.0) == 58.0


def test_keys_that_have_gone_quiet_are_forgotten() -> None:
    window = SlidingWindow[int](1, 1.0)
    for key in range(10_000):
        window.hit(key, 0.0)
    window.hit(-1, 5.0)
    assert len(window) == 1


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.9", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("::ffff:203.0.113.5", [], "203.0.113.5"),
        (None, [], str(NOWHERE)),
    ],
)
def test_a_forwarded_address_is_believed_from_trusted_proxies_only(
    peer: str | None, forwarded: list[str], found: str
) -> None:
    assert client_address(peer, forwarded, PROXY) == ip_address(found)


@pytest.mark.parametrize(
    ("peer", "forwarded", "may"),
    [
        ("127.0.0.1", [], True),
        ("10.0.0.1", [], True),
        ("203.0.113.5", [], False),
        ("127.0.0.1", ["203.0.113.5"], False),
        ("10.0.0.1", ["203.0.113.5"], False),
        ("203.0.113.5", ["127.0.0.1"], False),
    ],
)
def test_metrics_are_for_this_machine_and_its_proxies(peer: str, forwarded: list[str], may: bool) -> None:
    assert may_scrape(peer, forwarded, PROXY) is may


def test_a_whole_ipv6_network_counts_as_one_address() -> None:
    assert bucket(ip_address("2001:db8::1")) == bucket(ip_address("2001:db8::ffff:1"))
    assert bucket(ip_address("2001:db8::1")) != bucket(ip_address("2001:db8:0:1::1"))
    assert bucket(ip_address("203.0.113.5")) == "203.0.113.5"
