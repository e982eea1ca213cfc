"""Everything that a measurement needs, in a scratch folder: servers, image, and both runners."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.runner import image, study
from tests.bench.runner.figures import OURS, PEER
from tests.bench.runner.job_server import Accepted, JobServer
from tests.bench.runner.moments import Events, until
from tests.bench.runner.plain import Plain, flags, inspect, remove
from tests.bench.runner.sides import Ours, Peer, Place, Side

from sallyport_common import tokens

ROOT = Path(__file__).resolve().parents[3]
START = 60.0
SETTLE = 60.0


@dataclass
class Rig:
    """A job server, both runners that work for it, and the engine's events."""

    folder: Path
    server: JobServer
    sides: dict[str, Side]
    events: Events
    plains: dict[str, Plain] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    """How many jobs each process has run since it was started."""

    def use(self, workers: int) -> None:
        """Let both runners run with so many workers."""
        for side in self.sides.values():
            if side.workers != workers:
                self._restart(side, workers)
            if side.name not in self.plains:
                self.plains[side.name] = self._like(side)

    def _restart(self, side: Side, workers: int) -> None:
        side.stop()
        before, self.jobs[side.name] = self.server.seen(side.name), 0
        side.start(workers)

        def asked() -> bool:
            return side.pid > 0 and self.server.seen(side.name) > before

        until(asked, f"{side.name} asks for requests", START, pause=0.1)

    def request(self, side: Side, actions: Sequence[str], workspace: str = "") -> Accepted:
        """Ask a runner for actions, in its own workspace where none is named."""
        self.jobs[side.name] += len(actions)
        return self.server.request(side.name, workspace or side.name, actions)

    def settle(self) -> None:
        """Wait until no container of a job is left, so that nothing tidies up under the clock."""
        until(lambda: not _leftovers(), "the containers are removed", SETTLE, pause=0.1)

    def _like(self, side: Side) -> Plain:
        """Return plain runs like this runner's jobs; the two are compared limit by limit."""
        request = self.request(side, [study.SLOW])
        name = request.container(study.SLOW)
        self.events.moment(name, "start")
        container = inspect(name)
        self.server.cancelled(request)
        self.server.final(request, study.SLOW)
        self.settle()
        words = flags(container, side.folder)
        plain = Plain(container["Config"]["Image"], tuple(words), self._mount(side, container))
        differing = plain.like(container, study.trivial("plain"))
        if differing:
            raise RuntimeError(f"plain runs differ from jobs of {side.name} in {differing}")
        return plain

    def _mount(self, side: Side, container: dict[str, Any]) -> str:
        """Return the option that mounts a copy of the code as this runner mounts it."""
        [mount] = [one for one in container["Mounts"] if one["Destination"] == "/workspace"]
        source = self.folder / f"plain-{side.name}"
        if mount["Type"] == "volume":
            words = ["docker", "volume", "create", f"--label={image.LABEL}", volume(side.name)]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            return f"--volume={volume(side.name)}:/workspace"
        shutil.copytree(self.folder / "git" / study.ORGANISATION / study.REPOSITORY, source)
        user = int(container["Config"]["User"].partition(":")[0])
        for path in (source, *source.rglob("*")):
            os.chown(path, user, user)
        return f"--mount=type=bind,source={source},target=/workspace"


def workspaces(side: str) -> tuple[str, str]:
    """Return the workspaces of a runner; the second is that of the job with many files."""
    return side, f"{side}-many"


def volume(side: str) -> str:
    """Return the name of the volume of plain runs."""
    return f"sallyport-{side}"


@contextmanager
def rig(actions: dict[str, dict[str, object]], names: Sequence[str]) -> Iterator[Rig]:
    """Give a rig with some of the runners; everything it made is removed."""
    scratch = ROOT / "build/bench"
    scratch.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_alone())
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="runner-", dir=scratch))
        folder = Path(made)
        stack.callback(clean)
        gitroot = folder / "git"
        study.publish(gitroot, actions)
        digest = image.write(folder / "images", image.busybox(scratch / "busybox"))
        port = stack.enter_context(_upstreams(gitroot, folder / "images", digest))
        registry = f"127.0.0.1:{port}/{image.NAME.partition('/')[0]}"
        stack.callback(image.remove, image.pull(f"127.0.0.1:{port}", digest))
        secrets = {name: tokens.new_backend_token() for name in (OURS, PEER)}
        server = JobServer(folder, gitroot, secrets)
        stack.callback(server.stop)
        place = Place(folder, server.url, f"http://127.0.0.1:{port}", registry, server.public_key)
        kinds: dict[str, type[Side]] = {OURS: Ours, PEER: Peer}
        sides = {name: kinds[name](name, place, secrets[name]) for name in names}
        events = Events()
        stack.callback(events.close)
        for side in sides.values():
            for workspace in workspaces(side.name):
                server.workspace_of(workspace)
            stack.callback(side.stop)
        try:
            yield Rig(folder, server, sides, events)
        except Exception as error:
            for side in sides.values():
                error.add_note(f"end of the log of {side.name}:\n{side.log_end()}")
            raise


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for another run on this machine: it has the same names in the engine."""
    with (Path(tempfile.gettempdir()) / "sallyport-bench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _upstreams(gitroot: Path, images: Path, digest: str) -> Iterator[int]:
    words = [
        sys.executable,
        "-m",
        "tests.bench.runner.upstreams",
        str(gitroot),
        str(images),
        digest,
    ]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _leftovers() -> list[str]:
    """Return containers of jobs of both backends; the peer labels them with the workspace alone."""
    found: list[str] = []
    names = [workspace for side in (OURS, PEER) for workspace in workspaces(side)]
    labels = [f"org.sallyport.backend={OURS}", *(f"workspace={name}" for name in names)]
    for label in labels:
        words = ["docker", "ps", "--all", "--quiet", f"--filter=label={label}"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found += done.stdout.split()
    return found


def clean() -> None:
    """Remove containers and volumes of both backends, and of the plain runs."""
    containers = _leftovers()
    if containers:
        remove(*containers)
    names = [volume(OURS), volume(PEER)]
    for workspace in workspaces(PEER):
        words = ["docker", "volume", "ls", "--quiet", f"--filter=label=workspace={workspace}"]
        names += subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["docker", "volume", "rm", "--force", *names], check=True, capture_output=True)
