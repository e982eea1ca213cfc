"""What may leave the secure zone: this is the only place that builds what the runner posts.

Identifiers, actions and their images as project.yaml names them, state, code, our own fixed
sentences, patterns that project.yaml spells out, limits of this backend, times, CPU and memory
figures, the digest of the run record. Never file names, hints, log lines, exit codes, exception
texts, row counts or hashes of files. A request that was rejected, and a job whose code could not be
fetched, carry the sentences about their own project.yaml, repository or branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sallyport_common.protocol import (
    ACTIONS_FLAG,
    ERROR_ACTION,
    IMAGES_FLAG,
    TAGS_FLAG,
    JobRow,
    StatusCode,
)
from sallyport_runner.flags import Flags
from sallyport_runner.models import Job, Reason
from sallyport_runner.services.sentences import LIMIT, needs_sentence, sentence
from sallyport_runner.settings import Settings
from sallyport_runner.storage import Store

METRICS = (
    "cpu_sample", "cpu_cumsum", "cpu_mean", "cpu_peak",
    "mem_mb_sample", "mem_mb_cumsum", "mem_mb_mean", "mem_mb_peak",
)  # fmt: skip
MAX_MESSAGE = 4000
IN_LINE = frozenset({StatusCode.WAITING_ON_WORKERS, StatusCode.WAITING_ON_DB_WORKERS})
ABOUT_NEEDS = frozenset({StatusCode.WAITING_ON_DEPENDENCIES, StatusCode.DEPENDENCY_FAILED})
"""Codes of jobs whose message names those that they wait or waited for."""
ABOUT_CODE = frozenset({Reason.NO_CODE, Reason.NO_FORGE})
ABOUT_LIMITS = frozenset({Reason.OUT_OF_MEMORY, Reason.TIME_LIMIT, Reason.DISK_LIMIT})

Awaited = Mapping[str, tuple[str, StatusCode]]
"""Action and code of awaited jobs, by id."""
_NOTHING: Awaited = {}


def awaited(store: Store, jobs: Iterable[Job]) -> Awaited:
    """Return what `job_row` says about the needs of jobs; one read, and none if it says nothing."""
    needs = {name for job in jobs if job.code in ABOUT_NEEDS for name in job.wait_for}
    return store.actions_and_codes(list(needs)) if needs else {}


def _whole_lines(text: str) -> str:
    """Return sentences, one a line; of too many the first ones and the number of the others."""
    if len(text) <= MAX_MESSAGE:
        return text
    lines = text.splitlines()
    kept = text[: MAX_MESSAGE - len("\nand 99999 more")].splitlines()[:-1]
    if not kept:
        return text[:MAX_MESSAGE]
    return "\n".join([*kept, f"and {len(lines) - len(kept)} more"])


def _message(job: Job, ahead: int | None, awaited: Awaited) -> str:
    if job.problem and (job.action == ERROR_ACTION or job.reason in ABOUT_CODE):
        return _whole_lines(job.problem)
    if job.server_message and not job.active:
        return job.server_message  # the server's own words, word for word
    text = sentence(job.code, job.reason)
    if job.reason in ABOUT_LIMITS and LIMIT.fullmatch(job.problem):
        text += f" ({job.problem})"
    if job.code in ABOUT_NEEDS:
        needs = [awaited[name] for name in job.wait_for if name in awaited]
        text = needs_sentence(job.code, needs) or text
    if job.code is StatusCode.UNMATCHED_PATTERNS:
        spelled_out = [pattern for pattern in job.unmatched if pattern in job.outputs]
        also = "" if job.reason is Reason.NONE else "; no file matches some output patterns"
        text += f"{also}: {', '.join(spelled_out)}"
    text += _named(job)
    if ahead is not None and job.code in IN_LINE:
        text += f"; {_number(ahead)} ahead of it"
    return text[:MAX_MESSAGE]


def _named(job: Job) -> str:
    """Return the image or the action that a sentence is about, as project.yaml names it."""
    if job.reason is Reason.NO_IMAGE and job.words:
        return f": {job.words[0]}"
    return (
        f": '{job.problem}'" if job.reason is Reason.NO_INPUT and job.problem in job.needs else ""
    )


def _number(ahead: int) -> str:
    return "no job is" if not ahead else "1 job is" if ahead == 1 else f"{ahead:,} jobs are"


def job_row(job: Job, ahead: int | None = None, awaited: Awaited = _NOTHING) -> dict[str, Any]:
    """Return a job as it is posted to the job server.

    `ahead` counts the jobs that start before it, `awaited` has those that it waits for.
    """
    figures = {name: float(job.metrics[name]) for name in METRICS if name in job.metrics}
    return JobRow(
        identifier=job.id,
        job_request_id=job.request_id,
        action=job.action,
        run_command=job.run_command,
        status=job.state.value,
        status_code=job.code.value,
        status_message=_message(job, ahead, awaited),
        created_at=job.created_at,
        updated_at=job.updated_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        requires_db=job.requires_db,
        metrics=figures or None,
        run_record=job.run_record or None,
    ).to_wire()


def flags(values: Flags, settings: Settings) -> dict[str, dict[str, str | None]]:
    """Return the content of the Flags header: the flags, and what actions may name here.

    That is the images, tags where not all may be used, and where reusable actions are; the job
    server compares with it at submission.
    """
    own = {
        flag.value: {"v": value, "ts": changed_at}
        for flag, (value, changed_at) in values.values.items()
    }
    home = settings.action_organisation
    constant = {
        IMAGES_FLAG: " ".join(settings.images.names),
        TAGS_FLAG: " ".join(settings.images.pairs),
        ACTIONS_FLAG: f"{home} {settings.action_branch}" if home else "",
    }
    return own | {name: {"v": value, "ts": None} for name, value in constant.items() if value}
