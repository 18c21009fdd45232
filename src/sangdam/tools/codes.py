"""Every code a call may end with (tools.md §2): HTTP status, whether trying again helps, the shopper's wording, the operator's hint.

A closed list: a refusal with any other code leaves the gate as INTERNAL_ERROR.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Retry = Literal["no", "fix", "wait", "later", "yes", "depends"]
"""`fix`: after correcting the call; `wait`: after `retry_after`; `later`: once the other side is back; `depends`: see `retryable`."""


@dataclass(frozen=True)
class Code:
    code: str
    http: int
    retry: Retry
    wording: str | None
    """Name of a wording of tools.md §2.1; None where the flow has words of its own."""
    hint: str
    """Korean, for operators."""

    @property
    def retryable(self) -> bool:
        return self.retry in ("wait", "later", "yes")


_LIST = (
    Code("TOOL_NOT_FOUND", 404, "no", "W-NOPE", "등록되지 않았거나 꺼진 도구 이름이에요."),
    Code("INVALID_PARAMS", 400, "fix", "W-FIX", "입력값이 형식에 맞지 않아요. 표시된 항목을 확인하세요."),
    Code("POLICY_NOT_FOUND", 403, "no", "W-NOPE", "정책 행 없음: 도구 화면에서 허용하세요"),
    Code("POLICY_BLOCK", 403, "no", "W-NOPE", "정책이 막았어요. 규칙과 정책 버전을 확인하세요."),
    Code("CALLER_NOT_ALLOWED", 403, "no", "W-NOPE", "이 종류의 호출자는 정책에 없어요."),
    Code(
        "TOOL_NOT_ALLOWED_FOR_AGENT", 403, "no", "W-NOPE", "상담 도우미의 도구 목록에 없어요. 도우미 설정을 확인하세요."
    ),
    Code("FORBIDDEN", 403, "no", None, "역할이나 토큰 권한이 부족해요."),
    Code("SCOPE_ERROR", 403, "no", "W-PERSON", "쇼핑몰 권한이 빠졌어요. 연결 화면에서 다시 연결하세요."),
    Code("RATE_LIMIT", 429, "wait", "W-BUSY", "호출 한도를 넘었어요. 어느 한도인지 기록을 확인하세요."),
    Code("CIRCUIT_OPEN", 503, "later", "W-DOWN", "외부 서비스가 거듭 실패해 잠시 호출을 멈췄어요."),
    Code("CUSTOMER_VERIFICATION_REQUIRED", 403, "fix", "W-VERIFY", "본인 확인이 없거나 이 요청에 맞지 않아요."),
    Code("NEEDS_CONFIRMATION", 409, "fix", "W-CONFIRM", "바뀔 내용을 사람이 확인해야 실행돼요."),
    Code("DUPLICATE_REQUEST", 409, "wait", "W-INFLIGHT", "같은 요청이 지금 실행 중이에요."),
    Code("IDEMPOTENCY_MISMATCH", 422, "no", "W-FIX", "같은 멱등 키가 다른 내용으로 다시 쓰였어요."),
    Code(
        "AUDIT_UNAVAILABLE",
        503,
        "later",
        "W-DOWN",
        "감사 기록을 남기지 못해 실행하지 않았어요. 데이터베이스를 확인하세요.",
    ),
    Code("CONFIG_ERROR", 424, "no", "W-PERSON", "쇼핑몰, 게시판, 주소 검색 또는 문자 설정이 비어 있어요."),
    Code(
        "TOKEN_REFRESH_FAILED",
        502,
        "depends",
        "W-DOWN",
        "쇼핑몰 토큰을 갱신하지 못했어요. 원인과 마지막 성공 시각을 확인하세요.",
    ),
    Code("CAFE24_REAUTH_REQUIRED", 424, "no", "W-PERSON", "쇼핑몰 연결이 끊겼어요. 다시 연결하세요."),
    Code("CAFE24_NOT_FOUND", 404, "no", "W-NOTFOUND", "쇼핑몰에 그런 자료가 없어요."),
    Code("CAFE24_REJECTED", 422, "no", "W-PERSON", "쇼핑몰이 요청을 거절했어요. 쇼핑몰의 답을 확인하세요."),
    Code("CAFE24_RATE_LIMITED", 503, "later", "W-BUSY", "쇼핑몰 호출 한도에 걸렸어요."),
    Code("CAFE24_TIMEOUT", 504, "yes", "W-DOWN", "쇼핑몰이 제때 답하지 않았어요."),
    Code("CAFE24_UNAVAILABLE", 503, "later", "W-DOWN", "쇼핑몰 서버가 오류를 냈거나 연결되지 않아요."),
    Code("CAFE24_ERROR", 502, "no", "W-DOWN", "쇼핑몰의 답을 읽을 수 없어요."),
    Code("ORDER_NOT_OWNED", 403, "no", "W-NOTFOUND", "주문은 있지만 확인된 손님의 주문이 아니에요."),
    Code("ORDER_NOT_CHANGEABLE", 409, "no", "W-STATE", "주문 상태 때문에 바꿀 수 없어요. 품목 코드를 확인하세요."),
    Code("RECEIVER_CHOICE_REQUIRED", 409, "fix", "W-FIX", "받는 분이 여럿이에요. 배송 번호를 정해야 해요."),
    Code("READBACK_MISMATCH", 502, "no", "W-CHECK", "쇼핑몰은 받았다고 했지만 주문서의 내용이 달라요."),
    Code("CUSTOMER_NOT_FOUND", 404, "no", "W-NOTFOUND", "그 번호나 아이디의 회원이 없어요."),
    Code("CUSTOMER_AMBIGUOUS", 409, "no", "W-NOTFOUND", "같은 번호의 회원이 여럿이에요."),
    Code("CUSTOMER_MEMBER_ID_MISSING", 409, "no", "W-PERSON", "회원 자료에 아이디가 없어요."),
    Code("AMBIGUOUS_ADDRESS", 409, "fix", "W-ADDR", "우편번호가 다른 주소가 여럿 나왔어요."),
    Code("MISSING_ZIPCODE", 400, "fix", "W-ADDR", "우편번호가 없고 하나로 정해지지 않아요."),
    Code("ADDRESS_NOT_FOUND", 404, "fix", "W-ADDR", "주소 검색 결과가 없어요."),
    Code("ADDRESS_SEARCH_FAILED", 503, "later", "W-ADDR", "주소 검색 서비스가 실패했어요."),
    Code("OTP_NOT_FOUND", 404, "fix", "W-CODE", "살아 있는 인증번호가 없어요."),
    Code("OTP_EXPIRED", 410, "fix", "W-CODE", "인증번호 유효 시간이 지났어요."),
    Code("OTP_ALREADY_USED", 409, "fix", "W-CODE", "이미 쓴 인증번호예요."),
    Code("OTP_INVALID", 422, "yes", "W-CODE", "인증번호가 틀렸어요."),
    Code("OTP_LOCKED", 423, "no", "W-LOCK", "인증번호를 다섯 번 틀려 15분 동안 막혔어요."),
    Code("OTP_RESEND_TOO_SOON", 429, "wait", "W-CODE", "30초 안에 다시 보낼 수 없어요."),
    Code("ORDERER_MISMATCH", 403, "yes", "W-NOTFOUND", "주문번호, 성함, 연락처가 서로 맞지 않아요."),
    Code("ORDERER_LOCKED", 423, "no", "W-LOCK", "주문자 확인을 다섯 번 틀려 막혔어요."),
    Code("SOLAPI_ERROR", 502, "later", "W-SMS", "문자 발송이 거절되거나 실패했어요."),
    Code("CHANNEL_UNSUPPORTED", 400, "no", "W-SMS", "문자(sms)만 쓸 수 있어요."),
    Code("CONSENT_REQUIRED", 400, "fix", "W-FIX", "동의 기록이 없어요."),
    Code("PRODUCT_NOT_SOLD_OUT", 409, "no", None, "지금 살 수 있는 상품이에요."),
    Code("RESTOCK_NOT_PLANNED", 409, "no", None, "재입고하지 않는 상품으로 정해 두었어요."),
    Code("SUBSCRIPTION_NOT_FOUND", 404, "no", None, "해지할 알림이 없어요."),
    Code("SUBSCRIPTION_LIMIT", 429, "no", "W-NOPE", "한 번호에 알림은 20개까지예요."),
    Code("EXTERNAL_REJECTED", 422, "depends", "W-PERSON", "연결한 외부 서버가 요청을 거절했어요."),
    Code("EXTERNAL_TIMEOUT", 504, "yes", "W-DOWN", "연결한 외부 서버가 제때 답하지 않았어요."),
    Code("EXTERNAL_UNAVAILABLE", 503, "later", "W-DOWN", "연결한 외부 서버가 오류를 냈거나 연결되지 않아요."),
    Code("EXTERNAL_ERROR", 502, "no", "W-DOWN", "연결한 외부 서버의 답을 읽을 수 없거나 너무 커요."),
    Code("INTERNAL_ERROR", 500, "no", "W-PERSON", "프로그램 오류예요. 추적 번호로 로그를 확인하세요."),
)

CODES: Mapping[str, Code] = {entry.code: entry for entry in _LIST}
UNKNOWN_WORDING = "W-UNKNOWN"
