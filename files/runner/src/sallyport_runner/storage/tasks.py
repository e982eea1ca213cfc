"""Tasks of the task API in SQL: each with its job, and what the controller has yet to be told.

An update is written in the transaction of the change that it tells of, and removed when the
controller has it. So nothing is told twice after an answer, and nothing is lost by a crash.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, literal, literal_column, select, update
from sqlalchemy.engine import Connection

from sallyport_common.database import read, write
from sallyport_common.protocol import StatusCode, state_of
from sallyport_runner.models import Job, JobRequest
from sallyport_runner.storage.sql import ACTIVE_CODES, SqlStore
from sallyport_runner.storage.tables import job_requests, jobs, task_updates, tasks
from sallyport_runner.tasks import Task, TaskKind, TaskUpdate, stage_of

OPEN = tasks.c.closed == literal_column("0")
"""Written out, so that the index of open tasks serves."""
MOST = 200
"""Updates that are read at once."""


class TaskStore(SqlStore):
    """A store of jobs that also keeps the tasks which they come from."""

    def task(self, identifier: str) -> Task | None:
        """Return a task."""
        with read(self._engine) as connection:
            row = connection.execute(select(tasks).where(tasks.c.id == identifier)).first()
        return _task(row) if row else None

    def open_tasks(self) -> list[Task]:
        """Return the tasks whose end the controller has not been told."""
        with read(self._engine) as connection:
            rows = connection.execute(select(tasks).where(OPEN)).all()
        return [_task(row) for row in rows]

    def take(self, task: Task, request: JobRequest, job: Job) -> bool:
        """Keep a task with its job, and its request where that is new.

        The row of the job of an earlier task with the same id is replaced. Return False, and keep
        nothing, while that job or a task about it is open.
        """
        with write(self._engine) as connection:
            before = connection.execute(select(jobs).where(jobs.c.id == job.id)).first()
            others = and_(tasks.c.job_id == job.id, OPEN)
            busy = connection.execute(select(tasks.c.id).where(others)).first()
            if busy or (before and before.code in ACTIVE_CODES):
                return False
            if before:
                job = replace(job, attempt=max(job.attempt, before.attempt + 1))
                connection.execute(delete(jobs).where(jobs.c.id == job.id))
            _keep(connection, request)
            last = connection.execute(select(func.max(jobs.c.created_order))).scalar() or 0
            connection.execute(insert(jobs).values(asdict(job) | {"created_order": last + 1}))
            connection.execute(insert(tasks).values(asdict(task)))
            if not job.active:
                _note(connection, task.id, stage_of(job.code), complete=True)
            return True

    def take_cancellation(self, task: Task, run_task: str, now: str) -> list[str]:
        """Keep a task that cancels another one's job; return the id of the job if it was marked.

        The controller has withdrawn the task that ran it: its updates are dropped, and what
        happens to the job from now on is told about this task.
        """
        with write(self._engine) as connection:
            _close(connection, run_task)
            connection.execute(insert(tasks).values(asdict(task)))
            job = connection.execute(select(jobs).where(jobs.c.id == task.job_id)).first()
            if job is None or job.terms.get("task_id") != run_task:
                _note(connection, task.id, "finalized", complete=True)
                return []
            code = StatusCode(job.code)
            if stage := stage_of(code):
                _note(connection, task.id, stage, complete=state_of(code).final)
            return _cancel(connection, task.job_id, now)

    def answer(self, task: Task) -> None:
        """Keep a task that has its whole answer already."""
        with write(self._engine) as connection:
            connection.execute(insert(tasks).values(asdict(task)))
            _note(connection, task.id, task.stage, complete=True)

    def withdraw(self, task: Task, now: str) -> list[str]:
        """Close a task that the controller withdrew; return the id of its job if it is stopped."""
        with write(self._engine) as connection:
            _close(connection, task.id)
            return _cancel(connection, task.job_id, now) if task.kind is TaskKind.RUN else []

    def forget(self, listed: Collection[str]) -> None:
        """Remove closed tasks that nobody asks about any more, except those that ran a job."""
        done = and_(tasks.c.closed == 1, tasks.c.kind != TaskKind.RUN)
        with write(self._engine) as connection:
            found = connection.execute(select(tasks.c.id).where(done)).scalars()
            gone = [name for name in found if name not in listed][:MOST]
            connection.execute(delete(tasks).where(tasks.c.id.in_(gone)))

    def updates(self, after: int = 0) -> list[TaskUpdate]:
        """Return the oldest updates that the controller lacks, in the order of `seq`."""
        query = select(task_updates).where(task_updates.c.seq > after)
        query = query.order_by(task_updates.c.seq).limit(MOST)
        with read(self._engine) as connection:
            return [TaskUpdate(**row._mapping) for row in connection.execute(query)]

    def told(self, told: TaskUpdate) -> None:
        """Note that the controller has an update; after the last one the task is closed."""
        with write(self._engine) as connection:
            connection.execute(delete(task_updates).where(task_updates.c.seq == told.seq))
            if told.complete:
                _close(connection, told.task_id)

    def drop(self, task_id: str) -> None:
        """Close a task whose updates the controller refuses and which it does not list."""
        with write(self._engine) as connection:
            _close(connection, task_id)

    def _code_changed(
        self, connection: Connection, identifiers: Sequence[str], code: StatusCode
    ) -> None:
        """Write the updates that a change of code means to the open tasks of some jobs."""
        stage, final = stage_of(code), state_of(code).final
        if not stage:
            return
        concerned = and_(tasks.c.job_id.in_(identifiers), OPEN, tasks.c.stage != stage)
        told = select(tasks.c.id, literal(stage), literal(final), literal(time.time_ns()))
        columns = ["task_id", "stage", "complete", "timestamp_ns"]
        connection.execute(insert(task_updates).from_select(columns, told.where(concerned)))
        connection.execute(update(tasks).where(concerned).values(stage=stage))


def _task(row: Row[Any]) -> Task:
    values = dict(row._mapping)
    return Task(**values | {"kind": TaskKind(values["kind"])})


def _keep(connection: Connection, request: JobRequest) -> None:
    """Keep a request that is new, or of which only what a lost database left was known."""
    same = job_requests.c.identifier == request.identifier
    connection.execute(delete(job_requests).where(same, job_requests.c.payload_digest == ""))
    if connection.execute(select(job_requests.c.identifier).where(same)).first() is None:
        connection.execute(insert(job_requests).values(asdict(request)))


def _note(connection: Connection, task_id: str, stage: str, *, complete: bool) -> None:
    row = {"task_id": task_id, "stage": stage, "complete": complete}
    connection.execute(insert(task_updates).values(row | {"timestamp_ns": time.time_ns()}))
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(stage=stage))


def _close(connection: Connection, task_id: str) -> None:
    connection.execute(delete(task_updates).where(task_updates.c.task_id == task_id))
    connection.execute(update(tasks).where(tasks.c.id == task_id).values(closed=True))


def _cancel(connection: Connection, job_id: str, now: str) -> list[str]:
    active = and_(jobs.c.id == job_id, jobs.c.code.in_(ACTIVE_CODES), jobs.c.cancelled_at.is_(None))
    marked = update(jobs).where(active).values(cancelled_at=now, revision=jobs.c.revision + 1)
    return [row.id for row in connection.execute(marked.returning(jobs.c.id))]
