"""What the runner keeps of the tasks of an OpenSAFELY controller. No I/O."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from sallyport_common.protocol import State, StatusCode, state_of


class TaskKind(enum.StrEnum):
    """The types of tasks that the task API has; REFUSED is ours, for any other."""

    RUN = "runjob"
    CANCEL = "canceljob"
    DATABASE_STATUS = "dbstatus"
    DATABASE_CHECK = "dbdatacheck"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task of the task API; closed when the controller knows how it ended, or withdrew it.

    `stage` is what the controller was last told, or will be. `answer` has the whole results of a
    task that runs no job; those of a job are made from what is kept of it.
    """

    id: str
    kind: TaskKind
    job_id: str = ""
    stage: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    closed: bool = False


@dataclass(frozen=True, kw_only=True)
class TaskUpdate:
    """One thing that the controller has to be told, in the order of `seq`."""

    seq: int
    task_id: str
    stage: str
    complete: bool
    timestamp_ns: int


_ENDS = frozenset({
    StatusCode.SUCCEEDED, StatusCode.NONZERO_EXIT, StatusCode.UNMATCHED_PATTERNS,
    StatusCode.CANCELLED_BY_USER, StatusCode.KILLED_BY_ADMIN,
})  # fmt: skip
"""Codes of jobs that have results; other final codes are errors of the backend or the request."""


def stage_of(code: StatusCode) -> str:
    """Return the stage of the task API for a code; empty for a job that waits."""
    state = state_of(code)
    if state.final:
        return "finalized" if code in _ENDS else "error"
    return code.value if state is State.RUNNING else ""
