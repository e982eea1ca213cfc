"""Private database servers for tests: PostgreSQL and MariaDB on unix sockets, gone afterwards.

Each has a folder of its own, listens on no port, runs as an unprivileged user and ends with the
process that started it. Nothing is promised about a crash: writes are not waited for.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pymysql

PATIENCE = 60.0
POSTGRESQL = Path("/usr/lib/postgresql")


def _account(*names: str) -> str:
    """Return the first of these users that this machine has."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in names if name in known)


def _as(user: str, words: Sequence[str]) -> list[str]:
    """Return a command that runs as a user and ends when its parent does."""
    wrapped = ["setpriv", "--pdeathsig", "KILL"]
    if os.geteuid() == 0:
        wrapped += [f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]
    return [*wrapped, *words]


@contextmanager
def _folder(user: str) -> Iterator[Path]:
    """Make a folder with a short name, because the path of a socket has at most 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="sallyport-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(path, user)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _running(
    words: Sequence[str], folder: Path, answers: Callable[[], object], stop: signal.Signals
) -> Iterator[None]:
    """Start a server, wait until it answers, and stop it at the end."""
    log = folder / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(words, cwd=folder, stdout=stream, stderr=stream)
    try:
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                answers()
                break
            except (psycopg.OperationalError, OSError):
                if process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError(log.read_text(errors="replace")[-4000:]) from None
                time.sleep(0.05)
        yield
    finally:
        process.send_signal(stop)
        process.wait(PATIENCE)


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of a PostgreSQL server whose text order is a language's, not code points'."""
    programs = max(POSTGRESQL.glob("*/bin"), key=lambda path: int(path.parent.name))
    user = _account("postgres")
    with _folder(user) as folder:
        data = str(folder / "data")
        language = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu"]
        made = [
            f"{programs}/initdb", "--auth=trust", "--username=postgres", "--no-sync",
            *language, "--icu-locale=en-US", "--pgdata", data,
        ]  # fmt: skip
        subprocess.run(_as(user, made), cwd=folder, check=True, capture_output=True)
        fast = {
            "listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off",
            "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
        }  # fmt: skip
        words = [f"{programs}/postgres", "-D", data]
        for name, value in fast.items():
            words += ["-c", f"{name}={value}"]
        plain = f"host={folder} user=postgres dbname=postgres"
        with _running(
            _as(user, words), folder, lambda: psycopg.connect(plain).close(), signal.SIGINT
        ):
            yield f"postgresql://postgres@/postgres?host={folder}"


@contextmanager
def mariadb() -> Iterator[str]:
    """Give the URL of a MariaDB server whose text comparison ignores case and trailing spaces."""
    user = _account("mysql", "nobody")
    with _folder(user) as folder:
        data, path = f"--datadir={folder}/data", f"{folder}/socket"
        made = ["mariadb-install-db", "--no-defaults", data, "--skip-test-db"]
        made += ["--auth-root-authentication-method=normal", "--innodb-log-file-size=8M"]
        subprocess.run(_as(user, made), cwd=folder, check=True, capture_output=True)
        fast = [
            "--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
            "--innodb-log-file-size=8M", "--skip-log-bin", "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci", f"--socket={path}",
            f"--pid-file={folder}/pid", f"--tmpdir={folder}",
        ]  # fmt: skip
        words = _as(user, ["mariadbd", "--no-defaults", data, *fast])

        def answers() -> None:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
            with pymysql.connect(unix_socket=path, user="root") as connection:
                connection.cursor().execute("CREATE DATABASE IF NOT EXISTS study")

        with _running(words, folder, answers, signal.SIGTERM):
            yield f"mariadb://root@localhost/study?unix_socket={path}"
