"""Who saw it, outside the runner: the engine's events and the job server's database."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.runner.figures import OURS
from tests.bench.runner.moments import NANO, Rows

LABEL = f"org.sallyport.backend={OURS}"
BY_SIGNAL = frozenset({137, 143, 255})
ENDS = "SELECT identifier FROM jobs WHERE status IN ('succeeded', 'failed')"
LATE = 1.0
"""Seconds by which the witness may see an end later than it was stored."""


@dataclass
class Container:
    """A container of a job, as the engine told of it."""

    identifier: str
    job: str
    phase: str
    begin: float
    end: float = 0.0
    code: int | None = None
    """How it ended; None where nobody listened."""

    @property
    def had_a_result(self) -> bool:
        """Return whether its program ended by itself."""
        return self.code is not None and self.code not in BY_SIGNAL

    def met(self, windows: list[tuple[float, float]]) -> bool:
        """Return whether it lived in one of these spans of time."""
        end = self.end or time.time()
        return any(begin <= end and self.begin <= over for begin, over in windows)


@dataclass
class Witness:
    """Sees every container of a job that the engine starts, and every end that the server has."""

    database: Path
    containers: dict[str, Container] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start watching."""
        for watch in (self._listen, self._look):
            threading.Thread(target=watch, daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    def of(self, job: str) -> list[Container]:
        """Return the containers of a job in the order of their starts."""
        found = [one for one in list(self.containers.values()) if one.job == job]
        return sorted(found, key=lambda one: one.begin)

    def _listen(self) -> None:
        """Follow the engine's events; after a restart of the engine, again from before it."""
        last = time.time()
        while not self._over.is_set():
            words = ["docker", "events", f"--since={last:.3f}", "--filter=type=container"]
            words += [f"--filter=label={LABEL}", "--format={{json .}}"]
            with subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                assert process.stdout
                for line in process.stdout:
                    last = self._note(json.loads(line))
            time.sleep(0.05)

    def _note(self, event: dict[str, object]) -> float:
        """Keep an event, once; return its moment."""
        actor, moment = event["Actor"], float(str(event["timeNano"])) / NANO
        assert isinstance(actor, dict)
        values, identifier = actor["Attributes"], str(actor["ID"])
        job = values.get("org.sallyport.job", "")
        if event["Action"] == "start" and values.get("name", "").startswith("os-job-"):
            phase = values["org.sallyport.phase"]
            self.containers.setdefault(identifier, Container(identifier, job, phase, moment))
        elif event["Action"] == "die" and identifier in self.containers:
            found = self.containers[identifier]
            if found.code is None:
                found.end, found.code = moment, int(values["exitCode"])
        return moment

    def _look(self) -> None:
        """Ask the server which jobs have ended; it has acknowledged what it stores."""
        rows = Rows(self.database)
        while not self._over.wait(0.1):
            for (job,) in rows.all(ENDS):
                self.ends.setdefault(job, time.time())

    def faults(self, running: Mapping[str, float]) -> Iterator[str]:
        """Yield what must not have happened: starts at once, after a result, or after the end.

        `running` are the moments at which the engine was killed and a container had not ended, as
        its disk says: a result that it told of but did not keep before such a moment is not one.
        """
        jobs = defaultdict(list)
        for one in self.containers.values():
            jobs[one.job].append(one)
        for job, found in jobs.items():
            found.sort(key=lambda one: one.begin)
            for before, after in itertools.pairwise(found):
                if before.end > after.begin:
                    yield f"{job}: two containers at once ({before.begin}, {after.begin})"
                kept = before.end > running.get(before.identifier, 0)
                if before.had_a_result and kept and before.phase != "compile":
                    yield f"{job}: started again after a result ({before.code})"
            end = self.ends.get(job)
            if end is not None and found[-1].begin > end + LATE:
                yield f"{job}: started {found[-1].begin - end:.1f} s after its end was stored"
