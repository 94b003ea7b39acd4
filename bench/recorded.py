"""Recorded real data through a real broker into the embedded store: `python -m bench.recorded [preset ...]`.

For each preset: a Steward on the recording's own facility file with its embedded broker, then `steward replay` as a user
calls it, until everything that was acknowledged is stored or rejected. Prints what was sent, stored and refused, the rate,
and what the API shows. The data's folder is named by STEWARD_DATA, else ../shared/data.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from simulators.presets import load_preset
from simulators.replay import recording_toml
from steward.app.checking import read
from steward.app.serve import listen, serving
from steward.app.service import Steward

PRESETS = ("carobd", "daiad_water", "lbnl_ahu", "occupancy")
PATIENCE = 300.0


def data_folder() -> Path:
    """Where the recorded data are."""
    return Path(os.environ.get("STEWARD_DATA", Path(__file__).parents[2] / "shared" / "data"))


async def replayed(preset: str, url: str) -> tuple[int, int, int]:
    """Runs `steward replay`; messages, samples, acknowledged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.recorded",
        "--replay",
        preset,
        str(data_folder()),
        url,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    found = re.match(r"(\d+) messages, (\d+) samples, (\d+) acknowledged", out.decode())
    if process.returncode or found is None:
        raise SystemExit(f"{preset}: replay ended with {process.returncode}: {out.decode()!r}")
    return int(found[1]), int(found[2]), int(found[3])


async def one(preset: str, folder: Path) -> None:
    """One preset, from its files to the API."""
    begun = time.perf_counter()
    recording = load_preset(preset, data_folder())
    print(f"{preset}: {len(recording)} rows of {len(recording.devices)} devices, read in {time.perf_counter() - begun:.1f} s")
    file = folder / "site.toml"
    file.write_text(recording_toml(recording, broker="mqtt://127.0.0.1:0", embedded=True, data=".", port=0), encoding="utf-8")
    steward = Steward(read(file), clock=time.time_ns, environ={}, data=folder)
    wire = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{wire.getsockname()[1]}"
    async with serving(steward, wire), httpx.AsyncClient(base_url=address, timeout=60) as client:
        begun = time.perf_counter()
        messages, samples, acknowledged = await replayed(preset, next(iter(steward.brokers.values())).url)
        sent = time.perf_counter() - begun
        refused, stored = await settled(steward, client, samples)
        took = time.perf_counter() - begun
        print(f"  sent: {messages} messages, {samples} samples, {acknowledged} acknowledged, {sent:.1f} s")
        print(f"  stored: {stored} samples, {took:.1f} s, {samples / took:,.0f} samples/s; rejected: {refused or 'none'}")
        await shown(client)


async def settled(steward: Steward, client: httpx.AsyncClient, samples: int) -> tuple[dict[str, Any], int]:
    """Waits until stored and rejected together no longer change; what was rejected by reason, how many rows are stored."""
    last, since, end = (-1, -1), time.monotonic(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        counts = (await client.get("/api/v1/quarantine")).json()["counts"]
        now = (await steward.store.count(), sum(counts.values()))
        if now[0] + now[1] >= samples:
            return counts, now[0]
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 15:  # longer than the broker waits before it delivers again
            return counts, now[0]
        await asyncio.sleep(0.2)
    raise SystemExit("not settled in time")


async def shown(client: httpx.AsyncClient) -> None:
    """What the API shows of the points."""
    points = (await client.get("/api/v1/points?limit=1000")).json()["points"]
    valued = [point for point in points if point.get("value") is not None]
    print(f"  API: {len(points)} points on the first page, {len(valued)} with a live value")
    for point in points[:3]:
        id = point["id"]
        history = (await client.get(f"/api/v1/history?point={id}&start=2000-01-01T00:00:00Z&window=1d")).json()
        text = str(history)
        print(f"  {id}: state {point.get('state')}, history answer of {len(text)} characters")


def main() -> None:
    """Runs the presets named on the command line, or all four."""
    if sys.argv[1:2] == ["--replay"]:
        from steward.cli import main as steward

        sys.argv = ["steward", "replay", *sys.argv[2:]]
        steward()
        return
    for preset in sys.argv[1:] or PRESETS:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(one(preset, Path(folder)))


if __name__ == "__main__":
    main()
