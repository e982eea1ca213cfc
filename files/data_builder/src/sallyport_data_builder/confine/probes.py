"""One forbidden action per rule, tried in confined processes for `isolation-report`.

Usage: `python -m sallyport_data_builder.confine.probes DESCRIPTOR CONFINEMENT FOLDER NAME ...`; the
confinement is `study`, `database` or `none`. The answer has a line for each action: was it stopped?
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sallyport_data_builder.confine import kernel, layers

STUDY, DATABASE = "study", "database"
URL = "DATABASE_URL"
MEMORY = layers.STUDY_LIMITS[resource.RLIMIT_AS] + 1024**3
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EMFILE, errno.EAGAIN, errno.ENOMEM)
HERE = -100  # AT_FDCWD


class HarmlessError(Exception):
    """The action had no effect, though nothing refused it."""


@dataclass(frozen=True)
class Probe:
    """A forbidden action; `act` gets a folder that holds `inside/file` and `outside/file`."""

    rule: str
    text: str
    act: Callable[[Path], object]
    where: tuple[str, ...] = (STUDY,)


def _need(effect: bool) -> None:
    if not effect:
        raise HarmlessError


def _fork(_folder: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _thread(_folder: Path) -> None:
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()


def _descriptors(_folder: Path) -> None:
    """Look for open descriptors beside the standard three and the pipe for the answer."""
    found = 0
    for number in range(3, 64):
        try:
            os.fstat(number)
        except OSError:
            continue
        found += 1
    _need(found > 1)


def _open_many(folder: Path) -> None:
    streams = [(folder / "inside/file").open() for _ in range(400)]
    for stream in streams:
        stream.close()


def _unlimited(limit: int) -> Callable[[Path], None]:
    return lambda _folder: _need(resource.getrlimit(limit)[1] == resource.RLIM_INFINITY)


def _call(name: str, *arguments: int | bytes | None) -> Callable[[Path], object]:
    return lambda _folder: kernel.call(name, *arguments)


def _append(place: str) -> Callable[[Path], object]:
    return lambda folder: os.close(os.open(folder / place, os.O_WRONLY | os.O_APPEND))


def _read(place: str) -> Callable[[Path], object]:
    return lambda folder: (folder / place).read_bytes()


BOTH = (STUDY, DATABASE)
PROBES = {
    "environment": Probe(
        "ISO-01", "see the database URL in the environment", lambda _f: _need(URL in os.environ)
    ),
    "descriptors": Probe("ISO-01", "use descriptors that were open before", _descriptors),
    "group": Probe(
        "ISO-01", "be in its parent's process group", lambda _f: _need(os.getpgrp() != os.getpid())
    ),
    "memory": Probe("ISO-02", "take more memory", lambda _f: mmap.mmap(-1, MEMORY).close()),
    "processor": Probe("ISO-02", "compute without end", _unlimited(resource.RLIMIT_CPU)),
    "output": Probe("ISO-02", "write files without end", _unlimited(resource.RLIMIT_FSIZE)),
    "core": Probe("ISO-02", "leave its memory in a file", _unlimited(resource.RLIMIT_CORE), BOTH),
    "files": Probe("ISO-02", "open many files", _open_many),
    "process": Probe("ISO-02", "start another process", _fork, BOTH),
    "thread": Probe("ISO-03", "start a thread", _thread),
    "network": Probe("ISO-03", "open a socket", lambda _f: socket.socket().close()),
    "local sockets": Probe("ISO-03", "open a pair of sockets", lambda _f: socket.socketpair()),
    "kernel sockets": Probe(
        "ISO-03", "open a socket to the kernel's cryptography", _call("socket", 38, 5, 0), BOTH
    ),
    "trace": Probe("ISO-03", "trace a process", _call("ptrace", 2, 0, 0, 0), BOTH),
    "memory of others": Probe(
        "ISO-03", "read a process's memory", _call("process_vm_readv", 1, None, 0, None, 0, 0), BOTH
    ),
    "signal": Probe("ISO-03", "signal its parent", lambda _f: os.kill(os.getppid(), 0)),
    "write": Probe("ISO-03", "write to a file of the study", _append("inside/file")),
    "rename": Probe(
        "ISO-03",
        "rename a file",
        lambda folder: (folder / "inside/file").rename(folder / "inside/renamed"),
    ),
    "link": Probe(
        "ISO-03", "link a file", lambda folder: os.link(folder / "inside/file", folder / "inside/l")
    ),
    "symbolic link": Probe(
        "ISO-03", "make a symbolic link", lambda folder: (folder / "inside/s").symlink_to("/")
    ),
    "unlink": Probe("ISO-03", "remove a file", lambda folder: (folder / "inside/file").unlink()),
    "mode": Probe("ISO-03", "change a mode", lambda folder: (folder / "inside").chmod(0o755)),
    "mount": Probe("ISO-03", "mount", _call("mount", None, None, None, 0, None), BOTH),
    "namespace": Probe("ISO-03", "make a name space", _call("unshare", 0x10000000), BOTH),
    "io_uring": Probe("ISO-03", "use io_uring", _call("io_uring_setup", 1, None), BOTH),
    "openat2": Probe("ISO-03", "open by openat2", _call("openat2", HERE, None, None, 24), BOTH),
    "read": Probe("ISO-04", "read a file outside the study", _read("outside/file"), BOTH),
    "environ": Probe(
        "ISO-04", "read the process file system", lambda _f: Path("/proc/self/environ").read_bytes()
    ),
    "list": Probe("ISO-04", "list the root folder", lambda _f: list(Path("/").iterdir()), BOTH),
    "write outside": Probe("ISO-04", "write outside the outputs", _append("outside/file"), BOTH),
    "control": Probe("control", "read a file of the study", _read("inside/file"), BOTH),
    # The last one: nothing comes after it if it works.
    "program": Probe(
        "ISO-03", "run another program", _call("execve", b"/bin/true", None, None), BOTH
    ),
}


def stopped(act: Callable[[Path], object], folder: Path) -> bool:
    """Return whether an action is stopped; one that fails for a reason of its own is not."""
    try:
        act(folder)
    except OSError as error:
        return error.errno in REFUSALS
    except (HarmlessError, RuntimeError):
        return True
    return False


def main() -> int:
    """Confine this process, try each action, and answer."""
    descriptor, confinement, place, *names = sys.argv[1:]
    folder = Path(place)
    inside = [folder / "inside"]
    if confinement == STUDY:
        layers.confine_study(inside)
    elif confinement == DATABASE:
        layers.confine_database([], inside)
    for name in names:
        line = json.dumps([name, stopped(PROBES[name].act, folder)])
        os.write(int(descriptor), line.encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
