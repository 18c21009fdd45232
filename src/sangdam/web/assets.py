"""The files the widget build leaves in `static/`, read once and kept with their gzip."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
_MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=300"


@dataclass(frozen=True)
class Asset:
    content: bytes
    zipped: bytes | None
    media: str
    etag: str

    @classmethod
    def of(cls, content: bytes, suffix: str) -> "Asset":
        zipped = gzip.compress(content, 9, mtime=0) if suffix not in (".png", ".webp", ".woff2") else None
        return cls(content, zipped, _MEDIA[suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def answer(self, request: Request, *, headers: Mapping[str, str] | None = None) -> Response:
        """304 for whom has it; zipped for whom takes it; kept for ever when asked for by its version."""
        more = {
            "etag": self.etag,
            "vary": "accept-encoding",
            "cache-control": _FOR_EVER if "v" in request.query_params else _SHORT,
        }
        more |= headers or {}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=more)
        if self.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.zipped, headers=more | {"content-encoding": "gzip"}, media_type=self.media)
        return Response(self.content, headers=more, media_type=self.media)


class Assets:
    def __init__(self, folder: Path = STATIC) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): Asset.of(path.read_bytes(), path.suffix)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _MEDIA
        }

    def get(self, name: str) -> Asset | None:
        return self._files.get(name)

    def text(self, name: str) -> str | None:
        found = self.get(name)
        return found.content.decode() if found is not None else None
