"""`python -m bench.latency [--seconds 30]`: from publishing to a page's event stream, through a whole `steward run`.

A service of its own process with the embedded broker and store and the basic pack of rules; a paced publisher at QoS 1; one
client of the event stream, with what it has seen counted against what was sent. Every device sends four values every
ten seconds, so 10,000 samples a second come from 25,000 devices with 100,000 points. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent
FIELDS = {"power": "W", "voltage": "V", "current": "A", "frequency": "Hz"}
INTERVAL = 10
"""Seconds between two messages of a device."""
TICKS = os.sysconf("SC_CLK_TCK")


class Setting(NamedTuple):
    """How the service is set; "" for its default."""

    live_interval: str
    max_wait: str

    def __str__(self) -> str:
        return f"live {self.live_interval or 'default (100 ms)'}, batch {self.max_wait or 'default (100 ms)'}"


SETTINGS = (Setting("", ""), Setting("1s", "200ms"), Setting("200ms", "200ms"), Setting("100ms", "50ms"))


def facility(devices: int, port: int, setting: Setting) -> str:
    """The facility file."""
    parts = ['packs = ["basic"]\n[store]\npath = "samples.duckdb"\n[records]\nurl = "sqlite:///records.db"\n']
    parts.append('[spool]\npath = "spool"\n')
    if setting.max_wait:
        parts.append(f'[batch]\nmax_wait = "{setting.max_wait}"\n')
    if setting.live_interval:
        parts.append(f'[api]\nlive_interval = "{setting.live_interval}"\n')
    parts.append(f'[[broker]]\nid = "main"\nurl = "mqtt://127.0.0.1:{port}"\nembedded = true\ndata = "broker"\n')
    parts.append('[[site]]\nid = "s"\nname = "Site"\ntime_zone = "Asia/Shanghai"\n')
    parts.append(f'[[template]]\nid = "meter"\nformat = "native"\ninterval = "{INTERVAL}s"\n')
    parts += [
        f'[[template.point]]\nid = "{field}"\nfield = "{field}"\nmetric = "{field}"\nunit = "{symbol}"\n'
        for field, symbol in FIELDS.items()
    ]
    parts += [f'[[device]]\nid = "d{number}"\ntemplate = "meter"\nsite = "s"\n' for number in range(devices)]
    return "".join(parts)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(folder: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`steward run` for site.toml in the folder; gives its port and process."""
    command = [
        sys.executable,
        "-c",
        "from steward.cli import main; main()",
        "run",
        "site.toml",
        "--port",
        "0",
        "--log-level",
        "warning",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"listens on http://[^:]+:(\d+)", line):
                break
        else:
            raise SystemExit("the service did not start: " + "".join(said))
        threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
        yield int(found[1]), process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _drain(stream: Any) -> None:
    for line in stream:
        sys.stderr.write(line)


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    after = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(after[11]) + int(after[12])) / TICKS


def run(samples: int, setting: Setting, seconds: float) -> dict[str, float]:
    """One run at so many samples a second."""
    rate = samples / len(FIELDS)
    devices = round(rate * INTERVAL)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "site.toml").write_text(facility(devices, port, setting), encoding="utf-8")
        with service(folder) as (page, process):
            publisher = [sys.executable, "-m", "bench.latency.publish", f"mqtt://127.0.0.1:{port}", str(rate), str(devices)]
            subprocess.run([*publisher, "5"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # caches fill, threads start
            time.sleep(2)
            watch = [sys.executable, "-m", "bench.latency.watch", str(page)]
            with subprocess.Popen(watch, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
                assert client.stdin
                assert client.stdout
                if client.stdout.readline() != "connected\n":
                    raise SystemExit("the client could not connect")
                before, began = cpu(process.pid), time.monotonic()
                out = subprocess.run([*publisher, str(seconds)], cwd=ROOT, check=True, capture_output=True, text=True).stdout
                used, passed = cpu(process.pid) - before, time.monotonic() - began
                time.sleep(3)
                client.stdin.close()
                seen: dict[str, float] = json.loads(client.stdout.readline())
    sent = json.loads(out)
    seen["rate"] = sent["messages"] * len(FIELDS) / sent["seconds"]
    seen["missing"] = sent["messages"] * len(FIELDS) - seen["samples"]
    seen["lag_ms"] = sent["lag_ms"]
    seen["core"] = used / passed
    return seen


def main() -> None:
    """Every setting at every rate."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rates", default="1000,10000", help="samples a second")
    parser.add_argument("--json", type=Path, help="also write all runs there")
    asked = parser.parse_args()
    results = []
    print(
        "| samples/s | settings | p50 ms | p90 | p99 | max | not seen | service, cores | kB/s to the page |\n"
        + "|---" * 9
        + "|"
    )
    for samples in map(int, asked.rates.split(",")):
        for setting in SETTINGS:
            found = run(samples, setting, asked.seconds)
            results.append({"asked": samples, **setting._asdict(), **found})
            ranks = " | ".join(f"{found[rank]:.0f}" for rank in ("p50", "p90", "p99", "max"))
            print(
                f"| {found['rate']:,.0f} | {setting} | {ranks} | {found['missing']:.0f} | {found['core']:.2f} "
                f"| {found['bytes'] / asked.seconds / 1e3:.0f} |",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
