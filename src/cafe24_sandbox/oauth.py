"""The consent page and the token endpoints, with the error shapes each of them has."""

import base64
import hmac
from urllib.parse import urlencode

from cafe24_sandbox.http import Request
from cafe24_sandbox.model import Mall
from cafe24_sandbox.pages import consent_page, plain_page
from cafe24_sandbox.tokens import SCOPES, TokenRefused
from cafe24_sandbox.wire import Answer, as_html, as_json
from cafe24_sandbox.world import World


def redirect(uri: str, pairs: dict[str, str]) -> Answer:
    joint = "&" if "?" in uri else "?"
    return Answer(302, b"", headers=(("location", f"{uri}{joint}{urlencode(pairs)}"), ("cache-control", "no-store")))


def authorize(world: World, mall: Mall, request: Request) -> Answer:
    """GET shows the consent page, POST is its button. A wrong client or redirect URI is a plain 400: nobody to send back to."""
    asked = dict(request.query)
    config = world.config
    uri = asked.get("redirect_uri", "")
    if asked.get("client_id") != config.client_id or uri not in config.redirect_uris:
        return as_html(
            plain_page("인증 요청을 확인할 수 없어요", "client_id 또는 redirect_uri가 등록된 값과 달라요."), 400
        )
    state = {"state": asked["state"]} if "state" in asked else {}

    def refuse(error: str, why: str) -> Answer:
        trace = f"{mall.id}-{world.clock.now():%Y%m%d%H%M%S}"
        return redirect(uri, {"error": error, "error_description": why, **state, "trace_id": trace})

    if asked.get("response_type") != "code":
        return refuse("unsupported_response_type", "The response_type must be code.")
    scopes = tuple(dict.fromkeys(asked.get("scope", "").replace(",", " ").split()))
    if not scopes:
        return refuse("invalid_request", "The scope is missing.")
    if any(scope not in SCOPES for scope in scopes):
        return refuse("invalid_scope", "The scope added by Cafe24 Developers is invalid. Please try again.")
    challenge = asked.get("code_challenge")
    if challenge is not None and (asked.get("code_challenge_method") != "S256" or not 43 <= len(challenge) <= 128):
        return refuse("invalid_request", "The code_challenge is invalid.")
    if request.method == "GET":
        return as_html(consent_page(mall, scopes))
    if request.form().get("decision") != "allow":
        return refuse("access_denied", "The operator did not allow the request.")
    mall.installed = True
    code = world.tokens[mall.id].grant_code(scopes, uri, challenge, world.clock.now())
    return redirect(uri, {"code": code, **state})


def client_is_right(world: World, request: Request) -> bool:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    wanted = base64.b64encode(f"{world.config.client_id}:{world.config.client_secret}".encode())
    return kind.lower() == "basic" and hmac.compare_digest(value.strip().encode(), wanted)


def token(world: World, mall: Mall, request: Request) -> Answer:
    tokens, now = world.tokens[mall.id], world.clock.now()
    try:
        if request.media_type != "application/x-www-form-urlencoded":
            raise TokenRefused(400, "invalid_request", "The Content-Type must be application/x-www-form-urlencoded.")
        form = request.form()
        kind = form.get("grant_type")
        if not client_is_right(world, request):
            raise TokenRefused(401, "invalid_client", "It is a wrong client_secret.")
        tokens.count_call(now)
        match kind:
            case "authorization_code":
                if not form.get("code") or not form.get("redirect_uri"):
                    raise TokenRefused(400, "invalid_request", "code and redirect_uri are required.")
                answer = tokens.redeem(form["code"], form["redirect_uri"], form.get("code_verifier"), now)
            case "refresh_token":
                if not form.get("refresh_token"):
                    raise TokenRefused(400, "invalid_request", "refresh_token is required.")
                if not mall.installed:
                    raise TokenRefused(400, "invalid_grant", "Invalid refresh_token")
                answer = tokens.refresh(form["refresh_token"], now)
            case _:
                raise TokenRefused(400, "unsupported_grant_type", "The grant_type is not supported.")
    except TokenRefused as refused:
        return as_json({"error": refused.error, "error_description": refused.description}, refused.status)
    return as_json(answer, headers=(("cache-control", "no-store"),))


def revoke(world: World, mall: Mall, request: Request) -> Answer:
    if not client_is_right(world, request):
        return as_json({"error": "invalid_client", "error_description": "It is a wrong client_secret."}, 401)
    given = request.form().get("token", "")
    if given == "":
        return as_json({"error": "invalid_request", "error_description": "token is required."}, 400)
    world.tokens[mall.id].revoke(given)
    return as_json({})
