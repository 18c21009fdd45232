"""Sealed values open in their own place only; hashes need the pepper."""

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sangdam.core.ids import OrgId
from sangdam.core.phone import Phone
from sangdam.orgs import Hasher, KeyRing, SealBroken

K1, K2 = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()
ORG, OTHER, ROW = OrgId(uuid.UUID(int=1)), OrgId(uuid.UUID(int=2)), uuid.UUID(int=3)


@given(st.text())
def test_what_is_sealed_opens(plain: str) -> None:
    ring = KeyRing.parse(f"k1:{K1}")
    sealed = ring.seal(plain, table="t", column="c", org=ORG, row=ROW)
    assert ring.open(sealed, table="t", column="c", org=ORG, row=ROW) == plain
    assert sealed.startswith("v1.k1.")
    assert len(sealed.split(".")) == 4


def test_the_same_value_is_never_sealed_alike() -> None:
    ring = KeyRing.parse(f"k1:{K1}")
    assert len({ring.seal("x", table="t", column="c", org=ORG, row=ROW) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "place",
    [("t2", "c", ORG, ROW), ("t", "c2", ORG, ROW), ("t", "c", OTHER, ROW), ("t", "c", ORG, uuid.UUID(int=4))],
)
def test_a_value_moved_elsewhere_does_not_open(place: tuple[str, str, OrgId, uuid.UUID]) -> None:
    ring = KeyRing.parse(f"k1:{K1}")
    sealed = ring.seal("비밀", table="t", column="c", org=ORG, row=ROW)
    with pytest.raises(SealBroken):
        ring.open(sealed, table=place[0], column=place[1], org=place[2], row=place[3])


def test_a_changed_value_does_not_open() -> None:
    ring = KeyRing.parse(f"k1:{K1}")
    sealed = ring.seal("비밀", table="t", column="c", org=ORG, row=ROW)
    head, kid, nonce, body = sealed.split(".")
    flipped = "A" if body[0] != "A" else "B"
    for wrong in (
        f"{head}.{kid}.{nonce}.{flipped}{body[1:]}",
        f"v2.{kid}.{nonce}.{body}",
        "plain",
        f"{head}.{kid}.!!.{body}",
        "",
    ):
        with pytest.raises(SealBroken):
            ring.open(wrong, table="t", column="c", org=ORG, row=ROW)


def test_the_first_key_seals_and_all_open() -> None:
    old = KeyRing.parse(f"k1:{K1}").seal("비밀", table="t", column="c", org=ORG, row=ROW)
    ring = KeyRing.parse(f"k2:{K2},k1:{K1}")
    assert ring.open(old, table="t", column="c", org=ORG, row=ROW) == "비밀"
    assert ring.seal("x", table="t", column="c", org=ORG, row=ROW).startswith("v1.k2.")
    assert not ring.is_current(old)


def test_a_retired_key_is_named_and_no_value_shown() -> None:
    sealed = KeyRing.parse(f"k1:{K1}").seal("비밀", table="t", column="c", org=ORG, row=ROW)
    with pytest.raises(SealBroken, match="k1") as caught:
        KeyRing.parse(f"k2:{K2}").open(sealed, table="t", column="c", org=ORG, row=ROW)
    assert "비밀" not in str(caught.value)


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "k1",
        f"K1:{K1}",
        f"toolongkid:{K1}",
        "k1:%%%",
        "k1:" + base64.b64encode(b"1" * 31).decode(),
        f"k1:{K1},k1:{K2}",
        f"k1:{K1},",
    ],
)
def test_a_wrong_ring_is_refused_without_showing_keys(spec: str) -> None:
    with pytest.raises(ValueError, match="SECRET_KEYS") as caught:
        KeyRing.parse(spec)
    assert K1 not in str(caught.value)


def test_hashes_differ_by_label_org_value_and_pepper() -> None:
    hasher = Hasher(b"p" * 32)
    hashes = {
        hasher.hash("phone", ORG, "+821012345678"),
        hasher.hash("code", ORG, "+821012345678"),
        hasher.hash("phone", OTHER, "+821012345678"),
        hasher.hash("phone", ORG, "+821012345679"),
        Hasher(b"q" * 32).hash("phone", ORG, "+821012345678"),
    }
    assert len(hashes) == 5
    assert hasher.phone(ORG, Phone("01012345678")) == hasher.hash("phone", ORG, "+821012345678")


def test_a_short_pepper_is_refused() -> None:
    with pytest.raises(ValueError, match="HASH_PEPPER"):
        Hasher(b"p" * 31)
