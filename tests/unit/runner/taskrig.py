"""A runner in one process that takes tasks from a controller over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance import stub, task_api
from tests.conformance.task_api import Controller
from tests.unit.runner.rig import Container, Runner

from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.requests import fronts
from sallyport_runner.services.requests.server import ServerError
from sallyport_runner.services.requests.sync import SyncState
from sallyport_runner.services.running.inbox import Inbox
from sallyport_runner.services.running.loop import RunLoop
from sallyport_runner.services.running.outside import Outside
from sallyport_runner.services.running.parts import build
from sallyport_runner.services.running.sweeper import Sweeper
from sallyport_runner.settings import Front, Settings
from sallyport_runner.storage.tasks import TaskStore

REPO = "https://github.com/demo-org/study"
IMAGE = "sha256:" + "d" * 64


class TaskRunner(Runner):
    """A runner behind the front of the task API; `controller` is its stub on loopback."""

    def __init__(self, base: Path, controller: Controller, url: str, **values: Any) -> None:
        self.controller = controller
        given = {"job_server": Front.TASK_API, "job_server_endpoint": url}
        super().__init__(base, **given | values)

    def restart(self) -> None:
        """Recreate everything that lives only in the process."""
        known, self.inbox = self.settings, Inbox()
        front = fronts.build(ends(known, self.executor, self.volumes, self.inbox))
        assert isinstance(front.store, TaskStore)
        self.store: TaskStore = front.store
        self.listener, self.teller = front.listener, front.reporter
        outside = Outside(
            settings=known,
            store=self.store,
            executor=self.executor,
            volumes=self.volumes,
            background=self.background,
            changed=self.teller.wake,
            inbox=self.inbox,
            self_test=self.self_test,
            clock=lambda: self.now,
            ticks=lambda: self.now,
        )
        self.parts = build(outside)
        self.sweeper = Sweeper(known, self.store, self.executor, self.volumes, lambda: self.now)
        self.loop = RunLoop(self.parts)

    def task(self, number: int, **changed: Any) -> str:
        """Give the runner a task that runs a job; return its id."""
        made = task_api.run_task(number, "hospital", REPO, self.study.head, IMAGE, **changed)
        return self.controller.add(made)

    def hear(self) -> None:
        """Ask the controller once."""
        self.listener.step()

    def tell(self) -> bool:
        """Report once; return whether the controller took all of it."""
        try:
            self.teller.step()
        except ServerError:
            return False
        return True

    def work(self, times: int = 1) -> None:
        """Ask, run and report, some times."""
        for _ in range(times):
            self.hear()
            self.passes(4)
            self.tell()


@pytest.fixture(name="tasked")
def tasked_runner(tmp_path: Path) -> Iterator[TaskRunner]:
    """Return a runner with a controller; nothing that it posts may break the protocol."""
    controller = Controller("f" * 40, "hospital")
    with stub.serve(controller) as url:
        yield TaskRunner(tmp_path, controller, url)
    assert controller.violations == []


def write(container: Container) -> int:
    """Write what a task declares."""
    return container.write("output/out.txt", "one\n")


def ends(known: Settings, executor: Executor, volumes: Volumes, inbox: Inbox) -> fronts.Ends:
    """Return what a front is built from."""
    return fronts.Ends(
        settings=known,
        executor=executor,
        volumes=volumes,
        state=SyncState(),
        news=inbox,
        user_agent="test",
        positions=dict,
        beat=lambda: None,
    )
