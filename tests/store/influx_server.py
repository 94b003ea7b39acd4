"""A real influxd for the tests: found on PATH or at STEWARD_TEST_INFLUXD, started on a free port in a temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import free_port

ORG, TOKEN = "steward-test", "a-token-of-the-tests"
SET_UP = "X-Test-Set-Up"
"""Header of requests that prepare a test: they are never recorded."""
MISSING = "no influxd: install InfluxDB 2.7 or newer (apt-get install influxdb2, from its vendor) or set STEWARD_TEST_INFLUXD"


@dataclass(frozen=True)
class Server:
    """A running influxd that has been set up with ORG and TOKEN."""

    url: str
    process: subprocess.Popen[bytes]


def program() -> str | None:
    """The influxd to test against, None where there is none."""
    named = os.environ.get("STEWARD_TEST_INFLUXD")
    return named if named and Path(named).exists() else shutil.which("influxd")


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[Server]:
    """Starts influxd in `folder` and sets it up when it is new; kills it at the end."""
    port = free_port() if port is None else port
    command = [str(program()), "run", f"--http-bind-address=127.0.0.1:{port}", "--reporting-disabled", "--log-level=error"]
    command += [f"--bolt-path={folder / 'bolt'}", f"--sqlite-path={folder / 'sqlite'}", f"--engine-path={folder / 'engine'}"]
    with (folder / "influxd.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(url, process)
        _set_up(url)
        yield Server(url, process)
    finally:
        process.kill()
        process.wait(10)


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{url}/health", headers={SET_UP: "yes"}), timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError("influxd did not come up")


def _set_up(url: str) -> None:
    call = {"username": "admin", "password": "a-password", "org": ORG, "bucket": "unused", "token": TOKEN}
    headers = {"Content-Type": "application/json", SET_UP: "yes"}
    request = urllib.request.Request(f"{url}/api/v2/setup", json.dumps(call).encode(), headers)
    question = urllib.request.Request(f"{url}/api/v2/setup", headers=headers)
    with urllib.request.urlopen(question, timeout=30) as answer:
        if json.load(answer)["allowed"]:
            urllib.request.urlopen(request, timeout=30).close()


def create_bucket(url: str, name: str, description: str = "Steward samples, layout 1") -> None:
    """An empty bucket of that name, as `init_store` would make it."""
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json", SET_UP: "yes"}

    def call(path: str, method: str = "GET", body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{url}/api/v2/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.loads(answer.read() or b"{}"))

    org = call(f"orgs?org={ORG}")["orgs"][0]["id"]
    for bucket in call("buckets?limit=100")["buckets"]:
        if bucket["name"] == name:
            call(f"buckets/{bucket['id']}", "DELETE")
    rules: list[object] = []
    call("buckets", "POST", {"name": name, "orgID": org, "retentionRules": rules, "description": description})
