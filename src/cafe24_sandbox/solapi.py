"""SOLAPI's message calls: the signature is checked, messages land in the inbox instead of on phones.

As at the real service an answer is 200 even when every message failed to be registered.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cafe24_sandbox.http import Request
from cafe24_sandbox.wire import Answer, Obj, as_json, as_list, as_object, digits

AUTHORISATION = re.compile(
    r"^HMAC-SHA256\s+ApiKey=(?P<key>[^,\s]+),\s*Date=(?P<date>[^,\s]+),\s*salt=(?P<salt>[^,\s]+),\s*signature=(?P<signature>[0-9a-f]{64})$",
    re.IGNORECASE,
)
SKEW = timedelta(minutes=15)
KINDS = frozenset({"SMS", "LMS", "MMS", "ATA", "CTA", "CTI"})
TEXT_BYTES = {"SMS": 90, "LMS": 2000, "MMS": 2000}


class Refusal(Exception):
    """A 4xx of the service in its own shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = as_json({"errorCode": code, "errorMessage": message}, status)


@dataclass(frozen=True, slots=True)
class Sms:
    """One message as it reached the inbox; `to` is digits only."""

    to: str
    sender: str
    text: str
    kind: str
    at: datetime
    message_id: str
    group_id: str
    fields: Obj
    failed: str | None = None

    def shown(self) -> Obj:
        return {
            "to": self.to,
            "text": self.text,
            "at": self.at.isoformat(),
            "from": self.sender,
            "type": self.kind,
            "messageId": self.message_id,
            "customFields": self.fields,
            "failed": self.failed,
        }


@dataclass(slots=True)
class Phones:
    """The messages taken in, oldest first."""

    key: str
    secret: str
    messages: list[Sms] = field(default_factory=list[Sms])
    salts: set[str] = field(default_factory=set[str])

    @property
    def delivered(self) -> list[Sms]:
        return [m for m in self.messages if m.failed is None]

    def check(self, request: Request, clocks: tuple[datetime, ...]) -> None:
        """A wrong key, signature or date is a 401 or 403. The date may be right by the real or the shifted clock."""
        match = AUTHORISATION.fullmatch(request.headers.get("authorization", "").strip())
        if match is None:
            raise Refusal(401, "Unauthorized", "Authorization 헤더가 올바르지 않습니다.")
        if not hmac.compare_digest(match["key"].encode(), self.key.encode()):
            raise Refusal(401, "InvalidApiKey", "유효한 API Key가 아닙니다.")
        signed = hmac.new(self.secret.encode(), (match["date"] + match["salt"]).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed, match["signature"].lower()):
            raise Refusal(403, "SignatureDoesNotMatch", "signature가 일치하지 않습니다.")
        try:
            at = datetime.fromisoformat(match["date"])
        except ValueError as broken:
            raise Refusal(403, "RequestTimeTooSkewed", "Date를 읽을 수 없습니다.") from broken
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if all(abs(now - at) > SKEW for now in clocks):
            raise Refusal(403, "RequestTimeTooSkewed", "요청 시각이 너무 다릅니다.")
        if not 12 <= len(match["salt"]) <= 64:
            raise Refusal(403, "SignatureDoesNotMatch", "salt는 12~64자여야 합니다.")
        if match["salt"] in self.salts:
            raise Refusal(403, "DuplicatedSignature", "이미 사용한 signature입니다.")
        self.salts.add(match["salt"])

    def send_many(self, request: Request, now: datetime, *, fail_with: str | None) -> Answer:
        try:
            body = as_object(json.loads(request.body))
        except (ValueError, UnicodeDecodeError):
            body = None
        rows = as_list(body.get("messages")) if body is not None else None
        if body is None or not rows:
            raise Refusal(400, "ValidationError", "messages는 필수입니다.")
        if len(rows) > 10000:
            raise Refusal(400, "ValidationError", "messages는 10000개까지 보낼 수 있습니다.")
        group = f"G4V{now:%Y%m%d%H%M%S}{len(self.messages):06d}"
        taken, failed, seen = list[Obj](), list[Obj](), set[str]()
        duplicates = body.get("allowDuplicates") is True
        for number, row in enumerate(rows, 1):
            self.take(
                as_object(row), now, group, f"M4V{group[3:]}{number:04d}", seen, duplicates, fail_with, taken, failed
            )
        count: Obj = {
            "total": len(rows),
            "sentTotal": 0,
            "sentFailed": 0,
            "sentSuccess": 0,
            "sentPending": 0,
            "sentReplacement": 0,
            "refund": 0,
            "registeredFailed": len(failed),
            "registeredSuccess": len(taken),
        }
        stamp = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        answer: Obj = {
            "failedMessageList": failed,
            "groupInfo": {
                "count": count,
                "countForCharge": {},
                "balance": {},
                "point": {},
                "app": {},
                "log": list[object](),
                "status": "SENDING" if taken else "FAILED",
                "allowDuplicates": duplicates,
                "isRefunded": False,
                "accountId": "demo",
                "masterAccountId": None,
                "apiVersion": "4",
                "groupId": group,
                "price": {},
                "dateCreated": stamp,
                "dateUpdated": stamp,
                "scheduledDate": body.get("scheduledDate"),
                "dateSent": None,
                "dateCompleted": None,
            },
        }
        if body.get("showMessageList") is True:
            answer["messageList"] = taken
        return as_json(answer)

    def take(
        self,
        row: Obj | None,
        now: datetime,
        group: str,
        message_id: str,
        seen: set[str],
        duplicates: bool,
        fail_with: str | None,
        taken: list[Obj],
        failed: list[Obj],
    ) -> None:
        if row is None:
            raise Refusal(400, "ValidationError", "messages의 형식이 올바르지 않습니다.")
        to, sender, text = str(row.get("to") or ""), str(row.get("from") or ""), str(row.get("text") or "")
        size = len(text.encode("euc-kr", "replace"))
        kind = str(row.get("type") or ("SMS" if size <= TEXT_BYTES["SMS"] else "LMS"))
        kakao = as_object(row.get("kakaoOptions"))
        if kind not in KINDS:
            raise Refusal(400, "ValidationError", f"type {kind}은(는) 사용할 수 없습니다.")
        code, why = "2000", "정상 접수"
        if not to.isdecimal() or not 8 <= len(to) <= 15:
            code, why = "1062", "잘못된 수신번호"
        elif not sender.isdecimal():
            code, why = "1011", "등록되지 않은 발신번호"
        elif kind in TEXT_BYTES and (not text or size > TEXT_BYTES[kind]):
            code, why = "1025", "메시지 길이 오류"
        elif kind == "ATA" and (kakao is None or not kakao.get("templateId") or not kakao.get("pfId")):
            code, why = "1030", "알림톡 옵션 오류"
        elif to in seen and not duplicates:
            code, why = "1026", "중복 수신번호"
        elif fail_with is not None:
            code, why = fail_with, "등록 실패"
        seen.add(to)
        fields = as_object(row.get("customFields")) or {}
        if kind == "ATA" and kakao is not None and not text:
            text = f"[알림톡 {kakao.get('templateId')}] {json.dumps(kakao.get('variables') or {}, ensure_ascii=False)}"
        failure = None if code == "2000" else code
        self.messages.append(Sms(digits(to), digits(sender), text, kind, now, message_id, group, fields, failure))
        shown: Obj = {"messageId": message_id, "statusCode": code, "statusMessage": why, "customFields": fields}
        if code == "2000":
            taken.append(shown | {"to": to, "from": sender, "type": kind})
            return
        failed.append(shown | {"to": to, "from": sender, "type": kind, "country": "82", "accountId": "demo"})

    def groups(self, request: Request) -> Answer:
        """`GET /messages/v4/groups`, newest first: how many of each group were registered and how many failed."""
        shown: dict[str, Obj] = {}
        for group in dict.fromkeys(m.group_id for m in reversed(self.messages)):
            of_group = [m for m in self.messages if m.group_id == group]
            failed = sum(m.failed is not None for m in of_group)
            counted: Obj = {
                "total": len(of_group),
                "registeredFailed": failed,
                "registeredSuccess": len(of_group) - failed,
            }
            shown[group] = {"groupId": group, "count": counted, "dateCreated": of_group[0].at.isoformat()}
        return as_json({"groupList": shown, "limit": len(shown), "startKey": None, "nextKey": None})

    def listing(self, request: Request, *, group_id: str | None = None) -> Answer:
        """`GET /messages/v4/list`, newest first, by message id, group, recipient."""
        q = request.query
        tests: list[Callable[[Sms], bool]] = []
        if wanted := q.get("messageId"):
            tests.append(lambda m: m.message_id == wanted)
        if group := group_id or q.get("groupId"):
            tests.append(lambda m: m.group_id == group)
        if to := q.get("to"):
            tests.append(lambda m: m.to == digits(to))
        limit = int(q["limit"]) if q.get("limit", "").isdecimal() else 20
        rows = [m for m in reversed(self.messages) if all(test(m) for test in tests)][: min(limit, 500)]
        shown = {
            m.message_id: {
                "messageId": m.message_id,
                "groupId": m.group_id,
                "to": m.to,
                "from": m.sender,
                "type": m.kind,
                "text": m.text,
                "statusCode": m.failed or "4000",
                "statusMessage": "등록 실패" if m.failed else "수신 완료",
                "customFields": m.fields,
                "dateCreated": m.at.isoformat(),
            }
            for m in rows
        }
        return as_json({"messageList": shown, "limit": limit, "startKey": None, "nextKey": None})
