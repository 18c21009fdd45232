"""Where the parcel is (dialogue.md §6.4). Every date, number and name comes from `track_shipment`."""

from sangdam.agent.flow import Button, Flow, Say, YesNo, known, yes
from sangdam.agent.flows.pick_order import TRACKING, owned_order
from sangdam.agent.flows.steps import END, OTHER_ORDER, PERSON, hand_over, offer_person, start
from sangdam.core.facts import TrackShipmentOut


def shipment_tracking() -> Flow[None]:
    problem: str | None = yield from known("delivery_problem")
    outcome = yield from owned_order("track_shipment", TRACKING)
    if outcome is None:
        return
    track = TrackShipmentOut.model_validate(outcome.result)
    facts = {"track": track.model_dump(mode="json")}
    after = (start("button.order_lookup_this", "order_lookup", order_id=track.order_id), OTHER_ORDER, PERSON, END)
    match track.summary:
        case "held":
            yield Say("track.held", facts)
            yield from offer_person("track.held_person", "asked", f"주문 {track.order_id}: 배송이 보류돼 있어요")
            return
        case "delivered" if problem in ("not_received", "missing_item"):
            yield Say("track.delivered", facts)
            yield from missing(track, problem)
            return
        case "in_transit" | "partial" if problem is not None:
            yield Say(f"track.{track.summary}", facts)
            yield from offer_person(
                "track.stuck_person" if problem == "stuck" else "track.problem_person",
                "failed",
                f"주문 {track.order_id}: 배송 확인이 필요해요 ({problem})",
                priority=1,
            )
            return
        case _:
            yield Say(f"track.{track.summary}", facts, buttons=after)


def missing(track: TrackShipmentOut, problem: str) -> Flow[None]:
    """Delivered by the record, not there: asked once where it may lie, then a person traces it."""
    template = "track.where_left" if problem == "not_received" else "track.missing_item"
    found = yield from yes(
        YesNo(
            "where_left",
            template,
            buttons=(
                Button("button.found", {"type": "affirm"}),
                Button("button.still_missing", {"type": "deny"}, "primary"),
            ),
            polarity="ok_check",
            verbs=("찾았", "있었", "받았"),
        )
    )
    if found is True:
        yield Say("track.found")
        return
    yield from hand_over("failed", f"주문 {track.order_id}: 배송완료인데 받지 못했어요", priority=1)
