"""A PostgreSQL server of the distribution's own for the tests, in a folder that is thrown away.

Take the fixture `postgres` (tests/unit/conftest.py): one server for the whole run, started in about
a second when the first test asks for it. It answers on a unix socket without a password, and on
127.0.0.1 only with TLS and one. `create()` makes a database; it is removed with the server.

PostgreSQL refuses to run as root, so it runs as the package's user then. It ends with the tests,
also when they are killed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

OWNER = "sallyport"
"""The server's administrator, who needs no password on the unix socket."""

_ACCESS = """
local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
hostssl all all ::1/128 scram-sha-256
"""
_SETTINGS = """
listen_addresses = 'localhost'
ssl = on
ssl_cert_file = '{folder}/server.crt'
ssl_key_file = '{folder}/server.key'
unix_socket_directories = '{folder}'
port = {port}
max_connections = 60
shared_buffers = 16MB
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
"""


def _program(name: str) -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        pytest.fail("these tests need a PostgreSQL server; run: apt-get install postgresql")
    return found[-1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresServer:
    """A running server: its databases, and the addresses under which they are reached."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self.port = _free_port()
        self._numbers = itertools.count(1)
        # The server dies with this process, however that ends.
        self._words = ["setpriv", "--pdeathsig", "QUIT"]
        if os.geteuid() == 0:
            self._words += ["--reuid=postgres", "--regid=postgres", "--init-groups"]
            shutil.chown(self.folder, "postgres", "postgres")
        self._set_up()
        self._process = self._start()

    @property
    def ca_file(self) -> Path:
        """The certificate that the server shows for `localhost`, which signed itself."""
        return self.folder / "server.crt"

    def url(self, database: str) -> str:
        """Return the address of a database on the unix socket, for SQLAlchemy."""
        return f"postgresql+psycopg://{OWNER}@/{database}?host={self.folder}&port={self.port}"

    def network_url(self, database: str, user: str) -> str:
        """Return the address of a database over TCP, where TLS and a password are asked for."""
        return f"postgresql+psycopg://{user}@localhost:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the administrator, or several in one transaction."""
        where = f"host={self.folder} port={self.port} user={OWNER} dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self) -> str:
        """Make an empty database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def stop(self) -> None:
        """End the server and remove its folder."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)
        shutil.rmtree(self.folder)

    def _call(self, *words: str | Path) -> None:
        done = subprocess.run([*self._words, *words], capture_output=True, text=True, cwd="/")
        if done.returncode:
            pytest.fail(f"{words[0]} failed: {done.stderr}")

    def _set_up(self) -> None:
        self._call(
            _program("initdb"), "--no-sync", "--auth=trust", f"--username={OWNER}",
            "--encoding=UTF8", "--locale=C.UTF-8", "-D", self.folder / "data",
        )  # fmt: skip
        self._call(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost", "-keyout", self.folder / "server.key", "-out",
            self.ca_file,
        )  # fmt: skip
        (self.folder / "data/pg_hba.conf").write_text(_ACCESS)
        with (self.folder / "data/postgresql.conf").open("a") as stream:
            stream.write(_SETTINGS.format(folder=self.folder, port=self.port))

    def _start(self) -> subprocess.Popen[bytes]:
        log = self.folder / "log"
        with log.open("wb") as stream:
            words = [*self._words, str(_program("postgres")), "-D", str(self.folder / "data")]
            process = subprocess.Popen(words, stdout=stream, stderr=stream, cwd="/")
        for _ in range(400):
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                if process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return process
        pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
