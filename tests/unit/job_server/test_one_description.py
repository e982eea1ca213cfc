"""A field of a job has one description: a new one is added in four files of the job server."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import sallyport_job_server
from sallyport_job_server.schemas.jobs import Job, JobReport

PACKAGE = Path(sallyport_job_server.__file__).parent
WHERE = {
    "models.py",  # the stored job
    "schemas/jobs.py",  # what runners report, and what they and people are answered
    "storage/tables.py",  # the column
}
FIRST = "storage/migrations/versions/r0001_first.py"
LATER = {"run_record": "storage/migrations/versions/r0003_run_records.py"}
# Names that other things have too, and fields that the queue itself judges or converts.
ELSEWHERE = {
    "identifier", "action", "status", "status_code", "job_request_id", "created_at", "updated_at",
    "requires_db", "started_at", "completed_at",
}  # fmt: skip
REPORTED = {field.name for field in msgspec.structs.fields(JobReport)}


@pytest.mark.parametrize("name", sorted(REPORTED - ELSEWHERE))
def test_a_field_of_a_job_is_in_four_files(name: str) -> None:
    files = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if name in path.read_text(encoding="utf-8")
    }
    assert files == WHERE | {LATER.get(name, FIRST)}


def test_a_stored_field_is_answered_by_a_change_of_one_file() -> None:
    answered = {field.name for field in msgspec.structs.fields(Job)}
    assert answered < REPORTED, "an answer is filled from the stored job by name, nowhere else"
