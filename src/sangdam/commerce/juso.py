"""The road-name address search of the ministry of the interior (business.juso.go.kr `addrLinkApi`), and nobody else's addresses.

It answers HTTP 200 whatever happened: the code inside says it. What is asked for is a person's address, so it travels in a body,
never in a URL, and no log or audit row holds it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sangdam.commerce.places import cleaned, keywords, split_detail
from sangdam.tools.model import Call, Failed, UpstreamCall

log = structlog.get_logger(__name__)

URL = "https://business.juso.go.kr/addrlink/addrLinkApi.do"
PER_PAGE = 10
MANY = 50
"""From here on a list helps nobody: more detail is asked for."""
MOST_PER_PAGE = 100
ATTEMPT_SECONDS = 3.0
LEAST_SECONDS = 0.05
AGAIN_SECONDS = 0.3
MAX_BYTES = 1024 * 1024

_OVERLOADED = "E0001"
"""Said of a wrong key, and of a right one under load: asked once more."""
_TOO_WIDE = frozenset({"E0006", "E0015"})
_NO_KEYWORD = frozenset({"E0005", "E0008", "E0009", "E0010", "E0011", "E0012", "E0013"})
_PASSING = frozenset({"-999", _OVERLOADED})
_ZIPCODE = re.compile(r"\d{5}", re.ASCII)


@dataclass(frozen=True)
class Hit:
    zipcode: str
    road_address: str
    """Without what stands in parentheses behind it: what goes into an order."""
    jibun_address: str
    building: str | None


@dataclass(frozen=True)
class Found:
    hits: tuple[Hit, ...]
    total: int
    searched: str
    """What was searched for in the end."""
    detail_rest: str
    too_wide: bool = False
    """The service wants more detail before it lists anything."""

    @property
    def too_many(self) -> bool:
        return self.too_wide or self.total > MANY


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)

    zipcode: str = Field(default="", alias="zipNo")
    road: str = Field(default="", alias="roadAddrPart1")
    lot: str = Field(default="", alias="jibunAddr")
    building: str = Field(default="", alias="bdNm")


class _Common(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: str = Field(max_length=20, alias="errorCode")
    total: int = Field(default=0, ge=0, alias="totalCount")


class _Results(BaseModel):
    model_config = ConfigDict(frozen=True)

    common: _Common
    juso: list[_Row] | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)

    results: _Results


@dataclass(frozen=True)
class AddressSearch:
    """One key for the whole deployment; without one every search is a CONFIG_ERROR."""

    client: httpx2.AsyncClient
    key: str | None = field(repr=False)
    url: str = URL
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def find(self, call: Call, keyword: str, *, page: int = 1, per_page: int = PER_PAGE) -> Found | Failed:
        """Addresses for what somebody typed; 동, 층 and 호 are taken off where it finds nothing with them.

        `Failed`: ADDRESS_NOT_FOUND, ADDRESS_SEARCH_FAILED (`detail` names the service's code), CONFIG_ERROR.
        """
        if not self.key:
            return Failed("CONFIG_ERROR", detail={"setting": "JUSO_API_KEY"})
        clean = cleaned(keyword)
        missed = Failed("ADDRESS_NOT_FOUND")
        for words in keywords(clean):
            results = await self._results(call, words, page, per_page)
            if isinstance(results, Failed):
                return results
            code, total = results.common.code, results.common.total
            if code in _NO_KEYWORD:
                missed = Failed("ADDRESS_NOT_FOUND", detail={"juso": code})
            elif code in _TOO_WIDE:
                return Found((), total, words, split_detail(clean)[1], too_wide=True)
            elif code != "0":
                log.error("address_search_refused", juso=code, call_id=str(call.id))
                return Failed("ADDRESS_SEARCH_FAILED", retryable=code in _PASSING, detail={"juso": code})
            elif total:
                return Found(_hits(results.juso or []), total, words, split_detail(clean)[1])
        return missed

    async def _results(self, call: Call, words: str, page: int, per_page: int) -> _Results | Failed:
        results = await self._asked(call, words, page, per_page, attempt=1)
        if isinstance(results, Failed) or results.common.code != _OVERLOADED:
            return results
        if call.remaining <= AGAIN_SECONDS + LEAST_SECONDS:
            return results
        await self.pause(AGAIN_SECONDS)
        return await self._asked(call, words, page, per_page, attempt=2)

    async def _asked(self, call: Call, words: str, page: int, per_page: int, *, attempt: int) -> _Results | Failed:
        seconds = min(ATTEMPT_SECONDS, call.remaining)
        if seconds <= LEAST_SECONDS:
            return _broken("deadline")
        form = {
            "confmKey": self.key or "",
            "keyword": words,
            "currentPage": str(page),
            "countPerPage": str(per_page),
            "resultType": "json",
        }
        started, status, given_up = call.clock.monotonic(), None, False
        try:
            async with asyncio.timeout(seconds):
                request = self.client.build_request("POST", self.url, data=form, timeout=seconds)
                response = await self.client.send(request, stream=True, follow_redirects=False)
                try:
                    status = response.status_code
                    body = await _bounded(response) if status == 200 else None
                finally:
                    await response.aclose()
        except asyncio.CancelledError:
            given_up = True  # by us: it says nothing of the service
            raise
        except (httpx2.HTTPError, TimeoutError) as error:
            status = None
            return _broken(type(error).__name__)
        finally:
            if not given_up:
                ms = int((call.clock.monotonic() - started) * 1000)
                call.upstream.append(UpstreamCall("POST addrLinkApi", status, ms, attempt, "juso"))
        if status != 200:
            return _broken(f"status {status}")
        if body is None:
            return _broken("too large")
        try:
            return _Answer.model_validate_json(body).results
        except ValidationError:
            return _broken("shape")


async def _bounded(response: httpx2.Response) -> bytes | None:
    """None for a body that is too large: then reading stops."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            return None
    return bytes(body)


def _broken(cause: str) -> Failed:
    return Failed("ADDRESS_SEARCH_FAILED", retryable=True, detail={"cause": cause})


def _hits(rows: list[_Row]) -> tuple[Hit, ...]:
    """What has no postcode or no road cannot be delivered to."""
    return tuple(
        Hit(row.zipcode, road, " ".join(row.lot.split()), row.building.strip() or None)
        for row in rows
        if _ZIPCODE.fullmatch(row.zipcode) and len(road := " ".join(row.road.split())) >= 5
    )
