"""One frozen `Settings`, read once from the environment and handed down. Values never appear in a message, a log or a repr.

A name set to nothing counts as not set. In `dev` and `test` a missing secret is replaced by a well-known one, so that the
product starts without any setting; `prod` refuses those, and everything else of `SettingsRefused`, all at once.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic.networks import IPvAnyNetwork

SECRET_BYTES = 32
ENTROPY_BITS_PER_BYTE = 3.0
REDIRECT_BYTES = 150
RETENTION_DAYS = 1095
"""Three years: 전자상거래법 시행령 제6조, records of complaints and disputes."""
DEFAULT_SCOPE = (
    "mall.read_order mall.write_order mall.read_product mall.read_supply mall.read_shipping "
    "mall.read_customer mall.read_community mall.write_community mall.read_store mall.read_application"
)

ALIASES: Mapping[str, str] = {
    "APP_BASE_URL": "PUBLIC_BASE_URL",
    "NEXT_PUBLIC_CALL_WS_URL": "CALL_WS_URL",
    "NEXT_PUBLIC_SUPABASE_URL": "SUPABASE_URL",
    "NEXT_PUBLIC_SUPABASE_ANON_KEY": "SUPABASE_ANON_KEY",
}
REQUIRED_IN_PROD = (
    "SANGDAM_PROFILE",
    "PUBLIC_BASE_URL",
    "CALL_WS_URL",
    "DATABASE_URL",
    "SECRET_KEYS",
    "HASH_PEPPER",
    "AUDIT_SIGNING_KEY",
    "SESSION_SECRET",
    "WIDGET_TICKET_SECRET",
    "CRON_SECRET",
    "AUTH_MODE",
    "CAFE24_CLIENT_ID",
    "CAFE24_CLIENT_SECRET_KEY",
    "CAFE24_REDIRECT_URI",
    "CAFE24_OAUTH_STATE_SECRET",
)
LONG_SECRETS = (
    "HASH_PEPPER",
    "AUDIT_SIGNING_KEY",
    "SESSION_SECRET",
    "WIDGET_TICKET_SECRET",
    "CRON_SECRET",
    "CAFE24_OAUTH_STATE_SECRET",
)
"""Secrets we make ourselves: at least 32 bytes."""
SECRETS = (
    *LONG_SECRETS,
    "CAFE24_CLIENT_SECRET_KEY",
    "CAFE24_WEBHOOK_KEY",
    "SUPABASE_JWT_SECRET",
    "SUPABASE_ACCESS_TOKEN",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "SOLAPI_API_KEY",
    "SOLAPI_API_SECRET",
    "SOLAPI_WEBHOOK_SECRET",
    "JUSO_API_KEY",
    "SMTP_PASSWORD",
)
TEST_SWITCHES = ("SANDBOX_MALL", "SANDBOX_FAULTS", "OTP_FIXED_CODE", "CLOCK_AT")
OF_CLIENTS = ("SANGDAM_API_TOKEN", "SANGDAM_URL")
"""What `sangdam mcp` reads: no settings of the product, and no mistake beside them."""
_RATES = ("SANGDAM_CHAT_PER_10S", "SANGDAM_CHAT_PER_MIN", "SANGDAM_JOINS_PER_MIN_IP", "SANGDAM_TICKETS_PER_MIN_IP")
_PUBLIC_URLS = {
    "PUBLIC_BASE_URL": "https",
    "CALL_WS_URL": "wss",
    "SUPABASE_URL": "https",
    "CAFE24_REDIRECT_URI": "https",
}
_OWN_URLS = ("OPENAI_BASE_URL", "GEMINI_BASE_URL", "ALERT_WEBHOOK_URL")
"""Addresses only we call: encrypted, but a private host is no mistake."""
_PRIVATE_SUFFIXES = (
    "local",
    "localhost",
    "internal",
    "lan",
    "home.arpa",
    "intranet",
    "corp",
    "test",
    "example",
    "invalid",
)
_PLACEHOLDER = re.compile(
    r"<.*>|\.{3}|x{3,}|(change|replace)[-_ ]?(me|this).*|(your|my)[-_ ].*|example.*|placeholder|todo|secret|password",
    re.IGNORECASE,
)


class SettingsRefused(Exception):
    """What is wrong, all of it; each finding names a variable and never a value (the callback addresses apart: they are public)."""

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Smtp:
    host: str
    port: int
    sender: str
    tls: Literal["starttls", "tls", "none"]
    user: str | None
    password: SecretStr | None


@dataclass(frozen=True, slots=True)
class Solapi:
    api_key: SecretStr
    api_secret: SecretStr
    sender: str
    """The registered number SMS come from."""


@dataclass(frozen=True, slots=True)
class Presence:
    """What `doctor` may say of a variable."""

    name: str
    present: bool
    length: Literal["", "1-15", "16-31", "32-63", "64+"]
    """The class of its length in bytes; empty when absent."""


def _comma_list(value: object) -> object:
    return (
        tuple(part for part in (piece.strip() for piece in value.split(",")) if part)
        if isinstance(value, str)
        else value
    )


def _origin(value: str) -> str:
    url = urlsplit(value)
    if (
        url.scheme not in ("http", "https")
        or not url.hostname
        or url.path not in ("", "/")
        or url.query
        or url.fragment
        or url.username
    ):
        raise ValueError("must be an origin such as https://shop.example, without a path")
    return value.rstrip("/")


def _socket_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("ws", "wss") or not url.hostname or url.path != "/ws" or url.query or url.fragment:
        raise ValueError("must be a socket address that ends in /ws")
    return value


def _host_and_port(value: str) -> str:
    match = re.fullmatch(r"(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+):(\d{1,5})", value.lower())
    if match is None or not 1 <= int(match[1]) <= 65535:
        raise ValueError("each entry is host:port, such as tools.lan:8080")
    return value.lower()


def _web_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("must be an http or https address")
    return value.rstrip("/")


def _postgres_url(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in ("postgres", "postgresql"):
        raise ValueError("must be a postgresql:// address")
    return value


def _key_ring(value: SecretStr) -> SecretStr:
    parse_keys(value.get_secret_value())
    return value


def parse_keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """`kid:base64(32 bytes)`, comma-separated; the first seals, all open. Raises `ValueError` that quotes no key."""
    keys: list[tuple[str, bytes]] = []
    for position, entry in enumerate((part.strip() for part in text.split(",")), start=1):
        kid, _, encoded = entry.partition(":")
        if not re.fullmatch(r"[a-z0-9]{1,8}", kid):
            raise ValueError(f"key {position}: the id before the colon is 1 to 8 lower-case letters or digits")
        try:
            key = base64.b64decode(
                encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True
            )
        except binascii.Error:
            raise ValueError(f"key {position}: not base64") from None
        if len(key) != SECRET_BYTES:
            raise ValueError(f"key {position}: not 32 bytes")
        if kid in (known for known, _ in keys):
            raise ValueError(f"key {position}: its id is used twice")
        keys.append((kid, key))
    return tuple(keys)


Url = Annotated[str, AfterValidator(_web_url)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
Words = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]
Port = Annotated[int, Field(ge=1, le=65535)]
Days = Annotated[int, Field(ge=1, le=RETENTION_DAYS)]
Rate = Annotated[int, Field(ge=1, le=1_000_000)]


class Settings(BaseModel):
    """Field names are the variables' names in lower case, without `SANGDAM_`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    profile: Literal["dev", "test", "prod"] = "dev"
    home: str = ".sangdam"
    """The folder of embedded databases (`SANGDAM_HOME`)."""
    public_base_url: Annotated[str, AfterValidator(_origin)]
    port: Port = 8700
    ws_port: Port
    call_ws_url: Annotated[str, AfterValidator(_socket_url)]

    database_url: PostgresUrl | None = None
    """None: the embedded database."""
    database_direct_url: PostgresUrl | None = None
    """Past a transaction pooler, for LISTEN, jobs and migrations. When set, `database_url` is taken to be a pooler's."""
    database_owner_url: PostgresUrl | None = None

    secret_keys: Annotated[SecretStr, AfterValidator(_key_ring)]
    hash_pepper: SecretStr
    audit_signing_key: SecretStr
    session_secret: SecretStr
    widget_ticket_secret: SecretStr
    cron_secret: SecretStr | None = None

    auth_mode: Literal["builtin", "supabase"] = "builtin"
    supabase_url: Url | None = None
    supabase_anon_key: str | None = None
    supabase_jwt_secret: SecretStr | None = None
    supabase_project_ref: str | None = None
    supabase_access_token: SecretStr | None = None

    cafe24_client_id: str | None = None
    cafe24_client_secret_key: SecretStr | None = None
    cafe24_redirect_uri: Url
    cafe24_oauth_state_secret: SecretStr
    cafe24_scope: str = DEFAULT_SCOPE
    cafe24_api_version: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2026-03-01"
    cafe24_pkce: Literal["off", "on"] = "off"
    cafe24_webhook_key: SecretStr | None = None
    scheduler: Literal["internal", "external"] = "internal"

    openai_api_key: SecretStr | None = None
    openai_model: str | None = None
    openai_base_url: Url | None = None
    gemini_api_key: SecretStr | None = None
    gemini_model: str | None = None
    gemini_base_url: Url | None = None
    llm_order: Annotated[tuple[Literal["openai", "gemini"], ...], BeforeValidator(_comma_list)] = ("openai", "gemini")
    llm_daily_tokens_per_org: Annotated[int, Field(ge=0)] = 2_000_000
    llm_tokens_per_conversation: Annotated[int, Field(ge=0)] = 40_000

    solapi_api_key: SecretStr | None = None
    solapi_api_secret: SecretStr | None = None
    solapi_from: str | None = None
    solapi_webhook_secret: SecretStr | None = None
    juso_api_key: SecretStr | None = None
    smtp_host: str | None = None
    smtp_port: Port | None = None
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = None
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    alert_email_to: str | None = None
    alert_webhook_url: Url | None = None

    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(_comma_list)] = ()
    platform_admins: Words = ()
    retention_message_days: Days = 30
    retention_meta_days: Days = 365
    verify_mall_id: str | None = None
    verify_order_id: str | None = None
    verify_phone: SecretStr | None = None
    verify_product_no: int | None = None
    verify_board_no: int | None = None
    verify_auth_email: SecretStr | None = None

    chat_per_10s: Rate = 10
    """Messages of one conversation in 10 s."""
    chat_per_min: Rate = 30
    joins_per_min_ip: Rate = 60
    tickets_per_min_ip: Rate = 30

    mcp_server_allow: Annotated[
        tuple[Annotated[str, AfterValidator(_host_and_port)], ...], BeforeValidator(_comma_list)
    ] = ()
    """`host:port` of external MCP servers that are let through though they are on a private network or without TLS."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otel_exporter_otlp_endpoint: Url | None = None

    sandbox_mall: Url | None = None
    """Base address of a sandbox: malls, text messages and pictures are there instead of at the real places."""
    sandbox_faults: str | None = None
    otp_fixed_code: Annotated[str, Field(pattern=r"^\d{6}$")] | None = None
    clock_at: AwareDatetime | None = None

    warnings: tuple[str, ...] = ()
    """What `prod` would refuse; empty in `prod` and `test`."""
    unneeded: tuple[str, ...] = ()
    """Names that are set and never used, such as `SUPABASE_SERVICE_ROLE_KEY`."""
    _digests: dict[str, str] = PrivateAttr(default_factory=dict[str, str])

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> Self:
        """Raises `SettingsRefused` with every finding. Malformed values and unknown `SANGDAM_*` names are refused in every profile."""
        raw, findings = _read(environment)
        profile = raw.get("SANGDAM_PROFILE", "dev")
        policy = () if profile == "test" else tuple(_policy(raw, environment))
        filled = {**_defaults(raw), **raw}
        try:
            settings = cls.model_validate(
                {
                    **{_FIELDS[name]: value for name, value in filled.items() if name in _FIELDS},
                    "warnings": policy if profile == "dev" else (),
                    "unneeded": tuple(name for name in ("SUPABASE_SERVICE_ROLE_KEY",) if name in raw),
                }
            )
        except ValidationError as error:
            # A derived value is wrong only because the one it follows from is.
            wrong = ((_VARIABLES[str(each["loc"][0])], each["msg"]) for each in error.errors(include_input=False))
            refused = tuple(f"{name}: {_reason(message)}" for name, message in wrong if name in raw)
            raise SettingsRefused((*findings, *refused, *(policy if profile == "prod" else ()))) from None
        if findings or (profile == "prod" and policy):
            raise SettingsRefused((*findings, *policy) if profile == "prod" else findings)
        key = settings.audit_signing_key.get_secret_value().encode()
        settings._digests = {
            name: hmac.new(key, f"{name}={filled[name]}".encode(), hashlib.sha256).hexdigest()
            for name in sorted(filled)
        }
        return settings

    @property
    def keys(self) -> tuple[tuple[str, bytes], ...]:
        """The key ring: `(kid, 32 bytes)`, the sealing key first."""
        return parse_keys(self.secret_keys.get_secret_value())

    @property
    def smtp(self) -> Smtp | None:
        if self.smtp_host is None or self.smtp_from is None:
            return None
        port = self.smtp_port or {"starttls": 587, "tls": 465, "none": 25}[self.smtp_tls]
        return Smtp(self.smtp_host, port, self.smtp_from, self.smtp_tls, self.smtp_user, self.smtp_password)

    @property
    def solapi(self) -> Solapi | None:
        if self.solapi_api_key is None or self.solapi_api_secret is None or self.solapi_from is None:
            return None
        return Solapi(self.solapi_api_key, self.solapi_api_secret, self.solapi_from)

    @property
    def behind_pooler(self) -> bool:
        return self.database_direct_url is not None

    @property
    def callback_url(self) -> str:
        """Where the mall sends a merchant back to after consent."""
        return f"{self.public_base_url}/api/cafe24/callback"

    def fingerprint(self, names: tuple[str, ...]) -> str:
        """A digest that changes when one of these variables does; the values cannot be read back from it."""
        return hashlib.sha256(
            "\n".join(f"{name}:{self._digests.get(name, '')}" for name in sorted(names)).encode()
        ).hexdigest()


_VARIABLES: Mapping[str, str] = {
    name: f"SANGDAM_{name.upper()}"
    if f"SANGDAM_{name.upper()}" in (*_RATES, "SANGDAM_PROFILE", "SANGDAM_HOME", "SANGDAM_MCP_SERVER_ALLOW")
    else name.upper()
    for name in Settings.model_fields
    if name not in ("warnings", "unneeded")
}
_FIELDS: Mapping[str, str] = {variable: name for name, variable in _VARIABLES.items()}


def presence(environment: Mapping[str, str]) -> tuple[Presence, ...]:
    """Every variable there is, set or not."""
    raw, _ = _read(environment)
    return tuple(Presence(name, name in raw, _length_class(raw.get(name, ""))) for name in _FIELDS)


def _length_class(value: str) -> Literal["", "1-15", "16-31", "32-63", "64+"]:
    match len(value.encode()):
        case 0:
            return ""
        case length if length < 16:
            return "1-15"
        case length if length < 32:
            return "16-31"
        case length if length < 64:
            return "32-63"
        case _:
            return "64+"


def _read(environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Canonical names to values, and what is wrong with the names themselves."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    findings = [
        f"{name}: no such setting"
        for name in sorted(given)
        if name.startswith("SANGDAM_") and name not in _FIELDS and name not in OF_CLIENTS
    ]
    raw = {name: value for name, value in given.items() if name in _FIELDS or name == "SUPABASE_SERVICE_ROLE_KEY"}
    for alias, name in ALIASES.items():
        if alias in given and raw.setdefault(name, given[alias]) != given[alias]:
            findings.append(f"{name} and {alias} are both set and differ")
    return raw, tuple(findings)


def _defaults(raw: Mapping[str, str]) -> dict[str, str]:
    """What follows from other settings, and the well-known secrets of development."""
    port = raw.get("PORT", "8700")
    base = raw.get("PUBLIC_BASE_URL", f"http://127.0.0.1:{port}").rstrip("/")
    made = {name: _development_secret(name) for name in LONG_SECRETS if name != "CRON_SECRET"}
    return {
        **made,
        "SECRET_KEYS": f"dev:{base64.b64encode(hashlib.sha256(b'sangdam development SECRET_KEYS').digest()).decode()}",
        "PUBLIC_BASE_URL": base,
        "WS_PORT": port,
        "CALL_WS_URL": f"{'wss' if base.startswith('https:') else 'ws'}://{urlsplit(base).netloc}/ws",
        "CAFE24_REDIRECT_URI": f"{base}/api/cafe24/callback",
    }


def _development_secret(name: str) -> str:
    return hashlib.sha256(f"sangdam development {name}".encode()).hexdigest()


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def _policy(raw: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[str]:
    """`product.md` 7.1, the items that settings alone can judge."""
    yield from (f"{name} is missing" for name in REQUIRED_IN_PROD if name not in raw)
    yield from _weak_secrets(raw)
    yield from (f"{name} is a test switch and may not be set" for name in TEST_SWITCHES if name in raw)
    yield from (
        finding
        for name, scheme in _PUBLIC_URLS.items()
        if name in raw
        for finding in _public_url(name, raw[name], scheme)
    )
    yield from (f"{name} must be https" for name in _OWN_URLS if name in raw and urlsplit(raw[name]).scheme != "https")
    yield from _redirect(raw)
    exposed = re.compile(r"NEXT_PUBLIC_.*(SECRET|SERVICE_ROLE|TOKEN|PASSWORD)")
    yield from (f"{name} would be shown to every browser" for name in sorted(environment) if exposed.match(name))
    yield from _groups(raw)
    if "ALERT_WEBHOOK_URL" not in raw and not {"ALERT_EMAIL_TO", "SMTP_HOST", "SMTP_FROM"} <= raw.keys():
        yield "no way to raise an alarm: set ALERT_WEBHOOK_URL, or ALERT_EMAIL_TO with SMTP_*"
    for name in _RATES:
        if raw.get(name, "").isdecimal() and int(raw[name]) > Settings.model_fields[_FIELDS[name]].default:
            yield f"{name} may not be raised"


def _weak_secrets(raw: Mapping[str, str]) -> Iterator[str]:
    seen: dict[bytes, str] = {}
    for name, value in _secret_values(raw):
        if name in LONG_SECRETS and len(value) < SECRET_BYTES:
            yield f"{name} is shorter than {SECRET_BYTES} bytes"
        if value in _EXAMPLES or _PLACEHOLDER.fullmatch(value.decode(errors="replace")):
            yield f"{name} is an example, not a secret"
        elif _entropy(value) < ENTROPY_BITS_PER_BYTE:
            yield f"{name} is too regular to be a secret (less than {ENTROPY_BITS_PER_BYTE} bits per byte)"
        if value in seen:
            yield f"{name} equals {seen[value]}"
        seen.setdefault(value, name)
    if _PLACEHOLDER.fullmatch(raw.get("CAFE24_CLIENT_ID", "")):
        yield "CAFE24_CLIENT_ID is an example"


def _secret_values(raw: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    yield from ((name, raw[name].encode()) for name in SECRETS if name in raw)
    try:
        keys = parse_keys(raw.get("SECRET_KEYS", ""))
    except ValueError:
        return  # said as a malformed value already
    yield from ((f"SECRET_KEYS key {position}", key) for position, (_, key) in enumerate(keys, start=1))


_EXAMPLES = frozenset(
    {
        *(_development_secret(name).encode() for name in LONG_SECRETS),
        hashlib.sha256(b"sangdam development SECRET_KEYS").digest(),
    }
)


def _entropy(value: bytes) -> float:
    """Shannon entropy of the byte counts, in bits per byte."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())


def _public_url(name: str, value: str, scheme: str) -> Iterator[str]:
    url = urlsplit(value)
    if url.scheme != scheme:
        yield f"{name} must begin with {scheme}://"
    if _is_private(url):
        yield f"{name} must name a public host"


def _is_private(url: SplitResult) -> bool:
    host = (url.hostname or "").rstrip(".").lower()
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or any(host == suffix or host.endswith(f".{suffix}") for suffix in _PRIVATE_SUFFIXES)
    return True


def _redirect(raw: Mapping[str, str]) -> Iterator[str]:
    if not {"CAFE24_REDIRECT_URI", "PUBLIC_BASE_URL"} <= raw.keys():
        return
    given, derived = raw["CAFE24_REDIRECT_URI"], f"{raw['PUBLIC_BASE_URL'].rstrip('/')}/api/cafe24/callback"
    if given != derived:
        yield f"CAFE24_REDIRECT_URI is {given}, but PUBLIC_BASE_URL makes it {derived}"
    if len(given.encode()) > REDIRECT_BYTES:
        yield f"CAFE24_REDIRECT_URI is longer than {REDIRECT_BYTES} bytes"


def _groups(raw: Mapping[str, str]) -> Iterator[str]:
    """Settings that only make sense together."""
    solapi = ("SOLAPI_API_KEY", "SOLAPI_API_SECRET", "SOLAPI_FROM")
    if any(name in raw for name in (*solapi, "SOLAPI_WEBHOOK_SECRET")):
        yield from (f"{name} is missing, but other SOLAPI_* are set" for name in solapi if name not in raw)
    builtin = raw.get("AUTH_MODE") == "builtin"
    smtp = ("SMTP_HOST", "SMTP_FROM")
    if any(name in raw for name in (*smtp, "SMTP_PORT", "SMTP_USER", "SMTP_PASSWORD", "SMTP_TLS")):
        yield from (f"{name} is missing, but other SMTP_* are set" for name in smtp if name not in raw)
    elif builtin:
        yield "SMTP_HOST and SMTP_FROM are missing; AUTH_MODE=builtin sends mail"
    if ("SMTP_USER" in raw) != ("SMTP_PASSWORD" in raw):
        yield "SMTP_USER and SMTP_PASSWORD go together"
    if raw.get("SMTP_TLS") == "none":
        yield "SMTP_TLS may not be none"
    if raw.get("AUTH_MODE") == "supabase":
        yield from (
            f"{name} is missing; AUTH_MODE is supabase"
            for name in ("SUPABASE_URL", "SUPABASE_ANON_KEY")
            if name not in raw
        )
