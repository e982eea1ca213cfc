"""Every sentence that the runner says about a job; none contains a value of the study."""

from __future__ import annotations

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Reason

CODES = {
    StatusCode.CREATED: "Created and waiting",
    StatusCode.PAUSED: "Waiting: the backend is paused",
    StatusCode.WAITING_DB_MAINTENANCE: "Waiting for database maintenance to end",
    StatusCode.WAITING_ON_DEPENDENCIES: "Waiting on dependencies",
    StatusCode.WAITING_ON_WORKERS: "Waiting for a free worker",
    StatusCode.WAITING_ON_DB_WORKERS: "Waiting for a free database worker",
    StatusCode.WAITING_ON_REBOOT: "Interrupted by a restart of the backend; the job is restarted",
    StatusCode.PREPARING: "Preparing code, inputs and image",
    StatusCode.PREPARED: "Prepared and ready to run",
    StatusCode.EXECUTING: "Executing job on the backend",
    StatusCode.EXECUTED: "Executed; waiting to record outputs",
    StatusCode.FINALIZING: "Recording outputs",
    StatusCode.FINALIZED: "Outputs recorded",
    StatusCode.SUCCEEDED: "Completed successfully",
    StatusCode.DEPENDENCY_FAILED: "Not started because an action that it needs failed",
    StatusCode.NONZERO_EXIT: "The command ended with an error; see the log in the workspace",
    StatusCode.CANCELLED_BY_USER: "Cancelled by user",
    StatusCode.UNMATCHED_PATTERNS: "No file matched some output patterns; the log lists new files",
    StatusCode.INTERNAL_ERROR: "Internal error; the backend's administrators can see the details",
    StatusCode.KILLED_BY_ADMIN: "Stopped by an administrator of the backend",
    StatusCode.STALE_CODELISTS: "The study's codelists are out of date; update them and run again",
}

REASONS = {
    Reason.NOTHING_TO_DO: "All actions have already completed or are in progress",
    Reason.WITHHELD: (
        "Completed successfully; some outputs were withheld, with the reason for each in the log "
        "of the workspace"
    ),
    Reason.STOPPING: "Cancelled; the job is being stopped",
    Reason.DISK_SPACE: "Waiting: the backend has too little free disk space",
    Reason.RETRY: "Retrying after a temporary fault of the backend",
    Reason.GAVE_UP: (
        "The backend could not start the job after several tries; "
        "its administrators can see the details"
    ),
    Reason.OUT_OF_MEMORY: "The job ran out of memory",
    Reason.TIME_LIMIT: "The job was stopped at its time limit",
    Reason.DISK_LIMIT: "The job was stopped because it exceeded the disk limit",
    Reason.NO_DATABASE: "This backend has no database",
    Reason.NO_NETWORK: "The database network of the backend is missing",
    Reason.NO_INPUT: "An output of a needed action is missing; run that action again",
    Reason.NO_IMAGE: "The image could not be pulled from the registry; check its name and tag",
    Reason.NO_CODE: "The study code could not be fetched, or the commit is no longer on the branch",
    Reason.BAD_PLAN: "The compiled query plan was rejected",
    Reason.TOO_MANY_ATTEMPTS: "The job was interrupted too often",
    Reason.NO_RECORD: "Completed successfully; the backend no longer has a record of its outputs",
    Reason.DB_TRANSIENT: "Temporary database error; run the action again",
    Reason.DB_IMPORT: "The data is not available at the moment; run the action again later",
    Reason.DB_PROBLEM: "Database error; see the log in the workspace",
    Reason.BAD_ARGUMENTS: "The command's arguments are wrong; see the log in the workspace",
    Reason.TOO_COMPLEX: "The query is too complex for the database",
    Reason.BAD_DEFINITION: "The definition has an error; see the log in the workspace",
    Reason.BAD_DATA_FILE: "A data file that the definition names is missing or invalid",
    Reason.NO_PERMISSION: "The project lacks a permission that the definition needs",
    Reason.ASSURANCE: "An assurance test of the definition failed",
    Reason.TOO_SLOW: "The measures are too slow to finish",
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
