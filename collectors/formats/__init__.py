"""Device formats: one module per payload format, discovered, not registered by hand.

A format module holds
    TOPICS: tuple[str, ...]     the topic filters it speaks on by default (`{device}` stands for the device's address)
    class Decoder               one instance per broker; `decode(message, out)`, and state where the protocol has any
and its first line links the vendor's document. Outsiders add modules through the entry-point group `steward.formats`.

`decode` states fields of devices, by the names that the vendor gives them ("ENERGY.Total"); which point a field is, its
scale and its range is configuration and is applied by `readings`, in columns. Decoders are pure: no clock (the arrival is
in the message), no I/O, no logging. What cannot be read raises UndecodableMessage.
"""
