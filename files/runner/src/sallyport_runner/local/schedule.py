"""Which actions a local run takes when: each after its needs, independent ones side by side."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from sallyport_runner.local.action import Actions, Ending
from sallyport_runner.local.results import Done, Memory, Result, Status
from sallyport_runner.local.tasks import Task
from sallyport_study import Project


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The actions to look at, each after those it needs, and what decides about them.

    Those in `named` run in any case; of the others, those that changed.
    """

    project: Project
    order: Sequence[str]
    named: frozenset[str]
    tasks: Mapping[str, Task]


class Schedule:
    """Takes the actions of a plan; `tell` gets the name of each that starts, and each result."""

    def __init__(
        self, plan: Plan, actions: Actions, memory: Memory, tell: Callable[[str | Result], None]
    ) -> None:
        self._plan, self._actions = plan, actions
        self._memory, self._tell = memory, tell
        self._position = {name: number for number, name in enumerate(plan.order)}
        self._running: dict[Future[Ending], str] = {}
        self.results: dict[str, Result] = {}

    def run(self, workers: int) -> bool:
        """Take all actions; return False if somebody interrupted them, which ends all containers.

        A failed action stops those that need it and no others, as on a backend.
        """
        needs = {
            name: [need for need in self._plan.project.needs[name] if need in self._position]
            for name in self._plan.order
        }
        sorter = TopologicalSorter(needs)
        sorter.prepare()
        complete = True
        with ThreadPoolExecutor(workers) as pool:
            try:
                while sorter.is_active():
                    ready = sorted(sorter.get_ready(), key=self._position.__getitem__)
                    sorter.done(*(name for name in ready if self._take(name, pool)))
                    sorter.done(*self._ended())
            except KeyboardInterrupt:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # containers end only once
                self._actions.stop()
                complete = False
        self._close()
        return complete

    def _close(self) -> None:
        for future, name in self._running.items():
            self._end(name, *future.result())
        for name in self._plan.order:
            if name not in self.results:
                self._end(name, Result(action=name, status=Status.CANCELLED), None)
        self._memory.save()

    def _take(self, name: str, pool: ThreadPoolExecutor) -> bool:
        """Start an action, or return True if there is nothing to run."""
        blocked = self._blocked(name)
        if blocked:
            self._end(name, Result(action=name, status=Status.NOT_STARTED, message=blocked), None)
            return True
        inputs: dict[str, str] = {}
        for need in self._plan.project.needs[name]:
            done = self._memory.of(need)
            inputs |= done.digests if done else {}
        wanted = self._plan.tasks[name].fingerprint(inputs)
        before = self._memory.of(name)
        if before and before.inputs == wanted and name not in self._plan.named:
            unchanged = Result(
                action=name,
                status=Status.UNCHANGED,
                outputs=before.outputs,
                withheld=before.withheld,
            )
            self._end(name, unchanged, before)
            return True
        self._running[pool.submit(self._start, name, list(inputs), wanted)] = name
        return False

    def _blocked(self, name: str) -> str:
        """Return why an action cannot start, or nothing."""
        for need in self._plan.project.needs[name]:
            result = self.results.get(need)
            if result is None and self._memory.of(need) is None:
                return f"it needs the outputs of '{need}'; run that action first"
            if result is not None and not result.status.good:
                return f"it needs '{need}', which {result.status.past}"
        return ""

    def _start(self, name: str, inputs: list[str], wanted: str) -> Ending:
        self._tell(name)
        result, done = self._actions.run(self._plan.tasks[name], inputs)
        return result, replace(done, inputs=wanted) if done else None

    def _ended(self) -> list[str]:
        """Wait for the next end of an action; return what ended."""
        if not self._running:
            return []
        names = []
        for future in wait(self._running, return_when=FIRST_COMPLETED).done:
            name = self._running[future]
            self._end(name, *future.result())
            del self._running[future]
            names.append(name)
        return names

    def _end(self, name: str, result: Result, done: Done | None) -> None:
        self.results[name] = result
        if result.status in {Status.SUCCEEDED, Status.FAILED}:
            self._memory.keep(name, done)
        self._tell(result)
