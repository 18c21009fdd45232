"""The way into the Admin API: an admitted call, the table of routes and the shape of its answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar
from urllib.parse import urlencode

from cafe24_sandbox.model import Mall, Order
from cafe24_sandbox.times import months_after, read_moment
from cafe24_sandbox.wire import Envelope, Fields, Obj, Refused, as_list, as_object


@dataclass(frozen=True, slots=True)
class Ask:
    """One admitted call. `base` is what the mall's own links start with; `args` are the path's filled places in order."""

    mall: Mall
    now: datetime
    path: str
    query: Fields
    body: bytes
    args: tuple[str, ...]
    base: str

    @property
    def by(self) -> str:
        """The admin user a change is written down for: the account that consented."""
        return self.mall.id


@dataclass(frozen=True, slots=True)
class Mixed:
    """A write of many objects of which some failed: 207."""

    body: Obj


Endpoint: TypeAlias = Callable[[Ask], Obj | Mixed]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    template: str
    scope: str
    call: Endpoint
    bucket: int = 40
    restricted: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))

    @property
    def status(self) -> int:
        return 201 if self.method == "POST" else 200


class Routes:
    """Routes found by method and path; a spelled-out segment wins over a place."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._found: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
        for route in routes:
            segments = route.segments
            self._found.setdefault((route.method, len(segments)), []).append((segments, route))
        for rows in self._found.values():
            rows.sort(key=lambda row: sum(s.startswith("{") for s in row[0]))

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        parts = tuple(path.strip("/").split("/"))
        for segments, route in self._found.get((method, len(parts)), ()):
            if all(s == p or s.startswith("{") for s, p in zip(segments, parts, strict=True)):
                return route, tuple(p for s, p in zip(segments, parts, strict=True) if s.startswith("{"))
        return None


def each_row(root: str, envelope: Envelope, step: Callable[[Fields], Obj]) -> Obj | Mixed:
    """Write object by object; a lone failure is the call's own, a failure beside successes makes it a 207."""
    shown: list[Obj] = []
    failures: list[Refused] = []
    for row in envelope.requests:
        try:
            shown.append(step(row))
        except Refused as refused:
            failures.append(refused)
            shown.append(
                {
                    "order_id": row.raw().get("order_id"),
                    "error": {"code": refused.status, "message": refused.message},
                }
            )
    if len(failures) == len(shown):
        raise failures[0]
    return Mixed({root: shown}) if failures else {root: shown}


def find_order(mall: Mall, order_id: str) -> Order:
    order = mall.orders.get(order_id)
    if order is None:
        raise Refused(404, "Order not found.")
    return order


def order_of(ask: Ask) -> Order:
    """The order the path names; 404 when the mall does not have it."""
    return find_order(ask.mall, ask.args[0])


def embedded(ask: Ask, allowed: Iterable[str]) -> frozenset[str]:
    """`embed=a,b`; names the endpoint does not know are passed over."""
    return frozenset(ask.query.texts("embed") or ()) & frozenset(allowed)


def only_fields(answer: Obj, wanted: list[str] | None) -> Obj:
    """`fields=a,b` on the top-level keys of the object or of every row."""
    if not wanted:
        return answer
    keep = frozenset(wanted)

    def cut(value: object) -> object:
        row = as_object(value)
        return value if row is None else {name: each for name, each in row.items() if name in keep}

    shown: Obj = {}
    for name, value in answer.items():
        rows = as_list(value)
        if name == "links":
            shown[name] = value
        elif rows is not None:
            shown[name] = [cut(row) for row in rows]
        else:
            shown[name] = cut(value)
    return shown


Row = TypeVar("Row")


def page_of(ask: Ask, rows: list[Row], *, most: int, furthest: int, default: int = 10) -> list[Row]:
    """The asked page; a limit or offset beyond the endpoint's is a 422."""
    limit = ask.query.whole("limit", 1, most) or default
    offset = ask.query.whole("offset", 0, furthest) or 0
    return rows[offset : offset + limit]


def links_of(ask: Ask, total: int, *, default: int = 10) -> list[Obj]:
    """`prev` and `next` as the lists that have them show them."""
    limit = ask.query.whole("limit", 1) or default
    offset = ask.query.whole("offset", 0) or 0
    pairs = {name: str(value) for name, value in ask.query.raw().items()}

    def link(rel: str, at: int) -> Obj:
        query = urlencode(pairs | {"limit": str(limit), "offset": str(at)})
        return {"rel": rel, "href": f"{ask.base}/api/v2/admin{ask.path}?{query}"}

    links: list[Obj] = []
    if offset > 0:
        links.append(link("prev", max(0, offset - limit)))
    if offset + limit < total:
        links.append(link("next", offset + limit))
    return links


def window_of(
    ask: Ask, *, months: int | None, needed: bool = False, first: str = "start_date", last: str = "end_date"
) -> tuple[datetime, datetime] | None:
    """The date window of a call, both ends included; None when it has none.

    422 for one end alone, a broken date, an end before the start or a window longer than `months`.
    """
    opening, closing = ask.query.text(first), ask.query.text(last)
    if not opening and not closing:
        if needed:
            raise ask.query.refuse(first, "is a required field.")
        return None
    if not opening or not closing:
        raise ask.query.refuse(last if opening else first, "is a required field.")
    start, end = read_moment(opening), read_moment(closing, end_of_day=True)
    if start is None:
        raise ask.query.refuse(first, "is not a valid date.")
    if end is None:
        raise ask.query.refuse(last, "is not a valid date.")
    if end < start:
        raise ask.query.refuse(last, "must not be before the start.")
    if months is not None and end >= months_after(start, months) + timedelta(days=1):
        raise ask.query.refuse(last, f"The search period is up to {months} months.")
    return start, end
