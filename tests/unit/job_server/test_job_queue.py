"""The runners' API: who may call, what is listed, what is kept, and how long poll waits."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import event
from tests.unit.job_server.rig import BOTH, TOKENS, Rig, job
from tests.unit.job_server.worlds import without_git

from sallyport_common import tokens
from sallyport_job_server.models import Operator
from sallyport_job_server.storage import requests
from sallyport_job_server.views.classic_jobs import HOLD

ENGINES = BOTH


@pytest.fixture(autouse=True)
def _without_git(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare these tests the reading of a repository."""
    without_git(rig, monkeypatch)


def listed(rig: Rig) -> list[str]:
    """Return the identifiers that a runner is shown."""
    return [row["identifier"] for row in (rig.call("GET", "/job-requests/").json or {})["results"]]


def etag(rig: Rig) -> str:
    """Return the present entity tag."""
    return rig.call("GET", "/job-requests/").headers["ETag"]


def test_a_row_has_every_key_that_runners_of_both_generations_read(rig: Rig) -> None:
    identifier = rig.submit()
    body = rig.call("GET", "/job-requests/?backend=hospital").json or {}
    row = body["results"][0]
    assert {key: body[key] for key in ("count", "next", "previous")} == {
        "count": 1, "next": None, "previous": None,
    }  # fmt: skip
    assert row["identifier"] == identifier
    assert row["workspace"] == {
        "name": "heart",
        "repo": "https://github.com/demo-org/study",
        "branch": "main",
        "db": "full",
        "created_by": "rita",
        "created_at": row["workspace"]["created_at"],
    }
    assert set(row) == {
        "backend", "sha", "identifier", "force_run_dependencies", "requested_actions",
        "cancelled_actions", "created_by", "created_at", "workspace", "database_name", "project",
        "orgs", "codelists_ok", "envelope",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (None, "is missing"),
        ("", "is empty"),
        ("f" * 40, "is unknown"),
        (f"Bearer {TOKENS['jobs']}", "is unknown"),
        (TOKENS["review"], "A token of scope 'review' may not do this."),
        (TOKENS["publish"], "A token of scope 'publish' may not do this."),
    ],
)
def test_a_wrong_token_is_403_with_its_own_sentence(
    rig: Rig, header: str | None, sentence: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    client = rig.app.test_client()
    for method, path in (("GET", "/api/v2/job-requests/"), ("POST", "/api/v2/jobs/")):
        answer = client.open(path, method=method, headers=headers, json=[])
        assert answer.status_code == 403
        assert sentence in (answer.json or {})["detail"]
    assert rig.call("GET", "/job-requests/", "jobs").status_code == 200
    assert rig.call("GET", "/job-requests/", "classic").status_code == 200


def test_a_request_is_listed_until_its_jobs_have_ended(rig: Rig) -> None:
    identifier = rig.submit()
    assert listed(rig) == [identifier]
    for status in ("pending", "running"):
        rig.report(identifier, "make", status)
        assert listed(rig) == [identifier]
    rig.report(identifier, "make", "succeeded")
    assert listed(rig) == []


def test_a_backend_sees_and_changes_its_own_requests_only(rig: Rig) -> None:
    other = tokens.new_backend_token()
    rig.services.backends.ensure(Operator("test"), "clinic", "Clinic", "", {"jobs": other})
    identifier = rig.submit()
    assert (rig.call("GET", "/job-requests/", other).json or {})["count"] == 0
    posted = [job(identifier, "make", "failed")]
    assert rig.call("POST", "/jobs/", other, json=posted).status_code == 200
    assert rig.services.history.look(rig.people["rita"], identifier).jobs == []
    assert rig.call("POST", "/jobs/", json=posted).status_code == 200
    assert len(rig.services.history.look(rig.people["rita"], identifier).jobs) == 1


def test_a_runner_that_lost_its_database_reads_its_history_page_by_page(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tokens.new_backend_token()
    rig.services.backends.ensure(Operator("test"), "clinic", "Clinic", "", {"jobs": other})
    monkeypatch.setattr(requests, "PORTION", 2)
    first, second = rig.submit(), rig.submit()
    for identifier, action in ((first, "make"), (first, "summarise"), (second, "make")):
        rig.report(identifier, action, "succeeded")
    pages, after = [], 0
    while after is not None:
        page = rig.call("GET", f"/job-history/?after={after}").json or {}
        pages.append([(row["workspace"], row["job"]["identifier"]) for row in page["results"]])
        after = page["next"]
    assert pages == [
        [("heart", f"{first}-make"), ("heart", f"{first}-summarise")],
        [("heart", f"{second}-make")],
    ]
    empty = {"results": [], "next": None}
    assert rig.call("GET", "/job-history/", other).json == empty
    for wrong in ("x", "-1", "9" * 30):
        assert rig.call("GET", f"/job-history/?after={wrong}").status_code == 400


def test_a_job_cannot_be_moved_to_another_request(rig: Rig) -> None:
    first, second = rig.submit(), rig.submit()
    rig.report(first, "make", "running")
    rig.report(second, "make", "failed", identifier=f"{first}-make")
    assert rig.services.history.look(rig.people["rita"], second).jobs == []
    kept = rig.services.history.look(rig.people["rita"], first).jobs
    assert [one.status for one in kept] == ["running"]


def test_jobs_that_a_report_leaves_out_are_kept(rig: Rig) -> None:
    identifier = rig.submit()
    rig.report(identifier, "make", "succeeded")
    rig.report(identifier, "summarise", "running")
    kept = rig.services.history.look(rig.people["rita"], identifier).jobs
    assert [one.action for one in kept] == ["make", "summarise"]


def test_of_two_rows_for_one_job_the_last_counts(rig: Rig) -> None:
    identifier = rig.submit()
    rows = [job(identifier, "make", status) for status in ("running", "succeeded")]
    assert rig.call("POST", "/jobs/", json=rows).status_code == 200
    (kept,) = rig.services.history.look(rig.people["rita"], identifier).jobs
    assert kept.status == "succeeded"


@pytest.mark.parametrize(("query", "said"), [("", True), ("?partial=1", False)])
def test_a_report_of_some_jobs_misses_none(
    rig: Rig, query: str, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    identifier = rig.submit()
    rig.report(identifier, "make", "succeeded")
    rows = [job(identifier, "summarise", "running")]
    assert rig.call("POST", f"/jobs/{query}", json=rows).status_code == 200
    assert any("missing from a report" in record.message for record in caplog.records) == said


def test_the_work_of_a_report_does_not_grow_with_its_request(rig: Rig) -> None:
    identifier = rig.submit()
    figures = {"cpu_mean": 1.5}
    many = [job(identifier, f"a{n}", "pending", metrics=figures) for n in range(2_500)]

    def statements(rows: list[dict[str, Any]]) -> int:
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            seen.append(statement)

        engine = rig.services.database.engine
        event.listen(engine, "before_cursor_execute", note)
        assert rig.call("POST", "/jobs/?partial=1", json=rows).status_code == 200
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    first = statements(many)
    moved = [row | {"status": "failed", "metrics": {"cpu_mean": 2.0}} for row in many]
    assert max(first, statements(moved)) <= statements(moved[:1]) + 20
    kept = rig.services.history.look(rig.people["rita"], identifier).jobs
    assert {(one.status, str(one.metrics)) for one in kept} == {("failed", "{'cpu_mean': 2.0}")}
    assert len(kept) == len(many)
    assert rig.services.audit.verify().intact


def test_old_and_new_runners_forms_are_accepted(rig: Rig) -> None:
    identifier = rig.submit()
    old = job(identifier, "make", "running", created_at="2026-11-23T06:16:47.123456Z")
    for name in ("run_command", "requires_db"):
        del old[name]
    new = job(
        identifier, "summarise", "running", requires_db=True, run_command=None,
        trace_context={"traceparent": "00"}, metrics={"cpu_mean": 0.5}, extra="x",
        run_record="a" * 64,
    )  # fmt: skip
    answer = rig.call("POST", "/jobs/", json=[old, new])
    assert (answer.status_code, answer.json) == (200, {"status": "success"})
    kept = rig.services.history.look(rig.people["rita"], identifier).jobs
    assert [(one.run_command, one.requires_db) for one in kept] == [("", False), ("", True)]
    assert kept[1].metrics == {"cpu_mean": 0.5}
    rows = (rig.call("GET", f"/jobs/?job_request_id={identifier}").json or {})["results"]
    assert [row["job_request_id"] for row in rows] == [identifier, identifier]
    assert [row["run_record"] for row in rows] == [None, "a" * 64]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "done"}, "status"),
        ({"identifier": ""}, "identifier"),
        ({"created_at": None}, "created_at"),
        ({"updated_at": "yesterday"}, "updated_at"),
        ({"metrics": 5}, "metrics"),
        ({"status_message": 5}, "status_message"),
    ],
)
def test_a_malformed_job_is_400_by_field(rig: Rig, changes: dict[str, Any], field: str) -> None:
    identifier = rig.submit()
    good = job(identifier, "make", "running")
    answer = rig.call("POST", "/jobs/", json=[good, good | changes])
    assert answer.status_code == 400
    assert isinstance(answer.json, list)
    assert answer.json[0] == {}
    assert list(answer.json[1]) == [field]
    assert rig.services.history.look(rig.people["rita"], identifier).jobs == []
    assert rig.call("POST", "/jobs/", json=[good]).status_code == 200


def test_bodies_that_are_no_list_are_400(rig: Rig) -> None:
    assert rig.call("POST", "/jobs/", json={}).status_code == 400
    assert rig.call("POST", "/jobs/", json=["x"]).status_code == 400
    bad = rig.app.test_client().post(
        "/api/v2/jobs/", data="{", headers={"Authorization": TOKENS["jobs"]}
    )
    assert bad.status_code == 400
    assert rig.call("POST", "/jobs/", json=[]).status_code == 200


def test_flags_are_kept_and_shown(rig: Rig) -> None:
    flags = '{"paused":{"v":"true","ts":"2026-11-23T06:17:53.545951Z"}}'
    assert rig.call("GET", "/job-requests/", Flags="no json").status_code == 400
    assert rig.call("GET", "/job-requests/", Flags=flags).status_code == 200
    assert rig.services.backends.by_slug("hospital").flags["paused"]["v"] == "true"
    assert "It is paused" in rig.browser("rita").get("/status/").text


def test_last_seen_and_the_probe(rig: Rig) -> None:
    client = rig.app.test_client()
    assert client.get("/status/hospital/").status_code == 503
    rig.call("GET", "/job-requests/")
    assert client.get("/status/hospital/").status_code == 200
    assert client.get("/status/clinic/").status_code == 404
    assert client.get("/health-check/").status_code == 200


def test_the_tag_moves_with_what_is_listed_and_not_with_heartbeats(rig: Rig) -> None:
    seen = [etag(rig)]
    identifier = rig.submit()
    seen.append(etag(rig))
    rig.report(identifier, "make", "running")
    seen.append(etag(rig))
    rig.services.job_requests.cancel(rig.people["rita"], identifier, None)
    seen.append(etag(rig))
    assert len(set(seen)) == 4
    rig.report(identifier, "make", "running", updated_at="2026-11-23T07:00:00Z")
    assert etag(rig) == seen[-1]


def test_the_tag_stays_while_the_same_requests_are_listed(rig: Rig) -> None:
    """A runner would ask for the same list after each step of each of its jobs."""
    identifier = rig.submit()
    for action in ("make", "table"):
        rig.report(identifier, action, "pending")
    tag = etag(rig)
    for action, status in (("make", "running"), ("make", "succeeded"), ("table", "running")):
        rig.report(identifier, action, status)
        assert etag(rig) == tag
    assert listed(rig) == [identifier]
    rig.report(identifier, "table", "failed")
    assert (etag(rig) == tag, listed(rig)) == (False, [])
    tag = etag(rig)
    rig.report(identifier, "table", "pending")
    assert (etag(rig) == tag, listed(rig)) == (False, [identifier])


def test_the_view_never_waits(rig: Rig) -> None:
    """It says that a request may wait; who holds it is tested in `test_front.py`."""
    begin = time.monotonic()
    assert rig.call("GET", "/job-requests/?wait=30").status_code == 200
    tag = etag(rig)
    for wait, held in (("", False), ("?wait=0", False), ("?wait=30", True)):
        answer = rig.call("GET", f"/job-requests/{wait}", If_None_Match=tag)
        assert (answer.status_code, answer.data) == (304, b"")
        assert (HOLD in answer.headers) is held
    assert rig.call("GET", "/job-requests/?wait=30", If_None_Match='"999"').status_code == 200
    odd = rig.call("GET", "/job-requests/?wait=soon", If_None_Match=tag)
    assert odd.status_code == 400
    assert time.monotonic() - begin < 5
