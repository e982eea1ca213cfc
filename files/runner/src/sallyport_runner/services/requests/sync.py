"""The sync loops: one listens for requests and cancellations, one reports on jobs."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from sallyport_common.protocol import HEARTBEAT, utc_now_text
from sallyport_runner.flags import Flags
from sallyport_runner.models import Job, JobRequest
from sallyport_runner.services import metrics
from sallyport_runner.services.requests import outgoing
from sallyport_runner.services.requests.reader import RefusedRequestError, RequestReader
from sallyport_runner.services.requests.server import Listing
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)
LATER = 0.25
"""Seconds for which a change of a job that has not ended waits for others to be posted with."""
PORTION = 500
"""Jobs of one report: the server keeps them in one transaction, and others wait for it."""


class Server(Protocol):
    """What the loops need of the job server."""

    def requests(self, etag: str | None, flags: Flags) -> Listing:
        """Return the listed requests."""

    def jobs(self, requests: Sequence[str]) -> list[dict[str, Any]]:
        """Return the job rows that the server has of some requests."""

    def post(self, rows: list[dict[str, Any]], flags: Flags, *, partial: bool) -> None:
        """Post jobs: all of each request, or with `partial` only those that changed."""


class News(Protocol):
    """Where the run loop is told what came."""

    def requests(self) -> None:
        """Say that there are requests to admit."""

    def jobs(self, identifiers: Iterable[str]) -> None:
        """Say that rows of jobs changed."""


class SyncState:
    """When the job server was last heard, for people and for metrics."""

    def __init__(self) -> None:
        self.last_contact: str | None = None
        self.long_poll = False

    def contact(self) -> None:
        """Note an answer of the job server."""
        self.last_contact = utc_now_text()
        metrics.LAST_CONTACT.set_to_current_time()


class Listener:
    """Takes new requests and cancellations from the request list."""

    def __init__(
        self,
        server: Server,
        store: Store,
        reader: RequestReader,
        state: SyncState,
        news: News,
        restore: Callable[[Collection[str]], None] = lambda _open: None,
    ) -> None:
        """Call `restore` with the requests that are listed before new ones are kept.

        It restores the past of all others where a database was lost. One that is refused now is
        not over: it may be accepted later, with the jobs that the server has of it.
        """
        self._server, self._store, self._reader = server, store, reader
        self._state, self._news, self._restore = state, news, restore
        self._etag: str | None = None
        self._seen: dict[str, dict[str, Any]] = {}

    def step(self) -> bool:
        """Ask once; return whether the server holds questions, so that the next may follow now."""
        try:
            listing = self._server.requests(self._etag, self._store.flags())
            if listing.rows is not None:
                self._take(listing.rows)
        except Exception:
            self._etag = None
            metrics.SYNC_FAILURES.labels("listen").inc()
            raise
        self._etag = listing.etag
        self._state.contact()
        self._state.long_poll = listing.etag is not None
        return self._state.long_poll

    def _take(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep new requests, oldest first, with the jobs of theirs that the server has.

        It has some where this runner's database was lost. Without its answer nothing new is kept,
        and so nothing is started that has ended already. Rows of known requests that are as they
        were are left out: a signature is verified once. One that was refused is looked at again:
        what it was refused for, such as a clock, may be right now.
        """
        changed = [row for row in rows if self._seen.get(str(row.get("identifier"))) != row]
        new: dict[str, tuple[JobRequest, dict[str, Any]]] = {}
        for row in reversed(changed):
            request = self._new(row, new)
            if request is None:
                self._cancel(row)
            else:
                new[request.identifier] = request, row
        listed = {str(row.get("identifier")) for row in rows}
        self._restore(listed)
        jobs = self._server.jobs(list(new)) if new else []
        for identifier, (request, row) in new.items():
            reported = [job for job in jobs if job["job_request_id"] == identifier]
            self._store.add_request(replace(request, reported=reported))
            self._cancel(row)
        if new:
            self._news.requests()
        for row in changed:
            identifier = str(row.get("identifier"))
            known = self._store.request(identifier)
            if known is not None and not known.restored:
                self._seen[identifier] = row
        self._seen = {name: row for name, row in self._seen.items() if name in listed}

    def _new(
        self, row: dict[str, Any], others: Mapping[str, tuple[JobRequest, dict[str, Any]]]
    ) -> JobRequest | None:
        """Return a row's request unless it is known or refused."""
        identifier = str(row.get("identifier"))
        try:
            request = self._reader.read(row)
            known = self._store.request(identifier)
            if identifier in others:
                known = others[identifier][0]
            if known is not None and known.restored:
                known = None
            if known is not None and known.payload_digest != request.payload_digest:
                raise RefusedRequestError("changed", "another payload came for a known request")
        except RefusedRequestError as error:
            metrics.REFUSED_REQUESTS.labels(error.kind).inc()
            log.warning("request refused: %s", error, extra={"request": identifier[:64]})
            return None
        return request if known is None else None

    def _cancel(self, row: dict[str, Any]) -> None:
        identifier, actions = str(row.get("identifier")), row.get("cancelled_actions")
        known: JobRequest | None = self._store.request(identifier)
        if known is None or not isinstance(actions, list):
            return
        names = [action for action in actions if isinstance(action, str)]
        marked = self._store.cancel(identifier, names, utc_now_text()) if names else []
        if marked:
            log.info("jobs cancelled", extra={"request": identifier, "jobs": len(marked)})
            self._news.jobs(marked)


class Reporter:
    """Posts jobs when they change, at once those that ended, and all active ones every minute.

    A server of ours takes the jobs that changed alone. An older one takes a report for all that a
    request has, so all of it is posted.
    """

    def __init__(
        self,
        server: Server,
        store: Store,
        state: SyncState,
        positions: Callable[[], Mapping[str, int]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server, self._store, self._state, self._clock = server, store, state, clock
        self._positions = positions
        self._condition = threading.Condition()
        self._due, self._next_heartbeat = math.inf, clock()

    def wake(self, at_once: bool = True) -> None:
        """Say that a job changed."""
        with self._condition:
            self._due = min(self._due, self._clock() + (0.0 if at_once else LATER))
            self._condition.notify()

    def wait(self) -> None:
        """Sleep until a change has to be posted or the next heartbeat is due."""
        with self._condition:
            while self._condition.wait(max(self._rest(), 0.0)):
                pass
            self._due = math.inf

    def _rest(self) -> float:
        return min(self._due, self._next_heartbeat) - self._clock()

    def step(self) -> None:
        """Post what the server lacks."""
        heartbeat = self._clock() >= self._next_heartbeat
        jobs = self._store.jobs_to_post(heartbeat)
        try:
            for some in self._portions(jobs):
                self._post(some)
        except Exception:
            metrics.SYNC_FAILURES.labels("report").inc()
            self.wake()
            raise
        if heartbeat:
            self._next_heartbeat = self._clock() + HEARTBEAT

    def _portions(self, jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
        if self._state.long_poll:
            yield from (jobs[start : start + PORTION] for start in range(0, len(jobs), PORTION))
        elif jobs:
            yield self._store.jobs_of(list({job.request_id: None for job in jobs}))

    def _post(self, jobs: Sequence[Job]) -> None:
        now, positions = utc_now_text(), self._positions()
        awaited = outgoing.awaited(self._store, jobs)
        rows = [
            outgoing.job_row(job, positions.get(job.id), awaited)
            | ({"updated_at": now} if job.active else {})
            for job in jobs
        ]
        self._server.post(rows, self._store.flags(), partial=self._state.long_poll)
        self._state.contact()
        self._store.acknowledge({job.id: job.revision for job in jobs})
