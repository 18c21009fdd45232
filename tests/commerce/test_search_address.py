"""tools.md §4.13: an address is searched for over HTTP, and every way in which that ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.commerce.desk import Desk, Opening
from tests.commerce.goods import NOW

from cafe24_sandbox.places import all_places
from sangdam.commerce.address_ref import proves
from sangdam.commerce.places import surcharges
from sangdam.orgs import Hasher
from sangdam.tools.model import Denied, Failed, Invalid

JUSO = "/addrLinkApi"
SECRET_WORDS = ("테헤란로", "11층", "강남파이낸스센터")


@pytest.fixture
async def desk(opening: Opening) -> AsyncIterator[Desk]:
    async with opening() as found:
        yield found
        await found.check()
        text = json.dumps(await found.audit(), ensure_ascii=False)
        assert not [word for word in SECRET_WORDS if word in text]


async def failed(desk: Desk, **arguments: Any) -> Failed:
    outcome = await desk.use("search_address", desk.agent(), **({"keyword": "테헤란로 152"} | arguments))
    assert isinstance(outcome, Failed), outcome
    return outcome


async def test_one_place_with_the_proof_that_it_was_found(desk: Desk) -> None:
    told = await desk.told("search_address", desk.agent(), keyword="강남구 테헤란로 231")
    hit = told["hits"][0]
    ref = hit.pop("address_ref")
    assert told["hits"] == [
        {
            "n": 1,
            "zipcode": "06142",
            "road_address": "서울특별시 강남구 테헤란로 231",
            "jibun_address": "서울특별시 강남구 역삼동 701-2 센터필드",
            "building": "센터필드",
        }
    ]
    assert (told["total"], told["too_many"], told["detail_rest"]) == (1, False, "")
    assert proves(
        Hasher(b"pepper" * 8), ref, desk.mall.org, desk.session, zipcode="06142", address1=hit["road_address"], now=NOW
    )


async def test_several_places_each_with_its_postcode(desk: Desk) -> None:
    told = await desk.told("search_address", desk.agent(), keyword="테헤란로 152")
    assert [(hit["n"], hit["zipcode"]) for hit in told["hits"]] == [(1, "06236"), (2, "06237"), (3, "15067")]
    assert len({hit["address_ref"] for hit in told["hits"]}) == 3


@pytest.mark.parametrize(
    ("keyword", "zipcode", "rest"),
    [
        ("강남구 테헤란로 231 11층", "06142", "11층"),
        ("서울 강남구 테헤란로 231 (역삼동) 101동 1203호", "06142", "101동 1203호"),
        ("강남구 역삼동 701-2 3층", "06142", "3층"),
        ("은마아파트 3동 702호", "06284", "3동 702호"),
        ("[강남구] 테헤란로%231 = select 11층", "06142", "11층"),
    ],
)
async def test_the_detail_is_split_off_and_what_is_refused_is_taken_out(
    desk: Desk, keyword: str, zipcode: str, rest: str
) -> None:
    told = await desk.told("search_address", desk.agent(), keyword=keyword)
    assert [hit["zipcode"] for hit in told["hits"]] == [zipcode]
    assert told["detail_rest"] == rest
    assert len((await desk.audit())[-1]["upstream"]) == 2, "as typed, then without its detail"


async def test_pages_and_a_list_that_helps_nobody(desk: Desk) -> None:
    first = await desk.told("search_address", desk.agent(), keyword="서울특별시 강")
    total = first["total"]
    assert (len(first["hits"]), first["too_many"]) == (10, total > 50)
    assert 10 < total <= 50
    second = await desk.told("search_address", desk.agent(), keyword="서울특별시 강", page=2)
    assert second["hits"][0]["n"] == 11
    assert not {hit["road_address"] for hit in first["hits"]} & {hit["road_address"] for hit in second["hits"]}
    beyond = await desk.told("search_address", desk.agent(), keyword="서울특별시 강", page=5)
    assert (beyond["hits"], beyond["total"]) == ([], total)
    many = await desk.told("search_address", desk.agent(), keyword="시 로")
    assert (many["total"] > 50, many["too_many"]) == (True, True)


@pytest.mark.parametrize("code", ["E0006", "E0015"])
async def test_a_service_that_wants_more_detail_is_no_failure(desk: Desk, code: str) -> None:
    desk.fault(JUSO, "juso_error", code=code)
    told = await desk.told("search_address", desk.agent(), keyword="서울특별시")
    assert (told["hits"], told["too_many"]) == ([], True)


async def test_nothing_found(desk: Desk) -> None:
    assert await failed(desk, keyword="없는대로 99999") == Failed("ADDRESS_NOT_FOUND")
    assert await failed(desk, keyword="%%") == Failed("ADDRESS_NOT_FOUND"), "nothing is left to ask for"
    assert (await desk.audit())[-1]["upstream"] == []


@pytest.mark.parametrize("keyword", ["12345678901", "1234", "!!! 12", "가나다라마바사아자차" * 4 + " 1"])
async def test_a_keyword_the_service_cannot_search_finds_nothing(desk: Desk, keyword: str) -> None:
    outcome = await failed(desk, keyword=keyword)
    assert outcome.code == "ADDRESS_NOT_FOUND"
    assert outcome.detail["juso"] in ("E0009", "E0010", "E0011", "E0012")


@pytest.mark.parametrize(("code", "retryable"), [("-999", True), ("E0014", False), ("E9999", False)])
async def test_an_error_of_the_service_is_named_for_operators(desk: Desk, code: str, retryable: bool) -> None:
    desk.fault(JUSO, "juso_error", code=code)
    assert await failed(desk) == Failed("ADDRESS_SEARCH_FAILED", retryable, {"juso": code})
    assert len((await desk.audit())[-1]["upstream"]) == 1


async def test_a_key_that_is_refused_is_tried_once_more(desk: Desk) -> None:
    desk.fault(JUSO, "juso_error", code="E0001", count=1)
    assert (await desk.told("search_address", desk.agent(), keyword="테헤란로 152"))["total"] == 3
    assert desk.waited == [0.3]
    assert [one["attempt"] for one in (await desk.audit())[-1]["upstream"]] == [1, 2]
    desk.fault(JUSO, "juso_error", code="E0001")
    assert await failed(desk) == Failed("ADDRESS_SEARCH_FAILED", True, {"juso": "E0001"})
    assert len((await desk.audit())[-1]["upstream"]) == 2


@pytest.mark.parametrize(
    ("kind", "more", "cause"),
    [
        ("html", {}, "shape"),
        ("html", {"status": 503}, "status 503"),
        ("malformed", {}, "shape"),
        ("empty", {}, "shape"),
        ("wrong_json", {}, "shape"),
        ("status", {"status": 200, "body": {"results": {"common": {}, "juso": None}}}, "shape"),
        ("status", {"status": 200, "body": {"results": {"common": {"errorCode": "0", "totalCount": "많음"}}}}, "shape"),
        ("status", {"status": 200, "body": "x" * (1024 * 1024 + 1)}, "too large"),
        ("status", {"status": 302, "body": ""}, "status 302"),
        ("status", {"status": 500}, "status 500"),
        ("drop_before", {}, "RemoteProtocolError"),
        ("drop_after_commit", {}, "RemoteProtocolError"),
    ],
)
async def test_a_service_that_fails_is_said_to_have_failed(
    desk: Desk, kind: str, more: dict[str, Any], cause: str
) -> None:
    desk.fault(JUSO, kind, **more)
    assert await failed(desk) == Failed("ADDRESS_SEARCH_FAILED", True, {"cause": cause})


async def test_a_service_that_does_not_answer_in_time(opening: Opening) -> None:
    async with opening(search_address=0.6) as desk:
        desk.fault(JUSO, "timeout", ms=30_000)
        outcome = await failed(desk)
        assert (outcome.code, outcome.retryable) == ("ADDRESS_SEARCH_FAILED", True)
        assert outcome.detail["cause"] in ("ReadTimeout", "TimeoutError")
        await desk.check()


async def test_without_a_key_nothing_is_asked(opening: Opening) -> None:
    async with opening(juso_key=None) as desk:
        assert await failed(desk) == Failed("CONFIG_ERROR", False, {"setting": "JUSO_API_KEY"})
        assert (await desk.audit())[-1]["upstream"] == []
        await desk.check()


async def test_a_wrong_key_is_an_error_of_the_service(opening: Opening) -> None:
    async with opening(juso_key="wrong") as desk:
        assert (await failed(desk)).detail == {"juso": "E0001"}
        assert "wrong" not in str(await desk.audit())


async def test_what_cannot_be_delivered_to_is_left_out(desk: Desk) -> None:
    rows = [
        {"zipNo": "06142", "roadAddrPart1": "서울특별시 강남구  테헤란로 231", "jibunAddr": "", "bdNm": " "},
        {"zipNo": "", "roadAddrPart1": "서울특별시 강남구 테헤란로 232"},
        {"zipNo": "06142", "roadAddrPart1": ""},
    ]
    desk.fault(JUSO, status=200, body={"results": {"common": {"errorCode": "0", "totalCount": "3"}, "juso": rows}})
    told = await desk.told("search_address", desk.agent(), keyword="테헤란로 231")
    assert [(hit["road_address"], hit["building"]) for hit in told["hits"]] == [
        ("서울특별시 강남구 테헤란로 231", None)
    ]


async def test_failures_of_the_service_open_its_breaker_and_no_other(desk: Desk) -> None:
    desk.fault(JUSO, status=503)
    for _ in range(5):
        await failed(desk)
    outcome = await desk.use("search_address", desk.agent(), keyword="테헤란로 152")
    assert isinstance(outcome, Denied)
    assert outcome.code == "CIRCUIT_OPEN"
    assert (await desk.told("lookup_order", order_id="20260312-0000013"))["order"]
    desk.sandbox.clear_faults()
    desk.clock.move(seconds=31)
    assert (await desk.told("search_address", desk.agent(), keyword="테헤란로 152"))["total"] == 3


async def test_errors_the_service_tells_do_not(desk: Desk) -> None:
    desk.fault(JUSO, "juso_error", code="-999")
    for _ in range(7):
        assert (await failed(desk)).code == "ADDRESS_SEARCH_FAILED"


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"keyword": "가"}, "keyword"),
        ({"keyword": "가" * 81}, "keyword"),
        ({"keyword": "테헤란로 152", "page": 0}, "page"),
        ({"keyword": "테헤란로 152", "page": 6}, "page"),
        ({"keyword": "테헤란로 152", "url": "http://x"}, "url"),
        ({}, "keyword"),
    ],
)
async def test_arguments_out_of_bounds(desk: Desk, arguments: dict[str, Any], wrong: str) -> None:
    assert await desk.use("search_address", desk.agent(), **arguments) == Invalid(fields=(wrong,))


async def test_the_audit_keeps_the_district_and_no_house(desk: Desk) -> None:
    await desk.told("search_address", desk.agent(), keyword="서울특별시 강남구 테헤란로 231 11층")
    row = (await desk.audit())[-1]
    assert row["request_payload"]["keyword"] == "서울특별시 강남구 ***"
    hit = row["response_payload"]["result"]["hits"][0]
    assert (hit["road_address"], hit["building"], hit["address_ref"]) == ("서울특별시 강남구 ***", "***", "***")
    assert [one["call"] for one in row["upstream"]] == ["POST addrLinkApi"] * 2
    assert not [seen for seen in desk.sandbox.world.calls.recent if "keyword" in seen.query], "nor does a URL"


async def test_who_may_not_search(desk: Desk) -> None:
    assert await desk.code("search_address", desk.mcp(), keyword="테헤란로 152") == "CALLER_NOT_ALLOWED"
    elsewhere = replace(desk.agent(), agent_tools=frozenset({"lookup_order"}))
    assert await desk.code("search_address", elsewhere, keyword="테헤란로 152") == "TOOL_NOT_ALLOWED_FOR_AGENT"


async def test_searches_side_by_side(desk: Desk) -> None:
    found = await asyncio.gather(
        *(desk.told("search_address", desk.agent(), keyword=f"테헤란로 {n}") for n in (152, 231, 521))
    )
    assert [told["hits"][0]["zipcode"] for told in found] == ["06236", "06142", "06164"]


def test_the_sandbox_and_the_product_agree_on_islands() -> None:
    assert {place.zipcode for place in all_places() if place.remote} == {
        place.zipcode for place in all_places() if surcharges(place.zipcode)
    }
