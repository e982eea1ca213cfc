"""A runner that loses its database and asks for its past."""

from __future__ import annotations

from tests.unit.runner.rig import Runner

from sallyport_runner.services.outputs.archive import Archive
from sallyport_runner.services.requests.history import History
from sallyport_runner.services.requests.reader import RequestReader
from sallyport_runner.services.requests.sync import Listener, SyncState


def hear(runner: Runner) -> None:
    """Let the listener ask once."""
    history = History(Archive(runner.settings), runner.store, runner.server)
    reader = RequestReader("hospital", [])
    Listener(runner.server, runner.store, reader, SyncState(), runner.inbox, history.restore).step()


def lose(runner: Runner) -> None:
    """Lose the database, as a new disk does."""
    for path in runner.settings.workdir.glob("runner.sqlite3*"):
        path.unlink()
    runner.restart()


def started(runner: Runner) -> list[str]:
    """Return the actions whose containers were started, in order."""
    return [spec.labels["action"] for spec in runner.executor.started]
