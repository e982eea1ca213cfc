"""Puts the layers on a process that is about to run study code, or to talk to a database."""

from __future__ import annotations

import os
import resource
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sallyport_data_builder.confine import kernel, landlock, seccomp
from sallyport_data_builder.model.graph import MAX_BYTES

STUDY_LIMITS = {
    resource.RLIMIT_CPU: 300,
    resource.RLIMIT_AS: 4 * 1024**3,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_FSIZE: MAX_BYTES,
}
LIBRARIES = ("/usr/lib", "/lib", "/usr/lib64", "/lib64", "/usr/local/lib", "/etc/ld.so.cache")
# Names of hosts, certificates, and the memory and processors that there are.
SYSTEM = (
    "/etc", "/run/systemd/resolve", "/usr/share/ca-certificates", "/usr/share/zoneinfo",
    "/usr/local/share/ca-certificates", "/sys/devices/system", "/sys/fs/cgroup", "/proc",
    "/dev/urandom", "/dev/random",
)  # fmt: skip
NULL = Path("/dev/null")


@dataclass(frozen=True)
class Layers:
    """What confines a process: whether calls are filtered, and Landlock's version (0: none)."""

    calls: bool
    files: int

    @property
    def missing(self) -> list[str]:
        """The names of layers that are not there."""
        found = {"seccomp (ISO-03)": self.calls, "Landlock (ISO-04)": bool(self.files)}
        return [name for name, active in found.items() if not active]


def limit(limits: dict[int, int]) -> None:
    """Set limits, which cannot be raised again (ISO-02)."""
    for name, wanted in limits.items():
        hard = resource.getrlimit(name)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(name, (value, value))


def interpreter() -> list[Path]:
    """Return where the interpreter, the libraries and our package lie."""
    own = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *LIBRARIES]
    return [Path(path).resolve() for path in [*filter(None, sys.path), *own]]


def confine_study(reads: Iterable[Path]) -> Layers:
    """Leave this process reading some folders, computing, and writing to its pipes."""
    kernel.prctl(kernel.SET_PARENT_DEATH_SIGNAL, 9)
    limit(STUDY_LIMITS)
    files = _tried(lambda: landlock.restrict([*interpreter(), *reads, NULL]))
    calls = _tried(lambda: seccomp.install(seccomp.study(os.getpid())))
    return Layers(bool(calls), files)


def confine_database(reads: Iterable[Path], writes: Iterable[Path]) -> Layers:
    """Leave this process its sockets and some files, without programs and other processes."""
    seal()
    system = map(Path, SYSTEM)
    found = [*interpreter(), *system, *reads]
    files = _tried(lambda: landlock.restrict(found, [*writes, NULL], network=True))
    calls = _tried(lambda: seccomp.install(seccomp.database()))
    return Layers(bool(calls), files)


def seal() -> None:
    """Let no other process of this user look into this one, and write no core."""
    kernel.prctl(kernel.SET_DUMPABLE, 0)
    limit({resource.RLIMIT_CORE: 0})


def _tried(put: Callable[[], int]) -> int:
    """Return what a layer says of itself, or 0 if this kernel or its settings lack it."""
    try:
        return put()
    except OSError:
        return 0
