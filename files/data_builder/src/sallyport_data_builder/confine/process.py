"""Runs a child process that may not be trusted: what it gets, how long, and how much it may say."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import ExitCode
from sallyport_data_builder.model.graph import MAX_BYTES

WALL_SECONDS = 600.0
MAX_SAID = 1024 * 1024
# JSON inside JSON: a quote of the plan takes two characters, another control character six.
MAX_ANSWER = 2 * MAX_BYTES
CHUNK = 65_536
CUT = b"\n... what the definition prints is cut here\n"


def environment() -> dict[str, str]:
    """Return everything that study code finds in its environment; nothing is inherited (ISO-01)."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if not _of_study(path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        schemas.SITE: str(schemas.site_folder()),
    }


def _of_study(path: str) -> bool:
    """Return whether a path is the study's: nothing there is imported before the layers are on."""
    return not path or Path(path).resolve() == Path.cwd()


@dataclass
class Child:
    """What a child process answered, what it said, and how it ended."""

    answer: bytes = b""
    code: int = ExitCode.OK
    late: bool = False
    said: int = 0

    def say(self, data: bytes, stream: Any) -> None:
        """Pass on what a study prints, up to a limit."""
        room = MAX_SAID - self.said
        if room >= 0:
            stream.write(data[:room] + (CUT if len(data) > room else b""))
            stream.flush()
        self.said += len(data)


def run(module: str, words: Sequence[str], seconds: float = WALL_SECONDS) -> Child:
    """Run a module of ours with nothing but three pipes, in a process group of its own.

    Its first word is the descriptor that takes the answer.
    """
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(writer), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        pass_fds=(writer,),
        start_new_session=True,
    )
    os.close(writer)
    child = Child()
    with process, os.fdopen(reader, "rb", buffering=0) as answers:
        if process.stdin:
            process.stdin.close()
        try:
            child.late = not _listen(child, process.stdout, answers, time.monotonic() + seconds)
        finally:
            # The whole group, so that nothing is left of it (ISO-02).
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        child.code = process.wait()
    return child


def _listen(child: Child, said: Any, answers: Any, deadline: float) -> bool:
    """Read both pipes until they end; return False if that is too late or too much."""
    said_to = sys.__stderr__.buffer if sys.__stderr__ else None
    with selectors.DefaultSelector() as selector:
        for stream in (said, answers):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0 or len(child.answer) > MAX_ANSWER:
                return False
            for key, _events in selector.select(left):
                data = os.read(key.fd, CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is answers:
                    child.answer += data
                elif said_to:
                    child.say(data, said_to)
    return True
