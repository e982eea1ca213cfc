"""A local run from the study's folder to the results of its actions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
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
from sallyport_runner.models import Image
from sallyport_runner.services.outputs import disk
from sallyport_study import RUN_ALL, Project, ProjectError
from sallyport_study.folder import read_study
from sallyport_study.images import unknown_image


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to run: `actions` of the study in `root`, everything if none is named."""

    root: Path
    actions: Sequence[str]
    force: bool
    only: bool
    workers: int | None
    registry: str
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
    executor = LocalExecutor(request.registry, engine.address(os.environ))
    found = executor.check()
    workers = request.workers or max(found.cpus - 1, 1)
    folder = Folder(request.root)
    progress = Progress(request.progress, request.root)
    for warning in project.warnings:
        progress.say(f"project.yaml: {warning}")
    with folder.locked(), contextlib.ExitStack() as stack:
        settings = local_settings(folder.kept, request.registry, found.cpus, workers)
        actions = Actions(folder, settings, executor, found.job_user())
        stack.callback(actions.close)
        actions.sweep()
        plan = Plan(
            project=project,
            order=order,
            named=_named(request, order),
            images=_images(executor, project, order, progress),
            code=folder.take_code(p for a in project.actions.values() for p in a.patterns),
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
    order = [name for name in needed if name in asked] if request.only else needed
    unknown = [name for name in order if project.actions[name].is_reusable_action]
    if unknown:
        images = {name: project.actions[name].words[0] for name in unknown}
        raise ProjectError([unknown_image(name, image) for name, image in images.items()])
    return order


def _named(request: Request, order: Sequence[str]) -> frozenset[str]:
    """Return the actions that run although nothing changed."""
    if request.force:
        return frozenset(order)
    return frozenset() if RUN_ALL in request.actions else frozenset(request.actions)


def _images(
    executor: LocalExecutor, project: Project, order: Sequence[str], progress: Progress
) -> Mapping[str, Image]:
    """Return the images of actions by name and tag; raise LocalError for those it cannot pull."""
    images, problems = {}, []
    for name in dict.fromkeys(project.actions[name].words[0] for name in order):
        try:
            images[name] = executor.fetch(name, lambda text: progress.say(f"pulling {text}"))
        except LocalError as error:
            problems.append(str(error))
    if problems:
        raise LocalError("\n".join(problems))
    return images
