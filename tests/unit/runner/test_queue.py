"""Which job is next, what holds the others back, and when one is tried again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.unit.runner.made import fill, job
from tests.unit.runner.rig import MemoryExecutor, settings

from sallyport_common.protocol import StatusCode
from sallyport_runner.models import Job, Stop
from sallyport_runner.services.running.queue import Queue
from sallyport_runner.services.running.retries import LONGEST, MAX_TRIES, Retries
from sallyport_runner.services.running.roster import Roster
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.space import Shortage, Space
from sallyport_runner.services.running.timers import Timers
from sallyport_runner.storage.sql import SqlStore
from sallyport_runner.weights import Weights


class Usage(NamedTuple):
    """Free space, as shutil tells it."""

    free: int


def queue(base: Path, *served: str, **values: Any) -> Queue:
    """Return a queue with nothing in it."""
    known = settings(base, **values)
    return Queue(known, Sandbox(known), served)


def line_up(made: Queue, *jobs: Job) -> None:
    """Put jobs in, in this order of age."""
    for age, one in enumerate(jobs):
        made.add(replace(one, created_order=age))


def starts(made: Queue, *running: Job, workers: int = 100) -> list[str]:
    """Return the jobs in the order in which they start while none of them ends."""
    order: list[str] = []
    now = list(running)
    while len(order) < workers and (found := made.next(now)) is not None:
        made.remove(found.id)
        made.served(found.workspace)
        now.append(found)
        order.append(found.id)
    return order


def test_the_workspace_with_the_fewest_running_jobs_is_served_first(tmp_path: Path) -> None:
    made = queue(tmp_path, max_workers=10)
    line_up(
        made,
        job(2, workspace="busy", requires_db=True),
        job(3, workspace="idle"),
        job(4, workspace="idle", requires_db=True),
        job(5, workspace="other"),
    )
    assert starts(made, job(1, workspace="busy")) == ["job4", "job5", "job2", "job3"]


def test_workspaces_take_turns_on_one_worker(tmp_path: Path) -> None:
    made = queue(tmp_path, max_workers=1)
    line_up(made, *(job(number, workspace="large") for number in range(5)))
    line_up(made, job(10, workspace="small"), job(11, workspace="small"))
    order = []
    while (found := made.next([])) is not None:
        order.append(found.id)
        made.remove(found.id)
        made.served(found.workspace)
    assert order == ["job0", "job10", "job1", "job11", "job2", "job3", "job4"]


def test_who_was_served_last_is_known_after_a_restart(tmp_path: Path) -> None:
    for served, first in ((("a", "b"), "job1"), (("b", "a"), "job2"), (("a",), "job2")):
        made = queue(tmp_path, *served)
        line_up(made, job(1, workspace="a"), job(2, workspace="b"))
        found = made.next([])
        assert found
        assert found.id == first, served


def test_weights_count_a_job_for_several(tmp_path: Path) -> None:
    weights = Weights.parse('[{"workspace": "heavy", "actions": "big_.*", "weight": 3}]')
    running = [job(1, workspace="heavy", action="big_1"), *(job(n, workspace="b") for n in (2, 3))]
    for given, first in ((weights, "job6"), (Weights(), "job5")):
        made = queue(tmp_path, max_workers=10, job_weights=given)
        line_up(made, job(5, workspace="heavy"), job(6, workspace="b"))
        assert starts(made, *running)[0] == first


@pytest.mark.parametrize(("limit", "number"), [(0, 6), (2, 2)])
def test_a_workspace_may_be_limited(tmp_path: Path, limit: int, number: int) -> None:
    made = queue(tmp_path, max_workers=10, max_workers_per_workspace=limit)
    line_up(made, *(job(n, workspace="a") for n in range(6)))
    assert len(starts(made)) == number


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ({"max_workers": 1}, 0),
        ({"max_workers": 2}, 1),
        ({"max_workers": 9, "max_db_workers": 1}, 2),
        ({"max_workers": 9, "max_db_workers": 2}, 3),
        ({"max_workers": 9, "max_db_workers": 1, "backend": "test"}, 4),
    ],
)
def test_workers_are_limited(tmp_path: Path, values: dict[str, Any], number: int) -> None:
    made = queue(tmp_path, **values)
    line_up(made, job(2), job(3), job(4, requires_db=True), job(5, requires_db=True))
    assert len(starts(made, job(1, requires_db=True))) == number


@pytest.mark.parametrize(
    ("values", "requires_db", "expected"),
    [
        ({}, False, StatusCode.WAITING_ON_WORKERS),
        ({"max_db_workers": 1}, True, StatusCode.WAITING_ON_DB_WORKERS),
        ({"max_db_workers": 2}, True, StatusCode.WAITING_ON_WORKERS),
        ({"max_db_workers": 1, "backend": "test"}, True, StatusCode.WAITING_ON_WORKERS),
    ],
)
def test_what_a_ready_job_waits_for(
    tmp_path: Path, values: dict[str, Any], requires_db: bool, expected: StatusCode
) -> None:
    made = queue(tmp_path, **values)
    waiting = job(1, requires_db=requires_db)
    assert made.waits_for(waiting, [job(2, requires_db=True)]) is expected


def test_positions_are_the_order_in_which_workspaces_take_turns(tmp_path: Path) -> None:
    made = queue(tmp_path, "a", "b")
    line_up(
        made,
        job(1, workspace="a"),
        job(2, workspace="a"),
        job(3, workspace="b"),
        job(4, workspace="a", requires_db=True),
    )
    assert made.positions() == {"job4": 0, "job3": 1, "job1": 2, "job2": 3}
    assert [one.id for one in made.upcoming(2)] == ["job4", "job3"]
    made.remove("job4")
    made.remove("job4")  # no complaint
    assert made.positions() == {"job1": 0, "job3": 1, "job2": 2}


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([StatusCode.SUCCEEDED, StatusCode.SUCCEEDED], None),
        ([StatusCode.SUCCEEDED, StatusCode.CREATED], StatusCode.WAITING_ON_DEPENDENCIES),
        ([StatusCode.EXECUTING, StatusCode.SUCCEEDED], StatusCode.WAITING_ON_DEPENDENCIES),
        ([StatusCode.EXECUTING, StatusCode.NONZERO_EXIT], StatusCode.DEPENDENCY_FAILED),
        ([StatusCode.SUCCEEDED, StatusCode.CANCELLED_BY_USER], StatusCode.DEPENDENCY_FAILED),
        ([StatusCode.DEPENDENCY_FAILED, StatusCode.SUCCEEDED], StatusCode.DEPENDENCY_FAILED),
        ([], None),
    ],
)
def test_what_awaited_jobs_mean(
    store: SqlStore, states: list[StatusCode], code: StatusCode | None
) -> None:
    awaited = [job(number, code=state) for number, state in enumerate(states, start=2)]
    waiting = job(1, wait_for=[one.id for one in awaited])
    fill(store, waiting, *awaited)
    roster = Roster(store)
    roster.load()
    assert roster.need(waiting) is code


@pytest.mark.parametrize(
    ("end", "code"),
    [(StatusCode.SUCCEEDED, None), (StatusCode.NONZERO_EXIT, StatusCode.DEPENDENCY_FAILED)],
)
def test_the_end_of_a_job_is_news_for_those_that_wait_for_it(
    store: SqlStore, end: StatusCode, code: StatusCode | None
) -> None:
    waiting, other = job(2, wait_for=["job1"]), job(3)
    fill(store, job(1), waiting, other)
    roster = Roster(store)
    roster.load()
    roster.dirty.clear()
    needed = roster.get("job1")
    assert needed
    roster.change([needed], code=end)
    assert roster.dirty == {"job2"}
    assert roster.need(waiting) is code


def test_a_full_read_takes_only_the_rows_that_differ(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, *(job(number) for number in range(5)))
    roster = Roster(store)
    roster.load()
    asked: list[str] = []
    read = store.jobs_by_id

    def seen(identifiers: Sequence[str]) -> list[Job]:
        asked.extend(identifiers)
        return read(identifiers)

    monkeypatch.setattr(store, "jobs_by_id", seen)
    store.update("job3", stop=Stop.ADMIN)
    store.update("job4", code=StatusCode.SUCCEEDED)
    roster.load()
    assert asked == ["job3"]
    found = roster.get("job3")
    assert found
    assert found.stop is Stop.ADMIN
    assert roster.get("job4") is None


@pytest.mark.parametrize("name", ["high", "medium", "work", "engine", "temporary"])
def test_every_file_system_of_jobs_has_to_have_space(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = settings(tmp_path, disk_free_floor=1000)
    for folder in ("engine", "temporary"):
        (tmp_path / folder).mkdir()
    executor = MemoryExecutor(lambda: 0.0, data=tmp_path / "engine")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    free = {tmp_path / name: 999}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free.get(folder, 1000)))
    space = Space(known, executor)
    assert space.short() == space.short() == [Shortage(tmp_path / name, 999, 1000)]
    assert [vars(record)["folder"] for record in caplog.records] == [str(tmp_path / name)]
    free.clear()
    assert space.short() == []


@pytest.mark.parametrize("hidden", ["absent", "below a file", "link to itself"])
def test_an_engine_folder_that_cannot_be_seen_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, hidden: str
) -> None:
    folder = tmp_path / ("file/engine" if hidden == "below a file" else "engine")
    (tmp_path / "file").touch()
    if hidden == "link to itself":
        folder.symlink_to(folder)
    space = Space(settings(tmp_path), MemoryExecutor(lambda: 0.0, data=folder))
    assert space.short() == space.short() == []
    (record,) = caplog.records
    assert "free space of the container engine is not checked" in record.getMessage()
    assert vars(record)["folder"] == str(folder)


def test_an_engine_folder_that_is_seen_needs_no_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "engine").mkdir()
    space = Space(settings(tmp_path), MemoryExecutor(lambda: 0.0, data=tmp_path / "engine"))
    assert space.short() == []
    assert not caplog.records
    (tmp_path / "engine").rmdir()
    assert space.short() == space.short() == []
    assert len(caplog.records) == 1, "it was removed while the runner ran"


def test_an_engine_that_is_away_is_left_out(tmp_path: Path) -> None:
    executor = MemoryExecutor(lambda: 0.0, away=True)
    assert Space(settings(tmp_path), executor).short() == []


def test_pauses_grow_to_a_limit_and_end() -> None:
    now = [0.0]
    timers = Timers(lambda: now[0])
    retries = Retries(lambda: now[0], timers)
    pauses = []
    for number in range(1, MAX_TRIES + 1):
        assert retries.due("a")
        assert retries.fail("a") == (number == MAX_TRIES)
        begin = now[0]
        while not timers.take():
            assert not retries.due("a")
            now[0] += 0.5
        assert retries.due("a")
        pauses.append(now[0] - begin)
    assert pauses[0] <= 2.5
    assert all(pause <= LONGEST + 0.5 for pause in pauses)
    assert max(pauses) >= LONGEST / 2
    retries.fail("a")
    retries.clear("a")
    assert retries.due("a")
    assert retries.due("b")
