"""The bytes of released files: `<root>/<workspace>/releases/<release>/<path>`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sallyport_common.paths import check_relative, open_beneath, sha256_file, write_atomic


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

    def has(self, address: str, digest: str) -> bool:
        """Return whether a file is here with these bytes."""
        try:
            with self.open(address) as stream:
                return sha256_file(stream) == digest
        except FileNotFoundError:
            return False

    def addresses(self) -> set[str]:
        """Return what is here."""
        found = (path for path in self._root.rglob("*") if path.is_file())
        return {str(path.relative_to(self._root)) for path in found}

    def copy(self, folder: Path, addresses: Iterable[str] | None = None) -> None:
        """Copy everything, or what is named, to where it is not yet; what has gone is left out.

        A second name of the same file would not do: one with two names is not read.
        """
        for address in self.addresses() if addresses is None else addresses:
            target = folder / address
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    shutil.copyfile(self._root / address, target)

    def take(self, folder: Path) -> None:
        """Copy everything from a folder of the same form."""
        ReleaseStore(folder).copy(self._root)
