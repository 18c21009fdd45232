"""What waiting for a product contributes to the gate: begin, list, stop (tools.md §4.12, 4.18)."""

import uuid
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from sangdam.core.facts import CancelRestockOut, ListRestockOut, SubscribeRestockOut, Trigger
from sangdam.core.phone import Phone
from sangdam.restock.consent import Consent
from sangdam.restock.model import ANY_VARIANT, Wish
from sangdam.restock.subscriptions import Asked, Subscriptions
from sangdam.tools.fields import PhoneArg
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
)

LeadDay = Literal[1, 2, 3, 7, 14]


def _each_once(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(days)))


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConsentIn(_In):
    """That the shopper agreed to be told: to which text (`ko-1`, `en-1`), in which message, when."""

    text_version: str = Field(min_length=1, max_length=20)
    message_seq: int = Field(ge=1)
    at: AwareDatetime


class SubscribeRestockIn(_In):
    product_no: int = Field(ge=1, le=2**31 - 1, validation_alias=AliasChoices("product_no", "product_id"))
    variant_code: str = Field(default=ANY_VARIANT, pattern=r"^(\*|[A-Z0-9]{12})$")
    channel: str = Field(default="sms", min_length=1, max_length=20)
    phone: PhoneArg | None = None
    trigger_type: Trigger = "status_change"
    trigger_value: int | None = Field(default=None, ge=0, le=999)
    restock_at: date | None = None
    lead_days: Annotated[tuple[LeadDay, ...], AfterValidator(_each_once)] = Field(default=(), max_length=5)
    schedule_hour_local: int = Field(default=17, ge=8, le=20)
    consent: ConsentIn | None = None

    @property
    def asked(self) -> Asked:
        given = self.consent
        return Asked(
            Wish(
                self.product_no,
                self.variant_code,
                self.trigger_type,
                self.trigger_value,
                self.restock_at,
                frozenset(self.lead_days),
                self.schedule_hour_local,
            ),
            self.channel,
            Phone(self.phone) if self.phone is not None else None,
            Consent(given.text_version, given.message_seq, given.at) if given is not None else None,
        )


class ListRestockIn(_In):
    pass


class CancelRestockIn(_In):
    subscription_id: uuid.UUID | None = None
    all: bool | None = Field(default=None, strict=True)

    @property
    def names_one_thing(self) -> bool:
        return (self.subscription_id is None) == (self.all is True)


_ONE_OF_BOTH = Invalid(fields=("subscription_id", "all"))
_AGENT, _MEMBER, _MCP = CallerKind.AGENT, CallerKind.MEMBER, CallerKind.MCP


def tools(subscriptions: Subscriptions) -> tuple[Tool, ...]:
    async def preview_subscribe(call: Call, given: SubscribeRestockIn) -> Preview | Refusal:
        return await subscriptions.preview(call, given.asked, given.model_dump(mode="json", exclude_none=True))

    async def subscribe(call: Call, given: SubscribeRestockIn) -> SubscribeRestockOut | Refusal:
        return await subscriptions.subscribe(call, given.asked)

    async def subscribed(call: Call, given: SubscribeRestockIn) -> SubscribeRestockOut | Failed:
        return await subscriptions.subscribed(call, given.asked)

    async def list_subscriptions(call: Call, given: ListRestockIn) -> ListRestockOut | Refusal:
        return await subscriptions.list(call)

    async def preview_cancel(call: Call, given: CancelRestockIn) -> Preview | Refusal:
        if not given.names_one_thing:
            return _ONE_OF_BOTH
        return await subscriptions.preview_end(
            call, given.subscription_id, given.model_dump(mode="json", exclude_none=True)
        )

    async def cancel(call: Call, given: CancelRestockIn) -> CancelRestockOut | Refusal:
        return await subscriptions.end(call, given.subscription_id) if given.names_one_thing else _ONE_OF_BOTH

    async def canceled(call: Call, given: CancelRestockIn) -> CancelRestockOut | Failed:
        return await subscriptions.ended(call, given.subscription_id)

    return (
        Tool(
            name="subscribe_restock",
            display_name="재입고 알림 신청",
            display_name_en="Wait for a product",
            description="Stores that the proved phone wants one text message when a sold-out product or option can be bought again.",
            provider="cafe24",
            effect="write",
            assurance=Assurance.VERIFIED,
            purpose="notify",
            input=SubscribeRestockIn,
            output=SubscribeRestockOut,
            default_policy=DefaultPolicy(frozenset({_AGENT, _MEMBER}), 120),
            run=subscribe,
            confirmation=True,
            preview=preview_subscribe,
            reconcile=subscribed,
            scopes=frozenset({"mall.read_product"}),
            masking=("phone",),
            breaker="cafe24",
        ),
        Tool(
            name="list_restock_subscriptions",
            display_name="재입고 알림 목록",
            display_name_en="List what is waited for",
            description="What the proved phone waits for in this shop, whichever conversation it was asked in.",
            provider="sangdam",
            effect="read",
            assurance=Assurance.VERIFIED,
            purpose="notify",
            input=ListRestockIn,
            output=ListRestockOut,
            default_policy=DefaultPolicy(frozenset({_AGENT, _MEMBER, _MCP}), 300),
            run=list_subscriptions,
        ),
        Tool(
            name="cancel_restock",
            display_name="재입고 알림 해지",
            display_name_en="Stop waiting for a product",
            description="Stops one subscription of the proved phone, or all of them, with every message that is not being sent yet.",
            provider="sangdam",
            effect="write",
            assurance=Assurance.VERIFIED,
            purpose="notify",
            input=CancelRestockIn,
            output=CancelRestockOut,
            default_policy=DefaultPolicy(frozenset({_AGENT, _MEMBER}), 120),
            run=cancel,
            confirmation=True,
            preview=preview_cancel,
            reconcile=canceled,
        ),
    )
