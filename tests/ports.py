"""Ports for servers that cannot be given port 0: below the range from which the system itself gives ports.

A port that was asked for with port 0 and closed again may be given to somebody else before the server binds it, and while a
server restarts, a client's connection may take it. Invariant: two workers of a run take different ones.
"""

from __future__ import annotations

import os
import socket
from itertools import count

_FIRST, _SPAN = 20_000, 12_000
_APART = 499
"""Processes that start one after the other begin so far apart, and a run of the tests takes fewer."""
_TAKEN = count(os.getpid() * _APART)


def free_port() -> int:
    """A port of 127.0.0.1 at which nobody listens, each time another."""
    for number in _TAKEN:
        port = _FIRST + number % _SPAN
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError
