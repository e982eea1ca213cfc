"""Every secret is a canary: a real daemon runs real jobs, and nothing has one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.bench.runner import image, upstreams
from tests.unit.runner.jobserver import A, B, Server, listed, serve
from tests.unit.runner.made import environment
from tests.unit.runner.study import Study

from sallyport_common.redaction import MARK
from sallyport_common.tokens import job_identifier

pytestmark = pytest.mark.live
TOKEN, PASSWORD = "canary-token-f00d", "canary-pass-f00d"
NETWORK = "sallyport-test-canary"
SCRIPT = (
    'env; echo "again: $DATABASE_URL"; mkdir -p output; echo "$DATABASE_URL" > output/m.csv; '
    "case $2 in bad.py) exit 1;; esac"
)
"""What the jobs run: it prints its environment, and writes the address into its output."""
PROJECT = """
version: 5
actions:
  leaks:
    run: ehrql:v1 generate-measures good.py --output output/m.csv
    outputs: {moderately_sensitive: {m: output/m.csv}}
  fails:
    run: ehrql:v1 generate-measures bad.py --output output/f.csv
    outputs: {moderately_sensitive: {m: output/f.csv}}
"""
PATIENCE = 60.0
FINAL = {"succeeded", "failed"}


@dataclass
class Site:
    """A daemon in a folder, the job server that it asks, and its settings."""

    base: Path
    server: Server
    variables: dict[str, str]
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.base / "journal"

    def run(self, *jobs: str) -> None:
        """Run the daemon until some jobs have ended."""
        program = [str(Path(sys.executable).with_name("sallyport-runner")), "daemon"]
        # The path is set where a copy of the tree is tested (`make mutants`).
        given = {name: os.environ.get(name, "") for name in ("PATH", "PYTHONPATH")}
        given |= {"HOME": str(self.base)} | self.variables
        with self.log.open("ab") as log, subprocess.Popen(
            program, env=given, cwd=self.base, stdout=log, stderr=log
        ) as process:  # fmt: skip
            try:
                deadline = time.monotonic() + PATIENCE
                while not all(self.status(job) in FINAL for job in jobs):
                    assert process.poll() is None, self.log.read_text()
                    assert time.monotonic() < deadline, self.log.read_text()[-4000:]
                    time.sleep(0.1)
            finally:
                process.send_signal(signal.SIGTERM)

    def status(self, job: str) -> str:
        """Return what the server was told of a job."""
        return str(self.server.rows.get(job, {}).get("status"))

    def written(self) -> Iterator[tuple[str, bytes]]:
        """Yield all that was written and sent, with where it is; secrets are left out."""
        own = {"token", "database_url", "record_key"}
        for tree in ("work", "high/logs", "high/workspaces", "medium", "journal"):
            root = self.base / tree
            for path in [root] if root.is_file() else sorted(root.rglob("*")):
                if path.is_file() and path.name not in own:
                    yield str(path.relative_to(self.base)), path.read_bytes()
        for number, text in enumerate(self.server.heard):
            yield f"call {number}", text.encode()


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def upstream(folder: Path, forge: Path) -> Iterator[int]:
    """Serve code and one image, which is removed afterwards; give the port."""
    scratch = folder / "busybox"
    digest = image.write(folder / "images", image.busybox(scratch), "sh", "-c", SCRIPT, "job")
    words = [sys.executable, "-m", upstreams.__name__, str(forge), str(folder / "images"), digest]
    root = Path(__file__).parents[3]
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            port = int(process.stdout.readline())
            yield port
            reference = f"127.0.0.1:{port}/opensafely-core/ehrql@{digest}"
            subprocess.run(["docker", "image", "rm", reference], capture_output=True, check=False)
        finally:
            process.terminate()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Give a site whose every secret is a canary."""
    study = Study(tmp_path / "forge")
    study.make()
    study.commit({"project.yaml": PROJECT, "good.py": "", "bad.py": ""})
    variables = environment(tmp_path)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "database_url").write_text(f"postgresql://jobs:{PASSWORD}@127.0.0.1/hospital")
    for name in ("work", "high/workspaces", "high/logs", "high/volumes", "medium/workspaces"):
        (tmp_path / name).mkdir(parents=True)
    with ExitStack() as stack:
        port = stack.enter_context(upstream(tmp_path, tmp_path / "forge"))
        server, url = stack.enter_context(serve())
        docker("network", "create", "--internal", "--label", "org.sallyport.rig=test", NETWORK)
        stack.callback(docker, "network", "rm", NETWORK)
        given = {
            "BACKEND": "canary",
            "JOB_SERVER_ENDPOINT": url,
            "GITHUB_PROXY": f"http://127.0.0.1:{port}",
            "DOCKER_PROXY": f"127.0.0.1:{port}/opensafely-core",
            "IMAGE_DIGESTS": "{}",
            "DATABASE_ACCESS_NETWORK": NETWORK,
            "POLL_INTERVAL": "0.2",
            "TRUSTED_KEYS": "",
            "JOB_CPU_COUNT": "1",
        }
        variables |= {f"RUNNER_{name}": value for name, value in given.items()}
        yield Site(tmp_path, server, variables)


def canaries(site: Site) -> list[bytes]:
    """Return every secret, or a part of it that says enough."""
    key = (site.base / "record_key").read_text().splitlines()[1]
    return [word.encode() for word in (TOKEN, PASSWORD, key)]


def test_no_secret_is_in_what_a_runner_writes_and_sends(site: Site) -> None:
    sha = Study(site.base / "forge").head
    rows = [listed(sha, "leaks", "fails", backend="canary")]
    broken = listed("0" * 40, "leaks", request=B, backend="canary")
    site.server.listed = [*rows, broken]
    leaks, fails = (job_identifier(A, action) for action in ("leaks", "fails"))
    site.run(leaks, fails, job_identifier(B, "__error__"))
    found = dict(site.written())
    having = {where for where, data in found.items() if any(one in data for one in canaries(site))}
    # A job can write what it knows into its outputs: this tree is not for reviewers.
    assert having == {"high/workspaces/ws/output/m.csv"}
    assert site.server.rows[leaks]["status"] == "succeeded"
    assert site.server.rows[fails]["status_code"] == "nonzero_exit"
    for action in ("leaks", "fails"):
        log = found[f"medium/workspaces/ws/metadata/{action}.log"].decode()
        assert f"DATABASE_URL={MARK}" in log, "the job printed it"
        assert f"again: {MARK}" in log
        assert "OPENSAFELY_BACKEND=canary" in log
    note = found["medium/workspaces/ws/output/m.csv.txt"].decode()
    assert "a password or key of the backend" in note
