"""More of what ordinary studies do: files, locks, memory maps, shells, names, libraries."""

import contextlib
import faulthandler
import fcntl
import getpass
import gzip
import json
import mmap
import os
import pwd
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zoneinfo
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from multiprocessing import Condition, Event, Process, Semaphore, get_context
from pathlib import Path

MEBIBYTE = 2**20
PLACES = (Path.home(), Path(), Path("/dev", "shm"))
HERE = r"""
set -eu
total=0
while read -r number; do total=$((total + number)); done <<END
1
2
$((1 + 2))
END
echo "$total"
printf '%s\n' "a,1" "b,2" | awk -F, '{ sum += $2 } END { print sum }'
printf 'x=1\n' | sed 's/=/ is /'
for file in $(find . -maxdepth 1 -name '*.none'); do echo "$file"; done
yes | head -n 2 | wc -l
seq 3 | xargs -n 1 -P 3 echo | sort | tr '\n' ' '
echo
test "$(cat /proc/$$/comm)" = sh
exit 3
"""
ARRAYS = "declare -A ages; ages[a]=4; echo ${ages[a]} $((2**5)) ${HOME} ~; mapfile -t x < <(seq 2)"
THREADS = """
import os
os.environ["OMP_NUM_THREADS"] = "2"
import numpy
numpy.linalg.svd(numpy.ones((300, 300)))
names = sorted(os.listdir("/proc/self/task"))
print(len(names))
"""
FIGURES = """
import matplotlib.pyplot as plt, pandas
figure, axes = plt.subplots(2, 2)
pandas.Series([1, 2, 3]).plot(ax=axes[0, 0], title="naïve é $\\\\alpha$")
for kind in ("png", "svg", "pdf"):
    figure.savefig("figure." + kind)
print(all(__import__("os").path.getsize("figure." + kind) > 1000 for kind in ("png", "svg", "pdf")))
"""
CATCHER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))
print("up", flush=True)
time.sleep(60)
"""
DUMP = "import faulthandler, os; faulthandler.enable(); os.abort()"


def shell(*words: str) -> list[object]:
    """Run a program; return what it printed, line by line, and its exit code."""
    done = subprocess.run(words, capture_output=True, text=True)
    return [*done.stdout.splitlines(), done.returncode]


def python(program: str) -> list[object]:
    """Run a Python program in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return [*done.stdout.splitlines(), done.returncode, done.stderr[-300:]]


def maps() -> list[bytes]:
    """Map a file of each place into memory, change it, and flush it to disk."""
    found = []
    for place in PLACES:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.truncate(MEBIBYTE)
            with mmap.mmap(file.fileno(), MEBIBYTE) as mapped:
                mapped[5:8] = b"abc"
                mapped.flush()
            file.flush()
            os.fsync(file.fileno())
            file.seek(5)
            found.append(file.read(3))
    return found


def locks() -> list[bool]:
    """Lock a file of each place in both ways, and see that another process has to wait."""
    found = []
    for place in PLACES:
        with (place / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            fcntl.lockf(file, fcntl.LOCK_EX)
            child = os.fork()
            if child == 0:
                with contextlib.suppress(BlockingIOError), (place / "lock").open("w") as other:
                    fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os._exit(1)
                os._exit(0)
            found.append(os.waitpid(child, 0)[1] == 0)
    return found


def databases() -> list[int]:
    """Write to an SQLite database of each place by several connections."""
    found = []
    for place in PLACES:
        path = place / "many.sqlite"
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as one:
            one.execute("CREATE TABLE row (number)")
            one.commit()
            with contextlib.closing(sqlite3.connect(path, timeout=10)) as two:
                two.execute("INSERT INTO row VALUES (1)")
                two.commit()
            found.append(one.execute("SELECT count(*) FROM row").fetchone()[0])
        path.unlink()
    return found


def semaphores() -> list[object]:
    """Use what joblib's workers use: named semaphores, events, and a context of its own."""
    semaphore, event, condition = Semaphore(1), Event(), Condition()

    def work() -> None:
        semaphore.acquire()
        event.set()

    worker = Process(target=work)
    worker.start()
    seen = event.wait(20)
    worker.join()
    with condition:
        condition.notify_all()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return [seen, worker.exitcode, sorted(f.result() for f in as_completed(
            [pool.submit(pow, number, 2) for number in range(4)]))]  # fmt: skip


def temporary() -> list[object]:
    """Ask where temporary files go, and use folders in each place."""
    found: list[object] = [tempfile.gettempdir()]
    for place in PLACES:
        with tempfile.TemporaryDirectory(dir=place) as folder:
            file = Path(folder) / "a" / "b.csv"
            file.parent.mkdir()
            file.write_text("é\n", encoding="utf-8")
            shutil.copytree(folder, f"{folder}-copy")
            found.append(sorted(p.name for p in Path(f"{folder}-copy").rglob("*")))
            shutil.rmtree(f"{folder}-copy")
    with tempfile.SpooledTemporaryFile(max_size=10) as spooled:
        spooled.write(bytes(100))
        spooled.seek(0)
        return [*found, len(spooled.read())]


def names() -> list[object]:
    """Ask for the account in every way but the terminal's, which there is not."""
    try:
        os.getlogin()
    except OSError as error:
        login = type(error).__name__
    me = pwd.getpwuid(os.getuid())
    Path("mine").touch()
    return [
        getpass.getuser(), me.pw_name, me.pw_dir, Path("mine").owner(), Path("mine").group(),
        str(Path("~").expanduser()), os.path.expandvars("$HOME"), login, *shell("whoami"),
    ]  # fmt: skip


def times() -> list[object]:
    """Use time zones, and the clock."""
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    there = summer.astimezone(zoneinfo.ZoneInfo("Europe/London"))
    return [there.hour, time.tzname[0], time.strftime("%Z"), time.clock_gettime(0) > 0]


def texts() -> list[object]:
    """Write text with accents to every stream and file without a word about encodings."""
    Path("text.csv").write_text("naïve é ☃\n")
    done = subprocess.run(
        [sys.executable, "-c", "import sys; print('é ☃'); print('é', file=sys.stderr)"],
        capture_output=True,
    )
    return [
        sys.getfilesystemencoding(), Path("text.csv").read_text(), done.stdout.decode(),
        done.stderr.decode(), sorted(["é", "f", "e"]),
    ]  # fmt: skip


def archives() -> list[object]:
    """Pack and unpack files in the usual forms."""
    Path("packed.txt").write_text("x" * 1000)
    with gzip.open("packed.gz", "wt") as stream:
        stream.write("x" * 1000)
    with zipfile.ZipFile("packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write("packed.txt")
    made = shutil.make_archive("packed", "gztar", ".", "packed.txt")
    shutil.unpack_archive(made, "unpacked")
    return [gzip.open("packed.gz", "rt").read() == Path("unpacked/packed.txt").read_text(),
            zipfile.ZipFile("packed.zip").namelist()]  # fmt: skip


def limits() -> list[object]:
    """Ask for limits, lower one, and catch what that does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        return [files, soft >= 1024, used > 0, b"limits" in file.read()]


def network() -> list[object]:
    """See that what wants the internet fails at once, with an error that libraries understand."""
    begin, found = time.monotonic(), []
    for target in (("example.org", 443), ("127.0.0.1", 9)):
        try:
            socket.create_connection(target, timeout=20)
        except OSError as error:
            found.append(type(error).__name__)
    context = ssl.create_default_context()
    return [*found, time.monotonic() - begin < 5, context.verify_mode == ssl.CERT_REQUIRED]


def threads() -> list[object]:
    """Run many threads that share a lock, and leave one behind that is a daemon."""
    total, lock = [0], threading.Lock()

    def add(_number: int) -> None:
        with lock:
            total[0] += 1

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(add, range(300)))
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    return [*total]


def signals() -> list[object]:
    """End a child by a signal that it catches, and a group of processes at once."""
    child = subprocess.Popen([sys.executable, "-c", CATCHER], stdout=subprocess.PIPE)
    assert child.stdout
    child.stdout.readline()
    child.terminate()
    found: list[object] = [child.wait(20)]
    child.stdout.close()
    group = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60"], start_new_session=True)
    os.killpg(group.pid, signal.SIGKILL)
    return [*found, group.wait(20), shell("timeout", "0.2", "sleep", "60")[-1]]


DEEDS: dict[str, Callable[[], object]] = {
    "memory maps": lambda: [part.decode() for part in maps()],
    "locks of files": locks,
    "databases everywhere": databases,
    "semaphores": semaphores,
    "temporary places": temporary,
    "accounts": names,
    "times": times,
    "texts": texts,
    "archives": archives,
    "limits": limits,
    "network": network,
    "threads": threads,
    "signals": signals,
    "sh": lambda: shell("sh", "-c", HERE),
    "bash arrays": lambda: shell("bash", "-c", ARRAYS),
    "perl": lambda: shell("perl", "-e", 'print join(",", map { $_ * 2 } 1..3), "\\n"'),
    "programs": lambda: [bool(shutil.which(name)) for name in ("python", "bash", "nosuch")],
    "numerical threads": lambda: python(THREADS)[:2],
    "figures": lambda: python(FIGURES)[:2],
    "a crash": lambda: ["Fatal Python error: Aborted" in str(python(DUMP)[-1]), python(DUMP)[-2]],
}


def tried(deed: Callable[[], object]) -> object:
    """Return what comes of something, or the error."""
    try:
        return deed()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: tried(deed) for name, deed in DEEDS.items()}) + "\n")
