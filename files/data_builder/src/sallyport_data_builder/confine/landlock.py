"""Which files a process may read and write (ISO-04): everything else is closed to it."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from sallyport_data_builder.confine import kernel

GET_VERSION, PATH_BENEATH = 1, 1
EXECUTE, WRITE, READ, LIST, REMOVE_FOLDER, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_FOLDER, MAKE_FILE, MOVE, TRUNCATE = (1 << bit for bit in (7, 8, 13, 14))
OF_FILES = EXECUTE | WRITE | READ | TRUNCATE | 1 << 15
FIRST_RIGHTS, FIRST_NETWORK, FIRST_SCOPES = 13, 4, 6
RIGHTS = {2: 14, 3: 15, 5: 16}  # from these versions on there are so many rights to files
CONNECT_AND_BIND = 3
SIGNALS_AND_SOCKETS = 3
READ_ONLY = READ | LIST
READ_AND_WRITE = (
    READ_ONLY | WRITE | REMOVE_FILE | REMOVE_FOLDER | MAKE_FILE | MAKE_FOLDER | MOVE | TRUNCATE
)


def version() -> int:
    """Return the kernel's version of Landlock, 0 without Landlock."""
    try:
        return kernel.call("landlock_create_ruleset", None, 0, GET_VERSION)
    except (OSError, KeyError):
        return 0


def _handled(abi: int) -> int:
    known = [count for first, count in RIGHTS.items() if abi >= first]
    return (1 << max([FIRST_RIGHTS, *known])) - 1


def _ruleset(abi: int, network: bool) -> int:
    values = [_handled(abi)]
    if abi >= FIRST_NETWORK:
        values.append(0 if network else CONNECT_AND_BIND)
    if abi >= FIRST_SCOPES:
        values.append(SIGNALS_AND_SOCKETS)
    packed = struct.pack(f"{len(values)}Q", *values)
    return kernel.call("landlock_create_ruleset", ctypes.c_char_p(packed), len(packed), 0)


def _permit(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no rule
    try:
        allowed = rights if path.is_dir() else rights & OF_FILES
        rule = struct.pack("=Qi", allowed, place)
        kernel.call("landlock_add_rule", ruleset, PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(place)


def restrict(reads: Iterable[Path], writes: Iterable[Path] = (), *, network: bool = False) -> int:
    """Close all files but these to this process permanently, and the network unless it is needed.

    Return the version of Landlock that does it; raise OSError without Landlock.
    """
    abi = version()
    if not abi:
        raise OSError("this kernel has no Landlock")
    ruleset = _ruleset(abi, network)
    try:
        for path in reads:
            _permit(ruleset, path, READ_ONLY)
        for path in writes:
            _permit(ruleset, path, READ_AND_WRITE & _handled(abi))
        kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
        kernel.call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return abi
