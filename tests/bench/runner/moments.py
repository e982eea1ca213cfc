"""When something happened: in a database of a service, or in the container engine.

All times are seconds of the machine's own clock, which the engine's events share.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

PAUSE = 0.001
NANO = 1e9


class Late(Exception):
    """What was waited for did not happen in time; the text names it."""


def until(holds: Callable[[], bool], what: str, seconds: float, pause: float = PAUSE) -> float:
    """Return the moment at which something held first; raise Late when it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Late(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
    return time.time()


class Rows:
    """A database of SQLite that a service writes, read from outside and never locked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def first(self, query: str, *values: Any) -> Any:
        """Return the first column of the first row, or None."""
        if self._connection is None:
            self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """Return every row."""
        self.first("SELECT 1")
        assert self._connection
        return self._connection.execute(query).fetchall()

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Events:
    """The engine's own account of when containers were created, died and were removed."""

    def __init__(self) -> None:
        words = ["docker", "events", "--filter", "type=container", "--format", "{{json .}}"]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self._happened: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition()
        assert self._process.stdout
        self._stream: IO[str] = self._process.stdout
        self._thread = threading.Thread(target=self._read, args=(self._stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            name, action, moment = event(line)
            with self._changed:
                self._happened[name, action] = moment
                self._changed.notify_all()

    def moment(self, name: str, action: str, seconds: float = 300) -> float:
        """Return when something happened to a container; raise Late when it never does."""
        key = (name, action)
        with self._changed:
            if not self._changed.wait_for(lambda: key in self._happened, seconds):
                raise Late(f"not within {seconds:g} s: {action} of the container {name}")
            return self._happened[key]

    def close(self) -> None:
        """Stop listening."""
        self._process.terminate()
        self._process.wait(20)
        self._thread.join()
        self._stream.close()


def event(line: str) -> tuple[str, str, float]:
    """Return container, action and moment of a line of `docker events`."""
    value = json.loads(line)
    return value["Actor"]["Attributes"].get("name", ""), value["Action"], value["timeNano"] / NANO
