"""Takes what a controller lists: new tasks, cancellations, and that a task is withdrawn."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.exc import OperationalError

from sallyport_common.protocol import utc_now_text
from sallyport_runner.services import metrics
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.requests.recovery import Recovery
from sallyport_runner.services.requests.sync import News, SyncState
from sallyport_runner.services.requests.tasks import outgoing, simple
from sallyport_runner.services.requests.tasks.reader import (
    Given,
    RefusedTaskError,
    TaskReader,
    task_id,
)
from sallyport_runner.settings import Settings
from sallyport_runner.storage.tasks import TaskStore
from sallyport_runner.tasks import Task, TaskKind

log = logging.getLogger(__name__)
ABSENCES = 2
"""Lists in a row without a task after which it counts as withdrawn: one may be a mishap."""
OF_JOBS = frozenset({TaskKind.RUN, TaskKind.CANCEL})
INTERNAL = "The backend could not read the task; its administrators can see the details."


class Controller(Protocol):
    """What the listener needs of the controller."""

    def tasks(self) -> list[Any]:
        """Return the active tasks."""


class Listed:
    """The ids of the last list; None before there was one. Set by one thread, read by others."""

    def __init__(self) -> None:
        self.ids: frozenset[str] | None = None

    def lacks(self, identifier: str) -> bool:
        """Return whether a task is known not to be active."""
        return self.ids is not None and identifier not in self.ids


@dataclass(frozen=True)
class Told:
    """Who is told what came: `changed` is called when there may be something to report."""

    state: SyncState
    news: News
    changed: Callable[[], None]


class TaskListener:
    """Turns the list of active tasks into jobs, cancellations and answers."""

    def __init__(
        self,
        settings: Settings,
        controller: Controller,
        store: TaskStore,
        recovery: Recovery,
        told: Told,
        listed: Listed,
    ) -> None:
        self._settings, self._controller, self._store = settings, controller, store
        self._recovery, self._told = recovery, told
        self._reader, self._listed = TaskReader(settings), listed
        self._missed: Counter[str] = Counter()
        self._seen: frozenset[str] = frozenset()
        self._unusable = 0

    def step(self) -> bool:
        """Ask once; return False, because a controller holds no question."""
        try:
            rows = self._controller.tasks()
            self._take(rows)
        except Exception:
            metrics.SYNC_FAILURES.labels("listen").inc()
            raise
        self._told.state.contact()
        return False

    def _take(self, rows: Sequence[Any]) -> None:
        usable = {name: row for row in rows if (name := task_id(row)) is not None}
        self._count_unusable(len(rows) - len(usable))
        self._listed.ids = frozenset(usable)
        new = {name: row for name, row in usable.items() if name not in self._seen}
        taken = {name for name, row in new.items() if self._one(name, row)}
        if taken:
            self._told.changed()
        self._withdraw(usable)
        if self._seen - usable.keys():
            self._store.forget(usable)
        self._seen = frozenset(usable.keys() - new.keys() | taken)

    def _count_unusable(self, number: int) -> None:
        """Say once that there are rows which cannot even be refused."""
        if number > self._unusable:
            metrics.REFUSED_REQUESTS.labels("malformed").inc(number - self._unusable)
            log.warning("tasks without a sound id", extra={"tasks": number})
        self._unusable = number

    def _withdraw(self, usable: dict[str, Any]) -> None:
        """Stop the jobs of tasks that the controller has ceased to list."""
        absent = [task for task in self._store.open_tasks() if task.id not in usable]
        self._missed = Counter({task.id: self._missed[task.id] + 1 for task in absent})
        for task in absent:
            if self._missed[task.id] >= ABSENCES:
                self._stopped(self._store.withdraw(task, utc_now_text()), task.id)

    def _stopped(self, jobs: Sequence[str], name: str) -> None:
        if jobs:
            log.info("job cancelled", extra={"task": name, "jobs": len(jobs)})
            self._told.news.jobs(jobs)

    def _one(self, name: str, row: dict[str, Any]) -> bool:
        """Take one row; return whether it is done with. A fault of one touches no other."""
        try:
            if self._store.task(name) is not None:
                return True
            try:
                return self._act(self._reader.read(row))
            except RefusedTaskError as error:
                self._refuse(name, row, error)
        except (TransientError, OperationalError) as error:
            log.warning("task is looked at again: %s", error, extra={"task": name})
            return False
        except Exception:  # a listener outlives the fault of one task
            log.exception("internal error", extra={"task": name})
            self._refuse(name, row, RefusedTaskError("internal", INTERNAL))
        return True

    def _act(self, given: Given) -> bool:
        if given.type == TaskKind.RUN:
            return self._run(given)
        if given.type == TaskKind.CANCEL:
            self._cancel(given)
            return True
        flags = self._store.flags()
        self._store.answer(simple.answer(given, self._settings, flags))
        return True

    def _run(self, given: Given) -> bool:
        request, job = self._reader.job(given)
        known = self._store.request(request.identifier)
        other = known is not None and known.payload_digest != request.payload_digest
        if known is not None and other and not known.restored:
            raise RefusedTaskError("changed", "An earlier task of this request had other code.")
        job = self._recovery.resumed(job)
        taken = self._store.take(Task(id=given.id, kind=TaskKind.RUN, job_id=job.id), request, job)
        if taken:
            log.info("task taken", extra={"task": given.id, "job": job.id})
            self._told.news.jobs([job.id])
        return taken

    def _cancel(self, given: Given) -> None:
        if not given.job_id or given.runs == given.id:
            raise RefusedTaskError("malformed", "The task does not name the one that it cancels.")
        task = Task(id=given.id, kind=TaskKind.CANCEL, job_id=given.job_id)
        self._stopped(self._store.take_cancellation(task, given.runs, utc_now_text()), given.id)

    def _refuse(self, name: str, row: dict[str, Any], error: RefusedTaskError) -> None:
        """Answer a task with the reason why nothing is done."""
        metrics.REFUSED_REQUESTS.labels(error.kind).inc()
        log.warning("task refused: %s", error, extra={"task": name})
        given = Given(name, str(row.get("type")), {})
        if given.type in OF_JOBS:
            answer, stage = outgoing.refusal(name, given.job_id, error.kind, str(error)), "error"
        else:
            answer, stage = outgoing.simple_error(error.kind, str(error)), ""
        self._store.answer(Task(id=name, kind=TaskKind.REFUSED, stage=stage, answer=answer))
