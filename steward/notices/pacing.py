"""How fast: retries with exponential backoff and jitter, rate limits, the moments of a digest. Pure; randomness is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from steward.units import MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a notice is tried and how long it waits between: `first` ns, doubled each time, at most `longest` ns."""

    tries: int = 8
    first: int = 10 * SECOND
    longest: int = 30 * MINUTE

    def pause(self, tried: int, random: Random) -> int:
        """ns to wait after `tried` failures (from 1): between half and the whole of the step, so that many do not come
        back at the same moment."""
        step: int = min(self.longest, self.first << min(tried - 1, 40))
        return int(step * random.uniform(0.5, 1.0))


class RateLimit:
    """At most `per_minute` in any 60 s, and `per_second` in any second; 0: no limit. Holds the moments of the last ones."""

    def __init__(self, per_minute: int, sent: Iterable[int] = (), per_second: int = 0) -> None:
        self._spans = [(count, span) for count, span in ((per_minute, MINUTE), (per_second, SECOND)) if count]
        self._sent = deque(sorted(sent), maxlen=max([1, per_minute, per_second]))

    def wait(self, now: int) -> int:
        """ns until the next one may go, 0 when it may go now."""
        free = [self._sent[-count] + span for count, span in self._spans if len(self._sent) >= count]
        return max([0, *(moment - now for moment in free)])

    def count(self, now: int) -> None:
        """One goes now."""
        self._sent.append(now)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a digest comes: every day, or every `weekday` (0 = Monday), at `minute` of the local day."""

    minute: int
    time_zone: str
    weekday: int | None = None

    def last(self, now: int) -> int:
        """The newest moment at or before `now`, ns."""
        zone = ZoneInfo(self.time_zone)
        day = datetime.fromtimestamp(now // SECOND, UTC).astimezone(zone).date()
        while True:
            moment = self._at(day, zone)
            if moment <= now and (self.weekday is None or day.weekday() == self.weekday):
                return moment
            day -= timedelta(days=1)

    def before(self, moment: int) -> int:
        """The moment before one of its moments, ns: a day or a week by the calendar, whatever the clocks do."""
        return self.last(moment - 1)

    def _at(self, day: date, zone: ZoneInfo) -> int:
        wall = datetime.combine(day, time(self.minute // 60, self.minute % 60), zone)
        return int(wall.timestamp()) * SECOND
