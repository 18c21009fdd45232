"""SOLAPI with its inbox, the address look-up, the shop's product page."""

from datetime import timedelta

import pytest

from tests.sandbox.box import Box

SMS = {"to": "01000001234", "from": "0200000001", "text": "[달빛샵] 인증번호 123456 (5분 유효).", "type": "SMS"}
JUSO = "/juso/addrlink/addrLinkApi.do"


async def test_a_message_is_taken_and_lies_in_the_inbox_newest_first(box: Box) -> None:
    first = await box.send_sms(SMS, showMessageList=True)
    assert first.status_code == 200
    assert first.json()["messageList"][0]["statusCode"] == "2000"
    assert first.json()["groupInfo"]["count"]["registeredSuccess"] == 1
    box.clock.pass_by(seconds=1)
    await box.send_sms({**SMS, "text": "두 번째", "customFields": {"ref": "e-1"}})
    inbox = (await box.client.get("/inbox", headers={"Accept": "application/json"})).json()
    assert [m["text"] for m in inbox] == ["두 번째", SMS["text"]]
    assert inbox[0]["to"] == "01000001234"
    assert inbox[0]["at"] == "2026-03-14T12:00:01+09:00"
    assert inbox[0]["customFields"] == {"ref": "e-1"}
    assert box.sandbox.inbox == inbox
    page = await box.client.get("/inbox", headers={"Accept": "text/html"})
    assert "두 번째" in page.text
    assert "<script src=" in page.text


async def test_a_page_never_runs_what_a_message_says(box: Box) -> None:
    await box.send_sms({**SMS, "text": "<script>alert(1)</script>"})
    page = await box.client.get("/inbox", headers={"Accept": "text/html"})
    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("minutes", "secret", "status", "code"),
    [
        (0, None, 200, None),
        (-15, None, 200, None),
        (-15.1, None, 403, "RequestTimeTooSkewed"),
        (15.1, None, 403, "RequestTimeTooSkewed"),
        (0, "wrong", 403, "SignatureDoesNotMatch"),
    ],
)
async def test_the_signature_is_checked(
    box: Box, minutes: float, secret: str | None, status: int, code: str | None
) -> None:
    headers = box.solapi_headers(at=box.clock() + timedelta(minutes=minutes), secret=secret)
    answer = await box.client.post("/solapi/messages/v4/send-many/detail", json={"messages": [SMS]}, headers=headers)
    assert answer.status_code == status
    assert answer.json().get("errorCode") == code
    assert len(box.sandbox.inbox) == (1 if status == 200 else 0)


async def test_a_signature_works_once(box: Box) -> None:
    headers = box.solapi_headers()
    path, body = "/solapi/messages/v4/send-many/detail", {"messages": [SMS]}
    assert (await box.client.post(path, json=body, headers=headers)).status_code == 200
    assert (await box.client.post(path, json=body, headers=headers)).json()["errorCode"] == "DuplicatedSignature"
    assert (await box.client.post(path, json=body)).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "010-0000-1234"},
        {"from": "02-0000-0001"},
        {"text": ""},
        {"text": "가" * 46},
        {"type": "ATA"},
    ],
)
async def test_what_is_not_registered_comes_back_as_failed_with_200(box: Box, wrong: dict[str, str]) -> None:
    answer = await box.send_sms({**SMS, **wrong})
    assert answer.status_code == 200
    assert len(answer.json()["failedMessageList"]) == 1
    assert box.sandbox.inbox == []


async def test_ninety_bytes_fit_into_an_sms(box: Box) -> None:
    answer = await box.send_sms({**SMS, "text": "가" * 45})
    assert answer.json()["failedMessageList"] == []


async def test_the_same_number_twice_in_one_call_fails_once_unless_allowed(box: Box) -> None:
    assert len((await box.send_sms(SMS, SMS)).json()["failedMessageList"]) == 1
    assert (await box.send_sms(SMS, SMS, allowDuplicates=True)).json()["failedMessageList"] == []


async def test_a_fault_makes_every_registration_fail(box: Box) -> None:
    await box.control("POST", "faults", {"kind": "solapi_failed", "match": {"path": "^/solapi"}, "count": 1})
    answer = await box.send_sms(SMS)
    assert answer.status_code == 200
    assert answer.json()["failedMessageList"][0]["statusCode"] == "3040"
    assert (await box.send_sms(SMS)).json()["failedMessageList"] == []
    assert len(box.sandbox.inbox) == 1


async def test_sent_messages_are_listed(box: Box) -> None:
    sent = (await box.send_sms(SMS, showMessageList=True)).json()["messageList"][0]["messageId"]
    listed = await box.client.get("/solapi/messages/v4/list", params={"messageId": sent}, headers=box.solapi_headers())
    assert listed.json()["messageList"][sent]["statusCode"] == "4000"


# -- addresses --------------------------------------------------------------------------------------------------------


async def look_up(box: Box, keyword: str, **more: str) -> tuple[str, list[dict[str, str]]]:
    asked = {"confmKey": box.sandbox.config.juso_key, "keyword": keyword, "resultType": "json", **more}
    answer = await box.client.get(JUSO, params=asked)
    assert answer.status_code == 200
    results = answer.json()["results"]
    return results["common"]["errorCode"], results["juso"] or []


async def test_messages_are_listed_by_their_group(box: Box) -> None:
    sent = {"from": "0200000001", "text": "안내", "type": "SMS"}
    first = (await box.send_sms(sent | {"to": "01000001234"}, sent | {"to": "x"})).json()["groupInfo"]["groupId"]
    await box.send_sms(sent | {"to": "01000005678"})
    base = "/solapi/messages/v4/groups"
    groups = (await box.client.get(base, headers=box.solapi_headers())).json()["groupList"]
    assert groups[first]["count"] == {"total": 2, "registeredFailed": 1, "registeredSuccess": 1}
    assert len(groups) == 2
    listed = (await box.client.get(f"{base}/{first}/messages", headers=box.solapi_headers())).json()["messageList"]
    assert {m["groupId"] for m in listed.values()} == {first}
    assert len(listed) == 2


async def test_an_address_is_found_by_road_lot_and_building(box: Box) -> None:
    for keyword in ("테헤란로 152", "테헤란로152", "역삼동 737", "강남파이낸스센터"):
        code, rows = await look_up(box, keyword)
        assert code == "0"
        assert "06236" in {r["zipNo"] for r in rows}, keyword
    row = next(r for r in (await look_up(box, "테헤란로 152"))[1] if r["zipNo"] == "06236")
    assert row["roadAddr"] == "서울특별시 강남구 테헤란로 152 (역삼동)"
    assert row["roadAddrPart2"] == " (역삼동)"
    assert all(isinstance(value, str) for value in row.values())


async def test_the_same_road_and_number_stands_in_several_towns(box: Box) -> None:
    _, rows = await look_up(box, "세종대로 110")
    assert len({r["zipNo"] for r in rows}) == 3
    assert len((await look_up(box, "세종대로 110", countPerPage="2"))[1]) == 2
    assert len((await look_up(box, "세종대로 110", countPerPage="2", currentPage="2"))[1]) == 1


@pytest.mark.parametrize(
    ("keyword", "code"),
    [
        ("", "E0005"),
        ("서울", "E0006"),
        ("가", "E0008"),
        ("12345", "E0009"),
        ("가" * 41, "E0010"),
        ("길 12345678901", "E0011"),
        ("!! 12", "E0012"),
        ("테헤란로 = 1", "E0013"),
        ("select 테헤란로", "E0013"),
        ("없는길로 999", "0"),
    ],
)
async def test_a_keyword_the_service_refuses_has_its_code(box: Box, keyword: str, code: str) -> None:
    assert await look_up(box, keyword) == (code, [])


async def test_a_wrong_key_and_a_forced_error(box: Box) -> None:
    assert (await look_up(box, "테헤란로 152", confmKey="wrong"))[0] == "E0001"
    await box.control(
        "POST", "faults", {"kind": "juso_error", "code": "-999", "match": {"path": "addrLink"}, "count": 1}
    )
    assert (await look_up(box, "테헤란로 152"))[0] == "-999"
    assert (await look_up(box, "테헤란로 152"))[0] == "0"


async def test_without_a_result_type_the_answer_is_xml(box: Box) -> None:
    asked = {"confmKey": box.sandbox.config.juso_key, "keyword": "테헤란로 152"}
    answer = await box.client.post(JUSO, data=asked)
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<zipNo>06236</zipNo>" in answer.text


async def test_a_product_has_a_page_and_a_picture(box: Box) -> None:
    page = await box.client.get("/shop/sandboxmall/product/105")
    assert "코튼 맨투맨" in page.text
    assert "품절" in page.text
    assert (await box.client.get("/shop/sandboxmall/image/105.svg")).headers["content-type"] == "image/svg+xml"
    product = (await box.get("/products/105"))["product"]
    assert product["list_image"] == "http://sandbox.test/shop/sandboxmall/image/105.svg"
    for gone in ("/shop/sandboxmall/product/142", "/shop/sandboxmall/product/1", "/shop/othermall/product/105"):
        assert (await box.client.get(gone)).status_code == 404
