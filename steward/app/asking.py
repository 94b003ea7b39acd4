"""A command's way to the running service: one request over REST, and its answer or why there is none.

The service is asked, never its files: books have one writer. What it refuses is told in its own words.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from steward.errors import StewardError


class Silent(StewardError):
    """No service answers at the address."""


def address(url: str) -> str:
    """The address as it is used. Raises StewardError for one that is none."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise StewardError(f"--url: {url!r}, expected for example http://127.0.0.1:8080")
    return url.rstrip("/")


def ask(url: str, path: str, body: Any = None, timeout: float = 120.0) -> bytes:
    """What the service at `url` answers to GET `path`, or to POST with a body. timeout: seconds.

    Raises Silent, or StewardError with the service's reason, or for an address that is none.
    """
    content = None if body is None else json.dumps(body).encode()
    headers = {} if content is None else {"Content-Type": "application/json"}
    request = Request(f"{address(url)}/api/v1/{path}", content, headers)  # noqa: S310  the scheme is checked there
    try:
        with urlopen(request, timeout=timeout) as answer:  # noqa: S310
            read: bytes = answer.read()
            return read
    except HTTPError as error:
        raise StewardError(_detail(error)) from None
    except (URLError, OSError) as error:
        raise Silent(f"{url}: no service answers ({getattr(error, 'reason', error)})") from None


def _detail(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url}: {error.code} {error.reason}"
