"""The lists of the API: what each person sees, filters, and cursors that miss no row."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.job_server.rig import BOTH, Rig
from tests.unit.job_server.test_list_queries import MOMENT, add_request, job
from tests.unit.job_server.worlds import World

from sallyport_common import tokens
from sallyport_job_server.storage import tables

ENGINES = BOTH


def get(rig: Rig, path: str, username: str = "rita") -> dict[str, Any]:
    """Return what a list answers."""
    answer = rig.api("GET", path, username)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def every(rig: Rig, path: str, username: str = "rita") -> list[dict[str, Any]]:
    """Return all rows of a list, page by page."""
    rows, cursor, joint = [], "", "&" if "?" in path else "?"
    while True:
        page = get(rig, f"{path}{joint}limit=2&cursor={cursor}", username)
        assert len(page["results"]) <= 2
        rows += page["results"]
        if page["next"] is None:
            return rows
        cursor = page["next"]


def with_requests(rig: Rig, count: int) -> list[str]:
    """Add job requests with a job each; return their identifiers."""
    names = [tokens.new_request_identifier() for _row in range(count)]
    with rig.services.database.change("test") as change:
        for number, name in enumerate(names):
            row = job(add_request(change.connection.execute, name), number)
            change.connection.execute(tables.jobs.insert(), row)
    return names


def test_a_cursor_leads_through_all_rows_once(rig: Rig) -> None:
    names = with_requests(rig, 5)
    rows = every(rig, "/job-requests")
    assert [row["identifier"] for row in rows] == names[::-1]
    assert {row["status"] for row in rows} == {"succeeded"}
    assert len({row["identifier"] for row in every(rig, "/jobs")}) == 5
    audit = [row["seq"] for row in every(rig, "/audit", "ada")]
    assert audit == sorted(set(audit), reverse=True)
    people = [row["username"] for row in every(rig, "/users", "ada")]
    assert sorted(people) == sorted(rig.people)


def test_what_comes_meanwhile_moves_no_row(rig: Rig) -> None:
    names = with_requests(rig, 3)
    first = get(rig, "/job-requests?limit=2")
    with_requests(rig, 2)
    second = get(rig, f"/job-requests?limit=2&cursor={first['next']}")
    assert [row["identifier"] for row in second["results"]] == names[:1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", 1), ("state=succeeded", 0), ("state=failed", 0), ("workspace=heart", 1),
        ("workspace=other", 0), ("search=MAKE", 1), ("search=nothing", 0), ("backend=hospital", 1),
        ("backend=clinic", 0), ("person=RITA", 1), ("person=cora", 0), ("since=2026-01-01", 1),
        ("until=2026-01-01", 0), ("state=open&person=rita&search=make", 1),
    ],
)  # fmt: skip
def test_job_requests_are_found_by_each_filter(world: World, query: str, found: int) -> None:
    assert len(get(world.rig, f"/job-requests?{query}")["results"]) == found


def test_a_cancelled_job_is_cancelled_in_every_list(world: World) -> None:
    rig = world.rig
    rig.report(world.request, "make", "failed", status_code="cancelled_by_user")
    assert get(rig, f"/jobs/{world.job}")["status"] == "cancelled"
    assert get(rig, f"/job-requests/{world.request}")["status"] == "cancelled"
    for path, found in (
        ("/jobs?status=cancelled", 1), ("/jobs?status=failed", 0), ("/jobs?status=running", 0),
        ("/job-requests?state=cancelled", 1), ("/job-requests?state=failed", 0),
    ):  # fmt: skip
        assert len(get(rig, path)["results"]) == found, path


def test_a_stranger_sees_nothing_of_other_projects(world: World) -> None:
    for path in ("/projects", "/workspaces", "/job-requests", "/jobs"):
        assert get(world.rig, path, "mallory")["results"] == [], path
        assert get(world.rig, path, "cora")["results"], path


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "The field 'limit' is not valid"),
        ("limit=101", "The field 'limit' is not valid"),
        ("limit=x", "The field 'limit' is not valid"),
        ("cursor=x", "The field 'cursor' is not valid"),
        ("state=done", "The field 'state' is not valid; expected: one of open, succeeded"),
        ("since=yesterday", "The field 'since' is not valid; expected: a day"),
        ("page=2", "'page' is not a field here; the fields are cursor, limit"),
    ],
)
def test_a_query_that_is_wrong_is_refused_with_its_reason(
    rig: Rig, query: str, sentence: str
) -> None:
    answer = rig.api("GET", f"/job-requests?{query}", "rita")
    assert answer.status_code == 400
    assert sentence in (answer.json or {})["detail"]


def test_who_calls_is_told_what_they_may(rig: Rig) -> None:
    told = get(rig, "/me", "rita")
    assert told["projects"] == {"cardiology": ["researcher"]}
    assert told["permissions"] == []
    assert "user_manage" in get(rig, "/me", "ada")["permissions"]


def test_the_moment_of_rows_is_the_one_that_was_kept(rig: Rig) -> None:
    with_requests(rig, 1)
    (row,) = get(rig, "/jobs")["results"]
    assert row["created_at"] == MOMENT
