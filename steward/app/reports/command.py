"""`steward report`: a monthly report from the running service into a file.

The service is asked, never its files: books have one writer. The address is that of the facility's API; what it refuses is told
in its own words.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from steward.errors import StewardError

TIMEOUT = 600.0
"""Seconds: a report over many sites and a cold store takes its time."""
FORMS = ("xlsx", "html", "csv")


def fetch(url: str, month: str, language: str, out: Path) -> int:
    """Writes the report of a month; its form is the ending of `out`. Returns its size. Raises StewardError."""
    form = out.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise StewardError(f"--out: {out.name!r}, expected a name that ends in {', '.join('.' + one for one in FORMS)}")
    if language not in ("en", "zh"):
        raise StewardError(f"--language: {language!r}, expected en or zh")
    if urlsplit(url).scheme not in ("http", "https"):
        raise StewardError(f"--url: {url!r}, expected for example http://127.0.0.1:8080")
    query = urlencode({"lang": language, "inside": "true"})
    request = Request(f"{url.rstrip('/')}/api/v1/reports/{month}.{form}?{query}")  # noqa: S310  the scheme is checked above
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            body: bytes = answer.read()
    except HTTPError as error:
        raise StewardError(_detail(error)) from None
    except (URLError, OSError) as error:
        raise StewardError(f"{url}: no service answers ({getattr(error, 'reason', error)})") from None
    try:
        out.write_bytes(body)
    except OSError as error:
        raise StewardError(f"--out: {error}") from None
    return len(body)


def _detail(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url}: {error.code} {error.reason}"
