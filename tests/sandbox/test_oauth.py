"""Consent, codes, rotation and the endings of tokens."""

import base64
import hashlib

import pytest

from tests.sandbox.box import BACK, OAUTH, Box, landed


async def test_a_consent_leads_back_with_a_code_and_the_state(box: Box) -> None:
    asked = {
        "response_type": "code",
        "client_id": box.sandbox.config.client_id,
        "redirect_uri": BACK,
        "scope": "mall.read_order",
    }
    page = await box.client.get(f"{OAUTH}/authorize", params=asked)
    assert page.status_code == 200
    assert "앱 권한 동의" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    back = landed(await box.consent())
    assert back["state"] == "s-1"
    assert back["code"]


async def test_a_code_becomes_a_pair_with_korean_times_that_carry_no_offset(box: Box) -> None:
    answer = await box.ask_token(grant_type="authorization_code", code=await box.code(), redirect_uri=BACK)
    assert answer.status_code == 200
    pair = answer.json()
    assert pair["issued_at"] == "2026-03-14T12:00:00.000"
    assert pair["expires_at"] == "2026-03-14T14:00:00.000"
    assert pair["refresh_token_expires_at"] == "2026-03-28T12:00:00.000"
    assert pair["mall_id"] == pair["user_id"] == "sandboxmall"
    assert pair["scopes"] == ["mall.read_order", "mall.write_order"]
    assert pair["shop_no"] == "1"
    assert pair["token_type"] == "Bearer"
    assert (await box.call("GET", "/orders?limit=1", token=pair["access_token"])).status_code == 200


async def test_a_code_works_once(box: Box) -> None:
    code = await box.code()
    assert (await box.ask_token(grant_type="authorization_code", code=code, redirect_uri=BACK)).status_code == 200
    again = await box.ask_token(grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (61, 400)])
async def test_a_code_lives_one_minute(box: Box, seconds: int, status: int) -> None:
    code = await box.code()
    box.clock.pass_by(seconds=seconds)
    answer = await box.ask_token(grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "mall.read_everything"}, "invalid_scope"),
        ({"scope": ""}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
    ],
)
async def test_a_wrong_consent_leads_back_with_its_error(box: Box, changed: dict[str, str], error: str) -> None:
    back = landed(await box.consent(**changed))
    assert back["error"] == error
    assert back["state"] == "s-1"
    assert back["trace_id"]


@pytest.mark.parametrize("changed", [{"client_id": "somebody"}, {"redirect_uri": "https://evil.example.com/"}])
async def test_nobody_is_sent_to_an_address_that_is_not_registered(box: Box, changed: dict[str, str]) -> None:
    assert (await box.consent(**changed)).status_code == 400


async def test_the_operator_may_refuse(box: Box) -> None:
    asked = {
        "response_type": "code",
        "client_id": box.sandbox.config.client_id,
        "redirect_uri": BACK,
        "scope": "mall.read_order",
    }
    answer = await box.client.post(f"{OAUTH}/authorize", params=asked, data={"decision": "deny"})
    assert landed(answer)["error"] == "access_denied"


@pytest.mark.parametrize(("verifier", "status"), [("v" * 43, 200), ("w" * 43, 400), (None, 400)])
async def test_a_challenge_wants_its_verifier(box: Box, verifier: str | None, status: int) -> None:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).rstrip(b"=").decode()
    code = await box.code(code_challenge=challenge, code_challenge_method="S256")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    answer = await box.ask_token(**form, **({"code_verifier": verifier} if verifier else {}))
    assert answer.status_code == status


async def test_a_refresh_token_works_once_and_the_older_access_token_stays_good(box: Box) -> None:
    first = box.sandbox.issue_tokens()
    answer = await box.ask_token(grant_type="refresh_token", refresh_token=str(first["refresh_token"]))
    assert answer.status_code == 200
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    again = await box.ask_token(grant_type="refresh_token", refresh_token=str(first["refresh_token"]))
    assert (again.status_code, again.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid refresh_token"},
    )
    for token in (first["access_token"], second["access_token"]):
        assert (await box.call("GET", "/boards", token=str(token))).status_code == 200


@pytest.mark.parametrize(("days", "status"), [(13.99, 200), (14, 400)])
async def test_a_refresh_token_lives_fourteen_days(box: Box, days: float, status: int) -> None:
    pair = box.sandbox.issue_tokens()
    box.clock.pass_by(days=days)
    answer = await box.ask_token(grant_type="refresh_token", refresh_token=str(pair["refresh_token"]))
    assert answer.status_code == status


async def test_an_access_token_lives_two_hours(box: Box) -> None:
    box.clock.pass_by(hours=1.99)
    assert (await box.call("GET", "/boards")).status_code == 200
    box.clock.pass_by(hours=0.01)
    late = await box.call("GET", "/boards")
    assert late.status_code == 401
    assert late.json()["error"]["message"] == "access_token time expired. (invalid_token)"


@pytest.mark.parametrize(
    ("form", "secret", "status", "error"),
    [
        ({"grant_type": "refresh_token"}, None, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "nothing"}, None, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "nothing"}, "wrong", 401, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x"}, None, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x", "redirect_uri": BACK}, None, 400, "invalid_grant"),
        ({"grant_type": "password"}, None, 400, "unsupported_grant_type"),
        ({"code": "x"}, None, 400, "unsupported_grant_type"),
    ],
)
async def test_token_errors_have_their_own_shape(
    box: Box, form: dict[str, str], secret: str | None, status: int, error: str
) -> None:
    answer = await box.ask_token(secret=secret, **form)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert set(answer.json()) == {"error", "error_description"}


async def test_a_code_is_bound_to_its_redirect_address(box: Box) -> None:
    other = box.sandbox.config.redirect_uris[1]
    answer = await box.ask_token(grant_type="authorization_code", code=await box.code(), redirect_uri=other)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_fifteen_token_calls_fit_into_two_hours(box: Box) -> None:
    refresh = str(box.sandbox.issue_tokens()["refresh_token"])
    for _ in range(15):
        answer = await box.ask_token(grant_type="refresh_token", refresh_token=refresh)
        assert answer.status_code == 200
        refresh = answer.json()["refresh_token"]
    assert (await box.ask_token(grant_type="refresh_token", refresh_token=refresh)).status_code == 429
    box.clock.pass_by(hours=2)
    assert (await box.ask_token(grant_type="refresh_token", refresh_token=refresh)).status_code == 200


async def test_the_sixteenth_living_token_ends_the_oldest(box: Box) -> None:
    for _ in range(14):
        last = box.sandbox.issue_tokens()
    assert (await box.call("GET", "/boards")).status_code == 200
    last = box.sandbox.issue_tokens()
    assert (await box.call("GET", "/boards")).status_code == 401
    assert (await box.call("GET", "/boards", token=str(last["access_token"]))).status_code == 200


async def test_a_revoked_token_takes_its_refresh_token_along(box: Box) -> None:
    config, pair = box.sandbox.config, box.sandbox.issue_tokens()
    answer = await box.client.post(
        f"{OAUTH}/revoke",
        data={"token": str(pair["access_token"]), "token_hint": "access_token"},
        auth=(config.client_id, config.client_secret),
    )
    assert answer.status_code == 200
    assert (await box.call("GET", "/boards", token=str(pair["access_token"]))).status_code == 401
    refused = await box.ask_token(grant_type="refresh_token", refresh_token=str(pair["refresh_token"]))
    assert refused.json()["error"] == "invalid_grant"
    unknown = await box.client.post(
        f"{OAUTH}/revoke", data={"token": "nothing"}, auth=(config.client_id, config.client_secret)
    )
    assert unknown.status_code == 200
