"""Wire objects of the classic job API that job server and runner share."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

ERROR_ACTION = "__error__"
IMAGES_FLAG = "images"
"""The entry of the Flags header whose value names a runner's images, separated by spaces."""
TAGS_FLAG = "image-tags"
"""The entry with the `name:tag` pairs of images of which only some tags may be used."""
ACTIONS_FLAG = "actions"
"""The entry whose value is the `FORGE/ORGANISATION` and the branch of reusable actions."""
CLASSIC_DATABASES = {"default": "full"}
"""The names that the first classic generation has for databases (`workspace.db`)."""
DATABASES_BY_CLASSIC_NAME = {name: database for database, name in CLASSIC_DATABASES.items()}
LONGEST_WAIT = 50.0
"""Seconds that a request for the list of job requests may be held."""
HEARTBEAT = 60.0
"""Seconds after which a runner reports its jobs although none changed."""
LONGEST_SILENCE = 5 * HEARTBEAT
"""Seconds without a call after which a backend counts as lost."""
LONGEST_IDENTIFIER, LONGEST_ACTION, LONGEST_STATUS_CODE = 100, 250, 50
"""Characters of these fields of a job."""
ENVELOPE_TYPE = "application/vnd.sallyport.job-request+json"


class State(enum.StrEnum):
    """The four values of a job's `status`."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Return whether a job in this state has ended."""
        return self in (State.SUCCEEDED, State.FAILED)


OPEN_STATES = frozenset(state for state in State if not state.final)


class StatusCode(enum.StrEnum):
    """The values of a job's `status_code`.

    INVALID_REQUEST and JOB_ERROR are ours: a request, or one job, that cannot be run as it is.
    INTERNAL_ERROR is left to faults of the platform. Other servers show any code as it is.
    """

    CREATED = "created"
    PAUSED = "paused"
    WAITING_DB_MAINTENANCE = "waiting_db_maintenance"
    WAITING_ON_DEPENDENCIES = "waiting_on_dependencies"
    WAITING_ON_WORKERS = "waiting_on_workers"
    WAITING_ON_DB_WORKERS = "waiting_on_db_workers"
    WAITING_ON_REBOOT = "waiting_on_reboot"
    PREPARING = "preparing"
    PREPARED = "prepared"
    EXECUTING = "executing"
    EXECUTED = "executed"
    FINALIZING = "finalizing"
    FINALIZED = "finalized"
    SUCCEEDED = "succeeded"
    DEPENDENCY_FAILED = "dependency_failed"
    NONZERO_EXIT = "nonzero_exit"
    CANCELLED_BY_USER = "cancelled_by_user"
    UNMATCHED_PATTERNS = "unmatched_patterns"
    INTERNAL_ERROR = "internal_error"
    KILLED_BY_ADMIN = "killed_by_admin"
    STALE_CODELISTS = "stale_codelists"
    INVALID_REQUEST = "invalid_request"
    JOB_ERROR = "job_error"


RESET_CODES = frozenset({StatusCode.WAITING_DB_MAINTENANCE, StatusCode.WAITING_ON_REBOOT})
"""Codes that put a running job back to pending."""

_WAITING = {
    StatusCode.CREATED,
    StatusCode.PAUSED,
    StatusCode.WAITING_ON_DEPENDENCIES,
    StatusCode.WAITING_ON_WORKERS,
    StatusCode.WAITING_ON_DB_WORKERS,
} | RESET_CODES
_RUNNING = {
    StatusCode.PREPARING,
    StatusCode.PREPARED,
    StatusCode.EXECUTING,
    StatusCode.EXECUTED,
    StatusCode.FINALIZING,
    StatusCode.FINALIZED,
}


def state_of(code: StatusCode) -> State:
    """Return the coarse state that a status code belongs to."""
    if code in _WAITING:
        return State.PENDING
    if code in _RUNNING:
        return State.RUNNING
    return State.SUCCEEDED if code is StatusCode.SUCCEEDED else State.FAILED


def utc_text(moment: datetime) -> str:
    """Return a moment as ISO 8601 UTC with seconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_now_text() -> str:
    """Return the present moment in wire form."""
    return utc_text(datetime.now(UTC))


def parse_utc(text: str) -> datetime:
    """Read an ISO 8601 moment with an offset or `Z`; raise ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset or Z")
    return moment.astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """One job as posted to `/api/v2/jobs/`; times are wire texts, `metrics` plain numbers.

    `run_record` is the SHA-256 of the record that the runner signed for the job.
    """

    identifier: str
    job_request_id: str
    action: str
    run_command: str
    status: str
    status_code: str
    status_message: str
    created_at: str
    updated_at: str | None
    started_at: str | None
    completed_at: str | None
    requires_db: bool = False
    trace_context: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    run_record: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object, with `requires_db` as the integer that peers send."""
        return asdict(self) | {"requires_db": int(self.requires_db)}

    @classmethod
    def from_wire(cls, row: dict[str, Any]) -> JobRow:
        """Read a JSON object, tolerating what peers leave out; raise KeyError if a key misses."""
        return cls(
            identifier=row["identifier"],
            job_request_id=row["job_request_id"],
            action=row.get("action") or "",
            run_command=row.get("run_command") or "",
            status=row["status"],
            status_code=row.get("status_code") or "",
            status_message=row.get("status_message") or "",
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            started_at=row["started_at"],
            completed_at=row["completed_at"],
            requires_db=bool(row.get("requires_db", 0)),
            trace_context=row.get("trace_context"),
            metrics=row.get("metrics"),
            run_record=row.get("run_record"),
        )
