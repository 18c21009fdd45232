"""What a program is told of a call: the facts as short text, refusals with what to do next, and the question a person is asked. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sangdam.core.errors import Kind
from sangdam.tools.audit import status_of
from sangdam.tools.model import Invalid, NeedsConfirmation, NeedsVerification, Refusal, Unknown
from sangdam.web.errors import FACES, tool_words
from sangdam.web.outcomes import confirmation_of, effect_of, is_retryable, retry_after, told
from sangdam.web.tool_calls import Called

REVIEW_PAGE = "/console/review"

_NEXT: Mapping[str, tuple[str, str]] = {
    "CUSTOMER_VERIFICATION_REQUIRED": (
        "session_id와 customer_verification_token을 함께 보내 주세요. 토큰은 같은 상담에서 verify_otp나 verify_orderer가 돌려줘요.",
        "Pass session_id and customer_verification_token. verify_otp and verify_orderer give the token, in the same conversation.",
    ),
    "FORBIDDEN": (
        "토큰의 권한이 부족하거나 staff_reason(5~200자)이 없어요.",
        "The token lacks a scope, or staff_reason (5 to 200 characters) is missing.",
    ),
    "DUPLICATE_REQUEST": (
        "같은 idempotency_key로 잠시 뒤에 다시 호출하면 처음 결과를 받아요.",
        "Call again with the same idempotency_key in a moment: the first outcome comes back.",
    ),
    "IDEMPOTENCY_MISMATCH": (
        "이 idempotency_key는 다른 내용에 쓰였어요. 새로운 일에는 새 키를 쓰세요.",
        "This idempotency_key belongs to another call. Use a new key for a new thing.",
    ),
}
_UNKNOWN = (
    "같은 idempotency_key로 다시 호출하면 알려진 만큼 알려 드려요. 두 번 실행되지 않아요.",
    "Calling again with the same idempotency_key tells what is known by then. It does not run twice.",
)
_CONFIRM = (
    "아직 아무것도 바뀌지 않았어요. {page} 에서 사람이 승인한 뒤, 같은 인자와 idempotency_key에 confirmation_digest를 더해 다시 호출하세요.",
    "Nothing has changed yet. Once a person approved it at {page}, call again with the same arguments and idempotency_key and add confirmation_digest.",
)
_REFUSED_BY_PERSON = (
    "담당자가 승인하지 않았어요. 아무것도 바뀌지 않았어요.",
    "The person did not approve. Nothing has changed.",
)
_FIX = ("고칠 항목: {fields}", "To correct: {fields}")

_LABELS: Mapping[str, str] = {
    "order_id": "주문번호", "items": "상품", "item_codes": "품목", "name": "이름", "option": "옵션", "quantity": "수량", "before": "바뀌기 전", "after": "바뀐 뒤",
    "address": "주소", "address1": "주소", "address2": "상세 주소", "address_masked": "주소", "zipcode": "우편번호", "receiver": "받는 분", "receiver_name": "받는 분",
    "name_masked": "받는 분", "phone": "연락처", "phone_masked": "연락처", "cellphone": "연락처", "receiver_cellphone": "연락처", "contact": "연락처", "contact_masked": "연락처",
    "contact_phone": "연락처", "shipping_message": "배송 메시지", "shipping_code": "배송 번호", "notes": "참고", "kind": "종류", "summary": "제목", "title": "제목",
    "content": "내용", "reason": "이유", "priority": "우선순위", "product_name": "상품", "product_no": "상품 번호", "option_label": "옵션", "variant_code": "품목 코드",
    "channel": "알림 방법", "planned": "보낼 알림", "restock_at": "재입고 예정일", "subscription_id": "알림 번호", "board_no": "게시판",
}  # fmt: skip
"""What a person reads instead of a field's name."""
_NONE = "없음"
_PROGRAMS: Mapping[str, str] = {}


def facts_text(facts: Mapping[str, object]) -> str:
    """Every fact of it in a line or in a list; what is not known (null) is left out."""
    return "\n".join(_lines(facts, "")) or "{}"


def question(title: str, preview: Mapping[str, object]) -> str:
    """What a person is asked to accept, all of it, in Korean."""
    return "\n".join([f"'{_word(title)}' 요청이에요. 아래 내용 그대로 진행할까요?", "", *_lines(preview, "", _LABELS)])


def refusal(called: Called, refused: Refusal, *, base_url: str, language: str) -> dict[str, Any]:
    """A call that was not done, for the program; `message` may be read out to whoever operates it."""
    told_more = told(refused)
    structured: dict[str, Any] = {
        "code": refused.code,
        "outcome": status_of(refused),
        "message": _message(refused, base_url, language),
        "retryable": is_retryable(refused),
    }
    wait = retry_after(refused)
    if wait is not None:
        structured["retry_after"] = wait
    if isinstance(refused, Invalid):
        structured["fields"] = list(refused.fields)
    if isinstance(refused, NeedsVerification):
        structured["verification"] = told_more
    elif told_more is not None:
        structured |= told_more
    confirmation = confirmation_of(refused)
    if confirmation is not None:
        structured["confirmation"] = {**confirmation, "approve_at": base_url + REVIEW_PAGE}
    effect = effect_of(refused)
    if effect is not None:
        structured["effect_id"] = str(effect)
    return {**structured, "call_id": str(called.call)}


def refused_by_person(language: str) -> dict[str, Any]:
    return {
        "code": "NEEDS_CONFIRMATION",
        "outcome": "needs_confirmation",
        "message": _in(language, _REFUSED_BY_PERSON),
        "retryable": False,
    }


def too_slow(call: str, *, write: bool, language: str) -> dict[str, Any]:
    """The call goes on by itself; its caller does not wait for it any longer."""
    face = FACES[Kind.UNAVAILABLE]
    said = face.ko if language == "ko" else face.en
    return {
        "code": Kind.UNAVAILABLE.value,
        "outcome": "unknown" if write else "error",
        "message": f"{said} {_in(language, _UNKNOWN)}" if write else said,
        "retryable": True,
        "call_id": call,
    }


def refusal_text(structured: Mapping[str, Any]) -> str:
    """The same as text: the sentences first."""
    rest = {name: value for name, value in structured.items() if name != "message"}
    return "\n".join([str(structured["message"]), "", *_lines(rest, "")])


def _message(refused: Refusal, base_url: str, language: str) -> str:
    unknown = isinstance(refused, Unknown)
    said = [tool_words(refused.code, language, unknown=unknown)]
    if unknown:
        said.append(_in(language, _UNKNOWN))
    elif isinstance(refused, NeedsConfirmation):
        said.append(_in(language, _CONFIRM).format(page=base_url + REVIEW_PAGE))
    elif refused.code in _NEXT:
        said.append(_in(language, _NEXT[refused.code]))
    elif isinstance(refused, Invalid) and refused.fields:
        said.append(_in(language, _FIX).format(fields=", ".join(refused.fields)))
    return " ".join(said)


def _in(language: str, words: tuple[str, str]) -> str:
    return words[0] if language == "ko" else words[1]


def _lines(facts: Mapping[str, object], pad: str, labels: Mapping[str, str] = _PROGRAMS) -> Iterator[str]:
    for key, value in facts.items():
        name = f"{pad}{_word(labels.get(key, key))}:"
        parts, members = _parts(value), _members(value)
        inner = list(_lines(parts, pad + "  ", labels))
        if inner:
            yield name
            yield from inner
        elif members and any(isinstance(each, Mapping | list | tuple) for each in members):
            yield name
            for each in members:
                yield from _item(each, pad, labels)
        elif parts:
            yield f"{name} {{}}"
        elif value is not None:
            yield f"{name} {_plain(value)}"
        elif labels is _LABELS:
            yield f"{name} {_NONE}"


def _item(value: object, pad: str, labels: Mapping[str, str]) -> Iterator[str]:
    """One of a list: its first line carries the dash."""
    lines = list(_lines(_parts(value), pad + "  ", labels))
    if not lines:
        yield f"{pad}- {_plain(value) if not _parts(value) else '{}'}"
        return
    first, *rest = lines
    yield f"{pad}- {first[len(pad) + 2 :]}"
    yield from rest


def _parts(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _members(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()


def _plain(value: object) -> str:
    if isinstance(value, str):
        return _word(value)
    if not isinstance(value, list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    members = _members(cast("object", value))
    return (
        "[" + ", ".join(_word(each, inside=True) if isinstance(each, str) else _plain(each) for each in members) + "]"
    )


def _word(text: str, *, inside: bool = False) -> str:
    """As it is; in quotes where it could be taken for something else: what stands inside data does not begin a line."""
    plain = text.isprintable() and text == text.strip() and text[:1] not in ("", '"', "[", "{", "-")
    if plain and not (inside and ("," in text or "]" in text)):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in quoted)
