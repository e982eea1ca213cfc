"""Which ready job comes next, and what each of the others waits for.

The workspace with the fewest running jobs, by weight, is served first; of equals the one whose
last start is longest ago. Within a workspace database jobs go first, then the oldest.
"""

from __future__ import annotations

import bisect
import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, zip_longest

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.settings import Settings


class Queue:
    """Orders the jobs that may start; the run loop changes it, other threads read positions."""

    def __init__(self, settings: Settings, sandbox: Sandbox, served: Sequence[str]) -> None:
        """Line up nothing yet; `served` names workspaces by their last start, the oldest first."""
        self._settings, self._sandbox = settings, sandbox
        self._weights = settings.job_weights
        self._served = {workspace: turn for turn, workspace in enumerate(served, start=1)}
        self._turn = len(served)
        self._ready: dict[str, Job] = {}
        self._lines: defaultdict[str, list[_Place]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        """Line a job up, or take its newer row."""
        with self._lock:
            if job.id not in self._ready:
                bisect.insort(self._lines[job.workspace], _place(job))
            self._ready[job.id] = job

    def remove(self, identifier: str) -> None:
        """Take a job out of the line, where it is in one."""
        with self._lock:
            job = self._ready.pop(identifier, None)
            if job is not None:
                line = self._lines[job.workspace]
                del line[bisect.bisect_left(line, _place(job))]
                if not line:
                    del self._lines[job.workspace]

    def ready(self) -> list[Job]:
        """Return the jobs that wait for room."""
        return list(self._ready.values())

    def next(self, running: Collection[Job]) -> Job | None:
        """Return the job to start beside those that run; None when there is no room for any."""
        if len(running) >= self._settings.max_workers:
            return None
        return self._first(running)

    def upcoming(self, number: int) -> list[Job]:
        """Return the jobs that come next whatever they wait for."""
        return [self._ready[identifier] for identifier in islice(self._order(), number)]

    def still(self, identifiers: Iterable[str]) -> list[Job]:
        """Return those of some jobs that wait for room."""
        return [self._ready[one] for one in identifiers if one in self._ready]

    def served(self, workspace: str) -> None:
        """Note that a job of a workspace was started."""
        self._turn += 1
        self._served[workspace] = self._turn

    def waits_for(self, job: Job, running: Iterable[Job]) -> StatusCode:
        """Return what a ready job waits for while it is not started."""
        if self._sandbox.uses_database(job) and not self._database_room(running):
            return StatusCode.WAITING_ON_DB_WORKERS
        return StatusCode.WAITING_ON_WORKERS

    def positions(self) -> dict[str, int]:
        """Return how many jobs are ahead of each ready one, if workspaces take turns from now."""
        return {identifier: number for number, identifier in enumerate(self._order())}

    def _order(self) -> Iterator[str]:
        with self._lock:
            lines = {workspace: list(line) for workspace, line in self._lines.items()}
        turns = [lines[name] for name in sorted(lines, key=lambda w: self._served.get(w, 0))]
        return (place[2] for turn in zip_longest(*turns) for place in turn if place is not None)

    def _first(self, running: Collection[Job]) -> Job | None:
        busy, number = self._busy(running)
        database, limit = self._database_room(running), self._settings.max_workers_per_workspace
        heads = []
        for workspace, line in self._lines.items():
            if not limit or number[workspace] < limit:
                begin = 0 if database else bisect.bisect_left(line, _PLAIN)
                for place in line[begin : begin + 1]:
                    heads.append((busy[workspace], self._served.get(workspace, 0), place))
        return self._ready[min(heads)[2][2]] if heads else None

    def _busy(self, running: Iterable[Job]) -> tuple[defaultdict[str, float], Counter[str]]:
        """Return weight and number of the running jobs of each workspace."""
        weights: defaultdict[str, float] = defaultdict(float)
        number: Counter[str] = Counter()
        for job in running:
            weights[job.workspace] += self._weights.of(job.workspace, job.action)
            number[job.workspace] += 1
        return weights, number

    def _database_room(self, running: Iterable[Job]) -> bool:
        used = sum(map(self._sandbox.uses_database, running))
        return used < self._settings.max_db_workers


_Place = tuple[bool, int, str]
_PLAIN = (True, -1, "")
"""Where the jobs without a database begin in a line."""


def _place(job: Job) -> _Place:
    return not job.requires_db, job.created_order, job.id
