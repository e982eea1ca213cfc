"""Every refusal of the classic API: jobs, flags, lists of files, events."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.job_server.rig import Rig, file_entry, file_list, job
from tests.unit.job_server.worlds import NAME, TABLE, World

LONG = "x" * 300
TIME = "a time with an offset or Z, such as 2026-11-23T06:15:04Z"
JOBS: list[tuple[dict[str, Any], str, str]] = [
    ({"identifier": None}, "identifier", "a string of 1 to 100 characters"),
    ({"identifier": ""}, "identifier", "a string of 1 to 100 characters"),
    ({"identifier": LONG}, "identifier", "a string of 1 to 100 characters"),
    ({"job_request_id": ""}, "job_request_id", "the identifier of a job request"),
    ({"action": None}, "action", "a string of at most 250 characters"),
    ({"action": LONG}, "action", "a string of at most 250 characters"),
    ({"status": "done"}, "status", "one of pending, running, succeeded, failed"),
    ({"status": 5}, "status", "one of pending, running, succeeded, failed"),
    ({"status_code": LONG}, "status_code", "a string of at most 50 characters, or null"),
    ({"status_code": 5}, "status_code", "a string of at most 50 characters, or null"),
    ({"status_message": []}, "status_message", "a string, or null"),
    ({"run_command": {}}, "run_command", "a string, or null"),
    ({"created_at": "2026-11-23"}, "created_at", TIME),
    ({"created_at": "2026-11-23T06:15:04"}, "created_at", TIME),
    ({"created_at": None}, "created_at", TIME),
    ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at", f"{TIME}, or null"),
    ({"completed_at": 5}, "completed_at", f"{TIME}, or null"),
    ({"requires_db": "yes"}, "requires_db", "true, false, 0 or 1"),
    ({"metrics": []}, "metrics", "an object, or null"),
    ({"trace_context": "x"}, "trace_context", "an object, or null"),
    ({"run_record": "A" * 64}, "run_record", "a SHA-256 in hexadecimal, or null"),
]


@pytest.mark.parametrize(("changes", "field", "sentence"), JOBS)
def test_jobs_of_runners(world: World, changes: dict[str, Any], field: str, sentence: str) -> None:
    good = job(world.request, "summarise", "running")
    answer = world.rig.call("POST", "/jobs/", json=[good, good | changes])
    assert answer.status_code == 400
    first, second = answer.json or [None, {}]
    assert first == {}
    assert second == {field: [f"This field must be {sentence}."]}
    kept = world.rig.services.history.look(world.rig.people["rita"], world.request).jobs
    assert [one.action for one in kept] == ["make"]


@pytest.mark.parametrize("field", ["identifier", "job_request_id", "action", "status", "created_at",
                                   "updated_at", "started_at", "completed_at"])  # fmt: skip
def test_a_job_needs_its_keys(world: World, field: str) -> None:
    row = job(world.request, "summarise", "running")
    del row[field]
    answer = world.rig.call("POST", "/jobs/", json=[row])
    assert answer.status_code == 400
    ((name, sentences),) = (answer.json or [{}])[0].items()
    assert name == field
    assert sentences[0].startswith("This field is required and must be ")


def test_every_fault_of_every_job_is_named_at_once(world: World) -> None:
    good = job(world.request, "summarise", "running")
    bad = good | {"action": 5, "status": "done", "metrics": 1}
    del bad["created_at"]
    answer = world.rig.call("POST", "/jobs/", json=[bad, good, 7, bad])
    assert answer.status_code == 400
    first, second, third, fourth = answer.json or [{}] * 4
    assert sorted(first) == sorted(fourth) == ["action", "created_at", "metrics", "status"]
    assert second == {}
    assert third == {"non_field_errors": ["A job must be an object."]}
    assert world.rig.call("POST", "/jobs/", json=[good, good | {"more": 1}]).status_code == 200


@pytest.mark.parametrize(
    ("body", "answered"),
    [
        ({}, {"non_field_errors": ["Expected a list of jobs."]}),
        ("x", {"non_field_errors": ["Expected a list of jobs."]}),
        ([5], [{"non_field_errors": ["A job must be an object."]}]),
        (
            [{"action": "a\0"}],
            {"detail": "The body contains the character NUL, which cannot be stored."},
        ),
    ],
)
def test_a_report_that_is_no_list_of_jobs(rig: Rig, body: Any, answered: Any) -> None:
    answer = rig.call("POST", "/jobs/", json=body)
    assert (answer.status_code, answer.json) == (400, answered)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("{", "The header Flags is not valid JSON."),
        ("[" * 5000, "The header Flags is not valid JSON."),
        ('{"a": {"v": "\\ud800"}}', "The header Flags is not valid JSON."),
        ('{"a": {"v": NaN}}', "The header Flags is not valid JSON."),
        ('{"a": {"v": 1e999}}', "The header Flags is not valid JSON."),
        (
            '{"a": {"v": "\\u0000"}}',
            "The header Flags contains the character NUL, which cannot be stored.",
        ),
        ("[]", "The header Flags must be an object of objects."),
        ('{"paused": "true"}', "The header Flags must be an object of objects."),
    ],
)
def test_flags_of_runners(rig: Rig, flags: str, sentence: str) -> None:
    answer = rig.call("GET", "/job-requests/", Flags=flags)
    assert (answer.status_code, answer.json) == (400, {"detail": sentence})
    assert rig.services.backends.by_slug("hospital").flags == {}
    assert rig.call("GET", "/job-requests/", Flags="{}").status_code == 200


NAMES = "a relative path of at most 1000 characters without '.', '..', '//' or backslash, whose"
FILES: list[tuple[dict[str, Any], str]] = [
    *(({"name": name}, f"The field 'files[0].name' is not valid; expected: {NAMES}")
      for name in (5, None, "", "x" * 1001, f"output/{LONG}.csv", "a\\b", "/etc/passwd",
                   "a/../../b", "a//b", "a/.b", ".")),
    ({"url": 5}, "The field 'files[0].url' is not valid; expected: a string."),
    ({"sha256": "A" * 64}, "'files[0].sha256' is not valid; expected: 64 hexadecimal digi"),
    ({"sha256": "a" * 64 + "\n"}, "'files[0].sha256' is not valid; expected: 64 hexadecimal digi"),
    ({"size": -1}, "The field 'files[0].size' is not valid; expected: a number of bytes."),
    ({"size": "8"}, "The field 'files[0].size' is not valid; expected: a number of bytes."),
    ({"size": True}, "The field 'files[0].size' is not valid; expected: a number of bytes."),
    ({"size": 16 * 1024 * 1024 + 1}, "File is too large, it must be below 16.0Mb"),
    ({"date": None}, f"The field 'files[0].date' is not valid; expected: {TIME}."),
    ({"date": "9999-12-31T23:59:59-14:00"}, f"'files[0].date' is not valid; expected: {TIME}."),
    ({"metadata": []}, "'files[0].metadata' is not valid; expected: an object, or null."),
    ({"review": "yes"}, "'files[0].review' is not valid; expected: an object, or null."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), FILES)
def test_files_of_a_release(rig: Rig, changes: dict[str, Any], sentence: str) -> None:
    path, entry = "/releases/workspace/heart", file_entry(NAME, TABLE)
    answer = rig.call("POST", path, "publish", json=file_list(entry | changes), OS_User="carl")
    assert answer.status_code == 400
    assert sentence in (answer.json or {})["detail"]
    assert rig.services.releases.of_workspace(rig.people["rita"], "heart") == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The body must be an object."),
        (
            {"files": {}, "metadata": {}, "review": None},
            "The field 'files' is not valid; expected: a list of at least one file.",
        ),
        (
            {"files": [file_entry("a", b"")]},
            "The field 'metadata' is missing; expected: an object. The field 'review' is missing",
        ),
        (file_list(), "The field 'files' is not valid; expected: a list of at least one file."),
        (
            {"files": [5], "metadata": {}, "review": None},
            "The field 'files[0]' is not valid; expected: an object.",
        ),
        (file_list(file_entry("a", b""), file_entry("a", b"")), "A file is listed more than once."),
        (
            file_list(file_entry("a", b"")) | {"metadata": []},
            "The field 'metadata' is not valid; expected: an object.",
        ),
        (file_list({"name": "a"}), "The field 'files[0].url' is missing; expected: a string."),
        (file_list(*[{}] * 4), "'files[0].name' is missing"),
        (file_list(*[{}] * 4), "'files[2].url' is missing"),
        (file_list(*[{}] * 4), "There are 8 more faults."),
    ],
)
def test_lists_of_files(rig: Rig, body: Any, sentence: str) -> None:
    path = "/releases/workspace/heart"
    answer = rig.call("POST", path, "publish", json=body, OS_User="carl")
    assert answer.status_code == 400
    assert sentence in (answer.json or {})["detail"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_type": "request_eaten"}, "'event_type' is not valid; expected: one of request_su"),
        ({"user": ""}, "The field 'user' is not valid; expected: a string that is not empty."),
        ({"request": 5}, "The field 'request' is not valid; expected: a string that is not empty."),
        ({"updates": {"a": 1}}, "The field 'updates' is not valid; expected: a list, or null."),
        ({"request": "a\0"}, "The body contains the character NUL, which cannot be stored."),
    ],
)
def test_events_of_hatches(rig: Rig, changes: dict[str, Any], message: str) -> None:
    event = {
        "event_type": "request_submitted", "workspace": "heart", "request": "01J",
        "request_author": "rita", "user": "rita", "updates": [],
    }  # fmt: skip
    answer = rig.call("POST", "/airlock/events/", "review", json=event | changes)
    assert answer.status_code == 201
    assert (answer.json or {})["status"] == "error"
    assert message in (answer.json or {})["message"]
    good = rig.call("POST", "/airlock/events/", "review", json=event)
    assert (good.status_code, good.json) == (201, {"status": "ok"})


@pytest.mark.parametrize(
    "kind",
    ["submitted", "withdrawn", "partially_reviewed", "reviewed", "approved", "released",
     "rejected", "returned", "resubmitted"],
)  # fmt: skip
def test_every_event_of_the_review_workflow_is_kept(rig: Rig, kind: str) -> None:
    event = {
        "event_type": f"request_{kind}", "workspace": "heart", "request": "01J",
        "request_author": "rita", "user": "carl", "updates": [{"update": "x"}], "org": "o",
    }  # fmt: skip
    assert rig.call("POST", "/airlock/events/", "review", json=event).json == {"status": "ok"}
    row = rig.audit("hatch.")[0]
    assert (row.actor, row.event, row.object) == (
        "backend:hospital",
        f"hatch.request_{kind}",
        "01J",
    )
    assert row.data == {"workspace": "heart", "author": "rita", "user": "carl", "updates": 1}
