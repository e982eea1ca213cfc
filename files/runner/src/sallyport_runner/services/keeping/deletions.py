"""The deletion record: a line for each thing that retention removed, which nothing ever removes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "deletions.jsonl"


class Deletions:
    """Appends to the record in a folder; a line is on disk before the thing that it names goes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._known: set[tuple[Any, ...]] | None = None

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append an entry, unless one for the same thing is there: its removal was cut off."""
        line = json.dumps(entry, sort_keys=True).encode() + b"\n"
        with self._lock:
            if self._known is None:
                self._known = {_thing(known) for known in self.entries()}
            if _thing(entry) in self._known:
                return
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            with os.fdopen(os.open(self.path, flags, 0o640), "a+b") as stream:
                if stream.tell() and not self.path.read_bytes().endswith(b"\n"):
                    stream.write(b"\n")  # a power cut left a part of a line
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
            self._known.add(_thing(entry))

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries; a line that a power cut left incomplete is left out."""
        found = []
        for line in self.path.read_bytes().splitlines() if self.path.exists() else []:
            try:
                found.append(dict(json.loads(line)))
            except ValueError:
                continue
        return found


def _thing(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(entry.get(name) for name in ("what", "job", "workspace", "archived_at", "month"))
