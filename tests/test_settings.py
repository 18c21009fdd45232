"""Settings: what each profile refuses, each refusal shown to be needed, and no value ever in a message."""

import base64
import secrets

import pytest

from sangdam.settings import ALIASES, LONG_SECRETS, REQUIRED_IN_PROD, TEST_SWITCHES, Settings, SettingsRefused, presence


def random_keys(*kids: str) -> str:
    return ",".join(f"{kid}:{base64.b64encode(secrets.token_bytes(32)).decode()}" for kid in kids)


GOOD = {
    "SANGDAM_PROFILE": "prod",
    "PUBLIC_BASE_URL": "https://cs.moonlight.co.kr",
    "CALL_WS_URL": "wss://cs.moonlight.co.kr/ws",
    "DATABASE_URL": "postgresql://sangdam_app:x@db.moonlight.co.kr/sangdam?sslmode=require",
    "SECRET_KEYS": random_keys("k1", "k2"),
    **{name: secrets.token_hex(32) for name in LONG_SECRETS},
    "AUTH_MODE": "builtin",
    "CAFE24_CLIENT_ID": "Ab3dEf9hIjKlMnOp",
    "CAFE24_CLIENT_SECRET_KEY": secrets.token_urlsafe(24),
    "CAFE24_REDIRECT_URI": "https://cs.moonlight.co.kr/api/cafe24/callback",
    "SMTP_HOST": "smtp.moonlight.co.kr",
    "SMTP_FROM": "cs@moonlight.co.kr",
    "ALERT_EMAIL_TO": "ops@moonlight.co.kr",
}


def findings(**changed: str | None) -> tuple[str, ...]:
    environment = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    try:
        Settings.load(environment)
    except SettingsRefused as refused:
        return refused.findings
    return ()


def test_a_complete_production_environment_is_accepted() -> None:
    settings = Settings.load(GOOD)
    assert settings.profile == "prod"
    assert settings.warnings == ()
    assert [kid for kid, _ in settings.keys] == ["k1", "k2"]
    assert settings.smtp is not None
    assert (settings.smtp.port, settings.smtp.tls) == (587, "starttls")
    assert settings.callback_url == GOOD["CAFE24_REDIRECT_URI"]


@pytest.mark.parametrize("name", REQUIRED_IN_PROD[1:])
@pytest.mark.parametrize("value", [None, "", "   "])
def test_production_needs_each_required_variable_and_nothing_is_not_a_value(name: str, value: str | None) -> None:
    assert f"{name} is missing" in findings(**{name: value})


def test_all_findings_come_at_once() -> None:
    found = findings(
        HASH_PEPPER=None, CLOCK_AT="2026-03-14T12:00:00+09:00", SANGDAM_TYPO="1", PORT="many", ALERT_EMAIL_TO=None
    )
    assert len(found) == 5
    for part in ("SANGDAM_TYPO", "PORT", "HASH_PEPPER", "CLOCK_AT", "alarm"):
        assert any(part in finding for finding in found), part


@pytest.mark.parametrize("name", LONG_SECRETS)
def test_our_own_secrets_have_at_least_32_bytes(name: str) -> None:
    text = secrets.token_urlsafe(64)
    assert findings(**{name: text[:31]}) == (f"{name} is shorter than 32 bytes",)
    assert findings(**{name: text[:32]}) == ()


def test_a_regular_secret_an_example_and_a_secret_used_twice_are_refused() -> None:
    assert findings(HASH_PEPPER="abcdefg" * 6) == (
        "HASH_PEPPER is too regular to be a secret (less than 3.0 bits per byte)",
    )
    assert findings(HASH_PEPPER="abcdefgh" * 6) == ()
    assert findings(CAFE24_CLIENT_SECRET_KEY="your-client-secret-here") == (
        "CAFE24_CLIENT_SECRET_KEY is an example, not a secret",
    )
    assert findings(SESSION_SECRET=GOOD["HASH_PEPPER"]) == ("SESSION_SECRET equals HASH_PEPPER",)
    key = random_keys("a")
    assert findings(SECRET_KEYS=f"{key},b:{key.partition(':')[2]}") == ("SECRET_KEYS key 2 equals SECRET_KEYS key 1",)


def test_the_secrets_of_development_are_refused_in_production() -> None:
    development = Settings.load({})
    pepper = development.hash_pepper.get_secret_value()
    keys = development.secret_keys.get_secret_value()
    assert findings(HASH_PEPPER=pepper) == ("HASH_PEPPER is an example, not a secret",)
    assert findings(SECRET_KEYS=keys) == ("SECRET_KEYS key 1 is an example, not a secret",)


@pytest.mark.parametrize(
    "value",
    [
        "k1",
        "K1:" + base64.b64encode(bytes(32)).decode(),
        "k1:" + base64.b64encode(bytes(31)).decode(),
        "k1:" + base64.b64encode(bytes(33)).decode(),
        "k1:!!!",
        "toolongkid:" + base64.b64encode(bytes(32)).decode(),
        "k1:" + base64.b64encode(bytes(range(32))).decode() + ",k1:" + base64.b64encode(bytes(range(32, 64))).decode(),
        "",
    ],
)
def test_a_malformed_key_ring_is_refused_in_every_profile(value: str) -> None:
    assert any(finding.startswith("SECRET_KEYS") for finding in findings(SECRET_KEYS=value))
    if value:
        with pytest.raises(SettingsRefused):
            Settings.load({"SECRET_KEYS": value})


@pytest.mark.parametrize("name", TEST_SWITCHES)
def test_production_refuses_test_switches_and_development_takes_them(name: str) -> None:
    good = {
        "OTP_FIXED_CODE": "123456",
        "CLOCK_AT": "2026-03-14T12:00:00+09:00",
        "SANDBOX_MALL": "http://127.0.0.1:8701",
    }
    value = good.get(name, "x")
    assert findings(**{name: value}) == (f"{name} is a test switch and may not be set",)
    Settings.load({name: value})


@pytest.mark.parametrize(
    "base",
    [
        "https://localhost",
        "https://shop.local",
        "https://10.0.0.5",
        "https://[::1]",
        "https://shop",
        "https://shop.internal",
    ],
)
def test_a_public_address_names_a_public_host(base: str) -> None:
    socket = base.replace("https:", "wss:") + "/ws"
    assert findings(PUBLIC_BASE_URL=base, CALL_WS_URL=socket, CAFE24_REDIRECT_URI=f"{base}/api/cafe24/callback") == (
        "PUBLIC_BASE_URL must name a public host",
        "CALL_WS_URL must name a public host",
        "CAFE24_REDIRECT_URI must name a public host",
    )


def test_public_addresses_are_encrypted() -> None:
    plain = "http://cs.moonlight.co.kr"
    assert findings(PUBLIC_BASE_URL=plain, CAFE24_REDIRECT_URI=f"{plain}/api/cafe24/callback") == (
        "PUBLIC_BASE_URL must begin with https://",
        "CAFE24_REDIRECT_URI must begin with https://",
    )
    assert findings(CALL_WS_URL="ws://cs.moonlight.co.kr/ws") == ("CALL_WS_URL must begin with wss://",)
    assert findings(OPENAI_BASE_URL="http://gpu.lan/v1") == ("OPENAI_BASE_URL must be https",)
    assert findings(OPENAI_BASE_URL="https://gpu.lan/v1") == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_BASE_URL", "https://cs.moonlight.co.kr/shop"),
        ("PUBLIC_BASE_URL", "cs.moonlight.co.kr"),
        ("CALL_WS_URL", "wss://cs.moonlight.co.kr/socket"),
        ("CALL_WS_URL", "https://cs.moonlight.co.kr/ws"),
        ("DATABASE_URL", "mysql://db/x"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("RETENTION_MESSAGE_DAYS", "1096"),
        ("RETENTION_META_DAYS", "0"),
        ("LLM_ORDER", "openai,claude"),
        ("OTP_FIXED_CODE", "12345"),
        ("CLOCK_AT", "2026-03-14T12:00:00"),
        ("SANDBOX_MALL", "sandboxmall"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,nonsense"),
        ("SANGDAM_PROFILE", "production"),
    ],
)
def test_a_malformed_value_is_refused_in_every_profile_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        Settings.load({name: value})
    assert [finding for finding in refused.value.findings if not finding.startswith(f"{name}:")] == []


def test_limits_hold_on_their_good_side() -> None:
    settings = Settings.load(
        {
            "PORT": "65535",
            "RETENTION_META_DAYS": "1095",
            "LLM_ORDER": "gemini",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1/128",
        }
    )
    assert (settings.port, settings.ws_port, settings.retention_meta_days, settings.llm_order) == (
        65535,
        65535,
        1095,
        ("gemini",),
    )
    assert len(settings.trusted_proxies) == 2


def test_the_redirect_must_be_the_derived_one_and_both_are_printed() -> None:
    wrong = "https://cs.moonlight.co.kr/callback"
    assert findings(CAFE24_REDIRECT_URI=wrong) == (
        f"CAFE24_REDIRECT_URI is {wrong}, but PUBLIC_BASE_URL makes it {GOOD['CAFE24_REDIRECT_URI']}",
    )


def test_a_redirect_is_at_most_150_bytes() -> None:
    for length, refused in ((150, False), (151, True)):
        base = "https://" + "a" * (length - len("https:///api/cafe24/callback") - len(".co.kr")) + ".co.kr"
        found = findings(PUBLIC_BASE_URL=base, CAFE24_REDIRECT_URI=f"{base}/api/cafe24/callback")
        assert bool(found) is refused


@pytest.mark.parametrize("word", ["SECRET", "SERVICE_ROLE", "TOKEN", "PASSWORD"])
def test_a_secret_under_a_public_name_is_refused(word: str) -> None:
    name = f"NEXT_PUBLIC_MY_{word}_X"
    assert findings(**{name: "anything"}) == (f"{name} would be shown to every browser",)
    assert findings(NEXT_PUBLIC_COLOUR="red") == ()


def test_an_alias_counts_and_two_names_must_agree() -> None:
    for alias, name in ALIASES.items():
        value = GOOD.get(name, "https://project.supabase.co")
        assert findings(**{alias: value, name: None}) == ()
    assert findings(NEXT_PUBLIC_CALL_WS_URL="wss://other.co.kr/ws") == (
        "CALL_WS_URL and NEXT_PUBLIC_CALL_WS_URL are both set and differ",
    )
    assert findings(NEXT_PUBLIC_CALL_WS_URL=GOOD["CALL_WS_URL"]) == ()


def test_solapi_and_smtp_are_whole_or_absent() -> None:
    key, secret = secrets.token_urlsafe(12), secrets.token_urlsafe(24)
    assert findings(SOLAPI_API_KEY=key) == (
        "SOLAPI_API_SECRET is missing, but other SOLAPI_* are set",
        "SOLAPI_FROM is missing, but other SOLAPI_* are set",
    )
    assert findings(SOLAPI_API_KEY=key, SOLAPI_API_SECRET=secret, SOLAPI_FROM="0212345678") == ()
    assert "SMTP_FROM is missing, but other SMTP_* are set" in findings(SMTP_FROM=None)
    assert findings(SMTP_USER="cs") == ("SMTP_USER and SMTP_PASSWORD go together",)
    assert findings(SMTP_TLS="none") == ("SMTP_TLS may not be none",)
    hook = "https://hooks.moonlight.co.kr/x"
    assert findings(SMTP_HOST=None, SMTP_FROM=None, ALERT_WEBHOOK_URL=hook) == (
        "SMTP_HOST and SMTP_FROM are missing; AUTH_MODE=builtin sends mail",
    )


def test_supabase_needs_its_address_and_key() -> None:
    assert findings(AUTH_MODE="supabase") == (
        "SUPABASE_URL is missing; AUTH_MODE is supabase",
        "SUPABASE_ANON_KEY is missing; AUTH_MODE is supabase",
    )
    assert findings(AUTH_MODE="supabase", SUPABASE_URL="https://project.supabase.co", SUPABASE_ANON_KEY="anon") == ()


def test_without_a_way_to_raise_an_alarm_production_does_not_start() -> None:
    assert findings(ALERT_EMAIL_TO=None) == (
        "no way to raise an alarm: set ALERT_WEBHOOK_URL, or ALERT_EMAIL_TO with SMTP_*",
    )
    assert findings(ALERT_EMAIL_TO=None, ALERT_WEBHOOK_URL="https://hooks.moonlight.co.kr/x") == ()


def test_what_a_client_needs_beside_the_product_is_no_unknown_setting() -> None:
    loaded = Settings.load({"SANGDAM_API_TOKEN": "sgd_x", "SANGDAM_URL": "https://chat.example.com"})
    assert loaded.profile == "dev"
    with pytest.raises(SettingsRefused, match="SANGDAM_TOKEN"):
        Settings.load({"SANGDAM_TOKEN": "sgd_x"})


def test_rates_may_be_raised_outside_production_only() -> None:
    assert Settings.load({"SANGDAM_CHAT_PER_10S": "100000"}).chat_per_10s == 100_000
    assert findings(SANGDAM_CHAT_PER_10S="11") == ("SANGDAM_CHAT_PER_10S may not be raised",)
    assert findings(SANGDAM_CHAT_PER_10S="10") == ()


def test_an_unknown_sangdam_name_is_refused_in_every_profile() -> None:
    for profile in ("dev", "test", "prod"):
        with pytest.raises(SettingsRefused, match="SANGDAM_COLOUR: no such setting"):
            Settings.load({**GOOD, "SANGDAM_PROFILE": profile, "SANGDAM_COLOUR": "red"})


def test_development_starts_with_nothing_and_warns_of_what_production_refuses() -> None:
    settings = Settings.load({})
    assert settings.public_base_url == "http://127.0.0.1:8700"
    assert settings.call_ws_url == "ws://127.0.0.1:8700/ws"
    assert settings.database_url is None
    assert settings.cron_secret is None
    assert "HASH_PEPPER is missing" in settings.warnings
    assert Settings.load({"SANGDAM_PROFILE": "test"}).warnings == ()


def test_an_unneeded_service_role_key_is_told_and_not_kept() -> None:
    settings = Settings.load({**GOOD, "SUPABASE_SERVICE_ROLE_KEY": "eyJhbGciOi"})
    assert settings.unneeded == ("SUPABASE_SERVICE_ROLE_KEY",)
    assert "eyJhbGciOi" not in repr(settings.model_dump())


def test_no_secret_is_in_a_repr_or_a_refusal() -> None:
    canary = "kAnArY-" + secrets.token_hex(20)
    assert canary not in repr(Settings.load({**GOOD, "HASH_PEPPER": canary}))
    broken = {
        **GOOD,
        "SECRET_KEYS": f"k1:{canary}",
        "DATABASE_URL": canary,
        "PORT": canary,
        "SMTP_PORT": canary,
        "CLOCK_AT": canary,
    }
    with pytest.raises(SettingsRefused) as refused:
        Settings.load(broken)
    assert canary not in str(refused.value)
    assert refused.value.__cause__ is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load({}).port = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_a_fingerprint_follows_its_own_variables_and_gives_no_value_away() -> None:
    names = ("CAFE24_CLIENT_ID", "CRON_SECRET")
    before = Settings.load(GOOD).fingerprint(names)
    assert Settings.load(GOOD).fingerprint(names) == before
    assert Settings.load({**GOOD, "LOG_LEVEL": "debug"}).fingerprint(names) == before
    assert Settings.load({**GOOD, "CRON_SECRET": secrets.token_hex(32)}).fingerprint(names) != before


def test_presence_tells_classes_of_length_and_no_values() -> None:
    told = {one.name: one for one in presence({**GOOD, "JUSO_API_KEY": "x" * 15})}
    assert (told["JUSO_API_KEY"].present, told["JUSO_API_KEY"].length) == (True, "1-15")
    assert (told["HASH_PEPPER"].present, told["HASH_PEPPER"].length) == (True, "64+")
    assert (told["OPENAI_API_KEY"].present, told["OPENAI_API_KEY"].length) == (False, "")


def test_hosts_that_are_let_through_are_named_with_their_port() -> None:
    assert Settings.load(GOOD).mcp_server_allow == ()
    given = Settings.load({**GOOD, "SANGDAM_MCP_SERVER_ALLOW": "Tools.lan:8080, [fd00::7]:9000,"})
    assert given.mcp_server_allow == ("tools.lan:8080", "[fd00::7]:9000")
    for wrong in (
        "inner.lan",
        "inner.lan:0",
        "inner.lan:65536",
        "http://inner.lan:80",
        "*:443",
        "fd00::7:9000x",
        "a b:1",
    ):
        (finding,) = findings(SANGDAM_MCP_SERVER_ALLOW=f"ok.example.com:443,{wrong}")
        assert finding.startswith("SANGDAM_MCP_SERVER_ALLOW: ")
        assert wrong not in finding
    told = {one.name: one for one in presence({"SANGDAM_MCP_SERVER_ALLOW": "tools.lan:8080"})}
    assert told["SANGDAM_MCP_SERVER_ALLOW"].present
