"""What the robots of chat programs have in common: they answer HTTP 200 whatever happens, and a code in the body says how it
went. A code that says "too much" is worth another try, after a pause; every other one is wrong the next time too.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from steward.errors import NoticeFailed


def verdict(body: bytes, code: str, words: str, busy: Collection[int], pause: int) -> str:
    """What a robot answered; code, words: the names of the two in its answer; busy: codes that pass; pause: ns before the next
    try. Raises NoticeFailed unless the code is 0, or when the answer is none."""
    try:
        answer = json.loads(body)
        number, said = int(answer[code]), str(answer.get(words, ""))[:200]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoticeFailed("the answer is not what the robot's documentation says") from None
    if number == 0:
        return f"{code} 0: {said}"
    passes = number in busy
    raise NoticeFailed(f"{code} {number}: {said}", retry=passes, after=pause if passes and number > 0 else None)
