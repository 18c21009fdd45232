"""Regular expressions of foreign schemas, matched in time proportional to text times pattern: no pattern can hang the process. Pure.

The language is ECMA-262's as JSON Schema uses it (search, not match; `\\d` is ASCII), without what needs backtracking: look-around,
back-references and `\\b` are not understood, and a tool whose schema needs them is not taken.
"""

from dataclasses import dataclass, field
from functools import lru_cache

LONGEST_PATTERN = 512
MOST_STATES = 600
_MOST_REPEATS = 256

_DIGIT = ((0x30, 0x39),)
_WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE = ((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF))  # fmt: skip
_LINE_ENDS = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_LAST = 0x10FFFF
_ESCAPED = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D, "0": 0x00}

Ranges = tuple[tuple[int, int], ...]


class Untaken(ValueError):
    """A pattern that is malformed, too large, or needs backtracking."""


class TooLong(Exception):
    """The budget of a match is spent."""


@dataclass
class Steps:
    """How much work is left for one validation."""

    left: int

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise TooLong


@dataclass(frozen=True)
class _Node:
    """A piece of a pattern: `kind` is one of set, begin, end, then, either, repeat."""

    kind: str
    ranges: Ranges = ()
    parts: tuple["_Node", ...] = ()
    least: int = 0
    most: int | None = None


@dataclass
class _States:
    """An automaton: each state consumes a set, asserts a place, or goes on to others without consuming."""

    sets: list[Ranges | None] = field(default_factory=list[Ranges | None])
    places: list[str | None] = field(default_factory=list[str | None])
    nexts: list[list[int]] = field(default_factory=list[list[int]])

    def add(self, ranges: Ranges | None = None, place: str | None = None) -> int:
        if len(self.sets) >= MOST_STATES:
            raise Untaken("a pattern is too large")
        self.sets.append(ranges)
        self.places.append(place)
        self.nexts.append([])
        return len(self.sets) - 1


@dataclass(frozen=True)
class Pattern:
    _states: _States
    _first: int
    _last: int

    def found_in(self, text: str, steps: Steps) -> bool:
        """Whether the pattern occurs anywhere in the text. Raises TooLong."""
        states, size = self._states, len(text)
        live: set[int] = set()
        for place in range(size + 1):
            live = self._reached({*live, self._first}, at_begin=place == 0, at_end=place == size)
            steps.spend(1 + len(live) // 4)
            if self._last in live:
                return True
            if place == size:
                return False
            code = ord(text[place])
            live = {
                following
                for state in live
                if (ranges := states.sets[state]) is not None and _in(code, ranges)
                for following in states.nexts[state]
            }
        return False

    def _reached(self, live: set[int], *, at_begin: bool, at_end: bool) -> set[int]:
        states, waiting = self._states, list(live)
        while waiting:
            state = waiting.pop()
            place = states.places[state]
            if states.sets[state] is not None or (place == "begin" and not at_begin) or (place == "end" and not at_end):
                continue
            for following in states.nexts[state]:
                if following not in live:
                    live.add(following)
                    waiting.append(following)
        return live


@lru_cache(maxsize=512)
def compiled(source: str) -> Pattern:
    """Raises Untaken."""
    if len(source) > LONGEST_PATTERN:
        raise Untaken("a pattern is too long")
    reader = _Reader(source)
    node = reader.alternatives()
    if not reader.at_end:
        raise Untaken("a pattern has a bracket too many")
    states = _States()
    last = states.add()
    return Pattern(states, _build(states, node, last), last)


def _in(code: int, ranges: Ranges) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _build(states: _States, node: _Node, after: int) -> int:
    """The state at which `node`, followed by `after`, begins."""
    match node.kind:
        case "set":
            state = states.add(node.ranges)
            states.nexts[state].append(after)
            return state
        case "begin" | "end":
            state = states.add(place=node.kind)
            states.nexts[state].append(after)
            return state
        case "then":
            for part in reversed(node.parts):
                after = _build(states, part, after)
            return after
        case "either":
            fork = states.add()
            states.nexts[fork].extend([_build(states, part, after) for part in node.parts])
            return fork
        case _:
            return _build_repeat(states, node, after)


def _build_repeat(states: _States, node: _Node, after: int) -> int:
    part = node.parts[0]
    if node.most is None:
        loop = states.add()
        states.nexts[loop].extend([_build(states, part, loop), after])
        first = loop
    else:
        first = after
        for _ in range(node.most - node.least):
            fork = states.add()
            states.nexts[fork].extend([_build(states, part, first), after])
            first = fork
    for _ in range(node.least):
        first = _build(states, part, first)
    return first


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._depth = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._source)

    def alternatives(self) -> _Node:
        self._depth += 1
        if self._depth > 20:
            raise Untaken("a pattern is nested too deep")
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else _Node("either", parts=tuple(parts))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while not self.at_end and self._source[self._at] not in "|)":
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else _Node("then", parts=tuple(parts))

    def _repeated(self) -> _Node:
        node = self._single()
        least, most = self._count()
        if (least, most) == (1, 1):
            return node
        if node.kind in ("begin", "end"):
            raise Untaken("a pattern repeats a place")
        self._take("?")  # lazy or greedy: whether it occurs is the same
        if self._count() != (1, 1):
            raise Untaken("a pattern repeats a repeat")
        return _Node("repeat", parts=(node,), least=least, most=most)

    def _count(self) -> tuple[int, int | None]:
        if self._take("*"):
            return 0, None
        if self._take("+"):
            return 1, None
        if self._take("?"):
            return 0, 1
        if not self._take("{"):
            return 1, 1
        least = self._number()
        most: int | None = least
        if self._take(","):
            most = None if self._peek() == "}" else self._number()
        if not self._take("}") or (most is not None and most < least) or max(least, most or 0) > _MOST_REPEATS:
            raise Untaken("a pattern has a count that is not understood")
        return least, most

    def _number(self) -> int:
        begun = self._at
        while self._peek().isascii() and self._peek().isdigit():
            self._at += 1
        digits = self._source[begun : self._at]
        if not 1 <= len(digits) <= 4:
            raise Untaken("a pattern has a count that is not understood")
        return int(digits)

    def _single(self) -> _Node:
        match sign := self._next():
            case "^":
                return _Node("begin")
            case "$":
                return _Node("end")
            case ".":
                return _Node("set", _without(_LINE_ENDS))
            case "(":
                if self._take("?") and not self._take(":"):
                    raise Untaken("a pattern looks around or names a group")
                inner = self.alternatives()
                if not self._take(")"):
                    raise Untaken("a pattern has an open bracket")
                return inner
            case "[":
                return _Node("set", self._class())
            case "\\":
                return _Node("set", self._escape())
            case "*" | "+" | "?" | "{":
                raise Untaken("a pattern repeats nothing")
            case _:
                return _Node("set", ((ord(sign), ord(sign)),))

    def _class(self) -> Ranges:
        inverted = self._take("^")
        ranges: list[tuple[int, int]] = []
        while not self._take("]"):
            low = self._member()
            if self._peek() == "-" and self._peek(1) not in ("]", ""):
                self._next()
                high = self._member()
                if not (_is_one(low) and _is_one(high)) or high[0][0] < low[0][0]:
                    raise Untaken("a pattern has a range that is not understood")
                ranges.append((low[0][0], high[0][0]))
            else:
                ranges.extend(low)
        return _without(tuple(ranges)) if inverted else tuple(ranges)

    def _member(self) -> Ranges:
        sign = self._next()
        if sign == "\\":
            return ((0x08, 0x08),) if self._take("b") else self._escape()
        return ((ord(sign), ord(sign)),)

    def _escape(self) -> Ranges:
        match sign := self._next():
            case "d":
                return _DIGIT
            case "D":
                return _without(_DIGIT)
            case "w":
                return _WORD
            case "W":
                return _without(_WORD)
            case "s":
                return _SPACE
            case "S":
                return _without(_SPACE)
            case "x":
                return self._hex(2)
            case "u":
                return self._hex(4)
            case _ if sign in _ESCAPED:
                return ((_ESCAPED[sign], _ESCAPED[sign]),)
            case _ if sign.isalnum():
                raise Untaken("a pattern has an escape that is not understood")
            case _:
                return ((ord(sign), ord(sign)),)

    def _hex(self, digits: int) -> Ranges:
        text = self._source[self._at : self._at + digits]
        self._at += digits
        if len(text) != digits or any(sign not in "0123456789abcdefABCDEF" for sign in text):
            raise Untaken("a pattern has an escape that is not understood")
        code = int(text, 16)
        if 0xD800 <= code <= 0xDFFF:
            raise Untaken("a pattern has half a character")
        return ((code, code),)

    def _peek(self, ahead: int = 0) -> str:
        return self._source[self._at + ahead : self._at + ahead + 1]

    def _next(self) -> str:
        sign = self._peek()
        if not sign:
            raise Untaken("a pattern ends too early")
        self._at += 1
        return sign

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _without(ranges: Ranges) -> Ranges:
    """Everything else."""
    others: list[tuple[int, int]] = []
    begun = 0
    for low, high in sorted(ranges):
        if low > begun:
            others.append((begun, low - 1))
        begun = max(begun, high + 1)
    if begun <= _LAST:
        others.append((begun, _LAST))
    return tuple(others)
