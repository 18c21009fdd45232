"""A person, a wish that only a person can serve yet, an answer nobody wrote yet, and the end of a conversation."""

from sangdam.agent.flow import Ask, Button, Flow, Say, ask, known, note, say
from sangdam.agent.flows.steps import MENU, hand_over, offer_person

SKIP = Button("button.skip", {"type": "set", "slot": "skip", "value": True})
WRITTEN_WISH = {
    "order_change_address": "wish.address",
    "cancel_request": "wish.cancel",
    "return_request": "wish.return",
    "exchange_request": "wish.exchange",
    "refund_request": "wish.refund",
    "claim_status": "wish.claim_status",
    "ticket": "wish.ticket",
    "restock_subscribe": "wish.restock",
    "restock_manage": "wish.restock_manage",
}
"""What a person takes over at once: the sentence that names it."""
OPEN_QUESTION = {
    "product_inquiry": "hold.product",
    "restock_inquiry": "hold.restock",
    "purchase_help": "hold.purchase",
    "shipping_policy": "hold.shipping_policy",
    "faq": "hold.faq",
}
"""What cannot be answered from a source yet: held, and a person offered."""


def handoff() -> Flow[None]:
    legal = yield from known("legal")
    yield from hand_over("legal" if legal else "asked", "상담원 연결을 원해요", priority=1 if legal else 2)


def wish(intent: str) -> Flow[None]:
    """A recognised wish that a person serves: said so, and put in their queue."""
    text = yield from known("wish_text")
    yield from say(WRITTEN_WISH[intent])
    order_id = yield from known("order_id")
    about = f" (주문 {order_id})" if order_id else ""
    yield from hand_over("asked", f"{text or intent}{about}"[:500])


def open_question(intent: str) -> Flow[None]:
    """A question without a source: nothing is asserted, a person is offered."""
    text = yield from known("wish_text")
    yield from offer_person(OPEN_QUESTION[intent], "kb_gap", str(text or intent)[:500], priority=3)


def closing() -> Flow[None]:
    """Satisfaction once, then the end."""
    scored = yield from ask(
        Ask(
            "csat_score",
            "csat_score",
            "close.ask_score",
            ("score", "skip"),
            buttons=tuple(Button(f"button.score{n}", {"type": "rate", "score": n}) for n in (5, 4, 3, 2, 1)),
            prefill=False,
        )
    )
    reason: str | None = None
    if scored.slot == "score" and scored.value <= 2:
        told = yield from ask(
            Ask(
                "csat_reason",
                "csat_reason",
                "close.ask_reason",
                ("csat_reason", "skip"),
                buttons=(SKIP,),
                prefill=False,
            )
        )
        reason = told.value if told.slot == "csat_reason" else None
    if scored.slot == "score":
        yield from note("csat", {"score": scored.value, "reason": reason})
    yield from say("close.bye")
    yield from note("closed", "resolved")


def menu() -> Flow[None]:
    yield Say("menu", buttons=MENU)
