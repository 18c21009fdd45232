"""What the shop says of a product's return: who may say it, and that it is said in one org only."""

from dataclasses import replace
from datetime import date

import pytest
from tests.restock.desk import SOLD_OUT, Desk

from sangdam.core.errors import Kind, SangdamError
from sangdam.orgs import Role
from sangdam.restock import Rule

SAID = Rule(
    SOLD_OUT, restock_policy="RESTOCK_AT", restock_at=date(2026, 3, 28), restock_confidence="expected", valid_until=date(2026, 4, 4), note="공급처와 통화함"
)  # fmt: skip


async def test_a_rule_is_kept_replaced_and_removed(desk: Desk) -> None:
    owner = desk.owner
    first = await desk.rules.write(owner, SAID)
    assert first == replace(SAID, id=first.id)
    assert await desk.rules.read(desk.org, SOLD_OUT) == (first,)
    second = await desk.rules.write(owner, Rule(SOLD_OUT, restock_policy="NO_RESTOCK", source="import"))
    assert (second.id, second.restock_at, second.restock_confidence, second.note) == (first.id, None, None, None)
    own = await desk.rules.write(owner, Rule(SOLD_OUT, "P000000EB00A"))
    other = await desk.rules.write(owner, Rule(117))
    assert await desk.rules.read(desk.org, SOLD_OUT) == (second, own)
    assert await desk.rules.read(desk.org) == (second, own, other)
    (row,) = await desk.rows("select updated_by, updated_at from g_com_product_rules where product_no = 117")
    assert (row["updated_by"], row["updated_at"]) == (owner.user, desk.clock.now())
    assert await desk.rules.remove(owner, SOLD_OUT, "*") is True
    assert await desk.rules.remove(owner, SOLD_OUT, "*") is False
    assert await desk.rules.read(desk.org, SOLD_OUT) == (own,)


async def test_another_org_says_other_things(desk: Desk) -> None:
    await desk.rules.write(desk.owner, SAID)
    stranger = replace(desk.owner, org=desk.other)
    assert await desk.rules.read(desk.other) == ()
    assert await desk.rules.remove(stranger, SOLD_OUT, "*") is False
    await desk.rules.write(stranger, Rule(SOLD_OUT, answerability="DENY"))
    assert [rule.answerability for rule in await desk.rules.read(desk.org)] == ["ALLOW"]


@pytest.mark.parametrize(
    ("role", "may"),
    [(Role.OWNER, True), (Role.ADMIN, True), (Role.OPERATOR, True), (Role.AUDITOR, False), (Role.PENDING, False)],
)
async def test_who_may_say_it(desk: Desk, role: Role, may: bool) -> None:
    member = replace(desk.owner, role=role)
    if may:
        await desk.rules.write(member, SAID)
        assert await desk.rules.remove(member, SOLD_OUT, "*") is True
        return
    for refused in (desk.rules.write(member, SAID), desk.rules.remove(member, SOLD_OUT, "*")):
        with pytest.raises(SangdamError) as error:
            await refused
        assert error.value.kind is Kind.FORBIDDEN
    assert await desk.rules.read(desk.org) == ()


async def test_what_says_nothing_clear_is_not_kept(desk: Desk) -> None:
    with pytest.raises(SangdamError) as error:
        await desk.rules.write(desk.owner, replace(SAID, restock_at=None))
    assert (error.value.kind, error.value.fields) == (Kind.INVALID_PARAMS, ("restock_at", "restock_confidence"))
    assert await desk.rules.read(desk.org) == ()
