"""What a fault of the file system means: for one file, or for the backend as a whole.

A full disk, a disk that fails and too little memory concern every job and may pass: they are a
`TransientError`, so a job stays where it is and its step is repeated. Everything else concerns the
file at hand: a `FileFault`, with which that file is withheld and all others go on. So a file over a
quota or over the largest size of the file system is withheld, and a full disk never loses one.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from sallyport_common.paths import UnsafePathError
from sallyport_runner.services.executor import TransientError

_SHORT = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_BACKEND = _SHORT | {errno.ENOSPC, errno.EROFS, errno.EIO, errno.ESTALE, errno.ETIMEDOUT}
_SENTENCES = {
    errno.ENAMETOOLONG: "Its name is too long for the file system.",
    errno.EISDIR: "The workspace has a folder of this name.",
    errno.ENOTDIR: "The workspace has a file in place of one of its folders.",
    errno.EDQUOT: "The quota of the file system is used up.",
    errno.EFBIG: "It is larger than the file system allows.",
    errno.EILSEQ: "The file system does not accept its name.",
    errno.EINVAL: "The file system does not accept its name.",
}


class FileFault(Exception):
    """One file cannot be taken; the text is the sentence that says why."""


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Turn faults of a file that is read into FileFault, and those of the backend as above."""
    try:
        yield
    except UnsafePathError as error:
        raise FileFault(f"It cannot be read: {error}.") from error
    except OSError as error:
        if error.errno in _SHORT:
            raise TransientError(f"an output cannot be read: {error.strerror}") from error
        raise FileFault(f"It cannot be read: {_reason(error)}.") from error


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Turn faults of a file that is written into FileFault, and those of the backend as above."""
    try:
        yield
    except UnsafePathError as error:
        raise FileFault(_SENTENCES[errno.ENOTDIR]) from error
    except OSError as error:
        if error.errno in _BACKEND:
            raise TransientError(f"outputs cannot be stored: {error.strerror}") from error
        said = _SENTENCES.get(error.errno or 0, f"The file system refuses it: {_reason(error)}.")
        raise FileFault(said) from error


@contextlib.contextmanager
def needed(what: str) -> Iterator[None]:
    """Turn every fault into TransientError: without what is written here, a job cannot end."""
    try:
        with writing():
            yield
    except FileFault as fault:
        raise TransientError(f"{what}: {fault}") from fault


def _reason(error: OSError) -> str:
    """Return what the system calls a fault, without the path that Python adds."""
    return os.strerror(error.errno).lower() if error.errno else "unknown fault"
