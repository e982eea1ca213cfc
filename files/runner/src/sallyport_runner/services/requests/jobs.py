"""The job that stands for an action, on a backend and in a local run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sallyport_common.protocol import utc_now_text
from sallyport_common.tokens import job_identifier
from sallyport_runner.models import Job, JobRequest
from sallyport_study import Action
from sallyport_study.reusable import Command


def job_of(
    request: JobRequest, action: Action, command: Command, awaited: Sequence[str] = ()
) -> Job:
    """Return the job that runs a command; it waits for the jobs with the ids `awaited`."""
    return Job(
        id=job_identifier(request.identifier, action.name),
        request_id=request.identifier,
        workspace=request.workspace,
        action=action.name,
        run_command=command.run_command,
        words=list(command.words),
        outputs={pattern: level.value for pattern, level in action.patterns.items()},
        needs=list(action.needs),
        wait_for=list(awaited),
        requires_db=command.requires_db,
        origin=asdict(command.origin) if command.origin else {},
        created_at=utc_now_text(),
        updated_at=utc_now_text(),
    )
