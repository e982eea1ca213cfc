"""Which actions run when some are asked for: the runner's rule, which the job server shows before.

Whoever names an action wants it to run again. What is only needed runs unless it succeeded before,
and so does everything where `run_all` is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sallyport_study.images import RUN_ALL
from sallyport_study.project import Project


def to_run(
    project: Project,
    requested: Sequence[str],
    *,
    succeeded: Collection[str],
    active: Collection[str],
    force: bool,
) -> list[str]:
    """Return the actions to run, each after those it needs; raise ProjectError for unknown ones.

    `succeeded` and `active` are the actions whose latest job succeeded or has not ended; with
    `force` what is needed runs again, even if it succeeded.
    """
    wanted = project.expand(requested)
    by_name = set() if RUN_ALL in requested else set(wanted)
    chosen = {
        name: None
        for name in project.order(wanted)
        if name not in active and (name not in succeeded or name in by_name or force)
    }
    return _reached(project, wanted, chosen)


def _reached(project: Project, wanted: Iterable[str], chosen: Collection[str]) -> list[str]:
    """Leave out what is needed only by actions that do not run themselves."""
    reached: set[str] = set()
    pending = [name for name in wanted if name in chosen]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [need for need in project.actions[name].needs if need in chosen]
    return [name for name in chosen if name in reached]
