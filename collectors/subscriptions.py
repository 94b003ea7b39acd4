"""What a session is subscribed to: what is wanted, what the broker holds, what it refused. Knows no client library.

Invariants: `held` names every filter that the broker may have stored, also across restarts (in the file `memory`, written
before a SUBSCRIBE goes out and after the answers), so that a filter that is gone from the facility file is unsubscribed on a
resumed session; every reason code of every SUBACK is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

log = structlog.get_logger()

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

    def renew(self, resumed: bool) -> tuple[list[str], list[str]]:
        """On a new connection: (to unsubscribe, to subscribe). `resumed`: the broker still has the session."""
        self._asked.clear()
        self.refused.clear()
        self.weak.clear()
        gone = sorted(self._held - set(self.wanted)) if resumed else []
        return self._begin(gone, list(self.wanted))

    def change(self) -> tuple[list[str], list[str]]:
        """After a change of `wanted`: (to unsubscribe, to subscribe)."""
        wanted = set(self.wanted)
        self.refused = {filter: why for filter, why in self.refused.items() if filter in wanted}
        self.weak &= wanted
        return self._begin(sorted(self._held - wanted), sorted(wanted - self._held))

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

    def _begin(self, gone: list[str], new: list[str]) -> tuple[list[str], list[str]]:
        self._held |= set(new)
        self._remember()
        return gone, new

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
