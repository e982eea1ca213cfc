"""What ordinary studies do; run as a job, it prints what came of each as JSON."""

import asyncio
import getpass
import json
import locale
import multiprocessing
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import shared_memory
from pathlib import Path

MEBIBYTE = 2**20
SHARED = Path("/dev", "shm")
SPAWNING = """
import multiprocessing
if __name__ == "__main__":
    for way in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(way).Pool(2) as pool:
            print(way, pool.map(abs, [-1, -2]))
"""
FIGURE = """
import matplotlib
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.savefig("figure.png")
print(matplotlib.get_backend(), open("figure.png", "rb").read(4)[1:].decode())
"""
TABLE = """
import numpy, pandas
table = pandas.DataFrame({"group": numpy.arange(100) % 3, "value": 1.0})
table.to_csv("table.csv.gz", index=False)
print(pandas.read_csv("table.csv.gz").groupby("group").value.sum().tolist())
print(int((numpy.ones((200, 200)) @ numpy.ones((200, 200)))[0, 0]))
"""
PIPELINE = r"""
set -eu
printf 'b\na\n' | sort | head -n 1 | tr a-z A-Z
here=$(cat <<END
$(echo inner | sed s/inner/outer/)
END
)
echo "$here"
(sleep 0.1 & wait)
trap 'echo end' EXIT
mkfifo pipe
echo through > pipe &
cat pipe
awk 'BEGIN { print 2 * 3 }' > "file name"
cat < "file name"
"""
BASH = "diff <(seq 3) <(seq 3) && echo same; read -r word < <(echo word); echo $word"


def python(program: str) -> list[str]:
    """Run a Python program of its own, with errors in its output, and return the lines."""
    path = Path("program.py")
    path.write_text(program)
    return shell([sys.executable, str(path)])


def shell(words: list[str]) -> list[str]:
    """Run a program and return what it printed."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines()


def fill(path: Path) -> list[object]:
    """Write until there is no room; return the size in MiB and the complaint."""
    size = 0
    try:
        with path.open("wb", buffering=0) as stream:
            while True:
                size += stream.write(bytes(MEBIBYTE))
    except OSError as error:
        return [size // MEBIBYTE, error.strerror]
    finally:
        path.unlink()


def pools() -> list[object]:
    """Use several processes, threads and what they share."""
    with multiprocessing.Pool(3) as pool, ProcessPoolExecutor(2) as processes:
        found: list[object] = [pool.map(abs, [-1, -2]), list(processes.map(abs, [-3]))]
    with ThreadPoolExecutor(20) as threads:
        found.append(sum(threads.map(abs, range(100))))
    with multiprocessing.Manager() as manager:
        found.append(dict(manager.dict(a=1)))
    block = shared_memory.SharedMemory(create=True, size=MEBIBYTE)
    view = memoryview(block.buf or b"")
    view[0] = 7
    found.append(view[0])
    view.release()
    block.close()
    block.unlink()
    return found


def temporary_files() -> list[bool]:
    """Use temporary files and folders, and run a program that was written to one."""
    folder = Path(tempfile.mkdtemp())
    script = folder / "script"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o755)
    with tempfile.NamedTemporaryFile() as named, tempfile.TemporaryFile() as unnamed:
        named.write(b"x")
        unnamed.write(b"x")
        return [Path(named.name).exists(), shell([str(script)]) == ["ran"]]


def database() -> list[object]:
    """Use SQLite in the workspace, with its write-ahead log."""
    connection = sqlite3.connect("data.sqlite")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE row (number)")
    connection.executemany("INSERT INTO row VALUES (?)", [(1,), (2,)])
    connection.commit()
    return list(connection.execute("SELECT sum(number) FROM row").fetchone())


def modes() -> list[str]:
    """Give files modes, links, times and names with accents."""
    found = []
    for mode in (0o644, 0o600, 0o755, 0o400):
        path = Path(f"mode-{mode:o}")
        path.touch()
        path.chmod(mode)
        found.append(f"{stat.S_IMODE(path.stat().st_mode):o}")
    Path("link").symlink_to("mode-644")
    Path("hard").hardlink_to("mode-644")
    os.utime("hard", (1, 1))
    Path("hard").rename("naïve é.csv")
    return [*found, str(Path("naïve é.csv").exists())]


def loopback() -> str:
    """Talk to oneself, as kernels of notebooks and R's clusters do."""
    server = socket.create_server(("localhost", 0))
    with server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"hello")
        return server.accept()[0].recv(5).decode()


def waiting() -> list[object]:
    """Use timers, signals and an event loop."""
    received: list[object] = []
    signal.signal(signal.SIGALRM, lambda number, _frame: received.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    while not received:
        time.sleep(0.01)
    threading.Timer(0.01, received.append, ["timer"]).start()

    async def echo() -> bytes:
        process = await asyncio.create_subprocess_exec("echo", "async", stdout=-1)
        return (await process.communicate())[0]

    time.sleep(0.1)
    return [*received, asyncio.run(echo()).decode().strip()]


def names() -> list[object]:
    """Ask who and where one is."""
    first = time.monotonic()
    try:
        socket.gethostbyname("example.org")
    except OSError:
        quick = time.monotonic() - first < 5
    return [getpass.getuser(), str(Path.home()), quick]


DEEDS: dict[str, Callable[[], object]] = {
    "pools": pools,
    "ways to start processes": lambda: python(SPAWNING),
    "pandas": lambda: python(TABLE),
    "matplotlib": lambda: python(FIGURE),
    "shell": lambda: shell(["sh", "-c", PIPELINE]),
    "bash": lambda: shell(["bash", "-c", BASH]),
    "temporary files": temporary_files,
    "full temporary folder": lambda: fill(Path.home() / "large"),
    "full shared memory": lambda: fill(SHARED / "large"),
    "database": database,
    "modes": modes,
    "loopback": loopback,
    "waiting": waiting,
    "names": names,
    "processors": lambda: len(os.sched_getaffinity(0)) == os.cpu_count(),
    "locale": lambda: [locale.setlocale(locale.LC_ALL, "C.UTF-8"), sys.stdout.encoding],
}


def tried(deed: Callable[[], object]) -> object:
    """Return what comes of something, or the error."""
    try:
        return deed()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: tried(deed) for name, deed in DEEDS.items()}) + "\n")
