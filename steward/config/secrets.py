"""Secrets come from the environment or a file, never from the facility file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from steward.errors import ConfigError, Problem


def secret(where: str, env: str, file: str, environ: Mapping[str, str], root: Path, *, required: bool = False) -> str:
    """The secret of `file` (relative to root) or else of the environment variable `env`; "" if neither is configured.

    where: `table[id].key`, for the error. Raises ConfigError when a configured one cannot be read, or none is there
    although one is required.
    """
    if file:
        path = root / file
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError([Problem(where, f"cannot read {file}: {error.strerror}", "a file with the secret")]) from None
    value = environ.get(env, "") if env else ""
    if not value and required:
        raise ConfigError([Problem(where, f"environment variable {env} is not set", "the secret")])
    return value
