"""One measured process: `python -m bench.load.child check|service FILE`. Prints one JSON line.

check: what `steward check` does, without printing. service: a Steward built and started (embedded broker, store and
records in the file's folder), then stopped. Memory is the peak of this process's resident set, the interpreter and all
imported libraries included.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
from pathlib import Path

import structlog

from steward.app.checking import check, read
from steward.app.service import Steward


def peak() -> float:
    """Peak resident set so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def resident() -> float:
    """Resident set now, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def checked(file: Path) -> dict[str, float]:
    """Time and peak memory of a check."""
    began, cpu = time.perf_counter(), time.process_time()
    before = peak()
    said = check(file)
    if not said.startswith("good"):
        raise SystemExit(said)
    return {
        "imports_mb": before,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak(),
        "resident_mb": resident(),
    }


async def started(file: Path) -> dict[str, float]:
    """Time from nothing to a service that can be asked, and its memory."""
    before = peak()
    began, cpu = time.perf_counter(), time.process_time()
    settings = read(file)
    loaded = time.perf_counter()
    steward = Steward(settings, clock=time.time_ns, environ={}, data=file.parent)
    await steward.start()
    ended = time.perf_counter()
    found = {
        "imports_mb": before,
        "load_seconds": loaded - began,
        "seconds": ended - began,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak(),
        "resident_mb": resident(),
        "points": float(len(steward.facility.points)),
        "bindings": float(sum(steward.judge.engine.bindings().values())),
    }
    await steward.stop()
    return found


def main() -> None:
    """Measures what the arguments name."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    what, file = sys.argv[1], Path(sys.argv[2])
    found = checked(file) if what == "check" else asyncio.run(started(file))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
