"""What is wrong with a job that a runner posts, field by field, as classic servers answer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sallyport_common.protocol import (
    LONGEST_ACTION,
    LONGEST_IDENTIFIER,
    LONGEST_STATUS_CODE,
    State,
)

_Rule = tuple[tuple[str, ...], Callable[[dict[str, Any], str], bool], str]


def _fits(value: object, longest: int) -> bool:
    return not isinstance(value, str) or len(value) <= longest


_RULES: tuple[_Rule, ...] = (
    (
        ("identifier", "job_request_id", "status", "created_at"),
        lambda row, name: isinstance(row.get(name), str) and row[name] != "",
        "This field is required and must be a string.",
    ),
    (
        ("action",),
        lambda row, name: isinstance(row.get(name), str),
        "This field is required and must be a string.",
    ),
    (
        ("identifier",),
        lambda row, name: (
            len(row[name]) <= LONGEST_IDENTIFIER if isinstance(row.get(name), str) else True
        ),
        f"This field may have at most {LONGEST_IDENTIFIER} characters.",
    ),
    (
        ("action",),
        lambda row, name: (
            len(row[name]) <= LONGEST_ACTION if isinstance(row.get(name), str) else True
        ),
        f"This field may have at most {LONGEST_ACTION} characters.",
    ),
    (
        ("status_code",),
        lambda row, name: (
            len(row[name]) <= LONGEST_STATUS_CODE if isinstance(row.get(name), str) else True
        ),
        f"This field may have at most {LONGEST_STATUS_CODE} characters.",
    ),
    (
        ("updated_at", "started_at", "completed_at"),
        lambda row, name: name in row and isinstance(row[name], str | None),
        "This field is required and must be a time or null.",
    ),
    (
        ("run_command", "status_code", "status_message"),
        lambda row, name: isinstance(row.get(name), str | None),
        "This field must be a string.",
    ),
    (
        ("trace_context", "metrics"),
        lambda row, name: isinstance(row.get(name), dict | None),
        "This field must be an object or null.",
    ),
)


def problems_of(row: object) -> dict[str, list[str]]:
    """Return the problems of one posted job by field; an empty answer is a valid job."""
    if not isinstance(row, dict):
        return {"non_field_errors": ["A job must be an object."]}
    problems = {
        name: [text] for names, holds, text in _RULES for name in names if not holds(row, name)
    }
    if "status" not in problems and row["status"] not in set(State):
        problems["status"] = [f"'{row['status']}' is not a status."]
    return problems
