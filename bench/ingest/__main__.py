"""The ingest comparison: Steward, committed to disk, against a C subscriber that throws messages away.

python -m bench.ingest [--messages N] [--rounds R] [--json FILE]

Per broker (Mosquitto, NATS) the two take turns on the same broker in the same run, each under the same C publisher at
QoS 1; then the path is fed without a broker, on one core. Needs cc and libmosquitto (apt-get install libmosquitto-dev
mosquitto). On a shared machine the ratios mean something, the rates less. Prints medians and the range.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.ingest.path import DEVICES, FIELDS
from collectors.broker import EmbeddedBroker

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FIRST = 1_700_000_000_000_000_000
WINDOW = 2_000
"""Messages that the publisher has under way."""
PATIENCE = 120.0
"""Seconds that one run may take."""

Run = dict[str, Any]


def compile_c(folder: Path) -> tuple[str, str]:
    """The publisher and the subscriber, compiled now."""
    programs = []
    for name in ("publisher", "subscriber"):
        program = str(folder / name)
        subprocess.run(["cc", "-O2", "-o", program, str(HERE / f"{name}.c"), "-lmosquitto", "-lpthread"], check=True)
        programs.append(program)
    return programs[0], programs[1]


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A mosquitto without its lossy limits, on a free port."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise SystemExit("needs the mosquitto broker: apt-get install mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\n")
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def nats(folder: Path) -> Iterator[int]:
    """The embedded broker, as Steward starts it."""
    with asyncio.Runner() as runner:
        broker = EmbeddedBroker(0, folder / "nats")
        runner.run(broker.start())
        try:
            yield broker.port
        finally:
            runner.run(broker.stop())


def forget(port: int, client_id: str) -> None:
    """Ends the persistent session, so that the broker queues nothing for it during the next run."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    deadline = time.monotonic() + 10
    while not client.is_connected() and time.monotonic() < deadline:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()


def consume(command: list[str], publish: list[str], port: int, client_id: str) -> str:
    """Starts a consumer, publishes once it is ready; returns its last line."""
    consumer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert consumer.stdout is not None
    try:
        while "ready" not in (line := consumer.stdout.readline()):
            if not line:
                raise SystemExit(f"{command[0]} did not start: {consumer.communicate()[1]}")
        subprocess.run(publish, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
        out, error = consumer.communicate(timeout=PATIENCE)
    finally:
        consumer.kill()
        consumer.wait()
    forget(port, client_id)
    if not out.strip():
        raise SystemExit(f"{' '.join(command)} said nothing: {error}")
    return out.strip().splitlines()[-1]


def run_c(programs: tuple[str, str], port: int, messages: int) -> Run:
    client_id = f"c-{uuid.uuid4().hex[:8]}"
    line = consume(
        [programs[1], str(port), str(messages), "1", client_id], publishing(programs, port, messages), port, client_id
    )
    seen, seconds, cpu = line.split()
    return {"rate": int(seen) * len(FIELDS) / float(seconds), "cpu_us": float(cpu) / int(seen) / len(FIELDS) * 1e6}


def run_steward(programs: tuple[str, str], port: int, messages: int) -> Run:
    client_id = f"steward-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.ingest.consumer", f"mqtt://127.0.0.1:{port}", str(messages), folder, client_id]
        found = json.loads(consume(command, publishing(programs, port, messages), port, client_id))
    return measured(found, messages)


def run_direct(messages: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.ingest.direct", str(messages), folder]
        out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE).stdout
    return measured(json.loads(out.strip().splitlines()[-1]), messages)


def measured(found: Run, messages: int) -> Run:
    """Rates and losses of a run. duplicated: rows beyond one per sample sent, each of which has a time of its own."""
    sent = messages * len(FIELDS)
    return {
        "rate": found["samples"] / found["seconds"],
        "cpu_us": found["cpu"] / found["samples"] * 1e6,
        "lost": max(0, sent - found["stored"]),
        "duplicated": max(0, found["stored"] - sent),
        "again": found.get("received", messages) - messages,
    }


def publishing(programs: tuple[str, str], port: int, messages: int) -> list[str]:
    return [programs[0], str(port), str(messages), str(DEVICES), str(FIRST), "1", str(WINDOW)]


def report(name: str, runs: list[Run]) -> str:
    rates = [run["rate"] for run in runs]
    text = f"{name:24} {statistics.median(rates):10,.0f} samples/s ({min(rates):,.0f} to {max(rates):,.0f})"
    text += f"  {statistics.median(run['cpu_us'] for run in runs):5.2f} us CPU/sample"
    if "lost" in runs[0]:
        text += f"  lost {sum(run['lost'] for run in runs)}, duplicated {sum(run['duplicated'] for run in runs)}"
        text += f", delivered again {sum(run['again'] for run in runs)}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000, help="messages of four samples in each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--brokers", default="mosquitto,nats")
    parser.add_argument("--json", type=Path, help="also write all runs there")
    options = parser.parse_args()
    results: dict[str, dict[str, list[Run]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = compile_c(folder)
        for broker, start in (("mosquitto", mosquitto), ("nats", nats)):
            if broker not in options.brokers.split(","):
                continue
            runs: dict[str, list[Run]] = {"C": [], "steward": []}
            with start(folder) as port:
                for _ in range(options.rounds):
                    runs["C"].append(run_c(programs, port, options.messages))
                    runs["steward"].append(run_steward(programs, port, options.messages))
            ratios = [ours["rate"] / c["rate"] for ours, c in zip(runs["steward"], runs["C"], strict=True)]
            print(report(f"{broker}: C subscriber", runs["C"]), flush=True)
            print(report(f"{broker}: Steward", runs["steward"]), flush=True)
            print(f"{broker}: ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)
            results[broker] = runs
    results["direct"] = {"steward": [run_direct(3 * options.messages) for _ in range(options.rounds)]}
    direct = results["direct"]["steward"]
    print(report("direct, one core", direct))
    print(f"direct: {1e6 / statistics.median(run['cpu_us'] for run in direct):,.0f} samples/s per CPU second")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
