"""What the store keeps, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

from sqlalchemy import text
from tests.unit.runner.made import TIME, fill, job

from sallyport_common.database import create_engine, migrate, write
from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job, JobChanges, Reason
from sallyport_runner.storage.sql import MIGRATIONS, SqlStore, open_database
from sallyport_runner.storage.tables import jobs


def test_a_request_is_admitted_once(store: SqlStore) -> None:
    fill(store, job(1), job(2))
    store.admit("a" * 16, [job(3)], ["x"])
    assert [one.id for one in store.jobs_of(["a" * 16])] == ["job1", "job2"]
    assert store.new_requests() == []


def test_cancelling_marks_open_jobs_once(store: SqlStore) -> None:
    fill(store, job(1), job(2, code=StatusCode.SUCCEEDED), job(3))
    assert store.cancel("a" * 16, ["act1", "act2"], TIME)
    assert not store.cancel("a" * 16, ["act1", "act2"], "later")
    marks = {one.action: one.cancelled_at for one in store.jobs_of(["a" * 16])}
    assert marks == {"act1": TIME, "act2": None, "act3": None}
    request = store.request("a" * 16)
    assert request
    assert request.cancelled_actions == ["act1", "act2"]


def test_the_latest_job_of_an_action(store: SqlStore) -> None:
    same = {"workspace": "ws", "action": "make"}
    fill(
        store,
        job(1, code=StatusCode.SUCCEEDED, **same),
        job(2, code=StatusCode.NONZERO_EXIT, **same),
        job(3, code=StatusCode.CANCELLED_BY_USER, cancelled_at=TIME, **same),
        job(4, code=StatusCode.SUCCEEDED, reason=Reason.NOTHING_TO_DO, **same),
        job(5, code=StatusCode.SUCCEEDED, reason=Reason.NO_RECORD, **same),
        job(6, code=StatusCode.SUCCEEDED, workspace="other", action="make"),
    )
    assert store.latest_jobs("ws")["make"].id == "job2"
    assert store.latest_jobs("none") == {}


def test_what_the_server_lacks(store: SqlStore) -> None:
    fill(store, job(1), job(2, code=StatusCode.SUCCEEDED))
    assert store.requests_to_post(heartbeat=False) == ["a" * 16]
    store.acknowledge({"job1": 1, "job2": 1})
    assert store.requests_to_post(heartbeat=False) == []
    assert store.requests_to_post(heartbeat=True) == ["a" * 16]
    store.note("job1", metrics={"cpu_mean": 1.0})
    assert store.requests_to_post(heartbeat=False) == []
    assert store.update("job1", code=StatusCode.SUCCEEDED).revision == 2
    assert store.requests_to_post(heartbeat=False) == ["a" * 16]
    store.acknowledge({"job1": 1})  # an older answer takes nothing back
    assert store.requests_to_post(heartbeat=False) == ["a" * 16]
    store.acknowledge({"job1": 2})
    assert store.requests_to_post(heartbeat=True) == []


def test_active_jobs_are_shown_first(store: SqlStore) -> None:
    codes = [
        StatusCode.CREATED,
        StatusCode.SUCCEEDED,
        StatusCode.EXECUTING,
        StatusCode.NONZERO_EXIT,
    ]
    fill(store, *(job(number, code=code) for number, code in enumerate(codes, start=1)))
    assert [one.id for one in store.recent_jobs(3)] == ["job3", "job1", "job4"]
    assert store.counts() == dict.fromkeys((code.value for code in codes), 1)


def test_a_database_of_the_first_release_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "runner.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, "sallyport_runner", MIGRATIONS, "0001")
    with write(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO job_requests VALUES (:a, '', 'ws', '', '', '', '[]', '[]', 0, '',"
                " 1, '', '', 0, '[]', 1, '[]')"
            ),
            {"a": "a" * 16},
        )
    engine.dispose()
    request = SqlStore(open_database(path)).request("a" * 16)
    assert request
    assert request.reported == []


def test_every_change_is_of_a_field_of_jobs_with_its_type() -> None:
    fields, changes = get_type_hints(Job), get_type_hints(JobChanges)
    assert changes.keys() <= fields.keys()
    for name in changes.keys() - {"updated_at"}:  # never cleared once it is set
        assert changes[name] == fields[name], name
    assert set(jobs.c.keys()) == fields.keys()
