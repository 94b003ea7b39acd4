"""The page: files of api/web, with ETag and gzip, and the addresses of its views.

Invariants: only files below the folder are served; a file is read again when it changes and compressed once; a path such as
/alerts or /places/block-a leads to that view (the page keeps its state after the `#`); anything else is a 404 problem.
"""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.problems import problem

VIEWS = frozenset(
    ("now", "places", "energy", "meters", "alerts", "calendar", "notices", "fleet", "devices", "rules", "reports", "settings")
)
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
COMPRESSED = 1024  # bytes: smaller files gain nothing


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent. `packed`: its gzip, empty where that gains nothing."""

    stamp: tuple[int, int]
    body: bytes
    packed: bytes
    etag: str
    media_type: str


class Page:
    """An ASGI app that serves the folder `web`; without a folder everything is a 404."""

    def __init__(self, web: Path | None) -> None:
        self._web = web.resolve() if web else None
        self._files: dict[Path, File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what no route of the API has taken."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path = scope_path(request)
        first = path.partition("/")[0]
        if first == "api" or self._web is None:
            return problem(404, f"{request.method} /{path}: there is no such address")
        file = self._file(path or "index.html")
        if file is None and first in VIEWS:
            depth = path.count("/")
            search = f"?{request.url.query}" if request.url.query else ""
            return Response(status_code=307, headers={"Location": f"{'../' * depth or './'}#/{quote(path)}{search}"})
        if file is None:
            return problem(404, f"{request.method} /{path}: there is no such address")
        if request.method not in ("GET", "HEAD"):
            return problem(405, f"{request.method} /{path}: expected GET or HEAD", {"Allow": "GET, HEAD"})
        return _send(request, file)

    def _file(self, path: str) -> File | None:
        assert self._web is not None
        if "\x00" in path or any(part.startswith(".") for part in Path(path).parts):
            return None
        try:
            found = (self._web / path).resolve()
            if not found.is_relative_to(self._web) or not found.is_file():
                return None
            state = found.stat()
        except OSError:  # longer than a name may be
            return None
        stamp = (state.st_mtime_ns, state.st_size)
        held = self._files.get(found)
        if held is None or held.stamp != stamp:
            held = self._files[found] = _read(found, stamp)
        return held


def scope_path(request: Request) -> str:
    """The path below the root that the service is mounted at, without the leading slash."""
    path, root = request.scope["path"], request.scope.get("root_path", "")
    return str(path.removeprefix(root)).lstrip("/")


def _read(path: Path, stamp: tuple[int, int]) -> File:
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if len(body) >= COMPRESSED else b""
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return File(stamp, body, packed if len(packed) < len(body) else b"", f'"{blake2b(body, digest_size=8).hexdigest()}"', kind)


def _send(request: Request, file: File) -> Response:
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    asked = request.headers.get("if-none-match", "")
    if file.etag in (tag.strip().removeprefix("W/") for tag in asked.split(",")):
        return Response(status_code=304, headers=headers)
    body = file.body
    if file.packed and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = file.packed
    headers["Content-Length"] = str(len(body))
    return Response(b"" if request.method == "HEAD" else body, 200, headers, file.media_type)
