"""Measures the API against its limits in one run: `python -m bench.api [--seconds 15] [--clients 500] [--points 100000]`.

(d) live values to many clients of the event stream, beside a bare asyncio protocol that writes the same bytes;
    the status of all points: time in the server, and over HTTP beside a server that sends bytes built before.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

TICK = 100  # ms: ten messages a second
CHANGED = 100  # points that change each tick: 1,000 live values a second


class Server:
    """A server process of bench.api.server."""

    def __init__(self, kind: str, points: int, changed: int, tick: int = TICK) -> None:
        words = [sys.executable, "-m", "bench.api.server", kind, str(points), str(changed), str(tick)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the server has ended")
        return line

    def cpu(self) -> float:
        """CPU seconds so far."""
        assert self.process.stdin
        self.process.stdin.write("cpu\n")
        self.process.stdin.flush()
        return float(self._line())

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def stream(server: Server, clients: int, seconds: float) -> dict[str, Any]:
    """The clients' summary, with the server's CPU per delivery."""
    words = [sys.executable, "-m", "bench.api.clients", str(server.port), str(clients), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        if process.stdout.readline() != "connected\n":
            raise SystemExit("the clients could not connect")
        before, started = server.cpu(), time.perf_counter()
        found: dict[str, Any] = json.loads(process.stdout.readline())
        used, passed = server.cpu() - before, time.perf_counter() - started
    return found | {"cpu_us": used / found["deliveries"] * 1e6, "core": used / passed}


def status(server: Server, repeats: int) -> dict[str, float]:
    """Seconds of GET /api/v1/status over one connection, and the server's CPU per call."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    times, size = [], 0
    before = 0.0
    for number in range(repeats + 5):
        if number == 5:
            before = server.cpu()
        started = time.perf_counter()
        connection.request("GET", "/api/v1/status")
        size = len(connection.getresponse().read())
        times.append(time.perf_counter() - started)
    used = (server.cpu() - before) / repeats
    milliseconds = np.array(times[5:]) * 1e3
    return {
        "p50": float(np.percentile(milliseconds, 50)),
        "p99": float(np.percentile(milliseconds, 99)),
        "cpu_ms": used * 1e3,
        "mb": size / 1e6,
    }


def inside(points: int, repeats: int) -> dict[str, float]:
    """Milliseconds of building a status answer, measured in a process that does nothing else."""
    words = [sys.executable, "-m", "bench.api.status", str(points), str(repeats)]
    found: dict[str, float] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return found


def main() -> None:
    """Runs everything and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.api")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--points", type=int, default=100_000)
    asked = parser.parse_args()
    print(
        f"Event stream: {asked.clients} clients x {1000 // TICK} messages/s, {CHANGED} values a message, {asked.points} points"
    )
    print("| server | deliveries/s | bytes | p50 ms | p90 | p99 | max | CPU us a delivery | cores |\n|" + "---|" * 9)
    for _ in range(2):
        with Server("steward", asked.points, CHANGED) as server:
            found = stream(server, asked.clients, asked.seconds)
        row("steward", found)
        with Server("bare", 0, int(found["bytes"])) as server:
            row("bare protocol (limit)", stream(server, asked.clients, asked.seconds))
    print(f"\nStatus of {asked.points} points\n| what | p50 ms | p99 | CPU ms a call | MB |\n|---|---|---|---|---|")
    line("built in the server, every value new", inside(asked.points, 200))
    for changed in (0, asked.points // 100):
        with Server("steward", asked.points, changed) as server:
            line(f"over HTTP, {changed * 1000 // TICK} samples/s beside", status(server, 100))
    with Server("bytes", asked.points, 0) as server:
        line("over HTTP, bytes built before (limit)", status(server, 100))


def row(name: str, found: dict[str, Any]) -> None:
    """A line of the table of streams."""
    ranks = " | ".join(f"{found[rank]:.1f}" for rank in ("p50", "p90", "p99", "max"))
    print(
        f"| {name} | {found['rate']:.0f} | {found['bytes']:.0f} | {ranks} | {found['cpu_us']:.0f} | {found['core']:.2f} |",
        flush=True,
    )


def line(name: str, found: dict[str, float]) -> None:
    """A line of the table of status calls."""
    print(f"| {name} | {found['p50']:.1f} | {found['p99']:.1f} | {found['cpu_ms']:.1f} | {found['mb']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
