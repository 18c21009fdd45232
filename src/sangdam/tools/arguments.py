"""Arguments as they come in, and what of them a confirmation is bound to. Pure.

Three names never reach a tool: `customer_verification_token` and `idempotency_key` belong to the call, and an unknown name
is an error.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import AliasChoices, BaseModel, ValidationError

from sangdam.core.ids import OrgId
from sangdam.core.mask import mask_text
from sangdam.db.chain import canonical
from sangdam.orgs.keyring import Hasher
from sangdam.tools.model import Assurance, Caller, CallerKind, Invalid, Tool

VERIFICATION_TOKEN = "customer_verification_token"
IDEMPOTENCY_KEY = "idempotency_key"
JUDGED_FIRST = frozenset({VERIFICATION_TOKEN, IDEMPOTENCY_KEY})
TOKEN_SHAPE = r"[A-Za-z0-9_-]{43}"
KEY_SHAPE = r"[\x21-\x7e]{8,128}"
_TOKEN = re.compile(TOKEN_SHAPE)
_KEY = re.compile(KEY_SHAPE)
_MAX_DEPTH = 8


@dataclass(frozen=True)
class Arguments:
    model: BaseModel
    """The tool's `input`."""
    fields: Mapping[str, Any]
    """The same as JSON values without nulls."""
    verification_token: str | None
    key: str | None


def read_arguments(tool: Tool, caller: Caller, raw: Mapping[str, object]) -> Arguments | Invalid:
    """NFC, then the tool's own input model. `Invalid.fields` names fields, never values."""
    try:
        given = cast("dict[str, object]", _nfc(raw, 0))
    except _TooDeep:
        return Invalid(fields=("(too deep)",))
    token = key = None
    if caller.kind is not CallerKind.AGENT:
        if needs_proof(tool):
            token = given.pop(VERIFICATION_TOKEN, None)
        key = given.pop(IDEMPOTENCY_KEY, None)
    wrong = [
        name
        for name, value, shape in ((VERIFICATION_TOKEN, token, _TOKEN), (IDEMPOTENCY_KEY, key, _KEY))
        if not _fits(value, shape)
    ]
    if wrong:
        return Invalid(fields=tuple(wrong))
    try:
        model = tool.input.model_validate(given)
    except ValidationError as error:
        return Invalid(
            fields=tuple(
                dict.fromkeys(_name(problem["loc"]) for problem in error.errors(include_input=False, include_url=False))
            )
        )
    return Arguments(model, fields_of(model), cast("str | None", token), cast("str | None", key))


def needs_proof(tool: Tool) -> bool:
    """Whether a proof of who asks can matter to it."""
    return tool.assurance is not Assurance.ANONYMOUS or tool.assurance_when is not None


def fields_of(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True)


def signed(tool: Tool, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into digest and seal: everything but the tool's unsigned fields."""
    return {name: value for name, value in fields.items() if name not in tool.unsigned_fields}


def digest(hasher: Hasher, org: OrgId, tool: Tool, fields: Mapping[str, Any]) -> str:
    """`hmac:<hex>` over canonical JSON `{org, tool, version, arguments}`; keyed, since a bare hash of a phone could be guessed."""
    text = canonical(
        {"org": org, "tool": tool.name, "version": tool.version, "arguments": _nfc(signed(tool, fields), 0)}
    )
    return "hmac:" + hasher.digest(text)


def names_of(model: type[BaseModel]) -> frozenset[str]:
    """What an argument may be called: the fields, what else they are called, and what belongs to the call."""
    names = set(JUDGED_FIRST)
    for name, field in model.model_fields.items():
        names.add(name)
        match field.validation_alias:
            case str() as alias:
                names.add(alias)
            case AliasChoices(choices=choices):
                names.update(choice for choice in choices if isinstance(choice, str))
            case _:
                pass
    return frozenset(names)


class _TooDeep(Exception):
    pass


def _nfc(value: object, depth: int) -> object:
    if depth > _MAX_DEPTH:
        raise _TooDeep
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        return {unicodedata.normalize("NFC", str(k)): _nfc(v, depth + 1) for k, v in items.items()}
    if isinstance(value, (list, tuple)):
        members = cast("Sequence[object]", value)
        return [_nfc(member, depth + 1) for member in members]
    return value


def _fits(value: object, shape: re.Pattern[str]) -> bool:
    return value is None or (isinstance(value, str) and shape.fullmatch(value) is not None)


def _name(location: tuple[int | str, ...]) -> str:
    return mask_text(".".join(str(part) for part in location))[:60] or "(whole)"
