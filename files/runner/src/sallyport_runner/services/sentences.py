"""Every sentence that the runner says about a job; none contains a value of the study."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sallyport_common.protocol import State, StatusCode, state_of
from sallyport_runner.models import Reason

CODES = {
    StatusCode.CREATED: "Created and waiting",
    StatusCode.PAUSED: "Waiting: the backend is paused",
    StatusCode.WAITING_DB_MAINTENANCE: "Waiting for database maintenance to end",
    StatusCode.WAITING_ON_DEPENDENCIES: "Waiting on dependencies",
    StatusCode.WAITING_ON_WORKERS: "Waiting for a free worker",
    StatusCode.WAITING_ON_DB_WORKERS: "Waiting for a free database worker",
    StatusCode.WAITING_ON_REBOOT: (
        "Interrupted by a restart of the backend; the job starts again by itself"
    ),
    StatusCode.PREPARING: "Preparing code, inputs and image",
    StatusCode.PREPARED: "Prepared and ready to run",
    StatusCode.EXECUTING: "Executing job on the backend",
    StatusCode.EXECUTED: "Executed; waiting to record outputs",
    StatusCode.FINALIZING: "Recording outputs",
    StatusCode.FINALIZED: "Outputs recorded",
    StatusCode.SUCCEEDED: "Completed successfully",
    StatusCode.DEPENDENCY_FAILED: "Not started because an action that it needs failed",
    StatusCode.NONZERO_EXIT: "The command ended with an error; read the log in the workspace",
    StatusCode.CANCELLED_BY_USER: "Cancelled by user",
    StatusCode.UNMATCHED_PATTERNS: (
        "No file matches some output patterns (the log in the workspace lists what was written)"
    ),
    StatusCode.INTERNAL_ERROR: (
        "A fault of the backend ended the job; run it again, or ask the backend's administrators, "
        "who can see the details"
    ),
    StatusCode.KILLED_BY_ADMIN: (
        "Stopped by an administrator of the backend; ask them before you run it again"
    ),
    StatusCode.STALE_CODELISTS: "The study's codelists are out of date; update them and run again",
    StatusCode.INVALID_REQUEST: "The request cannot be run as it is; correct it and submit again",
    StatusCode.JOB_ERROR: "The job cannot be run as it is; correct the study and submit again",
}

LATER = "run it again later, or ask the backend's administrators, who can see the details"
REASONS = {
    Reason.NOTHING_TO_DO: "All actions have already completed or are in progress",
    Reason.WITHHELD: (
        "Completed successfully; some outputs were withheld, with the reason for each in the log "
        "of the workspace"
    ),
    Reason.FULL_WORKSPACE: (
        "No output was stored: the workspace has more files than the backend can list; write fewer "
        "and larger files, or use another workspace"
    ),
    Reason.STOPPING: "Cancelled; the job is being stopped",
    Reason.DISK_SPACE: "Waiting: the backend has too little free disk space",
    Reason.SELF_TEST: "Waiting: the backend's self-test of its sandbox has not passed",
    Reason.RETRY: "Retrying after a temporary fault of the backend; nothing needs to be done",
    Reason.RETRY_ENGINE: (
        "Retrying: the container engine of the backend does not answer; nothing needs to be done"
    ),
    Reason.RETRY_REGISTRY: (
        "Retrying: the registry of the images does not answer; nothing needs to be done"
    ),
    Reason.RETRY_CODE: (
        "Retrying: the study code could not be fetched from the forge; nothing needs to be done"
    ),
    Reason.RETRY_RECORDING: (
        "Recording outputs; it is repeated because the backend's disk or container engine does not "
        "take part at the moment; nothing needs to be done"
    ),
    Reason.STUCK_PREPARING: f"The backend could not prepare the job in time; {LATER}",
    Reason.STUCK_STARTING: f"The backend could not start the job in time; {LATER}",
    Reason.STUCK_ENDING: (
        "The job passed its time limit, and the backend could neither stop it nor see how it "
        f"ended; {LATER}"
    ),
    Reason.STUCK_RECORDING: (
        "The job's command ended, but the backend could not record its outputs in time; ask its "
        "administrators, who still have the files, or run the job again"
    ),
    Reason.GAVE_UP: f"The backend could not start the job after several tries; {LATER}",
    Reason.NO_ENGINE: (
        f"The container engine of the backend did not answer in several tries; {LATER}"
    ),
    Reason.NO_REGISTRY: f"The registry of the images did not answer in several tries; {LATER}",
    Reason.NO_FORGE: f"The study code could not be fetched in several tries; {LATER}",
    Reason.OUT_OF_MEMORY: (
        "The job ran out of memory; process the data in smaller parts, or ask the backend's "
        "administrators to raise the limit"
    ),
    Reason.PART_KILLED: (
        "A process of the job was killed because memory ran out, so its outputs may be incomplete; "
        "use fewer processes or smaller parts of the data"
    ),
    Reason.KILLED: (
        "The command was killed, most often because memory ran out; process the data in smaller "
        "parts, and read the log in the workspace"
    ),
    Reason.TIME_LIMIT: (
        "The job was stopped at its time limit; split the action, or ask the backend's "
        "administrators to raise the limit"
    ),
    Reason.DISK_LIMIT: (
        "The job was stopped because its files exceeded the disk limit; write less, or ask the "
        "backend's administrators to raise the limit"
    ),
    Reason.NO_DATABASE: "This backend has no database; submit the action to a backend that has one",
    Reason.NO_NETWORK: (
        "The database network of the backend is missing; ask the backend's administrators"
    ),
    Reason.NO_INPUT: (
        "An output of a needed action is missing, or its last run failed; run that action again"
    ),
    Reason.CHANGED_INPUT: (
        "An output of a needed action is not what its run left; run that action again"
    ),
    Reason.NO_IMAGE: (
        "The registry does not have the image that the action names; check its name and tag in "
        "project.yaml"
    ),
    Reason.NO_CODE: "The study code could not be fetched, or the commit is no longer on the branch",
    Reason.BAD_PLAN: (
        "The compiled query plan was rejected; ask the backend's administrators, who can see why"
    ),
    Reason.TOO_MANY_ATTEMPTS: f"The job was interrupted too often; {LATER}",
    Reason.NO_RECORD: "Completed successfully; the backend no longer has a record of its outputs",
    Reason.DB_TRANSIENT: "Temporary database error; run the action again",
    Reason.DB_IMPORT: "The data is not available at the moment; run the action again later",
    Reason.DB_PROBLEM: "Database error; see the log in the workspace",
    Reason.BAD_ARGUMENTS: "The command's arguments are wrong; see the log in the workspace",
    Reason.TOO_COMPLEX: (
        "The query is too complex for the database; simplify it, or split it over several actions"
    ),
    Reason.BAD_DEFINITION: "The definition has an error; see the log in the workspace",
    Reason.BAD_DATA_FILE: (
        "A data file that the definition names is missing or invalid; see the log in the workspace"
    ),
    Reason.NO_PERMISSION: (
        "The project lacks a permission that the definition needs; see the log in the workspace"
    ),
    Reason.ASSURANCE: ("An assurance test of the definition failed; see the log in the workspace"),
    Reason.TOO_SLOW: "The measures are too slow to finish; use fewer intervals or groups",
}

DATABASE_EXITS = {
    2: Reason.BAD_ARGUMENTS,
    3: Reason.DB_TRANSIENT,
    4: Reason.DB_IMPORT,
    5: Reason.DB_PROBLEM,
    6: Reason.TOO_COMPLEX,
    10: Reason.BAD_DEFINITION,
    11: Reason.BAD_DATA_FILE,
    12: Reason.NO_PERMISSION,
    13: Reason.ASSURANCE,
    14: Reason.TOO_SLOW,
}
"""What exit codes of data-extraction images mean."""


def sentence(code: StatusCode, reason: Reason) -> str:
    """Return the sentence for a reason, or for the code without a reason."""
    return REASONS.get(reason) or CODES[code]


LIMIT = re.compile(r"\d{1,9}(\.\d)? (GiB|MiB|h|min|s)")
"""How a limit is written; nothing else leaves as one."""


def size_text(number: int) -> str:
    """Return a number of bytes for people, as in `4 GiB`."""
    return _text(number, ("GiB", 1024**3), ("MiB", 1024**2))


def time_text(seconds: float) -> str:
    """Return a number of seconds for people, as in `24 h`."""
    return _text(seconds, ("h", 3600), ("min", 60), ("s", 1))


def _text(number: float, *units: tuple[str, int]) -> str:
    name, size = next((unit for unit in units if number >= unit[1]), units[-1])
    return f"{number / size:.1f}".removesuffix(".0") + f" {name}"


MOST_NAMED = 3
_NOT_STARTED = {
    StatusCode.DEPENDENCY_FAILED: "not started",
    StatusCode.CANCELLED_BY_USER: "cancelled",
    StatusCode.KILLED_BY_ADMIN: "stopped by an administrator",
}


def needs_sentence(code: StatusCode, needs: Iterable[tuple[str, StatusCode]]) -> str:
    """Return which needs a job waits for, or which made it fail; nothing if none is known.

    `needs` has action and code of each awaited job.
    """
    if code is StatusCode.WAITING_ON_DEPENDENCIES:
        names = [name for name, now in needs if not state_of(now).final]
        return f"{CODES[code]}: {_listed(names)}" if names else ""
    ends: defaultdict[str, list[str]] = defaultdict(list)
    for name, end in needs:
        if state_of(end) is State.FAILED:
            ends[_NOT_STARTED.get(end, "")].append(f"'{name}'")
    parts = [_clause(names, end) for end, names in sorted(ends.items())]
    advice = "correct that and submit again" if "" in ends else "submit again if it is still needed"
    return f"Not started because {_listed(parts)}; {advice}" if parts else ""


def _clause(names: Sequence[str], end: str) -> str:
    if not end:
        return f"{_listed(names)} failed"
    return f"{_listed(names)} {'was' if len(names) == 1 else 'were'} {end}"


def _listed(names: Sequence[str]) -> str:
    """Return names with commas and `and`; of many the first, and how many more there are."""
    shown = list(names)
    if len(shown) > MOST_NAMED + 1:
        shown = [*shown[:MOST_NAMED], f"{len(names) - MOST_NAMED:,} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
