"""A local run from the study's folder to the results of its actions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sallyport_disclosure.findings import Finding
from sallyport_runner.local import engine
from sallyport_runner.local.action import Actions
from sallyport_runner.local.engine import LocalExecutor
from sallyport_runner.local.faults import LocalError
from sallyport_runner.local.folder import Folder
from sallyport_runner.local.report import Progress, findings
from sallyport_runner.local.results import Memory, Result
from sallyport_runner.local.schedule import Plan, Schedule
from sallyport_runner.local.settings import local_settings
from sallyport_runner.local.tasks import Tasks
from sallyport_runner.services.outputs import disk
from sallyport_study import RUN_ALL, Project
from sallyport_study.folder import read_study
from sallyport_study.site import Site


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to run: `actions` of the study in `root`, everything if none is named."""

    root: Path
    actions: Sequence[str]
    force: bool
    only: bool
    workers: int | None
    site: Site
    progress: IO[str]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The results in the order of the plan, and remarks of the checks by path of an output."""

    complete: bool
    results: list[Result]
    findings: dict[str, list[Finding]]


def run_study(request: Request) -> Ended:
    """Run a study; raise ProjectError, or LocalError before the first action starts."""
    disk.leave_to_kernel()
    project = read_study(request.root)
    order = _order(request, project)
    folder, progress = Folder(request.root), Progress(request.progress, request.root)
    tasks = Tasks(folder, request.site, progress)
    commands = tasks.commands([project.actions[name] for name in order])
    executor = LocalExecutor(request.site, engine.address(os.environ))
    found = executor.check()
    workers = request.workers or max(found.cpus - 1, 1)
    for warning in project.warnings:
        progress.say(f"project.yaml: {warning}")
    with folder.locked(), contextlib.ExitStack() as stack:
        settings = local_settings(folder.kept, request.site, found.cpus, workers)
        actions = Actions(folder, settings, executor, found.job_user())
        stack.callback(actions.close)
        actions.sweep()
        images = tasks.images(executor, commands)
        plan = Plan(
            project=project,
            order=order,
            named=_named(request, order),
            tasks=tasks.make(project, commands, images),
        )
        memory = Memory(folder.kept / "results.json", request.root)
        schedule = Schedule(plan, actions, memory, progress.tell)
        complete = schedule.run(workers)
        results = [schedule.results[name] for name in order]
        return Ended(complete=complete, results=results, findings=findings(request.root, results))


def _order(request: Request, project: Project) -> list[str]:
    """Return the actions to look at; raise ProjectError for unknown ones."""
    asked = project.expand(request.actions or [RUN_ALL])
    if request.only and (not request.actions or RUN_ALL in request.actions):
        raise LocalError("--only needs the names of actions.")
    needed = project.order(asked)
    return [name for name in needed if name in asked] if request.only else needed


def _named(request: Request, order: Sequence[str]) -> frozenset[str]:
    """Return the actions that run although nothing changed."""
    if request.force:
        return frozenset(order)
    return frozenset() if RUN_ALL in request.actions else frozenset(request.actions)
