"""The built wheel in an empty environment: `python -m bench.wheel dist`.

Installs the newest wheel of the folder into a new virtual environment, starts `steward demo` from a folder that is not the
checkout, asks its API and page, and ends it with SIGTERM. One line per step; exit code 1 at the first step that fails.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty, Queue

ROOT = Path(__file__).parents[1]
FOLDERS = ("api/web/", "rules/packs/", "steward/records/migrations/")
"""What must be in a wheel beside the modules: every file that the checkout has there, and the simulators' rule files."""
PATIENCE = 300.0


def say(step: str, begun: float) -> None:
    """One line of progress."""
    print(f"{time.perf_counter() - begun:6.1f} s  {step}", flush=True)


def contents(wheel: Path) -> str:
    """Checks that the wheel carries all that is no module. Raises SystemExit naming what is missing."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = [
        name for name in tracked if name.startswith(FOLDERS) or (name.startswith("simulators/") and name.endswith(".toml"))
    ]
    missing = [name for name in wanted if name not in names]
    if missing or not wanted:
        raise SystemExit(f"the wheel lacks {', '.join(missing) or 'everything'}")
    return f"{wheel.name} holds {len(names)} files, {len(wanted)} of them pages, packs, migrations and rule files"


def answer(url: str) -> tuple[int, str]:
    """Status and body of a GET; 0 and why, where there was none."""
    try:
        with urllib.request.urlopen(url, timeout=60) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def until(what: str, url: str, good: Callable[[str], bool]) -> str:
    """Asks until the answer is good. Raises SystemExit with the last answer."""
    end = time.monotonic() + PATIENCE
    while True:
        status, body = answer(url)
        if status == 200 and good(body):
            return body
        if time.monotonic() > end:
            raise SystemExit(f"{what}: {status} {body[:500]}")
        time.sleep(0.2)


def valued(body: str) -> bool:
    """Whether a status answer holds values."""
    return any(value is not None for value in json.loads(body)["value"])


def pour(stream: Iterable[str], lines: Queue[str]) -> None:
    """Lines as they come: a pipe that nobody reads would stop the demo."""
    for line in stream:
        lines.put(line)


def address(process: subprocess.Popen[str]) -> str:
    """The page's address, which the demo says on its standard error."""
    lines: Queue[str] = Queue()
    assert process.stderr is not None
    threading.Thread(target=pour, args=(process.stderr, lines), daemon=True).start()
    said, end = [], time.monotonic() + PATIENCE
    while time.monotonic() < end and (process.poll() is None or not lines.empty()):
        try:
            said.append(lines.get(timeout=0.5))
        except Empty:
            continue
        found = re.search(r"http://\S+", said[-1])
        if found:
            return found[0]
    raise SystemExit(f"the demo said no address: {''.join(said)}")


def main() -> None:
    """Runs all steps."""
    begun = time.perf_counter()
    wheels = sorted(Path(sys.argv[1] if sys.argv[1:] else "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        raise SystemExit("no wheel there: python -m build --wheel")
    wheel = wheels[-1].resolve()
    say(contents(wheel), begun)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "venv"
        venv.create(place, with_pip=True)
        program = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*program, "--constraint", str(ROOT / "constraints.txt"), str(wheel)], check=True, cwd=folder)
        say("installed into an empty environment", begun)
        demo(place / "bin" / "steward", Path(folder), begun)


def demo(program: Path, folder: Path, begun: float) -> None:
    """Starts the demo, asks it, ends it."""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(program), "demo", "--port", "0", "--data", str(folder / "data")]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environ)
    try:
        url = address(process)
        say(f"steward demo serves {url}", begun)
        until("/readyz", f"{url}/readyz", lambda body: json.loads(body)["status"] == "ready")
        say("/readyz: ready", begun)
        until("/api/v1/status", f"{url}/api/v1/status", valued)
        say("/api/v1/status: values", begun)
        until("/", f"{url}/", lambda body: "<html" in body)
        say("/: the page", begun)
        alerts = json.loads(until("/api/v1/alerts", f"{url}/api/v1/alerts", lambda body: "alerts" in json.loads(body)))
        say(f"/api/v1/alerts: {len(alerts['alerts'])} alerts", begun)
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
        say(f"SIGTERM: exit code {code}", begun)
        if code:
            raise SystemExit(1)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
