"""What the store keeps, and what it answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_type_hints

import pytest
from sqlalchemy import text
from tests.unit.runner.made import TIME, fill, job

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job, JobChanges, Reason
from sallyport_runner.storage.sql import SqlStore, open_database
from sallyport_runner.storage.tables import jobs


def test_a_request_is_admitted_once(store: SqlStore) -> None:
    fill(store, job(1), job(2))
    store.admit("a" * 16, [job(3)], ["x"])
    assert [one.id for one in store.jobs_of(["a" * 16])] == ["job1", "job2"]
    assert store.new_requests() == []


def test_cancelling_marks_open_jobs_once(store: SqlStore) -> None:
    fill(store, job(1), job(2, code=StatusCode.SUCCEEDED), job(3))
    assert store.cancel("a" * 16, ["act1", "act2"], TIME) == ["job1"]
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
    assert store.latest_jobs("ws", ["make", "x"]).keys() == {"make"}
    assert store.latest_jobs("ws", ["x"]) == store.latest_jobs("none") == {}


def test_what_the_server_lacks(store: SqlStore) -> None:
    def lacks(heartbeat: bool = False) -> list[str]:
        return [one.id for one in store.jobs_to_post(heartbeat)]

    fill(store, job(1), job(2, code=StatusCode.SUCCEEDED))
    assert lacks() == ["job1", "job2"]
    store.acknowledge({"job1": 1, "job2": 1})
    assert lacks() == []
    assert lacks(heartbeat=True) == ["job1"]
    store.note("job1", metrics={"cpu_mean": 1.0})
    assert lacks() == []
    assert store.update("job1", code=StatusCode.SUCCEEDED).revision == 2
    assert lacks() == lacks(heartbeat=True) == ["job1"]
    store.acknowledge({"job1": 1})  # an older answer takes nothing back
    assert lacks() == ["job1"]
    store.acknowledge({"job1": 2})
    assert lacks(heartbeat=True) == []


def test_changes_of_many_jobs_are_one_step(store: SqlStore) -> None:
    fill(store, *(job(number) for number in range(1200)))
    names = [f"job{number}" for number in range(1200)]
    store.change(names, code=StatusCode.PAUSED)
    assert {(one.code, one.revision) for one in store.jobs_by_id(names)} == {(StatusCode.PAUSED, 2)}
    assert store.active_revisions() == dict.fromkeys(names, 2)
    assert store.jobs_by_id(["none"]) == []


def test_workspaces_by_their_last_start(store: SqlStore) -> None:
    fill(
        store,
        job(1, workspace="a", started_at="2026-11-24T00:00:03Z"),
        job(2, workspace="b", started_at="2026-11-24T00:00:01Z"),
        job(3, workspace="a", started_at="2026-11-24T00:00:00Z"),
        job(4, workspace="c"),
    )
    assert store.last_served() == ["b", "a"]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT id FROM jobs WHERE revision > posted", "ix_jobs_unposted"),
        ("SELECT max(created_order) FROM jobs WHERE workspace = 'w' AND action IN ('a')"
         " GROUP BY action", "ix_jobs_latest"),
        ("SELECT id, revision FROM jobs WHERE code IN ('created', 'paused')", "ix_jobs_code"),
    ],
)  # fmt: skip
def test_the_history_is_not_read_for_a_change(tmp_path: Path, query: str, index: str) -> None:
    engine = open_database(tmp_path / "runner.sqlite3")
    with engine.connect() as connection:
        (plan,) = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
        indexes = connection.execute(text("SELECT name FROM sqlite_schema WHERE type = 'index'"))
        assert set(indexes.scalars()) >= {one.name for one in jobs.indexes}
    engine.dispose()
    assert f"USING INDEX {index}" in plan.detail or f"COVERING INDEX {index}" in plan.detail


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


@pytest.mark.parametrize("damage", ["page", "header", "cut"])
def test_a_damaged_database_is_put_aside(
    store: SqlStore, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(store, *(job(number) for number in range(300)))
    store._engine.dispose()
    path = tmp_path / "runner.sqlite3"
    whole = path.read_bytes()
    torn = {
        "page": whole[:8192] + os.urandom(65536) + whole[8192 + 65536 :],
        "header": os.urandom(100) + whole[100:],
        "cut": whole[: len(whole) // 2],
    }[damage]
    for given, kept in ((whole, 300), (torn, 0)):
        for left in tmp_path.glob("runner.sqlite3*"):
            left.unlink()
        path.write_bytes(given)
        engine = open_database(path)
        assert len(SqlStore(engine).active_jobs()) == kept
        engine.dispose()
        aside = list(tmp_path.glob("runner.sqlite3.damaged-*"))
        assert len(aside) == (kept == 0)
    assert "put aside" in caplog.text


def test_every_change_is_of_a_field_of_jobs_with_its_type() -> None:
    fields, changes = get_type_hints(Job), get_type_hints(JobChanges)
    assert changes.keys() <= fields.keys()
    for name in changes.keys() - {"updated_at"}:  # never cleared once it is set
        assert changes[name] == fields[name], name
    assert set(jobs.c.keys()) == fields.keys()
