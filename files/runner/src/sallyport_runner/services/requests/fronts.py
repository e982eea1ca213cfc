"""The two fronts of the one loop: where work comes from, and who is told about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sallyport_runner.services.executor import Executor
from sallyport_runner.services.outputs.archive import Archive
from sallyport_runner.services.outputs.volumes import Volumes
from sallyport_runner.services.requests.history import History
from sallyport_runner.services.requests.reader import RequestReader, load_keys
from sallyport_runner.services.requests.recovery import Recovery
from sallyport_runner.services.requests.server import JobServer
from sallyport_runner.services.requests.sync import Listener, News, Reporter, SyncState
from sallyport_runner.services.requests.tasks.listener import Listed, TaskListener, Told
from sallyport_runner.services.requests.tasks.reporter import TaskReporter
from sallyport_runner.services.requests.tasks.server import Controller
from sallyport_runner.settings import Front, Settings
from sallyport_runner.storage.sql import SqlStore, open_database
from sallyport_runner.storage.tasks import TaskStore


class Listens(Protocol):
    """The half of a front that takes work."""

    def step(self) -> bool:
        """Ask once; return whether the server holds questions, so that the next may follow now."""


class Reports(Protocol):
    """The half of a front that tells what became of it."""

    def wake(self, at_once: bool = True) -> None:
        """Say that a job changed; one that has not ended may wait for others."""

    def wait(self) -> None:
        """Sleep until there may be something to tell."""

    def step(self) -> None:
        """Tell what the server lacks."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What a front is built from.

    `positions` counts the jobs ahead of each waiting one; `beat` is called again and again while
    much history is read.
    """

    settings: Settings
    executor: Executor
    volumes: Volumes
    state: SyncState
    news: News
    user_agent: str
    positions: Callable[[], Mapping[str, int]]
    beat: Callable[[], None]


@dataclass(frozen=True)
class Built:
    """A front, and the store that it shares with the loop."""

    store: SqlStore
    listener: Listens
    reporter: Reports


def build(ends: Ends) -> Built:
    """Return the front that the settings name."""
    return _tasks(ends) if ends.settings.job_server is Front.TASK_API else _classic(ends)


def _classic(ends: Ends) -> Built:
    settings = ends.settings
    store = SqlStore(open_database(settings.workdir / "runner.sqlite3"))
    server = JobServer(settings, ends.user_agent)
    reader = RequestReader(settings.backend, load_keys(settings.trusted_keys))
    history = History(Archive(settings), store, server, ends.beat)
    listener = Listener(server, store, reader, ends.state, ends.news, history.restore)
    return Built(store, listener, Reporter(server, store, ends.state, ends.positions))


def _tasks(ends: Ends) -> Built:
    settings = ends.settings
    store = TaskStore(open_database(settings.workdir / "runner.sqlite3"))
    controller, archive, listed = Controller(settings, ends.user_agent), Archive(settings), Listed()
    reporter = TaskReporter(controller, store, archive, ends.state, listed)
    recovery = Recovery(archive, ends.executor, ends.volumes)
    listener = TaskListener(
        settings, controller, store, recovery, Told(ends.state, ends.news, reporter.wake), listed
    )
    return Built(store, listener, reporter)
