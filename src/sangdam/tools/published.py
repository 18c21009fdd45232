"""What a tool takes and gives, as JSON schemas for programs. Pure.

Some names belong to the call and not to the tool: who asks on whose behalf, with what proof, and what makes a repeat harmless.
Over HTTP most of them stand beside the arguments; MCP has arguments only.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

from sangdam.tools.arguments import IDEMPOTENCY_KEY, KEY_SHAPE, TOKEN_SHAPE, VERIFICATION_TOKEN, needs_proof
from sangdam.tools.model import Tool

SESSION = "session_id"
STAFF_REASON = "staff_reason"
CONFIRMATION_DIGEST = "confirmation_digest"

Way = Literal["params", "on_behalf", "staff"]
"""`params`: HTTP's, where the rest of a call stands beside them. The others are MCP's, by what the token acts as."""

OF_THE_CALL: Mapping[str, Mapping[str, Any]] = {
    SESSION: {
        "type": "string",
        "format": "uuid",
        "description": "The conversation this is about: whatever needs to know who asks needs one.",
    },
    VERIFICATION_TOKEN: {
        "type": "string",
        "pattern": f"^{TOKEN_SHAPE}$",
        "description": "Proof of who asks, as verify_otp or verify_orderer gave it in the same conversation.",
    },
    STAFF_REASON: {
        "type": "string",
        "minLength": 5,
        "maxLength": 200,
        "description": "Why a member of staff looks or acts; it is written down.",
    },
    CONFIRMATION_DIGEST: {
        "type": "string",
        "maxLength": 100,
        "description": "Of exactly these arguments, once a person approved them. Leave it out the first time.",
    },
    IDEMPOTENCY_KEY: {
        "type": "string",
        "pattern": f"^{KEY_SHAPE}$",
        "description": "New for each thing to be done, the same when a call is repeated: then the first outcome comes back.",
    },
}


def published_schema(tool: Tool, way: Way = "params") -> dict[str, Any]:
    """Of the arguments, JSON Schema 2020-12, without room for unknown names."""
    schema = tool.input.model_json_schema()
    names: list[str] = []
    needed: list[str] = []
    if way != "params":
        names.append(SESSION)
    if way == "staff":
        names.append(STAFF_REASON)
        needed.append(STAFF_REASON)
    elif needs_proof(tool):
        names.append(VERIFICATION_TOKEN)
    if tool.effect == "write":
        names.append(IDEMPOTENCY_KEY)
        if way != "params":  # HTTP has a header for it
            needed.append(IDEMPOTENCY_KEY)
    if tool.confirmation and way != "params":
        names.append(CONFIRMATION_DIGEST)
    properties = {**schema.get("properties", {}), **{name: dict(OF_THE_CALL[name]) for name in names}}
    required = [*schema.get("required", ()), *needed]
    rest = {name: value for name, value in schema.items() if name not in ("properties", "required")}
    return {
        **rest,
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def published_output(tool: Tool, *, masked: bool = False) -> dict[str, Any]:
    """Of what `Done` carries. `masked`: for whom any value may be shown as its mask, a text whatever the value was.

    Nothing of a write is promised: when its words have been erased, a repeat learns only that it was done.
    """
    schema = tool.output.model_json_schema(mode="serialization")
    if tool.effect == "write":
        schema.pop("required", None)
    return _with_masks(schema) if masked else schema


def _with_masks(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a whole, whose parts may be masks."""
    copy = dict(schema)
    for name in ("properties", "$defs"):
        if name in copy:
            parts = cast("Mapping[str, Mapping[str, Any]]", copy[name])
            copy[name] = {
                key: _or_mask(part) if name == "properties" else _with_masks(part) for key, part in parts.items()
            }
    if isinstance(copy.get("additionalProperties"), dict):
        copy["additionalProperties"] = _or_mask(copy["additionalProperties"])
    return copy


def _or_mask(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "array":
        copy = dict(schema)
        if isinstance(copy.get("items"), dict):
            copy["items"] = _or_mask(copy["items"])
        if "prefixItems" in copy:
            copy["prefixItems"] = [_or_mask(item) for item in copy["prefixItems"]]
        return copy
    if schema.get("type") == "object":
        return _with_masks(schema)
    return {"anyOf": [dict(schema), {"type": "string"}]}
