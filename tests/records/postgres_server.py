"""A PostgreSQL server for the tests: started as a user who is not root, on a free port, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.ports import free_port

MISSING = "no PostgreSQL server program: apt-get install postgresql"


def programs() -> Path | None:
    """The folder of initdb and postgres, the newest version there is."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    found += [Path(on_path).parent] if on_path else []
    return max(found, key=lambda folder: [int(part) for part in folder.parts if part.isdigit()], default=None)


@contextmanager
def running() -> Iterator[str]:
    """The URL of a running server, without a database name: `postgresql://steward@127.0.0.1:PORT`."""
    folder = programs()
    assert folder is not None
    user = _other_user() if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="steward-postgres-"))
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)
    data, port = home / "data", free_port()
    try:
        _run(
            [folder / "initdb", "-D", data, "-A", "trust", "-U", "steward", "-E", "UTF8", "--no-sync", "--locale=C"], user, home
        )
        command = [folder / "postgres", "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-F"]
        with (home / "log").open("wb") as log:
            process = _start(command, user, home, log.fileno())
        try:
            url = f"postgresql://steward@127.0.0.1:{port}"
            _wait_until_up(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(60)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _other_user() -> pwd.struct_passwd:
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _start(command: list[object], user: pwd.struct_passwd | None, home: Path, log: int) -> subprocess.Popen[bytes]:
    who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    environment = {**os.environ, "HOME": str(home), "LC_ALL": "C"}
    return subprocess.Popen([str(word) for word in command], cwd=home, stdout=log, stderr=log, env=environment, **who)


def _run(command: list[object], user: pwd.struct_passwd | None, home: Path) -> None:
    with (home / "setup.log").open("wb") as log:
        process = _start(command, user, home, log.fileno())
        code = process.wait(180)
    assert code == 0, (home / "setup.log").read_text()


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not come up")
