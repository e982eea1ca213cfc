"""A model of the run loop: whatever comes in whatever order, each job ends once and is not lost.

Slow steps and the engine's events are held back and let through one by one, so that every
interleaving of loop, threads, engine, people and faults can be tried, and repeated. Full passes
are switched off: whatever happens has to happen because somebody told the loop.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.unit.runner.made import TIME
from tests.unit.runner.rig import PROJECT, Container, MemoryExecutor, Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.flags import Flag
from sallyport_runner.models import ContainerSpec, JobRequest, Reason, Stop
from sallyport_runner.services.running import loop
from sallyport_runner.services.running.background import Step
from sallyport_runner.services.running.transitions import MAX_INTERRUPTIONS

pytestmark = pytest.mark.live
T = TypeVar("T")
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "60"))
OTHER = """
  other:
    run: python:v2 other.py
    outputs: {highly_sensitive: {o: output/other.csv}}
"""
OUTPUTS = {
    "make": "output/raw.csv",
    "table": "output/table.csv",
    "other": "output/other.csv",
    "extract": "output/d.csv",
}


class Held:
    """Implements Background: a step is done when the model says so, and not before."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.waiting: list[tuple[str, str, Future[Any], Callable[[], Any]]] = []
        self._known: dict[tuple[str, Step], Future[Any]] = {}

    def take(self, request: str, owner: str, step: Step, work: Callable[[], T]) -> T | None:
        """See Background."""
        future = self._known.get((owner, step))
        if future is None:
            future = self._known[owner, step] = Future()
            self.waiting.append((request, owner, future, work))
        if not future.done():
            return None
        del self._known[owner, step]
        result: T = future.result()
        return result

    def busy(self, owner: str) -> bool:
        """See Background."""
        return any(key[0] == owner for key in self._known)

    def forget(self, owner: str) -> None:
        """See Background."""
        self._known = {key: one for key, one in self._known.items() if key[0] != owner}

    def send(self, request: str, step: Step, work: Callable[[], object]) -> None:
        """See Background."""
        self.waiting.append((request, f"{request} {step.name}", Future(), work))

    def let_through(self, at: int) -> None:
        """Do one of the steps that wait, and tell the loop."""
        request, owner, future, work = self.waiting.pop(at % len(self.waiting))
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        if not owner.startswith(f"{request} "):
            self._runner.inbox.step_done(request, owner)


class Watched(MemoryExecutor):
    """The engine with a witness that remembers every start."""

    runner: Runner
    epochs: dict[str, int]

    def start(self, spec: ContainerSpec) -> None:
        """Start a container, unless that would be a fault of the runner."""
        self._check()
        found = self.containers.get(spec.name)
        if (
            found is not None
            and found.status.label("attempt") == spec.labels["org.sallyport.attempt"]
        ):
            return  # adopted, as the real executor does
        self.remove(spec.name)
        job = self.runner.store.job(spec.labels["org.sallyport.job"])
        assert job is not None
        assert job.active, "a start after the end"
        epoch = int(spec.labels["org.sallyport.epoch"])
        assert epoch > self.epochs.get(spec.name, 0), "two starts of one epoch"
        self.epochs[spec.name] = epoch
        super().start(spec)


def _write(container: Container) -> int:
    action = container.spec.labels["action"]
    return container.write(OUTPUTS[action], "a,b\n1,2\n")


class Machine(RuleBasedStateMachine):
    """People, engine and host do what they like; the runner keeps its promises."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="model-"))
        self.runner = Runner(self.folder, max_workers=2, max_db_workers=1)
        self.sha = self.runner.study.commit({"project.yaml": PROJECT + OTHER})
        self.engine = Watched(lambda: self.runner.now, held=True)
        self.engine.runner, self.engine.epochs = self.runner, {}
        self.engine.programs = dict.fromkeys(OUTPUTS, _write)
        self.runner.executor = self.engine
        self.requests: list[JobRequest] = []
        self.events: list[str] = []
        self.held = Held(self.runner)
        self.ended: dict[str, StatusCode] = {}

    @initialize()
    def begin(self) -> None:
        """Start the process."""
        self.restart()

    @rule()
    def restart(self) -> None:
        """End the process wherever it is, and start it again: threads and events are gone."""
        self.events.clear()
        self.held = Held(self.runner)
        self.runner.background = self.held
        self.engine.ended = self.events.append
        self.runner.restart()

    @rule(actions=st.sets(st.sampled_from(sorted(OUTPUTS)), min_size=1), force=st.booleans())
    def submit(self, actions: set[str], force: bool) -> None:
        """Ask for actions."""
        if len(self.requests) < 5:
            identifier = f"{len(self.requests) + 2}"
            made = self.runner.request(
                identifier, self.sha, *sorted(actions), force_run_dependencies=force
            )
            self.requests.append(made)
            self.runner.inbox.requests()

    @rule(pick=st.integers(0, 9), action=st.sampled_from(sorted(OUTPUTS)))
    def cancel(self, pick: int, action: str) -> None:
        """Cancel an action of a request."""
        if self.requests:
            request = self.requests[pick % len(self.requests)]
            self.runner.inbox.jobs(self.runner.store.cancel(request.identifier, [action], TIME))

    @rule(pick=st.integers(0, 9))
    def kill(self, pick: int) -> None:
        """Stop a job by the administrator's verb."""
        active = self.runner.store.active_jobs()
        if active:
            job = active[pick % len(active)]
            self.runner.store.update(job.id, stop=Stop.ADMIN)
            self.runner.inbox.jobs([job.id])

    @rule(flag=st.sampled_from([Flag.PAUSED, Flag.MANUAL_MAINTENANCE]), on=st.booleans())
    def set_flag(self, flag: Flag, on: bool) -> None:
        """Pause or close the database, or take that back."""
        self.runner.store.set_flag(flag, on, TIME)
        self.runner.inbox.everything()

    @rule(away=st.booleans())
    def engine_goes(self, away: bool) -> None:
        """Let the engine go away, or come back: then its events are listened to again."""
        self.engine.away = away
        if away:
            self.runner.inbox.deaf()
        else:
            self.runner.inbox.hears()

    @rule(pick=st.integers(0, 9), code=st.sampled_from([0, 0, 0, 1, 137]))
    def container_ends(self, pick: int, code: int) -> None:
        """Let a program end."""
        running = [one for one in self.engine.containers.values() if one.status.running]
        if running:
            container = running[pick % len(running)]
            if code == 0:
                self.engine.go_on(container.spec.name)
            else:
                self.engine.end(container.spec.name, code)

    @rule(pick=st.integers(0, 9))
    def container_vanishes(self, pick: int) -> None:
        """Let somebody remove a container."""
        if self.engine.containers:
            names = sorted(self.engine.containers)
            name = names[pick % len(names)]
            if self.engine.containers[name].status.running:
                self.engine.end(name, 137)
            del self.engine.containers[name]

    @precondition(lambda self: self.events)
    @rule()
    def event_arrives(self) -> None:
        """Let the oldest event of the engine through."""
        self.runner.inbox.ended(self.events.pop(0))

    @precondition(lambda self: self.held.waiting)
    @rule(pick=st.integers(0, 9))
    def step_ends(self, pick: int) -> None:
        """Let a slow step come to its end."""
        self.held.let_through(pick)

    @rule()
    def wake(self) -> None:
        """Let the loop look at its news."""
        self.runner.loop.step()

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        """Let time go by."""
        self.runner.now += seconds
        self.runner.loop.step()

    @invariant()
    def ends_are_final(self) -> None:
        """See that no job comes back from its end."""
        jobs = self.runner.store.recent_jobs(1000)
        for job in jobs:
            if job.id in self.ended:
                assert job.code is self.ended[job.id], f"{job.action} came back"
            elif not job.active:
                self.ended[job.id] = job.code
            assert job.interruptions < MAX_INTERRUPTIONS

    def teardown(self) -> None:
        """Stop the faults: every job has to come to its end because of what the loop is told."""
        try:
            if hasattr(self.runner, "loop"):
                self._settle()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _settle(self) -> None:
        self.engine_goes(False)
        for flag in Flag:
            self.runner.store.set_flag(flag, False, TIME)
        for _round in range(400):
            while self.held.waiting:
                self.held.let_through(0)
            while self.events:
                self.event_arrives()
            for name, container in list(self.engine.containers.items()):
                if container.status.running:
                    self.engine.go_on(name)
            self.time_passes(1.0)
            self.ends_are_final()
            if not self.runner.store.active_jobs() and not self.runner.store.new_requests():
                break
        active = [(job.action, job.code) for job in self.runner.store.active_jobs()]
        assert not active, "a job is stuck"
        assert not self.runner.store.new_requests(), "a request is stuck"
        faults = {job.reason for job in self.runner.store.recent_jobs(1000)}
        assert Reason.NO_INPUT not in faults, "an input was lost"


def test_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PASS_EVERY", 1e9)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
