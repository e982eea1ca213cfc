"""A runner's daemon as a process, with our job server, real git, a registry and the real engine."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.runner import image
from tests.bench.runner.job_server import JobServer
from tests.bench.runner.rig import ROOT, serve_upstreams
from tests.bench.runner.sides import Ours, Place
from tests.conformance.codes import study
from tests.conformance.codes.gate import Gate

from sallyport_common import tokens
from sallyport_common.protocol import ENVELOPE_TYPE
from sallyport_records import dsse, keys
from sallyport_runner.cli import ask

BACKEND = "codes"
CLASSIC = "classic"
"""A backend whose jobs the test reports itself, as a runner of another make."""
NETWORK = "sallyport-codes-db"
LABEL = "org.sallyport.rig=test"
MEBIBYTE = 1024**2
QUERY = ("/bin/sh", "-c", 'mkdir -p output; sh "$2"', "sh")
"""Runs the definition of a query as a shell program."""
COMPILE = ("/bin/sh", "-c", "echo nonsense > /plan/plan.json", "sh")
LAUNCH = """
import os, socket, subprocess, sys
gate, admin, *words = sys.argv[1:]
subprocess.run(["mount", "--bind", gate, "/run/docker.sock"], check=True)
if os.path.exists(admin):
    os.unlink(admin)
listener = socket.socket(socket.AF_UNIX)
listener.bind(admin)
listener.listen(8)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "admin"}
os.execv(words[0], words)
"""
"""Starts a program that has the gate in place of the engine's socket, and a socket for verbs."""


class Runner(Ours):
    """The daemon; limits are small, so that each is soon reached."""

    gate: Gate

    @property
    def admin(self) -> Path:
        """The socket for operators."""
        return self.folder / "admin"

    def command(self) -> list[str]:
        """See Side."""
        launch = [sys.executable, "-c", LAUNCH, str(self.gate.path), str(self.admin)]
        return ["unshare", "--mount", *launch, *super().command()]

    def environment(self, workers: int) -> dict[str, str]:
        """See Side."""
        values = {
            "MAX_DB_WORKERS": 1,
            "JOB_CPU_COUNT": 1.0,
            "JOB_MEMORY_LIMIT": 48 * MEBIBYTE,
            "JOB_TMP_SIZE": 8 * MEBIBYTE,
            "JOB_SHM_SIZE": 8 * MEBIBYTE,
            "JOB_DISK_LIMIT": 8 * MEBIBYTE,
            "DISK_FREE_FLOOR": 0,
            "STATS_POLL_INTERVAL": 2,
            "ALLOWED_BRANCHES": "main",
            "IMAGES": '["databuilder", "ehrql", "python"]',
            "DATABASE_ACCESS_NETWORK": NETWORK,
            "DATABASE_URL_FILE": self.folder / "database_url",
        }
        ours = {f"RUNNER_{name}": str(value) for name, value in values.items()}
        return super().environment(workers) | ours | self.extra

    def ask(self, method: str, url: str) -> dict[str, Any]:
        """Ask for a verb, as an operator does."""
        return ask(self.admin, method, url)

    def end(self) -> None:
        """End the process as a crash of it would; what it keeps may be looked at afterwards."""
        self.rows.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def journal(self, job: str) -> list[str]:
        """Return the codes that a job went through, as the runner's own log has them."""
        lines = [
            json.loads(line) for line in self.log.read_text("utf-8").splitlines() if "{" in line
        ]
        return [line["code"] for line in lines if line.get("job") == job and "code" in line]


@dataclass
class Rig:
    """All that takes part."""

    folder: Path
    server: JobServer
    runner: Runner
    gate: Gate
    classic_token: str

    def sign_again(self, identifier: str, **changes: Any) -> None:
        """Change a request that no runner has seen, as a server with other rules would sign it."""
        database = sqlite3.connect(self.folder / "job_server.sqlite3")
        with database:
            (text,) = database.execute(
                "SELECT envelope FROM job_requests WHERE identifier = ?", (identifier,)
            ).fetchone()
            public = keys.load_public((self.folder / "signing.pub").read_bytes())
            payload = json.loads(dsse.verify(json.loads(text), ENVELOPE_TYPE, [public]))
            private = keys.load_private((self.folder / "signing").read_bytes())
            again = dsse.sign(ENVELOPE_TYPE, json.dumps(payload | changes).encode(), private)
            database.execute(
                "UPDATE job_requests SET envelope = ? WHERE identifier = ?",
                (json.dumps(again), identifier),
            )
        database.close()


@contextmanager
def rig() -> Iterator[Rig]:
    """Give a rig whose runner is not started; everything it made is removed."""
    scratch = ROOT / "build/codes"
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch)))
        study.publish(folder / "git")
        tagged = _images(folder / "images")
        port, _process = stack.enter_context(
            serve_upstreams(
                folder / "git", folder / "images", *(f"{n}={d}" for n, d in tagged.items())
            )
        )
        stack.callback(_clean, port)
        secret, other = tokens.new_backend_token(), tokens.new_backend_token()
        server = JobServer(folder, folder / "git", {BACKEND: secret, CLASSIC: other})
        stack.callback(server.stop)
        gate = Gate(folder / "gate")
        stack.callback(gate.close)
        registry = f"127.0.0.1:{port}/opensafely-core"
        place = Place(folder, server.url, f"http://127.0.0.1:{port}", registry, server.public_key)
        runner = Runner(BACKEND, place, secret)
        runner.gate = gate
        stack.callback(runner.stop)
        network("create", "--internal", "--label", LABEL)
        stack.callback(network, "rm")
        try:
            yield Rig(folder, server, runner, gate, other)
        except BaseException as error:
            error.add_note(f"end of the log of the runner:\n{runner.log_end()}")
            raise


def network(verb: str, *options: str) -> None:
    """Make or remove the network of jobs that use the database."""
    docker("network", verb, *options, NETWORK)


def _images(folder: Path) -> Mapping[str, str]:
    """Write the images; return the digest of each name and tag."""
    program = image.busybox(ROOT / "build/bench/busybox")
    # Without a label of their own they would be the images of other tests, which remove theirs.
    own = {"org.sallyport.backend": BACKEND}
    phases = own | {"org.sallyport.phases": "compile,execute"}
    return {
        "opensafely-core/python:v2": image.write(folder, program, labels=own),
        "opensafely-core/ehrql:v1": image.write(folder, program, *QUERY, labels=own),
        "opensafely-core/databuilder:v1": image.write(folder, program, *COMPILE, labels=phases),
    }


def _clean(port: int) -> None:
    """Remove the containers of this backend, and the images of this registry."""
    found = docker("ps", "--all", "--quiet", f"--filter=label=org.sallyport.backend={BACKEND}")
    if found:
        docker("rm", "--force", "--volumes", *found)
    references = "{{.Repository}}@{{.Digest}}"
    listed = docker("image", "ls", "--digests", "--format", references)
    for reference in sorted(set(listed)):
        if reference.startswith(f"127.0.0.1:{port}/"):
            docker("image", "rm", "--force", reference)


def docker(*words: str) -> list[str]:
    """Run a command of the engine and return the words that it printed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout.split()
