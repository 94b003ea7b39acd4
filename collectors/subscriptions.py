"""What a session is subscribed to: what is wanted, what the broker holds, what it refused. Knows no client library.

Invariants: `held` names every filter that the broker may have stored, also across restarts (in the file `memory`, written
before a SUBSCRIBE goes out and after the answers), so that a filter that is gone from the facility file is unsubscribed on a
resumed session; every reason code of every SUBACK is looked at. A filter that goes while a new one takes over some of its
topics leaves late, once what it still had to bring is here: brokers may forget that together with the filter (NATS does).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from collectors.topics import overlap

log = structlog.get_logger()

IDLE, LATEST = 0.5, 60.0
"""A filter leaves late: after so many seconds without a message and with nothing under way, or at the latest after these."""
FAILURE = 0x80
"""Reason codes from here on are refusals (MQTT 3.1.1 and 5)."""


class Subscriptions:
    """The filters of one session; used by the connection's thread, `wanted` may be set by any."""

    def __init__(self, broker: str, memory: Path | None) -> None:
        self.wanted: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}
        """Filter -> why the broker refused it."""
        self.weak: set[str] = set()
        """Filters granted at QoS 0: no acknowledgement, so messages may be lost."""
        self._broker = broker
        self._memory = memory
        self._held = set(self._recall())
        self._asked: dict[int, list[str]] = {}
        self._leaving: list[str] = []
        self._leave_by = 0.0

    @property
    def answered(self) -> bool:
        """Whether the broker has answered everything."""
        return not self._asked

    @property
    def error(self) -> str:
        """What was refused, "" if nothing."""
        if not self.refused:
            return ""
        return "subscriptions refused: " + ", ".join(f"{one}: {why}" for one, why in sorted(self.refused.items()))

    def renew(self, resumed: bool, now: float) -> tuple[list[str], list[str]]:
        """On a new connection: (to subscribe, to unsubscribe). `resumed`: the broker still has the session."""
        self._asked.clear()
        self.refused.clear()
        self.weak.clear()
        if not resumed:
            self._held.clear()
        return self._begin(list(self.wanted), now)

    def change(self, now: float) -> tuple[list[str], list[str]]:
        """After a change of `wanted`: (to subscribe, to unsubscribe)."""
        wanted = set(self.wanted)
        self.refused = {filter: why for filter, why in self.refused.items() if filter in wanted}
        self.weak &= wanted
        return self._begin(sorted(wanted - self._held), now)

    def leave(self, now: float, idle: float) -> list[str]:
        """The filters to unsubscribe now of those that leave late; `idle` as `Receiver.idle` says."""
        if not self._leaving or self._asked or (idle < IDLE and now < self._leave_by):
            return []
        leaving, self._leaving = self._leaving, []
        return [filter for filter in leaving if filter not in self.wanted]

    def ask(self, packet: int, filters: list[str]) -> None:
        """A SUBSCRIBE or UNSUBSCRIBE with this packet id went out."""
        self._asked[packet] = filters

    def subscribed(self, packet: int, codes: Sequence[tuple[int, str]]) -> None:
        """A SUBACK: (reason code, its name) of each filter."""
        filters = self._asked.pop(packet, [])
        for number, filter in enumerate(filters):
            code, name = codes[number] if number < len(codes) else (FAILURE, "no reason code in the SUBACK")
            if code >= FAILURE:
                self.refused[filter] = f"{name} (0x{code:02x})"
                self._held.discard(filter)
                log.error("subscription_refused", broker=self._broker, filter=filter, code=code, reason=name)
            elif code == 0:
                self.weak.add(filter)
                log.warning("subscription_without_acknowledgement", broker=self._broker, filter=filter)
        self._remember()

    def unsubscribed(self, packet: int) -> None:
        """An UNSUBACK."""
        self._held -= set(self._asked.pop(packet, [])) - set(self.wanted)
        self._remember()

    def _begin(self, new: list[str], now: float) -> tuple[list[str], list[str]]:
        gone = sorted(self._held - set(self.wanted))
        self._leaving = [filter for filter in gone if any(overlap(filter, other) for other in self.wanted)]
        self._leave_by = now + LATEST
        self._held |= set(new)
        self._remember()
        return new, [filter for filter in gone if filter not in self._leaving]

    def _recall(self) -> Iterable[str]:
        try:
            known = json.loads(self._memory.read_text()) if self._memory is not None else []
        except (OSError, ValueError):
            return ()
        return [one for one in known if isinstance(one, str)] if isinstance(known, list) else ()

    def _remember(self) -> None:
        if self._memory is None:
            return
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._memory.with_suffix(".new")
            fresh.write_text(json.dumps(sorted(self._held)))
            fresh.replace(self._memory)
        except OSError as error:
            log.warning("subscriptions_not_remembered", broker=self._broker, error=str(error))
