"""The JSON schema of a foreign tool's arguments: taken only if it can be understood whole, validated in bounded time. Pure.

Schemas are read as draft 2020-12. A keyword that would change what is valid and is not understood here makes the tool unusable:
half a check is none. Nothing is ever fetched: a `$ref` points into the same document.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self, cast

from jsonschema import Draft202012Validator
from jsonschema import validators as jsonschema_validators
from jsonschema.exceptions import ValidationError as SchemaMismatch
from pydantic import RootModel, ValidationError, ValidatorFunctionWrapHandler, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from sangdam.tools.external.address import Unfit
from sangdam.tools.external.patterns import Steps, TooLong, Untaken, compiled
from sangdam.tools.external.text import plain_text

LARGEST_SCHEMA = 64 * 1024
"""Bytes of JSON."""
DEEPEST_SCHEMA = 32
MOST_NODES = 2000
LARGEST_ARGUMENTS = 64 * 1024
MOST_VALUES = 4000
"""Names of fields count too."""
BUDGET = 100_000
"""Steps of one validation; spent in about a quarter of a second at the worst."""
REF_PRICE = 16
MOST_PROBLEMS = 10
RESERVED = frozenset(
    {"customer_verification_token", "idempotency_key", "confirmation_digest", "session_id", "as_staff", "staff_reason"}
)
"""Names that belong to a call of ours: a tool that asks for one would be handed what is not meant for it."""

_SCHEMA = frozenset({"additionalProperties", "contains", "propertyNames", "not", "if", "then", "else", "items"})
_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "dependentSchemas", "$defs", "definitions"})
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"})  # fmt: skip
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_SHOWN = frozenset({"title", "description", "format"})
_IGNORED = frozenset(
    {
        "$schema", "$comment", "default", "examples", "example", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "nullable", "markdownDescription",
        "enumDescriptions", "enumNames", "deprecationMessage", "errorMessage", "title", "description", "format", "deprecated",
    }
)  # fmt: skip
"""Change nothing of what is valid."""
_TYPES = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})
_BESIDE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$ref")
"""Apply to the very value their schema applies to."""


@dataclass(frozen=True)
class Shape:
    """A schema that was understood."""

    published: Mapping[str, Any]
    """What others are shown: understood keywords only, texts made plain."""
    names: frozenset[str] | None
    """The properties there are; None when others may be given too."""

    def problems(self, given: Mapping[str, object]) -> tuple[tuple[str | int, ...], ...]:
        """Paths of what does not fit, ten at most; empty when it fits."""
        unknown = set(given) - self.names if self.names is not None else set[str]()
        wrong = [(name,) for name in sorted({*unknown, *(RESERVED & set(given))})]
        if wrong:
            return tuple(wrong[:MOST_PROBLEMS])
        weight = _weight(given)
        if weight is None:
            return (("(too large)",),)
        steps = Steps(BUDGET)
        token = _SPENDING.set((steps, 1 + weight // 1024))
        try:
            validator = _Validator(self.published)
            found: list[tuple[str | int, ...]] = []
            for mismatch in cast("Iterator[SchemaMismatch]", validator.iter_errors(given)):
                found.extend(_places(mismatch))
                if len(found) >= MOST_PROBLEMS:
                    break
            return tuple(dict.fromkeys(found))[:MOST_PROBLEMS]
        except (TooLong, RecursionError, ArithmeticError):
            return (("(too complex)",),)
        finally:
            _SPENDING.reset(token)


def read_shape(schema: Mapping[str, Any]) -> Shape | Unfit:
    """Of a listed tool's `inputSchema`."""
    try:
        if len(json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()) > LARGEST_SCHEMA:
            return Unfit("its schema is larger than 64 KB")
        if any(isinstance(each, str) and "\x00" in each for each in _values(schema)):
            return Unfit("its schema cannot be read")
        reader = _Reading(schema)
        published = reader.read(schema, 0)
        if schema.get("type") != "object":
            return Unfit("its arguments are not an object")
        reader.check_refs()
        names, is_open = reader.names()
        if asked := RESERVED & names:
            return Unfit(f"it asks for {min(asked)}, which belongs to our own calls")
    except (_NotTaken, Untaken) as not_taken:
        return Unfit(str(not_taken))
    except (RecursionError, ValueError, ArithmeticError):
        return Unfit("its schema cannot be read")
    if not is_open and "additionalProperties" not in published and names <= set(_map(published.get("properties", {}))):
        published["additionalProperties"] = False
    return Shape(published, None if is_open else names)


class ForeignArguments(RootModel[dict[str, Any]]):
    """Arguments of a foreign tool; `input_of` makes one such class a schema."""

    shape: ClassVar[Shape] = Shape({"type": "object", "additionalProperties": False}, frozenset())

    @model_validator(mode="wrap")
    @classmethod
    def _fits(cls, given: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        taken = handler(given)
        places = cls.shape.problems(taken.root)
        if places:
            fault = PydanticCustomError("schema", "does not fit the tool's schema")
            raise ValidationError.from_exception_data(
                cls.__name__, [InitErrorDetails(type=fault, loc=place, input=None) for place in places]
            )
        return taken

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(cls.shape.published)


def input_of(schema: Mapping[str, Any]) -> type[ForeignArguments] | Unfit:
    """A model class of that schema; the same schema gives the same class."""
    return _input_of(json.dumps(schema, sort_keys=True, ensure_ascii=False))


@lru_cache(maxsize=512)
def _input_of(text: str) -> type[ForeignArguments] | Unfit:
    shape = read_shape(json.loads(text))
    if isinstance(shape, Unfit):
        return shape
    return type("ForeignArguments", (ForeignArguments,), {"shape": shape, "__module__": __name__})


class _NotTaken(Exception):
    pass


class _Reading:
    """One walk over a schema: every keyword understood, counted, and copied in a form that may be shown."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0
        self._refs: set[str] = set()

    def read(self, schema: object, depth: int) -> Any:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            raise _NotTaken("its schema is malformed")
        self._nodes += 1
        if depth > DEEPEST_SCHEMA or self._nodes > MOST_NODES:
            raise _NotTaken("its schema is too deep or too large")
        copy: dict[str, Any] = {}
        for key, value in cast("Mapping[str, Any]", schema).items():
            if key in _SCHEMA:
                copy[key] = self.read(value, depth + 1)
            elif key in _SCHEMAS:
                copy[key] = [self.read(each, depth + 1) for each in _list(value, least=1)]
            elif key in _NAMED:
                copy[key] = {_name(name): self.read(each, depth + 1) for name, each in _map(value).items()}
            elif key == "$ref":
                self._refs.add(_local(value))
                copy[key] = value
            elif key in _SHOWN and isinstance(value, str):
                copy[key] = plain_text(value, 300)
            elif key not in _IGNORED and not key.startswith("x-"):
                copy[key] = _plain_keyword(key, value)
            elif key == "x-mcp-header":
                raise _NotTaken("it wants arguments in headers")
        return copy

    def check_refs(self) -> None:
        """Every reference leads to a schema of this document, and none of them goes round in a circle on the spot."""
        for ref in self._refs:
            self._target(ref)
        done: set[int] = set()
        for ref in self._refs:
            self._no_circle(self._target(ref), (), done)
        self._no_circle(self._root, (), done)

    def names(self) -> tuple[frozenset[str], bool]:
        """The properties named for the object itself, and whether it says that there may be others."""
        names: set[str] = set()
        is_open = False
        for schema in self._beside(self._root):
            names.update(_map(schema.get("properties", {})))
            others = schema.get("additionalProperties", False)
            is_open = is_open or others is not False
        return frozenset(names), is_open

    def _beside(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        seen: set[int] = set()
        waiting: list[object] = [schema]
        while waiting:
            each = waiting.pop()
            if isinstance(each, Mapping) and id(cast("object", each)) not in seen:
                one = cast("Mapping[str, Any]", each)
                seen.add(id(one))
                yield one
                waiting.extend(self._parts_beside(one))

    def _parts_beside(self, schema: Mapping[str, Any]) -> Iterator[object]:
        for key in _BESIDE:
            value = schema.get(key)
            if key == "$ref" and value is not None:
                yield self._target(str(value))
            elif isinstance(value, list):
                yield from cast("list[object]", value)
            elif key == "dependentSchemas" and isinstance(value, Mapping):
                yield from cast("Mapping[str, object]", value).values()
            elif value is not None:
                yield value

    def _no_circle(self, schema: object, path: tuple[int, ...], done: set[int]) -> None:
        if not isinstance(schema, Mapping) or id(cast("object", schema)) in done:
            return
        one = cast("Mapping[str, Any]", schema)
        if id(one) in path:
            raise _NotTaken("its schema refers to itself in a circle")
        if len(path) > DEEPEST_SCHEMA:
            raise _NotTaken("its schema is too deep or too large")
        for part in self._parts_beside(one):
            self._no_circle(part, (*path, id(one)), done)
        done.add(id(one))

    def _target(self, ref: str) -> object:
        at: object = self._root
        for part in ref.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(at, Mapping) or name not in at:
                raise _NotTaken("its schema refers to what is not there")
            at = cast("Mapping[str, object]", at)[name]
        if not isinstance(at, Mapping | bool):
            raise _NotTaken("its schema refers to what is no schema")
        return cast("object", at)


def _local(ref: object) -> str:
    """`#`, `#/$defs/<name>`, `#/definitions/<name>` or a path through properties; percent signs are not understood."""
    if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")) or "%" in ref:
        raise _NotTaken("its schema refers to another document")
    parts = ref.split("/")[1:]
    # Only through keywords that hold schemas: everything there was read and checked.
    while parts:
        keyword = parts.pop(0)
        if keyword in _NAMED and parts:
            parts.pop(0)
        elif keyword not in _SCHEMA:
            raise _NotTaken("its schema refers to what is no schema")
    return ref


def _list(value: object, *, least: int = 0) -> list[Any]:
    if not isinstance(value, list) or len(cast("list[object]", value)) < least:
        raise _NotTaken("its schema is malformed")
    return cast("list[Any]", value)


def _map(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _NotTaken("its schema is malformed")
    return cast("Mapping[str, Any]", value)


def _name(name: str) -> str:
    if not name or plain_text(name, 80) != name:
        raise _NotTaken("its schema has a name that is no name")
    return name


def _words(value: object) -> list[str]:
    words = _list(value)
    if not all(isinstance(word, str) for word in words):
        raise _NotTaken("its schema is malformed")
    return words


def _plain_keyword(key: str, value: object) -> object:
    """A keyword that holds no schema, checked so that validating cannot stumble over it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    match key:
        case "type":
            kinds = [value] if isinstance(value, str) else _words(value)
            fits = bool(kinds) and set(kinds) <= _TYPES
        case "enum":
            fits = bool(_list(value))
        case "const":
            fits = True
        case "required":
            fits = len(_words(value)) >= 0
        case "dependentRequired":
            fits = all(len(_words(names)) >= 0 for names in _map(value).values())
        case "pattern":
            fits = isinstance(value, str)
            compiled(str(value))
        case "uniqueItems":
            fits = isinstance(value, bool)
        case _ if key in _COUNTS:
            fits = is_number and isinstance(value, int) and value >= 0
        case _ if key in _NUMBERS:
            fits = is_number and (key != "multipleOf" or cast("float", value) > 0)
        case _:
            raise _NotTaken(f"its schema says {plain_text(key, 40)}, which is not understood")
    if not fits:
        raise _NotTaken("its schema is malformed")
    return value


# Validation, counted

_SPENDING: ContextVar[tuple[Steps, int]] = ContextVar("spending")
_Rule = Callable[[Any, Any, Any, Any], Any]


def _counted(rule: _Rule) -> _Rule:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[SchemaMismatch]:
        steps, price = _SPENDING.get()
        size = len(cast("Sequence[Any]", value)) if isinstance(value, list | dict) else 0
        steps.spend(price + size + (REF_PRICE if "$ref" in schema else 0))
        yield from rule(validator, value, instance, schema) or ()

    return counted


def _pattern(_validator: Any, source: str, instance: Any, _schema: Any) -> Iterator[SchemaMismatch]:
    if isinstance(instance, str) and not compiled(source).found_in(instance, _SPENDING.get()[0]):
        yield SchemaMismatch("does not match")


def _unique(_validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[SchemaMismatch]:
    if wanted and isinstance(instance, list):
        members = [json.dumps(member, sort_keys=True) for member in cast("list[Any]", instance)]
        if len(set(members)) != len(members):
            yield SchemaMismatch("has the same member twice")


_Validator: Any = cast("Any", jsonschema_validators).extend(
    Draft202012Validator,
    {
        name: _counted(rule)
        for name, rule in {
            **cast("Mapping[str, _Rule]", cast("Any", Draft202012Validator).VALIDATORS),
            "pattern": _pattern,
            "uniqueItems": _unique,
        }.items()
    },
)


def _values(value: object) -> Iterator[object]:
    """All that is in it, names of fields too."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, Mapping):
            waiting.extend(part for pair in cast("Mapping[str, object]", each).items() for part in pair)
        elif isinstance(each, list):
            waiting.extend(cast("list[object]", each))


def _weight(given: Mapping[str, object]) -> int | None:
    """Bytes of the arguments as JSON; None when they are too many or no JSON."""
    for values, each in enumerate(_values(given)):
        if values >= MOST_VALUES or (isinstance(each, str) and "\x00" in each):
            return None
    try:
        size = len(json.dumps(given, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError):  # no JSON, a number without end, half a character
        return None
    return size if size <= LARGEST_ARGUMENTS else None


def _places(mismatch: SchemaMismatch) -> Iterator[tuple[str | int, ...]]:
    """Where it does not fit; a field that is missing is named itself."""
    place = tuple(mismatch.absolute_path)
    instance = cast("object", mismatch.instance)
    if mismatch.validator == "required" and isinstance(instance, Mapping):
        required = cast("Sequence[str]", mismatch.validator_value)
        yield from ((*place, name) for name in required if name not in instance)
    else:
        yield place
