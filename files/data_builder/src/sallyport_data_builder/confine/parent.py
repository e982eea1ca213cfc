"""Starts the child process that runs study code, and reads its answer strictly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sallyport_data_builder.errors import ArgumentsError, DefinitionError, Failure
from sallyport_data_builder.model.plan import MAX_BYTES, Plan, loads

WALL_SECONDS = 600


def environment() -> dict[str, str]:
    """Return everything that study code finds in its environment; nothing is inherited."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def start(words: Sequence[str], output: int, *descriptors: int) -> subprocess.Popen[bytes]:
    """Start our own Python with nothing of ours but some descriptors, in a group of its own."""
    return subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.DEVNULL,
        stdout=output,
        env=environment(),
        pass_fds=descriptors,
        start_new_session=True,
    )


def compile_definition(file: Path, parameters: Sequence[str]) -> Plan:
    """Run a definition in a child process and return its plan."""
    if not file.is_file():
        raise ArgumentsError(f"There is no definition file {file}.")
    reader, writer = os.pipe()
    sys.stdout.flush()
    words = ["-m", "sallyport_data_builder.confine.child", str(writer), str(file), *parameters]
    child = start(words, sys.__stderr__.fileno() if sys.__stderr__ else subprocess.DEVNULL, writer)
    os.close(writer)
    timer = threading.Timer(WALL_SECONDS, child.kill)
    timer.start()
    try:
        with os.fdopen(reader, "rb") as stream:
            answer = stream.read(2 * MAX_BYTES)
        code = child.wait()
    finally:
        timer.cancel()
        child.kill()
    return _read(answer, code)


def _read(answer: bytes, code: int) -> Plan:
    if not answer:
        raise DefinitionError(
            f"The definition was stopped (code {code}): it used more time, memory or files than it "
            "may, or ended the process itself."
        )
    try:
        document = json.loads(answer)
    except ValueError:
        document = None
    if not isinstance(document, dict) or len(document) != 1:
        raise Failure("The process that runs definitions gave an answer of the wrong form.")
    if "error" in document:
        raise DefinitionError(str(document["error"]))
    return loads(str(document.get("plan")))
