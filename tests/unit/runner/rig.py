"""A runner in one process: real git, store and trees; containers are functions."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from tests.unit.fast_database import hasten
from tests.unit.runner.configured import MEBIBYTE as MEBIBYTE
from tests.unit.runner.configured import RECORD_KEYS as RECORD_KEYS
from tests.unit.runner.configured import settings as settings
from tests.unit.runner.inspection import inspected
from tests.unit.runner.posts import Posts
from tests.unit.runner.study import PROJECT as PROJECT
from tests.unit.runner.study import Study as Study

from sallyport_common.database import create_engine
from sallyport_runner.models import (
    ContainerSpec,
    ContainerStatus,
    Image,
    Job,
    JobRequest,
    StoredImage,
    Usage,
)
from sallyport_runner.services import executor as faults
from sallyport_runner.services.git import Code, Git
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.requests.sync import Reporter, SyncState
from sallyport_runner.services.running.background import Background, Step
from sallyport_runner.services.running.inbox import Inbox
from sallyport_runner.services.running.loop import RunLoop
from sallyport_runner.services.running.outside import Outside
from sallyport_runner.services.running.parts import build
from sallyport_runner.services.running.sweeper import Sweeper
from sallyport_runner.storage.sql import SqlStore, open_database
from sallyport_study.places import Repository

T = TypeVar("T")
Program = Callable[["Container"], int]
"""Plays the part of what runs in a container; returns the exit code."""


@dataclass
class Container:
    """A container of the memory executor."""

    spec: ContainerSpec
    status: ContainerStatus
    output: bytes = b""

    def folder(self, target: str) -> Path:
        """Return the host's folder behind a mount."""
        return next(Path(m.source) for m in self.spec.mounts if m.target == target)

    def write(self, path: str, text: str) -> int:
        """Write a file of the workspace; answer the exit code 0."""
        place = self.folder("/workspace") / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return 0

    def read(self, path: str) -> str:
        """Read a file of the workspace."""
        return (self.folder("/workspace") / path).read_text()


def _nothing(_container: Container) -> int:
    return 0


@dataclass
class MemoryExecutor:
    """Implements Executor: a program runs when it is told to go on, and ends at once."""

    clock: Callable[[], float]
    programs: dict[str, Program] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    networks: set[str] = field(default_factory=lambda: {"jobrunner-db"})
    registry: set[str] = field(default_factory=lambda: {"python:v2", "ehrql:v1"})
    started: list[ContainerSpec] = field(default_factory=list)
    away: bool = False
    unready: bool = False
    data: Path = Path("/")
    held: bool = False
    ended: Callable[[str], None] = lambda _name: None
    """Told the name of each container that ends, as the engine's events do."""

    def _check(self) -> None:
        if self.away:
            raise faults.EngineUnavailableError("the engine is unavailable")

    def fetch_image(self, name: str, digest: str | None) -> Image:
        self._check()
        if self.unready:
            raise faults.RegistryUnavailableError("the registry does not answer")
        if name not in self.registry:
            raise faults.ImageError(name)
        reference = f"registry/{name}@{digest or 'sha256:' + 'a' * 64}"
        return Image(reference=reference, labels=self.labels)

    def import_image(self, archive: bytes) -> str:
        self._check()
        assert archive
        return "sha256:" + "b" * 64

    def images(self) -> list[StoredImage]:
        return []

    def remove_image(self, reference: str) -> bool:
        assert reference
        return True

    def data_folder(self) -> Path:
        return self.data

    def network_exists(self, name: str) -> bool:
        return name in self.networks

    def start(self, spec: ContainerSpec) -> None:
        self._check()
        assert spec.name not in self.containers, "two containers of one name"
        self.started.append(spec)
        status = ContainerStatus(name=spec.name, labels=spec.labels, state="running")
        self.containers[spec.name] = Container(spec, status)
        if not self.held:
            self.go_on(spec.name)

    def go_on(self, name: str) -> None:
        """Let a held container run to its end."""
        container = self.containers[name]
        program = self.programs.get(container.spec.labels["action"], _nothing)
        self.end(name, program(container))

    def end(self, name: str, exit_code: int, **values: Any) -> None:
        """End a container."""
        container = self.containers[name]
        container.status = replace(
            container.status,
            state="exited",
            exit_code=exit_code,
            finished_at=self.clock(),
            **values,
        )
        self.ended(name)

    def status(self, name: str) -> ContainerStatus | None:
        self._check()
        found = self.containers.get(name)
        return found.status if found else None

    def list(self, backend: str) -> list[ContainerStatus]:
        found = [container.status for container in self.containers.values()]
        return [status for status in found if status.label("backend") == backend]

    def ends(self, backend: str) -> Iterator[str]:
        assert backend
        return iter(())

    def usage(self, name: str) -> Usage | None:
        return Usage(cpu_seconds=1.0, memory=64 * MEBIBYTE) if name in self.containers else None

    def kill(self, name: str) -> None:
        found = self.containers.get(name)
        if found and found.status.running:
            self.end(name, 137)

    def remove(self, name: str) -> None:
        self.containers.pop(name, None)

    def inspect(self, name: str) -> dict[str, Any]:
        found = self.containers.get(name)
        if found is None:
            return {}
        return inspected(found.spec)

    def logs(self, name: str, *, errors: bool = True) -> Iterator[bytes]:
        assert errors in {True, False}
        if name in self.containers:
            yield self.containers[name].output


@dataclass
class SelfTested:
    """Stands for the self-test of the sandbox, which needs an engine."""

    faults: list[str] = field(default_factory=list)

    def due(self) -> bool:
        return False

    def run(self) -> list[str]:
        return self.faults


class Immediate:
    """Implements Background: each step is done when it is asked for."""

    def take(self, request: str, owner: str, step: Step, work: Callable[[], T]) -> T | None:
        assert request
        assert owner
        assert step
        return work()

    def busy(self, owner: str) -> bool:
        assert owner
        return False

    def forget(self, owner: str) -> None:
        assert owner

    def send(self, request: str, step: Step, work: Callable[[], object]) -> None:
        assert request
        assert step
        work()


@functools.cache
def _template() -> Path:
    """Return a folder with a study, its mirror and an empty database, made once."""
    folder = Path(tempfile.mkdtemp(prefix="runner-rig-"))
    atexit.register(shutil.rmtree, folder)
    sha = Study(folder / "forge").make()
    (folder / "work").mkdir()
    mirror = Git(folder / "work/repos", f"file://{folder}/forge", folder / "ca.pem")
    repository = Repository.parse("https://github.com/demo-org/study")
    mirror.fetch(Code(repository, "main", sha))
    open_database(folder / "work/runner.sqlite3").dispose()
    return folder


def empty_store(folder: Path) -> SqlStore:
    """Return the store of a folder; where it has none, an empty one that was migrated before."""
    path = folder / "runner.sqlite3"
    if not path.exists():
        shutil.copy(_template() / "work/runner.sqlite3", path)
    return SqlStore(hasten(create_engine(f"sqlite:///{path}")))


class Runner:
    """The parts of a runner, put together without threads and engine."""

    def __init__(self, base: Path, **values: Any) -> None:
        self.base = base
        self.now = 1_000_000.0
        self.study = Study(base / "forge")
        self.settings = settings(base, **values)
        shutil.copytree(
            _template(), base, dirs_exist_ok=True, ignore=shutil.ignore_patterns("hooks", "info")
        )
        self.executor = MemoryExecutor(lambda: self.now)
        self.server = Posts()
        self.background: Background = Immediate()
        self.self_test = SelfTested()
        self.volumes = Volumes(self.settings.volumes, (os.getuid(), os.getgid()))
        self.restart()

    def restart(self) -> None:
        """Recreate everything that lives only in the process."""
        known = self.settings
        self.store, self.inbox = empty_store(known.workdir), Inbox()
        self.inbox.hears()
        self.reporter = Reporter(
            self.server,
            self.store,
            SyncState(),
            lambda: self.parts.queue.positions(),
            lambda: self.now,
        )
        outside = Outside(
            settings=known,
            store=self.store,
            executor=self.executor,
            volumes=self.volumes,
            background=self.background,
            changed=self.reporter.wake,
            inbox=self.inbox,
            self_test=self.self_test,
            clock=lambda: self.now,
            ticks=lambda: self.now,
        )
        self.parts = build(outside)
        self.sweeper = Sweeper(known, self.store, self.executor, self.volumes, lambda: self.now)
        self.loop = RunLoop(self.parts)

    def request(self, identifier: str, sha: str, *actions: str, **values: Any) -> JobRequest:
        """Put a request into the store, as the sync loop does."""
        made = JobRequest(
            identifier=identifier.ljust(16, "a"),
            payload_digest="0" * 64,
            workspace="ws",
            repo="https://github.com/demo-org/study",
            branch="main",
            sha=sha,
            requested_actions=list(actions),
            created_by="ada",
            created_at="2026-11-24T00:00:00Z",
        )
        made = replace(made, **values)
        self.store.add_request(made)
        return made

    def passes(self, number: int = 1, seconds: float = 1.0) -> None:
        """Let the run loop make some passes."""
        for _ in range(number):
            self.inbox.everything()
            self.inbox.requests()
            self.loop.step()
            self.now += seconds

    def job(self, action: str, request: JobRequest | None = None) -> Job:
        """Return the latest job of an action."""
        found = [job for job in self.store.recent_jobs(1000) if job.action == action]
        if request is not None:
            found = [job for job in found if job.request_id == request.identifier]
        return max(found, key=lambda job: job.created_order)

    def high(self, path: str) -> Path:
        """Return a path of the workspace in the high tree."""
        return self.base / "high/workspaces/ws" / path

    def medium(self, path: str) -> Path:
        """Return a path of the workspace in the medium tree."""
        return self.base / "medium/workspaces/ws" / path

    def record(self, job: Job) -> Path:
        """Return the folder with the job's log and metadata."""
        return self.base / "high/logs" / job.created_at[:7] / f"os-job-{job.id}"


def make(container: Container) -> int:
    """Write what the action `make` declares."""
    return container.write("output/raw.csv", "patient_id,age\n1,40\n")


def table(container: Container) -> int:
    """Write what the action `table` declares, from its input."""
    assert container.read("output/raw.csv")
    return container.write("output/table.csv", "age,n\n40,10\n")
