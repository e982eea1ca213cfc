"""Cached bytes on disk: written aside, kept by one rename, bounded by eviction.

Files are readable by the group of the cache folder, which is the one that nginx runs in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

SCAN_INTERVAL = 30.0
"""Seconds between two looks at the size of the cache."""


class Writer:
    """A file that is being written to the cache; without `keep` it is discarded."""

    def __init__(self, target: Path, incoming: Path) -> None:
        self._target = target
        handle, name = tempfile.mkstemp(dir=incoming)
        self._path, self._stream = Path(name), os.fdopen(handle, "wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self._stream.write(data)
        self._digest.update(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what was written, as `sha256:<hex>`."""
        return f"sha256:{self._digest.hexdigest()}"

    def keep(self, modified: float | None = None) -> None:
        """Put the file in its place, durably; `modified` (seconds) becomes its time."""
        self._stream.flush()
        os.fchmod(self._stream.fileno(), 0o640)
        os.fsync(self._stream.fileno())
        self._stream.close()
        if modified is not None:
            os.utime(self._path, (time.time(), modified))
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(self._target)

    def close(self) -> None:
        """Remove what was not kept; safe to call again."""
        self._stream.close()
        self._path.unlink(missing_ok=True)


class ContentStore:
    """Files below one folder by relative key, the longest unused of them evicted first."""

    def __init__(self, root: Path, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.root, self._limit, self._clock = root, limit, clock
        self._incoming = root / "incoming"
        self._lock = threading.Lock()
        self._scanned = -SCAN_INTERVAL
        self._incoming.mkdir(parents=True, exist_ok=True)
        for left_over in self._incoming.iterdir():
            left_over.unlink()

    def find(self, key: str) -> Path | None:
        """Return the file of a key and mark it as used, or None."""
        path = self.root / key
        try:
            modified = path.stat().st_mtime_ns
            os.utime(path, ns=(time.time_ns(), modified))
        except FileNotFoundError:
            return None
        return path

    def writer(self, key: str) -> Writer:
        """Start a file; makes room first."""
        self._evict()
        return Writer(self.root / key, self._incoming)

    def _evict(self) -> None:
        with self._lock:
            if self._clock() - self._scanned < SCAN_INTERVAL:
                return
            self._scanned = self._clock()
            files = sorted(self._held(), key=lambda entry: entry[0])
            total = sum(size for _used, size, _path in files)
            for _used, size, path in files:
                if total <= self._limit:
                    return
                path.unlink(missing_ok=True)
                total -= size

    def _held(self) -> list[tuple[float, int, Path]]:
        files = []
        for path in self.root.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if path.is_file() and path.parent != self._incoming:
                    files.append((status.st_atime, status.st_size, path))
        return files
