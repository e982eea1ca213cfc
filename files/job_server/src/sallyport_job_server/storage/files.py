"""The bytes of released files: `<root>/<workspace>/releases/<release>/<path>`."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from sallyport_common.paths import check_relative, open_beneath, write_atomic


class ReleaseStore:
    """Keeps released files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def address(workspace: str, release: str, name: str) -> str:
        """Return a file's path relative to the root."""
        return str(check_relative(f"{workspace}/releases/{release}/{name}"))

    def write(self, address: str, data: bytes) -> None:
        """Keep a file durably, in one step."""
        path = self._root / check_relative(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)

    def open(self, address: str) -> BinaryIO:
        """Open a file for reading; raise FileNotFoundError when it is not there."""
        return open_beneath(self._root, address)

    def remove(self, address: str) -> None:
        """Remove a file; nothing happens when it is not there."""
        (self._root / check_relative(address)).unlink(missing_ok=True)
