"""Item codes of the mall and what they mean (reference §3.3). Unknown codes are read by their first letter, else `other`."""

from collections.abc import Mapping

from sangdam.core.shop import StatusClass

TEXTS: Mapping[str, str] = {
    "N00": "입금전", "N01": "교환접수", "N02": "입금전", "N03": "교환접수", "N10": "상품준비중", "N20": "배송준비중", "N21": "배송대기", "N22": "배송보류", "N30": "배송중",
    "N40": "배송완료", "N50": "구매확정",
    "C00": "취소신청", "C10": "취소접수", "C11": "취소접수거부", "C34": "취소처리중", "C35": "취소처리중", "C36": "취소처리중", "C40": "취소완료", "C41": "취소완료", "C42": "취소완료",
    "C43": "취소완료", "C47": "입금전취소", "C48": "입금전취소", "C49": "입금전취소",
    "R00": "반품신청", "R10": "반품접수", "R11": "반품접수거부", "R12": "반품보류", "R13": "반품접수", "R20": "반품수거완료", "R30": "반품처리중", "R31": "반품처리중",
    "R34": "반품처리중", "R36": "반품처리중", "R40": "반품완료", "R41": "반품완료", "R42": "반품완료", "R43": "반품완료",
    "E00": "교환신청", "E10": "교환접수", "E11": "교환접수거부", "E12": "교환보류", "E13": "교환접수", "E20": "교환준비", "E30": "교환처리중", "E31": "교환처리중", "E32": "교환처리중",
    "E33": "교환처리중", "E34": "교환처리중", "E35": "교환처리중", "E36": "교환처리중", "E40": "교환완료",
}  # fmt: skip

_CLASSES: Mapping[str, StatusClass] = {
    "N00": StatusClass.AWAITING_PAYMENT, "N02": StatusClass.AWAITING_PAYMENT, "N01": StatusClass.EXCHANGE, "N03": StatusClass.EXCHANGE, "N10": StatusClass.PREPARING,
    "N20": StatusClass.READY_TO_SHIP, "N21": StatusClass.READY_TO_SHIP, "N22": StatusClass.READY_TO_SHIP, "N30": StatusClass.IN_TRANSIT, "N40": StatusClass.DELIVERED,
    "N50": StatusClass.CONFIRMED,
}  # fmt: skip
_LETTERS: Mapping[str, StatusClass] = {"C": StatusClass.CANCEL, "R": StatusClass.RETURN, "E": StatusClass.EXCHANGE}

HELD = "N22"
ADDRESS_CHANGEABLE = frozenset({"N00", "N10", "N20", "N22"})
CANCELLABLE = frozenset({"N00", "N02", "N10", "N20", "N22"})
"""With an invoice (N21) a person has to look whether it can still be stopped."""
ARRIVED = frozenset({StatusClass.DELIVERED, StatusClass.CONFIRMED})


def class_of(code: str) -> StatusClass:
    return _CLASSES.get(code) or _LETTERS.get(code[:1], StatusClass.OTHER)


def text_of(code: str, given: str | None) -> str:
    """The mall's own name of the state where it gave one."""
    return (given or "").strip() or TEXTS.get(code, "확인 중")
