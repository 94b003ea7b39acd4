"""Encoders: what each format's devices put on the wire. Written from the vendors' documents, never from our decoders.

An encoder states births and online messages (`hello`), one message per device and tick (`message`), and what the broker says
for it when it is lost (`death`). Stamps are made for a whole column at once, texts come from one template per device: an
encoded message costs a few microseconds.
"""

from __future__ import annotations

from simulators.encoders.contract import Encoder, Publication
from simulators.encoders.sparkplug import Sparkplug
from simulators.encoders.texts import Json, Native, Tasmota, ThingsBoard
from simulators.encoders.trackers import OwnTracks, Traccar
from simulators.plan import Plan

__all__ = ["Encoder", "Publication", "encoders_of"]


def encoders_of(plan: Plan) -> dict[str, Encoder]:
    """An encoder for every format that the plan uses, by the format's name."""
    made: dict[str, Encoder] = {
        "native": Native(),
        "json": Json(),
        "thingsboard": ThingsBoard(),
        "tasmota": Tasmota(),
        "traccar": Traccar(),
        "owntracks": OwnTracks(),
        "sparkplug": Sparkplug(plan),
    }
    used = {device.template.format for device in (*plan.devices, *plan.gateways)}
    return {name: encoder for name, encoder in made.items() if name in used}
