"""Calls to the kernel that Python has no function for, through ctypes."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

from sallyport_data_builder.confine.syscalls import NUMBERS

SET_NO_NEW_PRIVS = 38
SET_DUMPABLE = 4
SET_PARENT_DEATH_SIGNAL = 1


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def number(name: str) -> int:
    """Return a system call's number on this processor; KeyError where it is not known."""
    return NUMBERS[platform.machine()][name]


def call(name: str, *arguments: object) -> int:
    """Make a system call; raise OSError if it fails."""
    values = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    result = int(_library().syscall(ctypes.c_long(number(name)), *values))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return result


def prctl(option: int, value: int) -> None:
    """Change this process; raise OSError if the kernel does not know how."""
    values = [ctypes.c_ulong(item) for item in (value, 0, 0, 0)]
    if _library().prctl(ctypes.c_int(option), *values) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), "prctl")
