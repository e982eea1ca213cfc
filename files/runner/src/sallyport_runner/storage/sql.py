"""The store in SQL."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

from sqlalchemy import Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine

from sallyport_common.database import create_engine, read, write
from sallyport_common.protocol import StatusCode, state_of, utc_now_text
from sallyport_runner.flags import Flag, Flags
from sallyport_runner.models import Job, JobChanges, JobRequest, Phase, Reason, Stop
from sallyport_runner.storage import schema
from sallyport_runner.storage.tables import flags, job_requests, jobs

log = logging.getLogger(__name__)
HISTORY, RESUME = "history", "resume"
"""Rows of the flag table that are not flags: that the past is known and is not read again, and
after which boot of the host jobs start again."""
ACTIVE_CODES = [code for code in StatusCode if not state_of(code).final]
"""The codes of jobs that have not ended; named one by one, so that the index on codes serves."""


PORTION = 500
"""Values of one statement: SQLite and the time for which it holds the lock both have limits."""


def _portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + PORTION] for start in range(0, len(values), PORTION))


def open_database(path: Path) -> Engine:
    """Open the runner's database and bring it to the newest revision.

    A file that is damaged is put aside, and an empty one takes its place: the runner then learns
    its jobs from the job server, the disk and the engine, as after a loss.
    """
    if path.exists() and not _is_whole(path):
        _put_aside(path)
    engine = create_engine(f"sqlite:///{path}")
    schema.bring_up_to_date(engine)
    return engine


def _is_whole(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return [row[0] for row in connection.execute("PRAGMA quick_check(1)")] == ["ok"]
    except sqlite3.DatabaseError:
        return False


def _put_aside(path: Path) -> None:
    """Rename a damaged database with its journal, so that somebody can look at it."""
    suffix = f".damaged-{int(time.time())}"
    for part in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        if part.exists():
            part.rename(part.with_name(part.name + suffix))
    log.error("the database is damaged and was put aside", extra={"file": path.name + suffix})


def job_of_row(row: Row[Any]) -> Job:
    """Return a row of the table of jobs as a job."""
    values = dict(row._mapping)
    return Job(
        **values
        | {
            "code": StatusCode(values["code"]),
            "reason": Reason(values["reason"]),
            "phase": Phase(values["phase"]),
            "stop": Stop(values["stop"]),
        }
    )


class SqlStore:
    """Implements Store; each method is one transaction.

    The flags stay in memory, because every wake and every call to the server asks for them, and
    nobody else opens the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._flags: Flags | None = None
        self._flags_lock = threading.Lock()

    def add_request(self, request: JobRequest) -> None:
        """See Store."""
        known = select(job_requests.c.payload_digest).where(
            job_requests.c.identifier == request.identifier
        )
        with write(self._engine) as connection:
            if connection.execute(known).scalar() == "":
                for table, column in ((jobs, "request_id"), (job_requests, "identifier")):
                    own = table.c[column] == request.identifier
                    connection.execute(delete(table).where(own))
            connection.execute(insert(job_requests).values(asdict(request)))

    def knows_history(self) -> bool:
        """See Store."""
        marked = select(flags.c.name).where(flags.c.name == HISTORY)
        with read(self._engine) as connection:
            found = connection.execute(marked).first()
            return bool(found or connection.execute(select(job_requests.c.identifier)).first())

    def restore(self, requests: Sequence[JobRequest], past: Sequence[Job]) -> None:
        """See Store."""
        rows = [asdict(job) | {"created_order": number} for number, job in enumerate(past, start=1)]
        mark = {"name": HISTORY, "value": None, "changed_at": utc_now_text()}
        with write(self._engine) as connection:
            if requests:
                connection.execute(insert(job_requests), [asdict(request) for request in requests])
            if rows:
                connection.execute(insert(jobs), rows)
            connection.execute(insert(flags).values(mark))

    def request(self, identifier: str) -> JobRequest | None:
        """See Store."""
        query = select(job_requests).where(job_requests.c.identifier == identifier)
        with read(self._engine) as connection:
            row = connection.execute(query).first()
        return JobRequest(**row._mapping) if row else None

    def new_requests(self) -> list[JobRequest]:
        """See Store."""
        query = (
            select(job_requests)
            .where(job_requests.c.admitted.is_(False))
            .order_by(job_requests.c.created_at, job_requests.c.identifier)
        )
        with read(self._engine) as connection:
            return [JobRequest(**row._mapping) for row in connection.execute(query)]

    def admit(self, identifier: str, new: Sequence[Job], actions: Sequence[str]) -> None:
        """See Store."""
        marked = (
            update(job_requests)
            .where(job_requests.c.identifier == identifier, job_requests.c.admitted.is_(False))
            .values(admitted=True, actions=list(actions))
        )
        with write(self._engine) as connection:
            if connection.execute(marked).rowcount:
                last = connection.execute(select(func.max(jobs.c.created_order))).scalar() or 0
                rows = [
                    asdict(job) | {"created_order": number}
                    for number, job in enumerate(new, start=last + 1)
                ]
                if rows:
                    connection.execute(insert(jobs), rows)

    def cancel(self, identifier: str, actions: Sequence[str], now: str) -> list[str]:
        """See Store."""
        known = select(job_requests.c.cancelled_actions).where(
            job_requests.c.identifier == identifier
        )
        wanted = and_(
            jobs.c.request_id == identifier,
            jobs.c.action.in_(actions),
            jobs.c.code.in_(ACTIVE_CODES),
            jobs.c.cancelled_at.is_(None),
        )
        with write(self._engine) as connection:
            before = connection.execute(known).scalar_one()
            seen = set(before)
            after = [*before, *(action for action in actions if action not in seen)]
            if after != before:
                connection.execute(
                    update(job_requests)
                    .where(job_requests.c.identifier == identifier)
                    .values(cancelled_actions=after)
                )
            marked = update(jobs).where(wanted).returning(jobs.c.id)
            changes = {"cancelled_at": now, "revision": jobs.c.revision + 1}
            return [row.id for row in connection.execute(marked.values(changes))]

    def job(self, identifier: str) -> Job | None:
        """See Store."""
        with read(self._engine) as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == identifier)).first()
        return job_of_row(row) if row else None

    def _jobs(self, query: Any) -> list[Job]:
        with read(self._engine) as connection:
            return [job_of_row(row) for row in connection.execute(query)]

    def active_jobs(self) -> list[Job]:
        """See Store."""
        return self._jobs(
            select(jobs).where(jobs.c.code.in_(ACTIVE_CODES)).order_by(jobs.c.created_order)
        )

    def active_revisions(self) -> dict[str, int]:
        """See Store."""
        query = select(jobs.c.id, jobs.c.revision).where(jobs.c.code.in_(ACTIVE_CODES))
        with read(self._engine) as connection:
            return {row.id: row.revision for row in connection.execute(query)}

    def jobs_by_id(self, identifiers: Sequence[str]) -> list[Job]:
        """See Store."""
        return [
            job
            for some in _portions(identifiers)
            for job in self._jobs(select(jobs).where(jobs.c.id.in_(some)))
        ]

    def actions_and_codes(self, identifiers: Sequence[str]) -> dict[str, tuple[str, StatusCode]]:
        """See Store."""
        columns = select(jobs.c.id, jobs.c.action, jobs.c.code)
        with read(self._engine) as connection:
            return {
                row.id: (row.action, StatusCode(row.code))
                for some in _portions(identifiers)
                for row in connection.execute(columns.where(jobs.c.id.in_(some)))
            }

    def recent_jobs(self, limit: int) -> list[Job]:
        """See Store."""
        ended = jobs.c.code.not_in(ACTIVE_CODES)
        return self._jobs(select(jobs).order_by(ended, jobs.c.created_order.desc()).limit(limit))

    def latest_jobs(self, workspace: str, actions: Sequence[str] | None = None) -> dict[str, Job]:
        """See Store."""
        counted = [
            jobs.c.workspace == workspace,
            # A cancellation that came too late changes nothing.
            or_(jobs.c.cancelled_at.is_(None), jobs.c.code == StatusCode.SUCCEEDED),
            jobs.c.reason.not_in([Reason.NOTHING_TO_DO, Reason.NO_RECORD]),
        ]
        if actions is not None:
            counted.append(jobs.c.action.in_(actions))
        newest = select(func.max(jobs.c.created_order)).where(*counted).group_by(jobs.c.action)
        query = select(jobs).where(jobs.c.created_order.in_(newest))
        return {job.action: job for job in self._jobs(query)}

    def last_served(self) -> list[str]:
        """See Store."""
        started = func.max(jobs.c.started_at)
        query = select(jobs.c.workspace).group_by(jobs.c.workspace)
        query = query.having(started.is_not(None)).order_by(started)
        with read(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def jobs_of(self, requests: Sequence[str]) -> list[Job]:
        """See Store."""
        query = select(jobs).where(jobs.c.request_id.in_(requests))
        return self._jobs(query.order_by(jobs.c.created_order))

    def jobs_to_post(self, heartbeat: bool) -> list[Job]:
        """See Store."""
        found = self._jobs(select(jobs).where(jobs.c.revision > jobs.c.posted))
        if heartbeat:
            known = {job.id for job in found}
            found += [job for job in self.active_jobs() if job.id not in known]
        return sorted(found, key=lambda job: job.created_order)

    def update(self, identifier: str, **changes: Unpack[JobChanges]) -> Job:
        """See Store."""
        changed = {"revision": jobs.c.revision + 1, **changes}
        with write(self._engine) as connection:
            connection.execute(update(jobs).where(jobs.c.id == identifier).values(changed))
            return job_of_row(connection.execute(select(jobs).where(jobs.c.id == identifier)).one())

    def change(self, identifiers: Sequence[str], **changes: Unpack[JobChanges]) -> None:
        """See Store."""
        changed = {"revision": jobs.c.revision + 1, **changes}
        with write(self._engine) as connection:
            for some in _portions(identifiers):
                connection.execute(update(jobs).where(jobs.c.id.in_(some)).values(changed))
                if "code" in changes:
                    self._code_changed(connection, some, changes["code"])

    def _code_changed(
        self, connection: Connection, identifiers: Sequence[str], code: StatusCode
    ) -> None:
        """Take note, in the same transaction, that jobs have another code."""

    def note_actions(self, identifier: str, actions: Sequence[str]) -> None:
        """See Store."""
        known = job_requests.c.identifier == identifier
        with write(self._engine) as connection:
            connection.execute(update(job_requests).where(known).values(actions=list(actions)))

    def note(self, identifier: str, **changes: Unpack[JobChanges]) -> None:
        """See Store."""
        with write(self._engine) as connection:
            connection.execute(update(jobs).where(jobs.c.id == identifier).values(**changes))

    def lose_outputs(self, workspace: str) -> None:
        """See Store."""
        lost = and_(
            jobs.c.workspace == workspace,
            jobs.c.code == StatusCode.SUCCEEDED,
            jobs.c.reason != Reason.NOTHING_TO_DO,
        )
        with write(self._engine) as connection:
            connection.execute(update(jobs).where(lost).values(reason=Reason.NO_RECORD))

    def acknowledge(self, revisions: dict[str, int]) -> None:
        """See Store."""
        newer = and_(jobs.c.id == bindparam("job"), jobs.c.posted < bindparam("seen"))
        marked = update(jobs).where(newer).values(posted=bindparam("seen"))
        rows = [{"job": identifier, "seen": seen} for identifier, seen in revisions.items()]
        with write(self._engine) as connection:
            connection.execute(marked, rows)

    def flags(self) -> Flags:
        """See Store."""
        with self._flags_lock:
            if self._flags is None:
                query = select(flags).where(flags.c.name.in_(list(Flag)))
                with read(self._engine) as connection:
                    rows = connection.execute(query).all()
                self._flags = Flags({Flag(row.name): (row.value, row.changed_at) for row in rows})
            return self._flags

    def set_flag(self, flag: Flag, on: bool, now: str) -> None:
        """See Store."""
        values = {"value": flag.on_value if on else None, "changed_at": now}
        with self._flags_lock:
            self._flags = None
            self._set(flag, values)

    def resume_after(self, boot: str | None, now: str) -> None:
        """See Store."""
        self._set(RESUME, {"value": boot, "changed_at": now})

    def resumes_after(self) -> str | None:
        """See Store."""
        query = select(flags.c.value).where(flags.c.name == RESUME)
        with read(self._engine) as connection:
            return connection.execute(query).scalar()

    def _set(self, name: str, values: dict[str, str | None]) -> None:
        with write(self._engine) as connection:
            changed = connection.execute(update(flags).where(flags.c.name == name).values(values))
            if not changed.rowcount:
                connection.execute(insert(flags).values(values | {"name": name}))

    def image_uses(self) -> dict[str, str]:
        """See Store."""
        query = (
            select(jobs.c.image, func.max(jobs.c.updated_at))
            .where(jobs.c.image != "", jobs.c.updated_at.is_not(None))
            .group_by(jobs.c.image)
        )
        with read(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def counts(self) -> dict[str, int]:
        """See Store."""
        query = select(jobs.c.code, func.count()).group_by(jobs.c.code)
        with read(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
