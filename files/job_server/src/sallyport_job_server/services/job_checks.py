"""What is wrong with a job that a runner posts, field by field, as classic servers answer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sallyport_common.protocol import State

_Rule = tuple[tuple[str, ...], Callable[[dict[str, Any], str], bool], str]

_RULES: tuple[_Rule, ...] = (
    (
        ("identifier", "job_request_id", "status", "created_at"),
        lambda row, name: isinstance(row.get(name), str) and row[name] != "",
        "This field is required and must be a text.",
    ),
    (
        ("action",),
        lambda row, name: isinstance(row.get(name), str),
        "This field is required and must be a text.",
    ),
    (
        ("identifier",),
        lambda row, name: len(row[name]) <= 100 if isinstance(row.get(name), str) else True,
        "This field may have at most 100 characters.",
    ),
    (
        ("action",),
        lambda row, name: len(row[name]) <= 250 if isinstance(row.get(name), str) else True,
        "This field may have at most 250 characters.",
    ),
    (
        ("status_code",),
        lambda row, name: len(row[name]) <= 50 if isinstance(row.get(name), str) else True,
        "This field may have at most 50 characters.",
    ),
    (
        ("updated_at", "started_at", "completed_at"),
        lambda row, name: name in row and isinstance(row[name], str | None),
        "This field is required and must be a time or null.",
    ),
    (
        ("run_command", "status_code", "status_message"),
        lambda row, name: isinstance(row.get(name), str | None),
        "This field must be a text.",
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
