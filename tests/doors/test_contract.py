"""The OpenAPI document is what the doors do: generated requests meet no 500 and no status, shape or media type it does not name."""

import asyncio
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis import checks as universal
from schemathesis import openapi
from schemathesis.specs.openapi import checks

from sangdam.db.testing import Addresses
from tests.doors.shopfront import SHOP, Shopfront, open_shop

CHECKS: list[Any] = [
    cast("Any", universal).not_a_server_error,
    cast("Any", checks).status_code_conformance,
    cast("Any", checks).content_type_conformance,
    cast("Any", checks).response_schema_conformance,
]
EXAMPLES = 25


@pytest.mark.parametrize("caller", ["stranger", "token", "widget"])
async def test_the_doors_do_what_their_document_says(addresses: Addresses, caller: str) -> None:
    many: dict[str, str] = dict.fromkeys(
        ("SANGDAM_CHAT_PER_10S", "SANGDAM_CHAT_PER_MIN", "SANGDAM_TICKETS_PER_MIN_IP"), "1000000"
    )
    async with open_shop(addresses, settings=many) as shop:
        shop.site.waits.end()  # nobody answers here, so nobody waits
        headers = await headers_of(shop, caller)
        document = shop.site.openapi()
        await asyncio.to_thread(drive, shop.base, document, headers)


async def headers_of(shop: Shopfront, caller: str) -> dict[str, str]:
    match caller:
        case "token":
            return {"authorization": f"Bearer {await shop.token('chat:send', 'sessions:read', 'audit:read')}"}
        case "widget":
            return {"authorization": f"Bearer {shop.ticket(await shop.session())}", "origin": SHOP}
        case _:
            return {}


def drive(base: str, document: dict[str, Any], headers: dict[str, str]) -> None:
    schema = cast("Any", openapi).from_dict(document)
    for found in schema.get_all_operations():
        strategy = found.ok().as_strategy()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        @given(strategy)
        def each(case: Any) -> None:
            answer = case.call(base_url=base, headers=headers)
            case.validate_response(answer, checks=CHECKS)

        each()


async def test_every_error_of_the_document_is_the_envelope(shop: Shopfront) -> None:
    for path, operations in shop.site.openapi()["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and (path, status) != ("/readyz", "503"):
                    assert "ErrorEnvelope" in str(answer), (method, path, status)
            assert {"400", "500"} <= operation["responses"].keys(), path
            if "requestBody" in operation:
                assert {"413", "415"} <= operation["responses"].keys(), path
