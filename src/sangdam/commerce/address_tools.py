"""Where an order goes: the address search, and the one change of an order that is made from here (tools.md §4.8, 4.13).

Nothing is written that the mall's own record was not read for right before, and nothing is called done that it does not say after.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sangdam.commerce import address_ref
from sangdam.commerce.asking import Pause, asker_of, evenly, refusal, too_much
from sangdam.commerce.house import House
from sangdam.commerce.juso import MOST_PER_PAGE, PER_PAGE
from sangdam.commerce.places import cleaned, differing, split_detail, surcharges
from sangdam.commerce.shop import Shop, ShopFailure, Staff
from sangdam.commerce.statuses import ADDRESS_CHANGEABLE
from sangdam.commerce.views import receiver_facts, title_of
from sangdam.core.facts import AddressHit, ReceiverMasked, SearchAddressOut, UpdateAddressOut
from sangdam.core.ids import OrderId, OrgId
from sangdam.core.mask import STARS, mask_address, mask_name, mask_phone
from sangdam.core.shop import Item, Order, OrderPlace, Place, Receiver
from sangdam.tools.fields import OrderIdArg, PhoneArg
from sangdam.tools.model import (
    Assurance,
    Call,
    CallerKind,
    DefaultPolicy,
    Failed,
    Invalid,
    Preview,
    Refusal,
    Tool,
    Undecided,
    Unknown,
)

_ALIASES = {"address_full": "address1", "address": "address1", "name": "receiver_name", "phone": "receiver_cellphone", "cellphone": "receiver_cellphone"}  # fmt: skip
_ZIPCODE, _SHIPPING_CODE = r"^[0-9]{5}$", r"^[A-Za-z0-9-]{1,40}$"
_LINE = r"^[^\x00-\x1f\x7f]*$"


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class SearchAddressIn(_In):
    keyword: str = Field(min_length=2, max_length=80)
    page: int = Field(default=1, ge=1, le=5)


class UpdateAddressIn(_In):
    """Without `address1` the order keeps its road address, and `address2` alone is a new detail for it."""

    order_id: OrderIdArg
    shipping_code: str | None = Field(default=None, pattern=_SHIPPING_CODE)
    zipcode: str | None = Field(default=None, pattern=_ZIPCODE)
    address1: str | None = Field(default=None, min_length=5, max_length=255, pattern=_LINE)
    address2: str | None = Field(default=None, max_length=255, pattern=_LINE)
    receiver_name: str | None = Field(default=None, min_length=2, max_length=20, pattern=_LINE)
    receiver_cellphone: PhoneArg | None = None
    shipping_message: str | None = Field(default=None, max_length=100, pattern=_LINE)
    address_ref: str | None = Field(default=None, max_length=80)

    @model_validator(mode="before")
    @classmethod
    def _one_name_each(cls, given: Any) -> Any:
        """Other names of the same thing. Two of them that say different things are an error."""
        if not isinstance(given, Mapping):
            return given
        named: dict[str, Any] = {}
        for name, value in cast("Mapping[str, Any]", given).items():
            known = _ALIASES.get(name, name)
            if named.setdefault(known, value) != value:
                raise ValueError(f"two values for {known}")
        return named


def address_tools(
    shops: Callable[[OrgId], Awaitable[Shop]], house: House, *, floor_s: float, pause: Pause
) -> tuple[Tool, ...]:
    """`floor_s`: the shortest time in which an order is refused to who asks for it."""

    async def search_address(call: Call, given: SearchAddressIn) -> SearchAddressOut | Refusal:
        found = await house.addresses.find(call, given.keyword, page=given.page)
        if isinstance(found, Failed):
            return found
        now, first = call.clock.now(), (given.page - 1) * PER_PAGE + 1
        return SearchAddressOut(
            hits=tuple(
                AddressHit(
                    n=n,
                    zipcode=hit.zipcode,
                    road_address=hit.road_address,
                    jibun_address=hit.jibun_address,
                    building=hit.building,
                    address_ref=address_ref.issue(
                        house.hasher,
                        call.org,
                        call.caller.session,
                        zipcode=hit.zipcode,
                        address1=hit.road_address,
                        now=now,
                    ),
                )
                for n, hit in enumerate(found.hits, first)
            ),
            total=found.total,
            too_many=found.too_many,
            detail_rest=found.detail_rest,
        )

    async def preview(call: Call, given: UpdateAddressIn) -> Preview | Refusal:
        if (wrong := unfit(call, given)) is not None:
            return wrong
        try:
            shop = await shops(call.org)
            order = await order_to_change(shop, call, given)
        except ShopFailure as failure:
            return refusal(call, failure)
        receiver = changeable_receiver(call, order, given.shipping_code)
        if not isinstance(receiver, Receiver):
            return receiver
        place = await place_of(call, given, receiver.place)
        if not isinstance(place, Place):
            return place
        settled = given.model_copy(update={"shipping_code": receiver.shipping_code})
        moved = given.address1 is not None or given.address2 is not None
        if moved:
            settled = settled.model_copy(
                update={"zipcode": place.zipcode, "address1": place.address1, "address2": place.address2}
            )
        wanted = merged(receiver, settled)
        return Preview(
            arguments=settled.model_dump(mode="json", exclude_none=True),
            shown={
                "order_id": order.order_id,
                "items": title_of(items_of(order, receiver)),
                "before": shown_receiver(receiver).model_dump(mode="json"),
                "after": {
                    "zipcode": place.zipcode,
                    "address1": place.address1 if given.address1 is not None else mask_address(place.address1),
                    "address2": place.address2 if moved or not place.address2 else STARS,
                    "receiver_name": given.receiver_name or mask_name(receiver.name),
                    "phone_masked": mask_phone(wanted.cellphone or wanted.phone),
                    **({"shipping_message": wanted.message} if given.shipping_message is not None else {}),
                },
                "changed": bool(differences(receiver, wanted, given)),
                "notes": list(surcharges(place.zipcode)),
            },
        )

    async def update(call: Call, given: UpdateAddressIn) -> UpdateAddressOut | Refusal:
        """What the preview settled is what is written: nothing is searched for any more."""
        try:
            shop = await shops(call.org)
            order = await order_to_change(shop, call, given)
            receiver = changeable_receiver(call, order, given.shipping_code)
            if not isinstance(receiver, Receiver):
                return receiver
            wanted = merged(receiver, given)
            if not differences(receiver, wanted, given):
                return told(call, receiver, receiver, changed=False)
            await shop.change_receiver(call, order, wanted)
        except ShopFailure as failure:
            return refusal(call, failure)
        return await read_back(shop, call, given, order, receiver, wanted)

    async def read_back(
        shop: Shop, call: Call, given: UpdateAddressIn, order: Order, before: Receiver, wanted: Receiver
    ) -> UpdateAddressOut | Refusal:
        """The mall said yes; what its record says is what happened."""
        try:
            standing = named(await shop.receivers(call, order), wanted.shipping_code)
        except ShopFailure as failure:
            return (
                Unknown(failure.code, call.effect) if call.effect is not None else Failed(failure.code, retryable=True)
            )
        wrong = ("shipping_code",) if standing is None else differences(standing, wanted, given)
        if standing is None or wrong:
            await house.mismatches.address_differs(
                call, order_id=order.order_id, shipping_code=wanted.shipping_code, fields=wrong
            )
            return Failed("READBACK_MISMATCH", detail={"fields": list(wrong)})
        return told(call, before, standing, changed=True)

    async def reconcile(call: Call, given: UpdateAddressIn) -> UpdateAddressOut | Failed | Undecided:
        """The receiver says what was asked for: it happened. What was not asked for is not compared."""
        try:
            shop = await shops(call.org)
            order = await shop.order(call, Staff("reconcile"), OrderId(given.order_id), fresh=True)
            standing = named(await shop.receivers(call, order), given.shipping_code or "")
        except ShopFailure:
            return Undecided()
        if standing is None:
            return Undecided()
        if differences(standing, merged(standing, given), given):
            return Failed("CAFE24_TIMEOUT", retryable=True)
        return told(call, None, standing, changed=True)

    async def place_of(call: Call, given: UpdateAddressIn, present: Place) -> Place | Refusal:
        """The place as it will be: given, found, or the present one with another detail."""
        if given.address1 is None:
            if given.address2 is None:
                return present
            kept = replace(present, address2=given.address2)
            return kept if whole(kept) else Invalid("MISSING_ZIPCODE", ("zipcode",))
        if given.zipcode is not None:
            return Place(given.zipcode, given.address1, given.address2 or "")
        return await found_place(call, given.address1, given.address2)

    async def found_place(call: Call, address: str, detail: str | None) -> Place | Refusal:
        """Its own search, for who gave no postcode. One postcode is taken; several are for the caller to choose from."""
        found = await house.addresses.find(call, address, per_page=MOST_PER_PAGE)
        if isinstance(found, Failed):
            return Invalid("MISSING_ZIPCODE", ("zipcode",)) if found.code == "ADDRESS_NOT_FOUND" else found
        if not found.hits and not found.too_wide:
            return Invalid("MISSING_ZIPCODE", ("zipcode",))
        zipcodes, roads = {hit.zipcode for hit in found.hits}, {hit.road_address for hit in found.hits}
        one = len(zipcodes) == 1 and (len(roads) == 1 or call.caller.kind is not CallerKind.AGENT)
        if found.total > len(found.hits) or not one:
            return Invalid("AMBIGUOUS_ADDRESS", ("address1",), {"count": found.total})
        road = roads.pop() if len(roads) == 1 else split_detail(cleaned(address))[0]
        place = Place(zipcodes.pop(), road, found.detail_rest if detail is None else detail)
        return place if whole(place) else Invalid("AMBIGUOUS_ADDRESS", ("address1",), {"count": found.total})

    def unfit(call: Call, given: UpdateAddressIn) -> Invalid | None:
        """What is wrong with the arguments by themselves."""
        if given.address1 is None:
            if given.zipcode is not None or given.address_ref is not None:
                return Invalid(fields=("address1",))
            changes = (given.address2, given.receiver_name, given.receiver_cellphone, given.shipping_message)
            return Invalid(fields=("address1",)) if all(change is None for change in changes) else None
        if given.zipcode is None:
            return None  # the tool's own search is proof enough
        if given.address_ref is None:
            return Invalid(fields=("address_ref",)) if call.caller.kind is CallerKind.AGENT else None
        proved = address_ref.proves(
            house.hasher,
            given.address_ref,
            call.org,
            call.caller.session,
            zipcode=given.zipcode,
            address1=given.address1,
            now=call.clock.now(),
        )
        return None if proved else Invalid(fields=("address_ref",))

    agent, member = CallerKind.AGENT, CallerKind.MEMBER
    return (
        Tool(
            name="search_address", display_name="주소 검색", display_name_en="Search an address",
            description="Road addresses with postcodes for what a shopper typed, ten a page. Each hit carries a proof that update_order_shipping_address takes.",
            provider="juso", effect="read", assurance=Assurance.ANONYMOUS, input=SearchAddressIn, output=SearchAddressOut,
            default_policy=DefaultPolicy(frozenset({agent, member}), 300), run=search_address, masking=("keyword:address", "building", "detail_rest"), breaker="juso",
        ),
        Tool(
            name="update_order_shipping_address", display_name="배송지 변경", display_name_en="Change where an order goes",
            description="Changes receiver and address of an order that has not been sent, after a person confirmed the exact values, and reads them back.",
            provider="cafe24", effect="write", assurance=Assurance.VERIFIED, input=UpdateAddressIn, output=UpdateAddressOut,
            default_policy=DefaultPolicy(frozenset({agent, member}), 60), run=evenly(update, floor_s=floor_s, pause=pause), confirmation=True,
            preview=evenly(preview, floor_s=floor_s, pause=pause), reconcile=reconcile, scopes=frozenset({"mall.read_order", "mall.write_order"}),
            masking=("address2", "shipping_message"), breaker="cafe24",
        ),
    )  # fmt: skip


async def order_to_change(shop: Shop, call: Call, given: UpdateAddressIn) -> Order:
    """As it stands now, for who proved to hold its buyer's phone: a claim to an order is not enough to redirect it."""
    order_id = OrderId(given.order_id)
    return await shop.order(call, asker_of(call, order_id, level=Assurance.VERIFIED), order_id, fresh=True)


def changeable_receiver(call: Call, order: Order, shipping_code: str | None) -> Receiver | Refusal:
    """The named receiver, or the only one, while every item that goes there may still be sent elsewhere."""
    if (denied := too_much(call, order)) is not None:
        return denied
    codes = [receiver.shipping_code for receiver in order.receivers]
    only = codes[0] if len(codes) == 1 else ""
    receiver = named(order.receivers, shipping_code if shipping_code is not None else only)
    if receiver is None and codes:
        return Invalid("RECEIVER_CHOICE_REQUIRED", ("shipping_code",), {"shipping_codes": codes})
    if receiver is not None and not re.fullmatch(_SHIPPING_CODE, receiver.shipping_code):
        return Failed("CAFE24_ERROR", detail={"shape": "shipping_code"})
    mine = items_of(order, receiver) if receiver is not None else ()
    blocking = [item for item in mine if item.status_code not in ADDRESS_CHANGEABLE or item.claim is not None]
    if receiver is None or not mine or blocking or order.place is not OrderPlace.MALL:
        return Failed(
            "ORDER_NOT_CHANGEABLE",
            detail={
                "items": [f"{item.order_item_code} {item.status_code}" for item in blocking],
                "status_text": blocking[0].status_text if blocking else order.status_text,
                "ordered_at_place": order.place.value,
            },
        )
    return receiver


def items_of(order: Order, receiver: Receiver) -> tuple[Item, ...]:
    """What goes to this receiver; an item of which the mall does not say where it goes may go there too."""
    return tuple(item for item in order.items if item.shipping_code in (receiver.shipping_code, None))


def named(receivers: tuple[Receiver, ...], shipping_code: str) -> Receiver | None:
    return next((receiver for receiver in receivers if receiver.shipping_code == shipping_code), None)


def merged(present: Receiver, given: UpdateAddressIn) -> Receiver:
    """The receiver with what was given in the place of what is there."""
    place = (
        Place(given.zipcode, given.address1, given.address2 or "")
        if given.zipcode is not None and given.address1 is not None
        else present.place
    )
    return replace(
        present,
        name=given.receiver_name or present.name,
        cellphone=given.receiver_cellphone or present.cellphone,
        place=place,
        message=given.shipping_message if given.shipping_message is not None else present.message,
    )


def differences(standing: Receiver, wanted: Receiver, given: UpdateAddressIn) -> tuple[str, ...]:
    return differing(standing, wanted, message=given.shipping_message is not None)


def whole(place: Place) -> bool:
    """Whether it may stand as arguments: an old postcode of six digits may not."""
    lines = re.fullmatch(_LINE, place.address1) and re.fullmatch(_LINE, place.address2)
    fits = 5 <= len(place.address1) <= 255 and len(place.address2) <= 255
    return bool(re.fullmatch(_ZIPCODE, place.zipcode) and lines and fits)


def told(call: Call, before: Receiver | None, after: Receiver, *, changed: bool) -> UpdateAddressOut:
    return UpdateAddressOut(
        changed=changed,
        before_masked=shown_receiver(before) if before is not None else None,
        after_masked=shown_receiver(after),
        at=call.clock.now(),
        notes=surcharges(after.place.zipcode),
    )


def shown_receiver(receiver: Receiver) -> ReceiverMasked:
    facts = receiver_facts(receiver)
    return ReceiverMasked(
        zipcode=receiver.place.zipcode,
        address_masked=facts.address_masked,
        name_masked=facts.name_masked,
        phone_masked=facts.phone_masked,
    )
