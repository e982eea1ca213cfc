"""What the self-test runs as a job: it prints what a job has and can do, as JSON.

The runner starts this file's text with the host's own Python, so it imports the standard library
only.
"""

import ctypes
import errno
import json
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Any

IO_URING_SETUP = 425
GET_NO_NEW_PRIVILEGES = 39
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
ENGINE_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock")
SHARED = "/dev" + "/shm"  # a fixed place, no temporary file of this program
GROUPS = Path("/sys/fs/cgroup")
# Version 1 has a folder for each controller, version 2 one for all.
LIMITS = {
    "memory": ("memory/memory.limit_in_bytes", "memory.max"),
    "swap": ("memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
    "pids": ("pids/pids.max", "pids.max"),
}


def fields(path: str) -> dict[str, str]:
    """Return the lines `Name: value` of a file as a mapping."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def writable(folder: str) -> bool:
    """Return whether a file can be written there."""
    try:
        Path(folder, "self-test").write_text("", encoding="utf-8")
    except OSError:
        return False
    return True


def mounted(folder: str) -> str:
    """Return how a folder was mounted: `ro`, `rw`, or nothing where it was not."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    options = [line.split()[3] for line in lines if line.split()[1] == folder]
    return options[-1].partition(",")[0] if options else ""


def limits() -> dict[str, str]:
    """Return the limits that the control group names; those that cannot be read are missing."""
    found = {}
    for name, paths in LIMITS.items():
        for path in paths:
            if (GROUPS / path).is_file():
                found[name] = (GROUPS / path).read_text(encoding="utf-8").strip()
    return found


def size(path: str) -> int:
    """Return the size of a file system in bytes."""
    figures = os.statvfs(path)
    return figures.f_blocks * figures.f_frsize


def io_uring() -> str:
    """Return what the profile of system calls says to one that jobs do not get."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(256))
    return "done" if done >= 0 else errno.errorcode[ctypes.get_errno()]


def report() -> dict[str, Any]:
    """Return all of it; sizes are in bytes."""
    status = fields("/proc/self/status")
    return {
        "interfaces": sorted(name for _number, name in socket.if_nameindex()),
        "accounts": sorted({os.getuid(), os.geteuid(), os.getgid(), os.getegid(), *os.getgroups()}),
        "capabilities": [name for name in CAPABILITIES if int(status.get(name, "0"), 16)],
        "no_new_privileges": ctypes.CDLL(None).prctl(GET_NO_NEW_PRIVILEGES, 0, 0, 0, 0),
        "seccomp": status.get("Seccomp"),
        "io_uring": io_uring(),
        "root": [mounted("/"), writable("/")],
        "workspace": [mounted("/workspace"), writable("/workspace")],
        "temporary": size(os.environ["HOME"]),
        "shared": size(SHARED),
        "limits": limits(),
        "host_swap": fields("/proc/meminfo").get("SwapTotal", "").partition(" ")[0],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "file_size": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        "engine_sockets": [path for path in ENGINE_SOCKETS if Path(path).exists()],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report()) + "\n")
