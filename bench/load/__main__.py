"""`python -m bench.load [--points 100000]`: load time and peak memory of a large facility, with the basic pack of rules.

Each figure is that of a process of its own: what `steward check` does, and a service from its file to the moment at which
it can be asked. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.load.facility import WAYS

ROOT = Path(__file__).parent.parent.parent
NAMES = {"points": "[[point]] tables", "template": "devices of a template, 20 points each"}


def measure(what: str, file: Path) -> dict[str, Any]:
    """The figures of one child process."""
    command = [sys.executable, "-m", "bench.load.child", what, str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def runs(what: str, text: str, rounds: int) -> list[dict[str, Any]]:
    """Each round in a fresh folder, so that nothing is restored."""
    found = []
    for _ in range(rounds):
        folder = Path(tempfile.mkdtemp())
        try:
            file = folder / "site.toml"
            file.write_text(text, encoding="utf-8")
            found.append(measure(what, file))
        finally:
            shutil.rmtree(folder)
    return found


def row(name: str, found: list[dict[str, Any]]) -> None:
    """A line of the table: medians; the time also with its range."""
    times = [one["seconds"] for one in found]

    def middle(key: str) -> float:
        return float(statistics.median(one[key] for one in found))

    print(
        f"| {name} | {statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f}) | {middle('cpu'):.1f} "
        f"| {middle('peak_mb'):.0f} | {middle('resident_mb'):.0f} | {middle('imports_mb'):.0f} |",
        flush=True,
    )


def main() -> None:
    """Both ways of writing, checked and served."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write all runs there")
    asked = parser.parse_args()
    results = {}
    print("| what | s | CPU s | peak MB | resident MB at the end | after the imports only |\n" + "|---" * 6 + "|")
    for way, write in WAYS.items():
        text = write(asked.points)
        for what in ("check", "service"):
            name = f"{what}, {asked.points:,} points as {NAMES[way]}, {len(text.encode()) / 1e6:.1f} MB"
            results[f"{way} {what}"] = found = runs(what, text, asked.rounds)
            row(name, found)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
