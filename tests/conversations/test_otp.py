"""One-time codes through the gate: every limit on both sides, one conversation only, and nothing readable left behind."""

import asyncio
import json
import re
import uuid
from datetime import timedelta

import pytest

from sangdam.conversations import otp
from sangdam.conversations.grants import TOKEN_LENGTH
from sangdam.conversations.retention import purge_codes, purge_windows
from sangdam.core.ids import SessionId
from sangdam.core.phone import Phone
from sangdam.notify import Asked, NoAnswer, Rejected
from sangdam.tools.model import (
    Assurance,
    CallerKind,
    Denied,
    Done,
    Failed,
    Invalid,
    NeedsVerification,
    Outcome,
    Unknown,
)
from tests.conversations.place import Place
from tests.conversations.talk import CODE, HANEUL, SEOJUN, SHIRT

SECOND = timedelta(seconds=1)
WRONG = "000000"


def phone_of(n: int) -> Phone:
    return Phone(f"0100001{n:04d}")


async def send(place: Place, session: SessionId | None, phone: Phone = HANEUL, purpose: str = "orders", **more: object) -> Outcome:  # fmt: skip
    return await place.use(session, "send_otp", phone=phone.digits, purpose=purpose, **more)  # type: ignore[arg-type]


async def verify(place: Place, session: SessionId | None, code: str = CODE, **more: object) -> Outcome:
    return await place.use(session, "verify_otp", code=code, **more)  # type: ignore[arg-type]


async def sent(place: Place, session: SessionId, phone: Phone = HANEUL, **more: object) -> str:
    """The reference of a code that was sent."""
    outcome = await send(place, session, phone, **more)  # type: ignore[arg-type]
    assert isinstance(outcome, Done), outcome
    return str(outcome.result["otp_ref"])


def code_of(outcome: Outcome) -> str | None:
    return None if isinstance(outcome, Done) else outcome.code


async def events(place: Place) -> list[str]:
    rows = await place.rows("select event_type from f_audit_events where event_type like 'OTP%' order by chain_seq")
    return [row["event_type"] for row in rows]


# Sending --------------------------------------------------------------------------------------------------------------


async def test_a_code_is_sent_in_the_name_of_the_shop(place: Place) -> None:
    outcome = await send(place, await place.session())
    assert isinstance(outcome, Done)
    (notice,) = place.phone.sent
    assert notice.to == HANEUL
    assert notice.text == f"[달빛샵] 인증번호 {CODE} (5분 유효). 다른 사람에게 알려 주지 마세요."
    assert outcome.result["destination_masked"] == "010-****-1234"
    assert outcome.result["sends_left"] == 2
    assert await events(place) == ["OTP_SENT"]
    (event,) = await place.rows("select payload::text as payload from f_audit_events where event_type = 'OTP_SENT'")
    assert "010-****-1234" in event["payload"]


async def test_the_answer_is_the_same_whether_or_not_the_phone_has_orders(place: Place) -> None:
    known, unknown = await send(place, await place.session()), await send(place, await place.session(), phone_of(1))
    assert isinstance(known, Done)
    assert isinstance(unknown, Done)
    differing = {"otp_ref", "destination_masked"}
    assert {k: v for k, v in known.result.items() if k not in differing} == {k: v for k, v in unknown.result.items() if k not in differing}  # fmt: skip


async def test_what_cannot_receive_a_code_gets_none(place: Place) -> None:
    session = await place.session()
    for number in ("021234567", "050412345678", "15881234", "0101234", "abc", ""):
        assert isinstance(await place.use(session, "send_otp", phone=number), Invalid)
    assert list(place.phone.sent) == []


async def test_without_a_conversation_nothing_is_sent(place: Place) -> None:
    assert code_of(await send(place, None, kind=CallerKind.MEMBER)) == "INVALID_PARAMS"
    assert code_of(await verify(place, None, kind=CallerKind.MEMBER)) == "CUSTOMER_VERIFICATION_REQUIRED"


async def test_without_sms_the_tool_says_so(place: Place) -> None:
    place.sms = False
    assert code_of(await send(place, await place.session())) == "CONFIG_ERROR"


async def test_a_refused_message_leaves_no_code_and_may_be_tried_again_at_once(place: Place) -> None:
    session = await place.session()
    place.phone.answers.append(Rejected("2100", retryable=False))
    refused = await send(place, session)
    assert refused == Failed("SOLAPI_ERROR", retryable=False, detail={"provider_code": "2100"})
    assert code_of(await verify(place, session)) == "OTP_NOT_FOUND"
    (row,) = await place.rows("select status from h_auth_otp_verifications")
    assert row["status"] == "send_failed"
    assert isinstance(await send(place, session), Done)
    assert await events(place) == ["OTP_FAILED", "OTP_SENT"]


async def test_a_message_without_an_answer_may_have_arrived_so_its_code_counts(place: Place) -> None:
    session = await place.session()
    place.phone.answers.append(NoAnswer("timeout"))
    assert isinstance(await send(place, session), Unknown)
    assert isinstance(await verify(place, session), Done)


async def test_a_provider_that_is_down_is_left_alone_for_a_while(place: Place) -> None:
    def down(status: int | None) -> Rejected:
        return Rejected("DOWN", retryable=True, asked=Asked("POST /messages", status, 3))

    place.phone.answers.extend([*[down(401)] * 6, down(None), *[down(503)] * 4])
    for n in range(11):
        assert code_of(await send(place, await place.session(), phone_of(n))) == "SOLAPI_ERROR"
    assert code_of(await send(place, await place.session(), phone_of(11))) == "CIRCUIT_OPEN"
    place.clock.move(seconds=31)
    assert isinstance(await send(place, await place.session(), phone_of(11)), Done)
    row, *_ = await place.rows("select upstream::text from f_audit_mcp_tools where phase = 'closed' order by chain_seq")
    assert json.loads(row["upstream"]) == [{"call": "POST /messages", "status": 401, "ms": 3, "attempt": 1}]


async def test_a_resend_replaces_the_code_before(place: Place) -> None:
    session = await place.session()
    place.codes_given = ["111111", "222222"]
    first = await sent(place, session)
    place.clock.move(seconds=30)
    second = await sent(place, session)
    assert code_of(await verify(place, session, "111111", otp_ref=first)) == "OTP_EXPIRED"
    assert code_of(await verify(place, session, "111111", otp_ref=second)) == "OTP_INVALID"
    assert isinstance(await verify(place, session, "222222"), Done)


# Limits of sending ----------------------------------------------------------------------------------------------------


async def test_between_two_sends_are_thirty_seconds_also_from_another_conversation(place: Place) -> None:
    session, another = await place.session(), await place.session()
    await sent(place, session)
    place.clock.at += otp.BETWEEN_SENDS - SECOND
    for soon in (await send(place, session), await send(place, another), await send(place, session, SEOJUN)):
        assert soon == Failed("OTP_RESEND_TOO_SOON", detail={"retry_after": 1})
    place.clock.at += timedelta(milliseconds=600)
    assert await send(place, session) == Failed("OTP_RESEND_TOO_SOON", detail={"retry_after": 1})
    place.clock.at += timedelta(milliseconds=400)
    assert isinstance(await send(place, session), Done)
    assert len(place.phone.sent) == 2


async def test_the_seconds_told_are_enough(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    place.clock.move(seconds=12.6)
    soon = await send(place, session)
    assert isinstance(soon, Failed)
    place.clock.move(seconds=soon.detail["retry_after"])
    assert isinstance(await send(place, session), Done)


async def test_sends_of_one_moment_give_one_message(place: Place) -> None:
    session = await place.session()
    sessions = [session, session, await place.session()]
    outcomes = await asyncio.gather(*(send(place, each) for each in sessions))
    assert sorted(code_of(outcome) or "sent" for outcome in outcomes) == ["OTP_RESEND_TOO_SOON", "OTP_RESEND_TOO_SOON", "sent"]  # fmt: skip
    assert len(place.phone.sent) == 1


async def test_a_conversation_has_three_sends_in_ten_minutes(place: Place) -> None:
    session = await place.session()
    for n in range(3):
        outcome = await send(place, session, phone_of(n))
        assert isinstance(outcome, Done)
        assert outcome.result["sends_left"] == 2 - n
        place.clock.at += otp.BETWEEN_SENDS
    refused = await send(place, session, phone_of(3))
    assert isinstance(refused, Denied)
    assert refused.code == "RATE_LIMIT"
    assert refused.retry_after is not None
    place.clock.at += timedelta(seconds=refused.retry_after)
    assert isinstance(await send(place, session, phone_of(3)), Done)


async def test_a_phone_has_three_sends_in_ten_minutes_over_all_conversations(place: Place) -> None:
    start = place.clock.now()
    for _ in range(3):
        await sent(place, await place.session())
        place.clock.at += otp.BETWEEN_SENDS
    assert code_of(await send(place, await place.session())) == "RATE_LIMIT"
    assert isinstance(await send(place, await place.session(), SEOJUN), Done)
    place.clock.at = start + timedelta(minutes=10) - SECOND
    assert code_of(await send(place, await place.session())) == "RATE_LIMIT"
    place.clock.at = start + timedelta(minutes=10, seconds=11)
    assert isinstance(await send(place, await place.session()), Done)


async def test_a_phone_has_ten_sends_a_day(place: Place) -> None:
    start = place.clock.now()
    for _ in range(otp.PER_DAY_PHONE):
        await sent(place, await place.session())
        place.clock.move(minutes=11)
    assert code_of(await send(place, await place.session())) == "RATE_LIMIT"
    place.clock.at = start + timedelta(days=1) - SECOND
    assert code_of(await send(place, await place.session())) == "RATE_LIMIT"
    place.clock.at = start + timedelta(days=1, minutes=25)
    assert isinstance(await send(place, await place.session()), Done)


async def test_an_address_has_ten_sends_an_hour(place: Place) -> None:
    start = place.clock.now()
    for n in range(otp.PER_HOUR_ADDRESS):
        await sent(place, await place.session(), phone_of(n), ip="one address")
    assert code_of(await send(place, await place.session(), phone_of(99), ip="one address")) == "RATE_LIMIT"
    assert isinstance(await send(place, await place.session(), phone_of(99), ip="another"), Done)
    place.clock.at = start + timedelta(hours=1) - SECOND
    assert code_of(await send(place, await place.session(), phone_of(98), ip="one address")) == "RATE_LIMIT"
    place.clock.at = start + timedelta(hours=1, minutes=1, seconds=1)
    assert isinstance(await send(place, await place.session(), phone_of(98), ip="one address"), Done)


async def test_a_shop_has_its_daily_number_of_sends(place: Place) -> None:
    place.daily_cap = 4
    for n in range(4):
        await sent(place, await place.session(), phone_of(n))
    assert code_of(await send(place, await place.session(), phone_of(9))) == "RATE_LIMIT"
    assert isinstance(await send(place, await place.session(place.other), phone_of(9), org=place.other), Done)
    place.clock.move(days=1, minutes=25)
    assert isinstance(await send(place, await place.session(), phone_of(9)), Done)


async def test_a_refused_send_counts_on_no_limit(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    for _ in range(5):
        assert code_of(await send(place, session)) == "OTP_RESEND_TOO_SOON"
    for _ in range(2):
        place.clock.at += otp.BETWEEN_SENDS
        await sent(place, session)


# Checking -------------------------------------------------------------------------------------------------------------


async def test_the_right_code_proves_the_phone_for_a_quarter_of_an_hour(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    verified = await verify(place, session)
    assert isinstance(verified, Done)
    assert verified.result["purposes"] == ["orders", "notify"]
    assert verified.result["customer_verification_token"] is None
    (grant,) = await place.grants.of(place.org, session, place.clock.now())
    assert (grant.level, grant.phone, grant.purposes) == (Assurance.VERIFIED, HANEUL, {"orders", "notify"})
    assert isinstance(await place.use(session, "lookup_order", order_id=SHIRT), Done)
    place.clock.at += otp.GRANT_LIFE - SECOND
    assert isinstance(await place.use(session, "lookup_order", order_id=SHIRT), Done)
    place.clock.at += SECOND
    assert await place.grants.of(place.org, session, place.clock.now()) == ()
    assert isinstance(await place.use(session, "lookup_order", order_id=SHIRT), NeedsVerification)
    assert await events(place) == ["OTP_SENT", "OTP_VERIFIED"]


async def test_a_code_for_notices_opens_no_orders(place: Place) -> None:
    session = await place.session()
    await sent(place, session, purpose="notify")
    verified = await verify(place, session)
    assert isinstance(verified, Done)
    assert verified.result["purposes"] == ["notify"]
    (grant,) = await place.grants.of(place.org, session, place.clock.now())
    assert grant.purposes == {"notify"}
    refused = await place.use(session, "lookup_order", order_id=SHIRT)
    assert isinstance(refused, NeedsVerification)
    assert refused.reason == "purpose"


async def test_a_code_is_good_for_five_minutes(place: Place) -> None:
    for late, expected in ((-SECOND, None), (timedelta(0), "OTP_EXPIRED")):
        session = await place.session()
        await sent(place, session)
        place.clock.at += otp.CODE_LIFE + late
        assert code_of(await verify(place, session)) == expected


async def test_a_code_is_used_once(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    outcomes = await asyncio.gather(*(verify(place, session) for _ in range(4)))
    assert sorted(code_of(outcome) or "right" for outcome in outcomes) == ["OTP_ALREADY_USED"] * 3 + ["right"]
    assert code_of(await verify(place, session)) == "OTP_ALREADY_USED"


async def test_a_code_of_another_conversation_or_shop_is_none(place: Place) -> None:
    session, another, foreign = await place.session(), await place.session(), await place.session(place.other)
    reference = await sent(place, session)
    for where, org in ((another, place.org), (foreign, place.other)):
        assert code_of(await verify(place, where, org=org)) == "OTP_NOT_FOUND"
        assert code_of(await verify(place, where, org=org, otp_ref=reference)) == "OTP_NOT_FOUND"
    assert code_of(await verify(place, session, otp_ref=str(uuid.uuid4()))) == "OTP_NOT_FOUND"
    assert isinstance(await verify(place, session, otp_ref=reference), Done)


async def test_four_wrong_codes_leave_one_try(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    for left in (4, 3, 2, 1):
        assert await verify(place, session, WRONG) == Failed("OTP_INVALID", retryable=True, detail={"left": left})
    assert isinstance(await verify(place, session), Done)


async def test_the_fifth_wrong_code_locks_phone_and_conversation_for_a_quarter_of_an_hour(place: Place) -> None:
    session, another = await place.session(), await place.session()
    await sent(place, session)
    for _ in range(otp.TRIES - 1):
        await verify(place, session, WRONG)
    assert await verify(place, session, WRONG) == Failed("OTP_LOCKED")
    place.clock.at += otp.LOCK - SECOND
    assert code_of(await verify(place, session)) == "OTP_LOCKED"
    assert code_of(await send(place, session)) == "OTP_LOCKED"
    assert code_of(await send(place, session, SEOJUN)) == "OTP_LOCKED"
    assert code_of(await send(place, another)) == "OTP_LOCKED"
    assert isinstance(await send(place, another, SEOJUN), Done)
    place.clock.at += SECOND
    assert code_of(await verify(place, session)) == "OTP_EXPIRED"
    assert isinstance(await send(place, session), Done)
    assert isinstance(await verify(place, session), Done)
    assert (await events(place))[:6] == ["OTP_SENT", "OTP_FAILED", "OTP_FAILED", "OTP_FAILED", "OTP_FAILED", "OTP_LOCKED"]  # fmt: skip


async def test_a_locked_phone_is_locked_for_codes_already_sent_elsewhere(place: Place) -> None:
    session, another = await place.session(), await place.session()
    await sent(place, another)
    place.clock.at += otp.BETWEEN_SENDS
    await sent(place, session)
    for _ in range(otp.TRIES):
        await verify(place, session, WRONG)
    assert code_of(await verify(place, another)) == "OTP_LOCKED"


async def test_wrong_codes_of_one_moment_are_counted_one_by_one(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    outcomes = await asyncio.gather(*(verify(place, session, f"00000{n}") for n in range(8)))
    assert sorted(code_of(outcome) or "" for outcome in outcomes) == ["OTP_INVALID"] * 4 + ["OTP_LOCKED"] * 4


async def test_what_is_no_code_is_no_try(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    for code in ("12345", "1234567", "12345a", "", " 123456"):
        assert isinstance(await verify(place, session, code), Invalid)
    (row,) = await place.rows("select attempts from h_auth_otp_verifications")
    assert row["attempts"] == 0


@pytest.mark.parametrize("kind", [CallerKind.MEMBER, CallerKind.MCP])
async def test_other_callers_get_a_token_that_works_in_its_conversation_only(place: Place, kind: CallerKind) -> None:
    session, another = await place.session(), await place.session()
    await sent(place, session)
    verified = await verify(place, session, kind=kind)
    assert isinstance(verified, Done)
    token = verified.result["customer_verification_token"]
    assert len(token) == TOKEN_LENGTH

    async def look(where: SessionId | None, shown: str) -> Outcome:
        return await place.use(where, "lookup_order", kind=kind, order_id=SHIRT, customer_verification_token=shown)

    assert isinstance(await look(session, token), Done)
    for where, shown in ((another, token), (None, token), (session, token[:-1] + "x")):
        assert isinstance(await look(where, shown), NeedsVerification)
    place.clock.at += otp.GRANT_LIFE
    assert isinstance(await look(session, token), NeedsVerification)


# What stays -----------------------------------------------------------------------------------------------------------


async def test_nothing_readable_holds_code_phone_token_or_address(place: Place) -> None:
    session = await place.session()
    code = "738291"
    place.codes_given = [code]
    await sent(place, session, kind=CallerKind.MEMBER, ip="203.0.113.7")
    await verify(place, session, WRONG, kind=CallerKind.MEMBER, ip="203.0.113.7")
    verified = await verify(place, session, code, kind=CallerKind.MEMBER, ip="203.0.113.7")
    assert isinstance(verified, Done)
    token = verified.result["customer_verification_token"]
    for table, text in (await place.everything_stored()).items():
        for canary in (HANEUL.digits, HANEUL.dashed, HANEUL.e164, HANEUL.digits[1:], token, "203.0.113.7"):
            assert canary not in text, (table, canary)
        assert not re.search(rf"(?<![0-9a-f]){code}(?![0-9a-f])", text), table


async def test_a_code_is_hashed_for_its_own_row(place: Place) -> None:
    for _ in range(2):
        await sent(place, await place.session(), phone_of(1))
        place.clock.at += otp.BETWEEN_SENDS
    first, second = await place.rows("select code_hash from h_auth_otp_verifications")
    assert first["code_hash"] != second["code_hash"]


async def test_codes_and_matches_go_after_a_day(place: Place) -> None:
    session = await place.session()
    await sent(place, session)
    await place.use(session, "verify_orderer", order_id=SHIRT, orderer_name="이하늘", orderer_phone=HANEUL.digits)
    await sent(place, await place.session(place.other), SEOJUN, org=place.other)
    at = place.clock.now()
    assert await purge_codes(place.db, before=at) == 0
    place.clock.move(minutes=1)
    later = await sent(place, session)
    assert await purge_codes(place.db, before=at + SECOND) == 3
    (row,) = await place.rows("select id from h_auth_otp_verifications")
    assert str(row["id"]) == later
    assert await place.rows("select 1 from h_auth_orderer_matches") == []


async def test_more_than_a_batch_goes_in_several(place: Place) -> None:
    session = await place.session()
    await place.rows(
        """
        insert into h_auth_orderer_matches (org_id, session_id, order_id, status, attempts, ip_hash, created_at)
        select $1, $2, 'x', 'refused', 1, '', $3 from generate_series(1, 2500) returning 1
        """,
        place.org, session, place.clock.now() - timedelta(days=2),
    )  # fmt: skip
    assert await purge_codes(place.db, before=place.clock.now() - timedelta(days=1)) == 2500


async def test_counters_go_when_no_limit_reaches_back_to_them(place: Place) -> None:
    day = timedelta(days=1)
    for n in range(otp.PER_DAY_PHONE):
        await sent(place, await place.session(), HANEUL)
        place.clock.at += timedelta(minutes=10 if n % 3 == 2 else 1)
        assert await purge_windows(place.db, before=place.clock.now() - day) == 0
    assert code_of(await send(place, await place.session(), HANEUL)) == "RATE_LIMIT"
    counted = await place.rows("select 1 from c_mcp_rate_counters")
    place.clock.at += day * 2
    assert await purge_windows(place.db, before=place.clock.now() - day) == len(counted) > 0
    assert await place.rows("select 1 from c_mcp_rate_counters") == []
    await sent(place, await place.session(), HANEUL)


async def test_a_limit_of_a_day_holds_beside_the_purge(place: Place) -> None:
    started = place.clock.now()
    for _ in range(otp.PER_DAY_PHONE):
        await sent(place, await place.session(), HANEUL)
        place.clock.at += timedelta(minutes=10)
    place.clock.at = started + timedelta(days=1) - SECOND
    await purge_windows(place.db, before=place.clock.now() - timedelta(days=1))
    assert code_of(await send(place, await place.session(), HANEUL)) == "RATE_LIMIT"


async def test_counters_of_every_shop_go_in_batches_and_young_ones_stay(place: Place) -> None:
    before = place.clock.now()
    await place.rows(
        """
        insert into c_mcp_rate_counters (key, window_start, count)
        select o || '|x' || n, at, 1 from unnest($1::text[]) o, generate_series(1, 1100) n, unnest(array[$2::timestamptz - interval '1 second', $2]) at returning 1
        """,
        [str(place.org), str(place.other)], before,
    )  # fmt: skip
    assert await purge_windows(place.db, before=before) == 2200
    assert len(await place.rows("select 1 from c_mcp_rate_counters where window_start = $1", before)) == 2200


def test_random_codes_are_six_digits_of_all_kinds() -> None:
    codes = {otp.random_code() for _ in range(500)}
    assert all(re.fullmatch(r"[0-9]{6}", code) for code in codes)
    assert len(codes) > 490
    assert {code[0] for code in codes} == set("0123456789")
