"""What the robots of chat programs have in common: they answer HTTP 200 whatever happens, and a code in the body says how it
went. A code that says "too much" is worth another try, after a pause; every other one is wrong the next time too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from steward.errors import NoticeFailed


def fitting(encode: Callable[[int], bytes], text: int, most: int) -> bytes:
    """A body of at most `most` bytes: `encode` writes one whose text has at most so many bytes, `text` at first and fewer as
    long as what JSON adds (quotes, escapes) makes it too long. Raises NoticeFailed when hardly anything would be left."""
    while text >= 100:
        raw = encode(text)
        if len(raw) <= most:
            return raw
        text = text * most // len(raw) - 16
    raise NoticeFailed(f"no text fits into the {most} bytes that the robot takes", retry=False)


def verdict(body: bytes, code: str, words: str, busy: Mapping[int, int | None]) -> str:
    """What a robot answered; code, words: the names of the two in its answer; busy: codes that pass -> ns before the next try
    (None: as for any failure). Raises NoticeFailed unless the code is 0, or when the answer is none."""
    try:
        answer = json.loads(body)
        number, said = int(answer[code]), str(answer.get(words, ""))[:200]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoticeFailed("the answer is not what the robot's documentation says") from None
    if number == 0:
        return f"{code} 0: {said}"
    raise NoticeFailed(f"{code} {number}: {said}", retry=number in busy, after=busy.get(number))
