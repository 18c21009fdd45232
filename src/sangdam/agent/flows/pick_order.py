"""Which order: by its number, or from the list of a proved phone (dialogue.md §6.2). Ownership is judged by the tool, never here."""

from datetime import date, timedelta
from typing import Any

from sangdam.agent.flow import (
    Ask,
    Button,
    Card,
    Choice,
    Chosen,
    Flow,
    Given,
    Option,
    ask,
    choose,
    known,
    note,
    say,
    who,
)
from sangdam.agent.flows.identify import BY_PHONE, Identified, Left, OtherWay, Proved, by_order, by_phone
from sangdam.agent.flows.steps import PERSON, attempt, offer_person, way
from sangdam.core.facts import ListOrdersOut, OrderSummary
from sangdam.core.korean import korean_date
from sangdam.core.shop import StatusClass
from sangdam.tools.model import Assurance, Done, Failed

PAGE = 5
FETCH = 20
TRIES = 4
WIDE_DAYS = 365
TRACKING = "배송 조회"
"""The purpose whose list begins with what is on its way."""


def owned_order(tool: str, purpose: str) -> Flow[Done | None]:
    """An order of the shopper's, read by `tool`. None: it was not found or given up, and the shopper was told how it goes on."""
    not_found = 0
    order_id: str | None = yield from known("order_id")
    for _ in range(TRIES):
        picked = yield from pick_order(order_id, purpose)
        if picked is None:
            return None
        outcome = yield from attempt(tool, f"{purpose}: 주문 {picked} 확인이 안 돼요", order_id=picked)
        match outcome:
            case Done():
                yield from note("order_id", picked)
                return outcome
            case Failed():
                not_found += 1
                yield from note("order_id", None)
                order_id = None
                if not_found >= 2:
                    yield from offer_person("w.notfound_person", "failed", "주문을 찾지 못했어요")
                    return None
                fixed = yield from ask(
                    Ask(
                        "order_again",
                        "order_id_or_phone",
                        "w.notfound",
                        ("order_id", "way"),
                        buttons=(way("button.from_list", "list"), PERSON),
                        prefill=False,
                    )
                )
                order_id = fixed.value if fixed.slot == "order_id" else None
            case _:
                return None
    return None


def pick_order(order_id: str | None, purpose: str) -> Flow[str | None]:
    """An order id with an identity that may read it, or None."""
    found_by: Identified | None = None
    for _ in range(TRIES):
        me = yield from who()
        if order_id is not None:
            if me.level is Assurance.VERIFIED or me.covers("orders", order_id):
                return order_id
            found_by = yield from by_order(order_id)
        elif me.level is Assurance.VERIFIED:
            return (yield from from_list(purpose))
        elif isinstance(found_by, OtherWay) and found_by.by == "phone":
            found_by = yield from by_phone("orders")
        else:
            given = yield from ask(order_or_phone(found_by))
            match given:
                case Given("order_id", value):
                    order_id, found_by = value, None
                    continue
                case Given("outside_order", _):
                    yield from say("pick.outside_order")
                    continue
                case Given("no_phone", _):
                    yield from offer_person(
                        "pick.no_way", "failed", "주문번호도 휴대폰도 없어서 상담원 확인이 필요해요"
                    )
                    return None
                case _:
                    found_by = yield from by_phone("orders")
        match found_by:
            case Proved(proved_order):
                if proved_order is not None:
                    return proved_order
            case OtherWay(by=by, order_id=given_order):
                order_id = given_order if by == "order" else None
            case Left():
                return None
    yield from offer_person("w.notfound_person", "failed", "주문자 확인을 마치지 못했어요")
    return None


def order_or_phone(found_by: Identified | None) -> Ask:
    """The order number alone is asked for after the phone turned out to be no way."""
    if isinstance(found_by, OtherWay):
        return Ask(
            "order_number",
            "order_id_or_phone",
            "pick.ask_order",
            ("order_id", "way", "outside_order", "no_phone", "dont_know"),
            buttons=(BY_PHONE, PERSON),
        )
    return Ask(
        "order_or_phone",
        "order_id_or_phone",
        "pick.ask",
        ("order_id", "phone", "landline", "safe_number", "outside_order", "dont_know", "no_phone", "way"),
        buttons=(PERSON,),
    )


def from_list(purpose: str) -> Flow[str | None]:
    """The proved phone's orders, newest first, five a page; words of the first message (a day, a product) filter first."""
    period: dict[str, Any] | None = yield from known("period")
    product: str | None = yield from known("product_query")
    offset = 0
    wide = False
    seen: dict[tuple[int, str], ListOrdersOut] = {}
    while True:
        window: dict[str, str] = {}
        if period is not None:
            window = {"start_date": period["start"], "end_date": period["end"]}
        elif wide:
            today = date.fromisoformat((yield from known("today")))
            window = {"start_date": str(today - timedelta(days=WIDE_DAYS)), "end_date": str(today)}
        asked = (offset // FETCH + 1, window.get("start_date", ""))
        if asked not in seen:
            listed = yield from fetch(purpose, asked[0], window)
            if listed is None:
                return None
            seen[asked] = listed
        listed = seen[asked]
        if period is not None or product is not None:
            fitting = [order for order in listed.orders if product is None or names_match(product, order.item_names)]
            if not fitting:
                if period is not None:  # a word may have been no product at all; a day certainly was a day
                    yield from say("pick.filter_none", what=filter_words(period, product))
                period = product = None
                continue
        else:
            fitting = list(listed.orders)
        if purpose == TRACKING:
            fitting.sort(key=lambda order: order.status_class is not StatusClass.IN_TRANSIT)
        filtered = period is not None or product is not None
        if not fitting and offset == 0:
            given = yield from ask(
                Ask(
                    f"none_found:{wide}",
                    "way",
                    "pick.none_wide" if wide else "pick.none",
                    ("way", "order_id", "phone"),
                    buttons=(
                        *(() if wide else (way("button.wider", "wider", primary=True),)),
                        way("button.by_order", "order"),
                        PERSON,
                    ),
                    prefill=False,
                )
            )
            match given:
                case Given("order_id", value):
                    return value
                case Given("way", "wider"):
                    wide = True
                case Given("way", _):
                    return (yield from number_instead())
                case _:
                    yield from offer_person("pick.other_phone", "failed", "다른 휴대폰으로 주문을 찾고 있어요")
                    return None
            continue
        total = len(fitting) if filtered else listed.total
        if not fitting:  # the list became shorter between two pages
            offset, seen = 0, {}
            continue
        if total == 1:
            only = fitting[0]
            yield from note("order_id", only.order_id)
            yield from say("pick.only", date=only.ordered_at, title=title_of(only))
            return only.order_id
        start = offset % FETCH
        shown = fitting[start : start + PAGE] or fitting[:PAGE]
        more = len(fitting) > start + PAGE or (not filtered and listed.has_more)
        picked = yield from choose(
            choice_of(
                shown, total, offset=offset, more=more, wide=wide, filtered=filtered, what=filter_words(period, product)
            )
        )
        match picked:
            case Given("order_id", value):
                return value
            case Given("way", _) | Given():
                return (yield from number_instead())
            case Chosen(page="next"):
                offset += PAGE if more else 0
            case Chosen(page="prev"):
                offset = max(0, offset - PAGE)
            case Chosen(page="wider"):
                period = product = None
                wide, offset = True, 0
            case Chosen(id=None):
                if filtered:
                    period = product = None
                    offset = 0
                    continue
                return (yield from number_instead())
            case Chosen(id=chosen):
                yield from note("order_id", chosen)
                return chosen


def fetch(purpose: str, page: int, window: dict[str, str]) -> Flow[ListOrdersOut | None]:
    outcome = yield from attempt(
        "list_orders", f"{purpose}: 주문 목록을 불러오지 못했어요", page=page, page_size=FETCH, **window
    )
    return ListOrdersOut.model_validate(outcome.result) if isinstance(outcome, Done) else None


def number_instead() -> Flow[str | None]:
    """The list does not hold it: the number, or a person."""
    given = yield from ask(
        Ask(
            "number_instead",
            "order_id_or_phone",
            "pick.number_instead",
            ("order_id", "outside_order", "dont_know"),
            buttons=(PERSON,),
            prefill=False,
        )
    )
    if given.slot == "order_id":
        return given.value
    yield from offer_person("w.notfound_person", "failed", "목록에 찾는 주문이 없어요")
    return None


def title_of(order: OrderSummary) -> str:
    rest = order.item_count - 1
    return f"{order.first_item.name} 외 {rest}건" if rest > 0 else order.first_item.name


def choice_of(
    orders: list[OrderSummary], total: int, *, offset: int, more: bool, wide: bool, filtered: bool, what: str
) -> Choice:
    options = tuple(
        Option(o.order_id, f"{korean_date(o.ordered_at)} {title_of(o)}", (*o.item_names, o.status_text)) for o in orders
    )
    cards = tuple(
        Card(
            o.order_id,
            title_of(o),
            f"{korean_date(o.ordered_at)} · {o.status_text}",
            tuple(
                line
                for line in (
                    f"{o.first_item.option} · {o.first_item.quantity}개"
                    if o.first_item.option
                    else f"{o.first_item.quantity}개",
                )
                if line
            ),
            o.first_item.thumbnail,
        )
        for o in orders
    )
    buttons: list[Button] = []
    template = (
        "pick.choose_filtered"
        if filtered
        else "pick.choose_more"
        if offset
        else "pick.choose_wide"
        if wide
        else "pick.choose"
    )
    return Choice(
        "order",
        template,
        options,
        {"total": total, "what": what},
        cards,
        tuple(buttons),
        more=more,
        earlier=offset > 0,
        wider=not wide and not filtered,
        accepts=("order_id", "way"),
    )


def names_match(query: str, names: tuple[str, ...]) -> bool:
    """Whether the words of a product phrase occur in one item name, spaces aside."""
    wanted = [word for word in query.replace("/", " ").split() if word]
    return any(
        all(word.lower() in name.replace(" ", "").lower() for word in wanted)
        or query.replace(" ", "").lower() in name.replace(" ", "").lower()
        for name in names
    )


def filter_words(period: dict[str, Any] | None, product: str | None) -> str:
    words = [str(period.get("text", ""))] if period is not None else []
    if product is not None:
        words.append(product)
    return " ".join(word for word in words if word)
