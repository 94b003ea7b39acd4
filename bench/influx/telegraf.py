"""Steward's collectors against Telegraf, from the broker into InfluxDB: `python -m bench.influx.telegraf`.

Both subscribe at QoS 1 with a persistent session to the same mosquitto, acknowledge after the write, and take turns under
the same C publisher: 1,000 devices, four values a message. A run ends when the last message can be read from InfluxDB.
Programs: STEWARD_BENCH_INFLUXD and STEWARD_BENCH_TELEGRAF, else influxd and telegraf on PATH; without them nothing is run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from bench.influx.settings import ONE_LINE, ORG, TELEGRAF, line_a_value
from bench.ingest.__main__ import FIRST, PATIENCE, ROOT, WINDOW, compile_c, forget, mosquitto
from bench.ingest.path import DEVICES, FIELDS
from steward.store.influx import init_store
from tests.store import influx_server as server

TICKS = os.sysconf("SC_CLK_TCK")
STEP = 1_000_000
"""ns between the times of two messages."""
Run = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Everything that runs during the comparison."""

    publisher: str
    telegraf: str
    broker: int
    influx: str
    influxd: int
    folder: Path
    messages: int


def program(name: str) -> str | None:
    """A program that the environment or PATH has."""
    named = os.environ.get(f"STEWARD_BENCH_{name.upper()}")
    return named if named and Path(named).exists() else shutil.which(name)


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    after = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(after[11]) + int(after[12])) / TICKS


def query(bench: Bench, flux: str) -> list[str]:
    """The values of the column _value of an answer."""
    headers = {"Authorization": f"Token {server.TOKEN}", "Content-Type": "application/vnd.flux", "Accept": "application/csv"}
    request = urllib.request.Request(f"{bench.influx}/api/v2/query?org={ORG}", flux.encode(), headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        lines = answer.read().decode().split("\r\n")
    found: list[str] = []
    column = -1
    for line in lines:
        cells = line.split(",")
        if "_value" in cells:
            column = cells.index("_value")
        elif column >= 0 and len(cells) > column:
            found.append(cells[column])
    return found


def arrived(bench: Bench, bucket: str, at: int, tag: str) -> bool:
    """Whether the last message can be read."""
    text = f'from(bucket: "{bucket}") |> range(start: time(v: {at}), stop: time(v: {at + STEP}))'
    return bool(query(bench, f"{text} |> filter(fn: (r) => {tag})"))


def rows(bench: Bench, bucket: str, fields: str) -> int:
    """Rows of a bucket with a field, counted by InfluxDB."""
    end = FIRST + (bench.messages + 1) * STEP
    text = f'from(bucket: "{bucket}") |> range(start: time(v: {FIRST - STEP}), stop: time(v: {end}))'
    text += f" |> filter(fn: (r) => {fields}) |> count() |> group() |> sum()"
    return sum(map(int, query(bench, text)))


def through(bench: Bench, pid: int, bucket: str, tag: str) -> Run:
    """Publishes, waits until the last message can be read; rate and CPU of the consumer and of InfluxDB."""
    last = FIRST + (bench.messages - 1) * STEP
    before, server_before, began = cpu(pid), cpu(bench.influxd), time.monotonic()
    words = [bench.publisher, str(bench.broker), str(bench.messages), str(DEVICES), str(FIRST), "1", str(WINDOW)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as publisher:
        publisher.wait(PATIENCE)
        published = time.monotonic() - began
    while not arrived(bench, bucket, last, tag):
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{bucket}: the last message did not arrive within {PATIENCE:.0f} s")
        time.sleep(0.1)
    passed = time.monotonic() - began
    return {
        "rate": bench.messages / passed,
        "published": bench.messages / published,
        "cpu_us": (cpu(pid) - before) / bench.messages * 1e6,
        "influxd_us": (cpu(bench.influxd) - server_before) / bench.messages * 1e6,
    }


def run_steward(bench: Bench) -> Run:
    """One run of the collectors into a bucket of their own."""
    bucket = client = f"steward-{uuid.uuid4().hex[:8]}"
    init_store(bench.influx, ORG, bucket, server.TOKEN)
    words = [sys.executable, "-m", "bench.influx.consumer", f"mqtt://127.0.0.1:{bench.broker}", bench.influx, bucket, client]
    environment = {**os.environ, "STEWARD_INFLUX_TOKEN": server.TOKEN}
    with subprocess.Popen(words, cwd=ROOT, text=True, env=environment, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin
        assert process.stdout
        while (line := process.stdout.readline()) != "ready\n":  # what it logs stands there too
            if not line:
                raise SystemExit("Steward's collectors did not start")
        found = through(bench, process.pid, bucket, f'r.point == "d{(bench.messages - 1) % DEVICES}.frequency"')
        process.stdin.close()
        told = json.loads(process.stdout.read().strip().splitlines()[-1])
    forget(bench.broker, client)
    stored = rows(bench, bucket, 'r._field == "value"')
    return found | _compared(bench, stored) | {"again": told["received"] - bench.messages}


def run_telegraf(bench: Bench, parser: str = ONE_LINE) -> Run:
    """One run of Telegraf, with a parser's configuration, into a bucket of its own."""
    bucket = client = f"telegraf-{uuid.uuid4().hex[:8]}"
    server.create_bucket(bench.influx, bucket)
    config = bench.folder / "telegraf.conf"
    broker = f"127.0.0.1:{bench.broker}"
    text = TELEGRAF.format(
        influx=bench.influx,
        org=ORG,
        bucket=bucket,
        broker=broker,
        client_id=client,
        parser=parser,
        batch=5000,
        flush="200ms",
        undelivered=20000,
    )
    config.write_text(text, encoding="utf-8")
    environment = {**os.environ, "STEWARD_INFLUX_TOKEN": server.TOKEN}
    with (bench.folder / "telegraf.log").open("ab") as log:
        process = subprocess.Popen([bench.telegraf, "--config", str(config)], stdout=log, stderr=log, env=environment)
    try:
        time.sleep(4)  # it tells nobody that it has subscribed
        if process.poll() is not None:
            raise SystemExit((bench.folder / "telegraf.log").read_text(encoding="utf-8"))
        tag = f'r.topic == "steward/v1/d{(bench.messages - 1) % DEVICES}/telemetry"'
        found = through(bench, process.pid, bucket, tag)
    finally:
        process.terminate()
        process.wait(30)
    forget(bench.broker, client)
    return found | _compared(bench, rows(bench, bucket, "true"))


def run_lines(bench: Bench) -> Run:
    """One run of Telegraf that writes a line for each value."""
    return run_telegraf(bench, line_a_value(FIELDS))


def _compared(bench: Bench, stored: int) -> Run:
    sent = bench.messages * len(FIELDS)
    return {"lost": max(0, sent - stored), "duplicated": max(0, stored - sent)}


def report(name: str, runs: list[Run]) -> str:
    """A line of the table: medians and the range of the rate."""

    def middle(key: str) -> float:
        return float(statistics.median(run[key] for run in runs))

    rates = [run["rate"] for run in runs]
    return (
        f"| {name} | {middle('rate'):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) | {middle('cpu_us'):.1f} "
        f"| {middle('influxd_us'):.1f} | {sum(run['lost'] for run in runs)} | {sum(run['duplicated'] for run in runs)} |"
    )


def compare(bench: Bench, rounds: int) -> dict[str, list[Run]]:
    """Takes turns and prints the table."""
    sides: dict[str, Callable[[Bench], Run]] = {
        "Telegraf": run_telegraf,
        "Telegraf, a line a value": run_lines,
        "Steward": run_steward,
    }
    results: dict[str, list[Run]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            results[name].append(run(bench))
    print(f"{bench.messages:,} messages of four values a run, {rounds} runs each\n")
    print("| | messages/s | CPU us a message | of influxd | lost | duplicated |\n|" + "---|" * 6)
    for name, runs in results.items():
        print(report(name, runs))
    print()
    for name in list(sides)[:-1]:
        ratios = [ours["rate"] / theirs["rate"] for ours, theirs in zip(results["Steward"], results[name], strict=True)]
        print(f"Steward to {name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return results


def main() -> None:
    """Runs the comparison where its programs are at hand."""
    parser = argparse.ArgumentParser(prog="python -m bench.influx.telegraf")
    parser.add_argument("--messages", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write all runs there")
    asked = parser.parse_args()
    influxd, telegraf = program("influxd"), program("telegraf")
    if influxd is None or telegraf is None:
        lacking = " and ".join(name for name, found in (("influxd", influxd), ("telegraf", telegraf)) if found is None)
        print(f"not run: no {lacking}; install it or name it in STEWARD_BENCH_INFLUXD, STEWARD_BENCH_TELEGRAF")
        return
    os.environ["STEWARD_TEST_INFLUXD"] = influxd
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publisher, _ = compile_c(folder)
        with mosquitto(folder) as port, server.running(folder) as influx:
            bench = Bench(publisher, telegraf, port, influx.url, influx.process.pid, folder, asked.messages)
            results = compare(bench, asked.rounds)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
