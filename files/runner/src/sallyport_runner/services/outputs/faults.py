"""What a fault of the file system means: for one file, or for the backend as a whole.

A disk that is full, fails or is read-only, want of memory, and a staging folder on another file
system concern every job: they are a `TransientError`, so a job stays where it is and its step is
repeated. Anything else concerns the file at hand: a `FileFault`, with which this file is withheld
and all others go on. So a file over a quota or over the largest size of the file system is
withheld, and a full disk never loses one.
"""

from __future__ import annotations

import errno
import os

from sallyport_common.paths import UnsafePathError
from sallyport_runner.services.executor import TransientError

_SHORT = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_BACKEND = _SHORT | {
    errno.EXDEV,
    errno.ENOSPC,
    errno.EROFS,
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
_ANOTHER_NAME = "give the output another name, or ask the backend's administrators to remove it."
_SENTENCES = {
    errno.ENAMETOOLONG: "Its name is too long for the file system; use a shorter one.",
    errno.EISDIR: f"The workspace has a folder of this name; {_ANOTHER_NAME}",
    errno.ENOTDIR: f"The workspace has a file in place of one of its folders; {_ANOTHER_NAME}",
    errno.EDQUOT: "The quota of the file system is used up; ask the backend's administrators.",
    errno.EFBIG: "It is larger than the file system allows; write several smaller files.",
    errno.EILSEQ: "The file system does not accept its name; use plain letters and digits.",
    errno.EINVAL: "The file system does not accept its name; use plain letters and digits.",
}


class FileFault(Exception):
    """One file cannot be taken; the text is the sentence that says why."""


class _Turned:
    """A context in which one kind of exception becomes another; cheap, as each file needs some."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self.turn(error)

    def turn(self, error: BaseException) -> None:
        """Raise what the exception becomes; return where it stays as it is."""


def concerns_all(error: BaseException) -> bool:
    """Return whether a fault of the file system concerns every job, and so may pass."""
    return isinstance(error, OSError) and error.errno in _BACKEND


class Room(_Turned):
    """Turns faults that concern every job into TransientError, and leaves all others."""

    def __init__(self, what: str) -> None:
        self._what = what

    def turn(self, error: BaseException) -> None:
        """See above."""
        if isinstance(error, OSError) and concerns_all(error):
            raise TransientError(f"{self._what}: {error.strerror}") from error


class Reading(_Turned):
    """Turns faults of a file that is read into FileFault, and want of memory as Room does."""

    def turn(self, error: BaseException) -> None:
        """See above."""
        if isinstance(error, OSError) and error.errno in _SHORT:
            raise TransientError(f"an output cannot be read: {error.strerror}") from error
        if isinstance(error, OSError):
            raise FileFault(f"It cannot be read: {_reason(error)}.") from error
        if isinstance(error, UnsafePathError):
            raise FileFault(f"It cannot be read: {error}.") from error


class Writing(Room):
    """Turns faults of a file that is written into FileFault, and the others as Room does."""

    def turn(self, error: BaseException) -> None:
        """See above."""
        super().turn(error)
        if isinstance(error, OSError):
            refused = f"The file system refuses it: {_reason(error)}."
            raise FileFault(_SENTENCES.get(error.errno or 0, refused)) from error
        if isinstance(error, UnsafePathError):
            raise FileFault(_SENTENCES[errno.ENOTDIR]) from error


class Needed(Writing):
    """Turns every fault into TransientError: without what is written here, a job cannot end."""

    def turn(self, error: BaseException) -> None:
        """See above."""
        try:
            super().turn(error)
        except FileFault as fault:
            raise TransientError(f"{self._what}: {fault}") from error
        if isinstance(error, FileFault):
            raise TransientError(f"{self._what}: {error}") from error


READING, WRITING = Reading(), Writing("outputs cannot be stored")


def _reason(error: OSError) -> str:
    """Return what the system calls a fault, without the path that Python adds."""
    return os.strerror(error.errno).lower() if error.errno else "unknown fault"
