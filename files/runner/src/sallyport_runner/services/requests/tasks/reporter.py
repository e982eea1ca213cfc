"""Tells a controller what became of its tasks: in order, until it has each update, then never."""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol

from sallyport_runner.services import metrics
from sallyport_runner.services.outputs.archive import Archive, read_record
from sallyport_runner.services.requests.server import ServerError
from sallyport_runner.services.requests.sync import SyncState
from sallyport_runner.services.requests.tasks import outgoing
from sallyport_runner.services.requests.tasks.listener import Listed
from sallyport_runner.services.requests.tasks.reader import CANCEL
from sallyport_runner.services.requests.tasks.server import UpdateRefusedError
from sallyport_runner.storage.tasks import TaskStore
from sallyport_runner.tasks import TaskUpdate

log = logging.getLogger(__name__)
LONGEST_REST = 60.0


class Controller(Protocol):
    """What the reporter needs of the controller."""

    def update(self, payload: dict[str, Any]) -> None:
        """Tell one thing about a task."""


class TaskReporter:
    """Posts the updates that the store keeps."""

    def __init__(
        self,
        controller: Controller,
        store: TaskStore,
        archive: Archive,
        state: SyncState,
        listed: Listed,
    ) -> None:
        self._controller, self._store, self._archive = controller, store, archive
        self._state, self._listed = state, listed
        self._changed = threading.Event()
        self._changed.set()

    def wake(self, at_once: bool = True) -> None:
        """Say that there may be an update; each is posted by itself, so none waits for others."""
        del at_once
        self._changed.set()

    def wait(self) -> None:
        """Sleep until there may be an update."""
        self._changed.wait(LONGEST_REST)
        self._changed.clear()

    def step(self) -> None:
        """Post what the controller lacks.

        An update that it refuses holds back those of its own task only, and is posted again after
        a pause. If the controller does not list that task any more, it is dropped.
        """
        refused: dict[str, ServerError] = {}
        try:
            seen = 0
            while updates := self._store.updates(seen):
                seen = updates[-1].seq
                for update in updates:
                    if update.task_id not in refused:
                        self._post(update, refused)
            if refused:
                raise next(iter(refused.values()))
        except Exception:
            metrics.SYNC_FAILURES.labels("report").inc()
            self._changed.set()
            raise

    def _post(self, update: TaskUpdate, refused: dict[str, ServerError]) -> None:
        try:
            self._controller.update(outgoing.payload(update, self._results(update)))
        except UpdateRefusedError as error:
            if self._listed.lacks(update.task_id):
                log.warning("task dropped: %s", error, extra={"task": update.task_id})
                self._store.drop(update.task_id)
            else:
                refused[update.task_id] = error
            return
        self._state.contact()
        self._store.told(update)

    def _results(self, update: TaskUpdate) -> outgoing.Results:
        """Return the results of a task that ends with an update."""
        task = self._store.task(update.task_id)
        if not update.complete or task is None:
            return {}
        if task.answer:
            return task.answer
        job = self._store.job(task.job_id)
        request = self._store.request(job.request_id) if job else None
        runs = task.id.removesuffix(CANCEL)
        if job is None or request is None or job.terms.get("task_id") != runs:  # never came here
            return outgoing.blank(task.id, task.job_id) | {"cancelled": True}
        record = read_record(self._archive.folder(job))
        if record is not None and record.get("attempt") != job.attempt:
            record = None
        return outgoing.results(update, job, request, record)
