"""Runs inside a job's container and prints what it could do there, as JSON."""

import contextlib
import ctypes
import json
import multiprocessing
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

CLONE_NEWUSER = 0x10000000
IO_URING_SETUP = 425
MEBIBYTE = 2**20
SHARED = Path("/dev", "shm")
libc = ctypes.CDLL(None, use_errno=True)


def forked(work: Callable[[], object]) -> int:
    """Do something in a child and return how it ended: 0, an exit code or a signal."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def write(path: str, size: int) -> str:
    """Write a file of some MiB and remove it; return 'done' or the error."""
    try:
        with Path(path).open("wb") as stream:
            for _ in range(size):
                stream.write(bytes(MEBIBYTE))
        return "done"
    except OSError as error:
        return type(error).__name__ if error.errno is None else "OSError"
    finally:
        with contextlib.suppress(OSError):
            Path(path).unlink()


def io_uring() -> int:
    """Return the error number of io_uring_setup, 0 when it was done."""
    done = libc.syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(256))
    return ctypes.get_errno() if done < 0 else 0


def children(wanted: int) -> int:
    """Return how many children can live at once, at most `wanted`."""
    alive: list[int] = []
    reading, _writing = os.pipe()
    with contextlib.suppress(OSError):
        while len(alive) < wanted:
            child = os.fork()
            if child == 0:
                os.read(reading, 1)
                os._exit(0)
            alive.append(child)
    for child in alive:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return len(alive)


def thread() -> bool:
    """Return whether a thread can be started."""
    started = threading.Event()
    try:
        threading.Thread(target=started.set).start()
    except RuntimeError:
        return False
    return started.wait(5)


def processes() -> list[str]:
    """Return which of Python's means of working with several processes work."""
    works = []
    with contextlib.suppress(OSError), multiprocessing.Lock():
        works.append("lock")
    with contextlib.suppress(OSError):
        queue: multiprocessing.Queue[int] = multiprocessing.Queue()
        queue.put(1)
        works.append(f"queue {queue.get(timeout=20)}")
    with contextlib.suppress(OSError), multiprocessing.Pool(2) as pool:
        works.append(f"pool {pool.map(abs, [-1, -2])}")
    with contextlib.suppress(OSError), ProcessPoolExecutor(2) as executor:
        works.append(f"executor {list(executor.map(abs, [-3]))}")
    return works


def status(name: str) -> str:
    """Return a value of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


FOUND = {
    "interfaces": [name for _number, name in socket.if_nameindex()],
    "uid": os.getuid(),
    "capabilities": int(status("CapEff"), 16),
    "no_new_privileges": status("NoNewPrivs"),
    "seccomp": status("Seccomp"),
    "io_uring": io_uring(),
    "user_namespace": forked(lambda: os._exit(0 if libc.unshare(CLONE_NEWUSER) == 0 else 1)),
    "root": write("/probe", 1),
    "workspace": write("/workspace/probe", 1),
    "large_file": write("/workspace/probe", 48),
    "large_temporary_file": write(f"{os.environ['HOME']}/probe", 24),
    "children": children(100),
    "thread": thread(),
    "memory": forked(lambda: bytearray(512 * MEBIBYTE)),
    "shared_memory": write(f"{SHARED}/probe", 4),
    "large_shared_memory": write(f"{SHARED}/probe", 12),
    "processes": processes(),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
    "resolvers": Path("/etc/resolv.conf").read_text(),
    "hosts": Path("/etc/hosts").read_text(),
}
sys.stdout.write(json.dumps(FOUND) + "\n")
