"""A server that outlived its Steward: whose folder it is, and ending what a killed Steward left behind.

A Steward that was killed (-9, out of memory) cannot end its child, which then holds the port and the files. Invariant: the
folder is locked for as long as its Steward lives, so whoever has the lock may end what still runs there; a process is ended
only if it was started with this folder's own configuration, since numbers of processes are given again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

import structlog

from steward.errors import BrokerError

PATIENCE = 10.0
"""Seconds in which an orphan must have ended by itself before it is killed."""

log = structlog.get_logger()


def lock(folder: Path) -> IO[bytes]:
    """Takes the folder until the file is closed or the process ends. Raises BrokerError when another Steward has it."""
    file = (folder / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BrokerError(f"another Steward runs its embedded broker in {folder}: expected a folder of its own") from None
    return file


def end(folder: Path, config: Path) -> None:
    """Ends the server that was started with `config` and noted its process id in `folder`, if it still runs. Raises
    BrokerError when it does not end."""
    try:
        pid = int((folder / "nats.pid").read_text())
    except (OSError, ValueError):
        return
    if str(config) not in _arguments(pid):
        return
    log.warning("broker_orphan_ended", pid=pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if str(config) not in _arguments(pid):
                return
            time.sleep(0.02)
    raise BrokerError(f"process {pid}, left behind by a Steward that was killed, does not end: expected the port to be free")


def _arguments(pid: int) -> list[str]:
    """What a process was started with, nothing if there is none (or it is dead and only waits to be noticed)."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    with contextlib.suppress(OSError):
        found = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False)
        return found.stdout.split()
    return []
