"""Runs git with a closed environment: no user's configuration, no prompts, no hooks."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

SYSTEM_PATH = "/usr/bin:/bin"
BASE_CONFIGURATION = {
    "core.hooksPath": "/dev/null",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.directory": "*",
    "transfer.credentialsInUrl": "die",
}


def environment(configuration: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return a process environment in which git sees this configuration and no other."""
    entries = list((BASE_CONFIGURATION | dict(configuration)).items())
    closed = {
        "PATH": SYSTEM_PATH,
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(entries)),
    }
    for number, (key, value) in enumerate(entries):
        closed |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return closed | dict(extra)


@contextlib.contextmanager
def running(
    arguments: Sequence[str | Path],
    env: Mapping[str, str],
    timeout: float,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Give a running git; it and its children end after `timeout` seconds or with the block."""
    git = shutil.which("git", path=SYSTEM_PATH) or "git"
    process = subprocess.Popen(
        [git, *arguments],
        env=dict(env),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )
    timer = threading.Timer(timeout, _end, [process])
    timer.daemon = True
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        _end(process)
        process.communicate()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
