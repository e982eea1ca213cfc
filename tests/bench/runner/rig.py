"""Everything that a measurement needs, in a scratch folder: servers, image, and both runners."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.runner import image, study
from tests.bench.runner.figures import OURS, PEER
from tests.bench.runner.job_server import Accepted, JobServer
from tests.bench.runner.moments import Events, until
from tests.bench.runner.plain import Plain, flags, inspect, mounts, remove
from tests.bench.runner.sides import Ours, Peer, Place, Side

from sallyport_common import tokens

ROOT = Path(__file__).resolve().parents[3]
SCRATCH = ROOT / "build/bench"
"""Where everything is, on a file system such as sites have."""
VOLUME = "sallyport-plain-"
"""How the names of volumes of plain runs begin."""
START = 120.0
SETTLE = 120.0


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
    upstreams: int = 0
    """The process that stands for forge and registry."""

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
        words = flags(container, side.folder)
        words += mounts(container, self.folder / f"plain-{side.name}", f"{VOLUME}{side.name}")
        self.server.cancelled(request)
        self.server.final(request, study.SLOW)
        self.settle()
        plain = Plain(container["Config"]["Image"], tuple(words))
        differing = plain.like(container, study.trivial("plain"))
        if differing:
            raise RuntimeError(f"plain runs differ from jobs of {side.name} in {differing}")
        return plain


def workspaces(side: str) -> tuple[str, str]:
    """Return the workspaces of a runner; the second is that of the job with many files."""
    return side, f"{side}-many"


@contextmanager
def rig(
    actions: dict[str, dict[str, object]],
    names: Sequence[str],
    scripts: Mapping[str, str] | None = None,
    *,
    shared: bool = True,
) -> Iterator[Rig]:
    """Give a rig with some of the runners; everything it made is removed.

    `scripts` are programs of the image; an engine that is not `shared` is waited for by nobody.
    """
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if shared:
            stack.enter_context(_alone())
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="runner-", dir=SCRATCH))
        folder = Path(made)
        clean()
        gitroot = folder / "git"
        study.publish(gitroot, actions)
        program = image.busybox(SCRATCH / "busybox")
        digest = image.write(folder / "images", program, scripts=scripts)
        port, upstreams = stack.enter_context(serve_upstreams(gitroot, folder / "images", digest))
        registry = f"127.0.0.1:{port}/{image.NAME.partition('/')[0]}"
        stack.callback(image.remove, image.pull(f"127.0.0.1:{port}", digest))
        stack.callback(clean)
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
            yield Rig(folder, server, sides, events, upstreams=upstreams)
        except Exception as error:
            for side in sides.values():
                error.add_note(f"end of the log of {side.name}:\n{side.log_end()}")
            raise


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for another run on this machine: it has the same names in the engine."""
    with (Path(tempfile.gettempdir()) / "sallyport-bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting until another benchmark of this machine has ended.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def serve_upstreams(gitroot: Path, images: Path, *tagged: str) -> Iterator[tuple[int, int]]:
    """Give port and process of forge and registry; `tagged` is as their program has it."""
    program = [sys.executable, "-m", "tests.bench.runner.upstreams"]
    words = [*program, str(gitroot), str(images), *tagged]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def _leftovers() -> list[str]:
    """Return containers of jobs of both backends; the peer labels them with the workspace alone."""
    names = [workspace for side in (OURS, PEER) for workspace in workspaces(side)]
    wanted = {f"org.sallyport.backend={OURS}", *(f"workspace={name}" for name in names)}
    # Several filters would have to fit all; one call finds all and costs a tenth of a second less.
    lines = _docker("ps", "--all", "--no-trunc", "--format={{.ID}};{{.Labels}}")
    rows = [line.partition(";")[::2] for line in lines]
    return sorted(container for container, labels in rows if wanted & set(labels.split(",")))


def clean() -> None:
    """Remove containers and volumes of both backends, and of the plain runs."""
    containers = _leftovers()
    if containers:
        remove(*containers)
    filters = [f"name={VOLUME}", *(f"label=workspace={name}" for name in workspaces(PEER))]
    for one in filters:
        found = _docker("volume", "ls", "--quiet", f"--filter={one}")
        if found:
            _docker("volume", "rm", "--force", *found)


def _docker(*words: str) -> list[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
