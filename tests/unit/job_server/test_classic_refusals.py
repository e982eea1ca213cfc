"""Every refusal of the classic API: jobs, flags, lists of files, events."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.job_server.rig import Rig, file_entry, file_list, job
from tests.unit.job_server.worlds import NAME, TABLE, World

LONG = "x" * 300
JOBS: list[tuple[dict[str, Any], str, str]] = [
    ({"identifier": None}, "identifier", "This field is required and must be a string."),
    ({"identifier": LONG}, "identifier", "This field may have at most 100 characters."),
    ({"job_request_id": ""}, "job_request_id", "This field is required and must be a string."),
    ({"action": None}, "action", "This field is required and must be a string."),
    ({"action": LONG}, "action", "This field may have at most 250 characters."),
    ({"status": "done"}, "status", "'done' is not a status."),
    ({"status": 5}, "status", "This field is required and must be a string."),
    ({"status_code": LONG}, "status_code", "This field may have at most 50 characters."),
    ({"status_code": 5}, "status_code", "This field must be a string."),
    ({"status_message": []}, "status_message", "This field must be a string."),
    ({"run_command": {}}, "run_command", "This field must be a string."),
    ({"created_at": "2026-11-23"}, "created_at", "This is not a time with an offset or Z."),
    ({"created_at": "2026-11-23T06:15:04"}, "created_at", "This is not a time with an offset"),
    ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at", "This is not a time with an"),
    ({"completed_at": 5}, "completed_at", "This field is required and must be a time or null."),
    ({"metrics": []}, "metrics", "This field must be an object or null."),
    ({"trace_context": "x"}, "trace_context", "This field must be an object or null."),
]


@pytest.mark.parametrize(("changes", "field", "sentence"), JOBS)
def test_jobs_of_runners(world: World, changes: dict[str, Any], field: str, sentence: str) -> None:
    good = job(world.request, "summarise", "running")
    answer = world.rig.call("POST", "/jobs/", json=[good, good | changes])
    assert answer.status_code == 400
    first, second = answer.json or [None, {}]
    assert first == {}
    assert list(second) == [field]
    assert second[field][0].startswith(sentence)
    kept = world.rig.services.job_requests.look(world.rig.people["rita"], world.request).jobs
    assert [one.action for one in kept] == ["make"]


@pytest.mark.parametrize("field", ["identifier", "job_request_id", "action", "status", "created_at",
                                   "updated_at", "started_at", "completed_at"])  # fmt: skip
def test_a_job_needs_its_keys(world: World, field: str) -> None:
    row = job(world.request, "summarise", "running")
    del row[field]
    answer = world.rig.call("POST", "/jobs/", json=[row])
    assert answer.status_code == 400
    assert list((answer.json or [{}])[0]) == [field]


@pytest.mark.parametrize(
    ("body", "answered"),
    [
        ({}, {"non_field_errors": ["Expected a list of jobs."]}),
        ("x", {"non_field_errors": ["Expected a list of jobs."]}),
        ([5], [{"non_field_errors": ["A job must be an object."]}]),
        ([{"action": "a\0"}], {"detail": "The body holds a character that cannot be stored."}),
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
        ("[]", "The header Flags must be an object of objects."),
        ('{"paused": "true"}', "The header Flags must be an object of objects."),
    ],
)
def test_flags_of_runners(rig: Rig, flags: str, sentence: str) -> None:
    answer = rig.call("GET", "/job-requests/", Flags=flags)
    assert (answer.status_code, answer.json) == (400, {"detail": sentence})
    assert rig.services.backends.by_slug("hospital").flags == {}
    assert rig.call("GET", "/job-requests/", Flags="{}").status_code == 200


FILES: list[tuple[dict[str, Any], str]] = [
    ({"name": 5}, "The key 'name' of a file must be a string."),
    ({"name": "x" * 1001}, "The key 'name' of a file must be a string."),
    ({"name": f"output/{LONG}.csv"}, "has a part of more than 200 bytes."),
    ({"name": ""}, "is refused: a file name must not be empty or hold NUL or backslash."),
    ({"name": "a\\b"}, "is refused: a file name must not be empty or hold NUL or backslash."),
    ({"name": "/etc/passwd"}, "is refused: a file name must be relative and without '.'"),
    ({"name": "a/../../b"}, "is refused: a file name must be relative and without '.'"),
    ({"name": "a//b"}, "is refused: a file name must be relative and without '.'"),
    ({"name": "a/.b"}, "is refused: a file name must not start with a dot."),
    ({"url": 5}, "The key 'url' of a file must be a string."),
    ({"sha256": "A" * 64}, "The key 'sha256' of a file must be 64 hexadecimal digits."),
    ({"size": -1}, "The key 'size' of a file must be a whole number."),
    ({"size": "8"}, "The key 'size' of a file must be a whole number."),
    ({"size": 16 * 1024 * 1024 + 1}, "File is too large, it must be below 16.0Mb"),
    ({"date": None}, "The key 'date' of a file must be a time with an offset or Z."),
    ({"date": "9999-12-31T23:59:59-14:00"}, "The key 'date' of a file must be a time with an"),
    ({"metadata": []}, "The keys 'metadata' and 'review' of a file must be objects."),
    ({"review": "yes"}, "The keys 'metadata' and 'review' of a file must be objects."),
]


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
        ([], "The body must be an object with a list 'files'."),
        ({"files": {}}, "The body must be an object with a list 'files'."),
        ({"files": []}, "The key 'metadata' is missing."),
        ({"files": [], "metadata": {}}, "The key 'review' is missing."),
        (file_list(), "The list 'files' is empty."),
        ({"files": [5], "metadata": {}, "review": None}, "An entry of 'files' must be an object."),
        (file_list(file_entry("a", b""), file_entry("a", b"")), "A file is listed more"),
        (file_list(file_entry("a", b"")) | {"metadata": []}, "The key 'metadata' must be an obj"),
        (file_list({"name": "a"}), "The key 'url' of a file is missing."),
    ],
)
def test_lists_of_files(rig: Rig, body: Any, sentence: str) -> None:
    path = "/releases/workspace/heart"
    answer = rig.call("POST", path, "publish", json=body, OS_User="carl")
    assert answer.status_code == 400
    assert (answer.json or {})["detail"].startswith(sentence)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_type": "request_eaten"}, "'request_eaten' is not an event type."),
        ({"user": ""}, "An event needs the texts event_type, workspace, request, request_author,"),
        ({"request": 5}, "An event needs the texts event_type"),
        ({"updates": {"a": 1}}, "The key 'updates' must be a list."),
        ({"request": "a\0"}, "The body holds a character that cannot be stored."),
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
    assert (answer.json or {})["message"].startswith(message)
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
    row = rig.services.audit.page(rig.people["ada"], "hatch.", None)[0]
    assert (row.actor, row.event, row.object) == (
        "backend:hospital",
        f"hatch.request_{kind}",
        "01J",
    )
    assert row.data == {"workspace": "heart", "author": "rita", "user": "carl", "updates": 1}
