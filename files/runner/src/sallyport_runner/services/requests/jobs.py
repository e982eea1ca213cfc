"""The job that stands for an action, on a backend and in a local run."""

from __future__ import annotations

from collections.abc import Sequence

from sallyport_common.protocol import utc_now_text
from sallyport_common.tokens import job_identifier
from sallyport_runner.models import Job, JobRequest
from sallyport_study import Action


def job_of(request: JobRequest, action: Action, awaited: Sequence[str] = ()) -> Job:
    """Return the job that runs an action; it waits for the jobs with the ids `awaited`."""
    return Job(
        id=job_identifier(request.identifier, action.name),
        request_id=request.identifier,
        workspace=request.workspace,
        action=action.name,
        run_command=action.run_command,
        words=action.words,
        outputs={pattern: level.value for pattern, level in action.patterns.items()},
        needs=list(action.needs),
        wait_for=list(awaited),
        requires_db=action.is_database_action,
        created_at=utc_now_text(),
        updated_at=utc_now_text(),
    )
