"""Korean phone numbers: one normal form for comparing, hashing and sending."""

import re
import unicodedata
from dataclasses import dataclass

_MOBILE = re.compile(r"01[016789][0-9]{7,8}")
_OTHER = re.compile(r"0(?:2|[346][0-9]|5[1-9]|70|80|50[0-9])[0-9]{7,8}")
_NOISE = re.compile(r"[\s\-.()]+")


@dataclass(frozen=True)
class Phone:
    digits: str
    """National digits, `01012345678`."""

    @property
    def e164(self) -> str:
        return "+82" + self.digits[1:]

    @property
    def is_mobile(self) -> bool:
        """Can receive a code: `01[016789]` and 10 or 11 digits. A 안심번호 (050…) is not one."""
        return _MOBILE.fullmatch(self.digits) is not None

    @property
    def dashed(self) -> str:
        """`010-1234-5678`, as Cafe24 stores it."""
        d = self.digits
        head = 2 if d.startswith("02") else 4 if d.startswith("050") else 3
        return f"{d[:head]}-{d[head:-4]}-{d[-4:]}"

    @property
    def masked(self) -> str:
        d = self.digits
        head = d[:2] if d.startswith("02") else d[:3]
        return f"{head}-****-{d[-4:]}"


def parse_phone(text: str) -> Phone | None:
    """Reads `010-1234-5678`, `01012345678`, `+82 10 1234 5678`, `(02) 123-4567`; None when it is no Korean number."""
    digits = _NOISE.sub("", unicodedata.normalize("NFKC", text))
    if digits.startswith("+82"):
        digits = "0" + digits[3:].removeprefix("0")
    elif digits.startswith("82") and len(digits) >= 11:
        digits = "0" + digits[2:].removeprefix("0")
    if _MOBILE.fullmatch(digits) or _OTHER.fullmatch(digits):
        return Phone(digits)
    return None
