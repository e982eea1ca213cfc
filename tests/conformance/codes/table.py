"""Every status code: what is said, which times are set, and what there is of the job."""

from __future__ import annotations

from dataclasses import dataclass

from sallyport_common.protocol import StatusCode

ADMINISTRATORS = "ask the backend's administrators"
RAISE = f"or {ADMINISTRATORS} to raise the limit"
LOG = "see the log in the workspace"
RUNS = frozenset({"container", "volume"})
LOGS = frozenset({"log", "shown log"})
ALL = LOGS | {"output", "for review"}
NOTHING: frozenset[str] = frozenset()
PENDING, STARTED, ENDED, NEVER = "pending", "started", "ended", "never started"
"""Which of `started_at` and `completed_at` are set: neither, the first, both, the second."""
TIMES = {PENDING: (False, False), STARTED: (True, False), ENDED: (True, True), NEVER: (False, True)}


@dataclass(frozen=True)
class Row:
    """What is expected of a case of the story.

    `left` has what there is of the job at that moment; a log that is not shown is in the folder of
    logs alone.
    """

    case: str
    code: StatusCode
    message: str
    times: str
    left: frozenset[str]

    def __str__(self) -> str:
        return f"{self.code}: {self.case}"


def _pending(code: StatusCode, case: str, message: str, *left: str) -> Row:
    return Row(case, code, message, PENDING, frozenset(left))


def _running(code: StatusCode, message: str, left: frozenset[str], case: str = "") -> Row:
    return Row(case or code.value, code, message, STARTED, left)


def _failed(case: str, message: str, left: frozenset[str] = LOGS) -> Row:
    return Row(case, StatusCode.NONZERO_EXIT, message, ENDED, left)


def _database(number: int, message: str) -> Row:
    return _failed(f"database{number}", message)


def _error(case: str, message: str, times: str = ENDED) -> Row:
    return Row(case, StatusCode.JOB_ERROR, message, times, NOTHING)


def _request(code: StatusCode, case: str, message: str) -> Row:
    return Row(case, code, message, ENDED, NOTHING)


def _cancelled(case: str, times: str = NEVER, *left: str) -> Row:
    code = StatusCode.CANCELLED_BY_USER
    return Row(f"cancelled: {case}", code, "Cancelled by user", times, frozenset(left))


FAILED = "The command ended with an error; read the log in the workspace"
MAINTENANCE = "Waiting for database maintenance to end"
REBOOT = "Interrupted by a restart of the backend; the job starts again by itself"
EXECUTING = "Executing job on the backend"
KILLED = (
    "The command was killed, most often because memory ran out; process the data in smaller "
    "parts, and read the log in the workspace"
)
OUT_OF_MEMORY = f"The job ran out of memory; process the data in smaller parts, {RAISE} (48 MiB)"
PART_KILLED = (
    "A process of the job was killed because memory ran out, so its outputs may be incomplete; "
    "use fewer processes or smaller parts of the data"
)
CODE = StatusCode
ROWS = (
    # What waits has at most what was prepared ahead.
    Row("created", CODE.CREATED, "Created and waiting", STARTED, RUNS),
    _pending(CODE.PAUSED, "paused", "Waiting: the backend is paused"),
    _pending(CODE.WAITING_DB_MAINTENANCE, "closed", MAINTENANCE),
    _pending(CODE.WAITING_DB_MAINTENANCE, "still closed", MAINTENANCE, "volume"),
    _pending(CODE.WAITING_ON_REBOOT, "reboot", REBOOT),
    _pending(CODE.WAITING_ON_DEPENDENCIES, "needs", "Waiting on dependencies: slow"),
    _pending(
        CODE.WAITING_ON_WORKERS,
        "no worker",
        "Waiting for a free worker; no job is ahead of it",
        "volume",
    ),
    _pending(
        CODE.WAITING_ON_DB_WORKERS,
        "no database worker",
        "Waiting for a free database worker; no job is ahead of it",
        "volume",
    ),
    _running(CODE.EXECUTING, EXECUTING, RUNS, "open again"),
    _running(CODE.EXECUTING, EXECUTING, RUNS, "after the reboot"),
    # It waits for a moment alone: the runner's own log has the code, see the test.
    _running(CODE.EXECUTING, EXECUTING, RUNS, "interrupted"),
    _running(CODE.PREPARING, "Preparing code, inputs and image", NOTHING),
    _running(CODE.PREPARED, "Prepared and ready to run", frozenset({"volume"})),
    _running(CODE.EXECUTING, EXECUTING, RUNS),
    _running(CODE.EXECUTED, "Executed; waiting to record outputs", RUNS),
    _running(CODE.FINALIZING, "Recording outputs", RUNS),
    _running(CODE.FINALIZED, "Outputs recorded", NOTHING),
    Row("good", CODE.SUCCEEDED, "Completed successfully", ENDED, ALL),
    Row(
        "withheld",
        CODE.SUCCEEDED,
        "Completed successfully; some outputs were withheld, with the reason for each in the log "
        "of the workspace",
        ENDED,
        ALL,  # the note that says why is for review
    ),
    Row(
        "nothing to do",
        CODE.SUCCEEDED,
        "All actions have already completed or are in progress",
        ENDED,
        NOTHING,
    ),
    Row("cancelled too late", CODE.SUCCEEDED, "Completed successfully", ENDED, ALL),
    Row("after it", CODE.SUCCEEDED, "Completed successfully", ENDED, ALL),
    Row("part", CODE.SUCCEEDED, PART_KILLED, ENDED, ALL),
    Row(
        "after_exits",
        CODE.DEPENDENCY_FAILED,
        "Not started because 'exits' failed; correct that and submit again",
        NEVER,
        NOTHING,
    ),
    Row(
        "need cancelled",
        CODE.DEPENDENCY_FAILED,
        "Not started because 'slow' was cancelled; submit again if it is still needed",
        NEVER,
        NOTHING,
    ),
    _failed("exits", FAILED, ALL),
    _failed("killed", KILLED, ALL),
    _failed("memory", OUT_OF_MEMORY),
    _failed("time", f"The job was stopped at its time limit; split the action, {RAISE} (2 s)"),
    _failed(
        "disk",
        "The job was stopped because its files exceeded the disk limit; write less, "
        f"{RAISE} (8 MiB)",
    ),
    _database(2, f"The command's arguments are wrong; {LOG}"),
    _database(3, "Temporary database error; run the action again"),
    _database(4, "The data is not available at the moment; run the action again later"),
    _database(5, f"Database error; {LOG}"),
    _database(
        6,
        "The query is too complex for the database; simplify it, or split it over several actions",
    ),
    _database(10, f"The definition has an error; {LOG}"),
    _database(11, f"A data file that the definition names is missing or invalid; {LOG}"),
    _database(12, f"The project lacks a permission that the definition needs; {LOG}"),
    _database(13, f"An assurance test of the definition failed; {LOG}"),
    _database(14, "The measures are too slow to finish; use fewer intervals or groups"),
    _cancelled("created", ENDED, "log"),
    _cancelled("paused"),
    _cancelled("closed"),
    _cancelled("reboot"),
    _cancelled("needs"),
    _cancelled("no worker"),
    _cancelled("preparing", ENDED),
    _cancelled("prepared", ENDED, "log"),
    _cancelled("executing", ENDED, "log"),
    _cancelled("executed", ENDED, "log"),
    _cancelled("finalizing", ENDED, "log"),
    Row(
        "unmatched",
        CODE.UNMATCHED_PATTERNS,
        "No file matches some output patterns (the log in the workspace lists what was written): "
        "output/unmatched.txt",
        ENDED,
        LOGS,
    ),
    Row(
        "no network",
        CODE.INTERNAL_ERROR,
        f"The database network of the backend is missing; {ADMINISTRATORS}",
        ENDED,
        frozenset({"volume"}),
    ),
    Row(
        "killed by hand",
        CODE.KILLED_BY_ADMIN,
        "Stopped by an administrator of the backend; ask them before you run it again",
        ENDED,
        frozenset({"log"}),
    ),
    _request(
        CODE.STALE_CODELISTS,
        "stale",
        "The study's codelists are out of date; update them and submit again.",
    ),
    _request(
        CODE.INVALID_REQUEST,
        "expired",
        "The request is older than its signature allows; submit it again.",
    ),
    _request(
        CODE.INVALID_REQUEST,
        "branch",
        f"The branch 'other' may not run on this backend; use another one, or {ADMINISTRATORS}.",
    ),
    _error(
        "untagged",
        "The registry does not have the image that the action names; check its name and tag in "
        "project.yaml: python:v9",
    ),
    _error("plan", f"The compiled query plan was rejected; {ADMINISTRATORS}, who can see why"),
    _error(
        "no input",
        "An output of a needed action is missing, or its last run failed; run that action again: "
        "'first'",
    ),
    _error(
        "no database",
        "This backend has no database; submit the action to a backend that has one",
    ),
)
