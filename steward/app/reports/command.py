"""`steward report`: a monthly report from the running service into a file."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from steward.app.asking import ask
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
    query = urlencode({"lang": language, "inside": "true"})
    body = ask(url, f"reports/{month}.{form}?{query}", timeout=TIMEOUT)
    try:
        out.write_bytes(body)
    except OSError as error:
        raise StewardError(f"--out: {error}") from None
    return len(body)
