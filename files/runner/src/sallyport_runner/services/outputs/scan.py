"""The files that a job left: one walk, in which no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sallyport_common.paths import UnsafePathError
from sallyport_runner.services.outputs.folders import Folders, Parts

MAX_DEPTH = 40
MAX_FILES = 200_000
MAX_OTHERS = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file with one link; its path is as the job spelt it, whatever is in it."""

    path: str
    modified_ns: int


class Scan:
    """One walk over the regular files with one link below `root`, if it exists.

    Other kinds are skipped; `others` has the paths of the first of them. The walk ends at a depth
    and a number of entries that no study needs; `complete` says afterwards whether there was
    nothing more.
    """

    def __init__(self, root: Path) -> None:
        self._root, self.complete = root, True
        self.others: list[str] = []

    def __iter__(self) -> Iterator[Found]:
        if not self._root.exists():
            return
        pending: list[Parts] = [()]
        left = MAX_FILES
        with Folders(self._root) as folders:
            while pending and left > 0:
                here = pending.pop()
                prefix = "".join(f"{part}/" for part in here)
                for name, status in _entries(folders, here):
                    left -= 1
                    if stat.S_ISDIR(status.st_mode):
                        self._add(pending, (*here, name))
                    elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                        yield Found(prefix + name, status.st_mtime_ns)
                    elif len(self.others) < MAX_OTHERS:
                        self.others.append(prefix + name)
        self.complete = self.complete and not pending

    def _add(self, pending: list[Parts], parts: Parts) -> None:
        if len(parts) < MAX_DEPTH:
            pending.append(parts)
        else:
            self.complete = False


def _entries(folders: Folders, here: Parts) -> list[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folders.get(here)) as entries:
            return [
                (entry.name, entry.stat(follow_symlinks=False))
                for entry in sorted(entries, key=lambda entry: entry.name)
            ]
    except (UnsafePathError, FileNotFoundError):
        return []


def is_plain(path: str) -> bool:
    """Return whether a path can be shown and logged: printable, UTF-8 and without backslash."""
    return path.isprintable() and "\\" not in path


def shown(path: str) -> str:
    """Return a path with every character that is not plain as its code point: `<U+202E>`."""
    return path if is_plain(path) else "".join(map(_shown_character, path))


def _shown_character(character: str) -> str:
    if is_plain(character):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"<0x{code - 0xDC00:02X}>"
    return f"<U+{code:04X}>"
