"""Which job is next, what holds the others back, and when one is tried again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.unit.runner.made import TIME, fill, job
from tests.unit.runner.rig import MemoryExecutor, settings

from sallyport_common.protocol import StatusCode
from sallyport_runner.flags import Flag
from sallyport_runner.models import Reason
from sallyport_runner.services.running.queue import Queue
from sallyport_runner.services.running.retries import LONGEST, MAX_TRIES, Retries
from sallyport_runner.services.running.sandbox import Sandbox
from sallyport_runner.services.running.space import Shortage, Space
from sallyport_runner.storage.sql import SqlStore


class Usage(NamedTuple):
    """Free space, as shutil tells it."""

    free: int


def queue(store: SqlStore, base: Path, **values: Any) -> Queue:
    """Return a queue over a store."""
    known = settings(base, **values)
    executor = MemoryExecutor(lambda: 0.0)
    return Queue(known, store, Sandbox(known), Space(known, executor))


def test_the_order_of_pending_jobs(store: SqlStore, tmp_path: Path) -> None:
    fill(
        store,
        job(1, workspace="busy", code=StatusCode.EXECUTING),
        job(2, workspace="busy", requires_db=True),
        job(3, workspace="idle"),
        job(4, workspace="idle", requires_db=True),
        job(5, workspace="other"),
        job(6, workspace="other", code=StatusCode.SUCCEEDED),
    )
    asked, seen = queue(store, tmp_path), set[str]()
    while found := asked.next(seen):
        seen.add(found.id)
        assert len(seen) <= 4
        if len(seen) == 1:
            assert found.id == "job4"
    order = []
    seen = set()
    while found := asked.next(seen):
        order.append(found.id)
        seen.add(found.id)
    assert order == ["job4", "job3", "job5", "job2"]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([StatusCode.SUCCEEDED, StatusCode.SUCCEEDED], StatusCode.PREPARING),
        ([StatusCode.SUCCEEDED, StatusCode.CREATED], StatusCode.WAITING_ON_DEPENDENCIES),
        ([StatusCode.EXECUTING, StatusCode.SUCCEEDED], StatusCode.WAITING_ON_DEPENDENCIES),
        ([StatusCode.EXECUTING, StatusCode.NONZERO_EXIT], StatusCode.DEPENDENCY_FAILED),
        ([StatusCode.SUCCEEDED, StatusCode.CANCELLED_BY_USER], StatusCode.DEPENDENCY_FAILED),
        ([StatusCode.DEPENDENCY_FAILED, StatusCode.SUCCEEDED], StatusCode.DEPENDENCY_FAILED),
        ([], StatusCode.PREPARING),
    ],
)
def test_what_awaited_jobs_mean(
    store: SqlStore, tmp_path: Path, states: list[StatusCode], code: StatusCode
) -> None:
    awaited = [job(number, code=state) for number, state in enumerate(states, start=2)]
    waiting = job(1, wait_for=[one.id for one in awaited])
    fill(store, waiting, *awaited)
    assert queue(store, tmp_path).waits_for(waiting) == (code, Reason.NONE)


@pytest.mark.parametrize(
    ("values", "flags", "requires_db", "expected"),
    [
        ({}, {}, False, StatusCode.PREPARING),
        ({}, {Flag.PAUSED: True}, False, StatusCode.PAUSED),
        ({}, {Flag.PAUSED: False}, False, StatusCode.PREPARING),
        ({}, {Flag.MODE: True}, True, StatusCode.WAITING_DB_MAINTENANCE),
        ({}, {Flag.MODE: True}, False, StatusCode.PREPARING),
        ({}, {Flag.MODE: False}, True, StatusCode.PREPARING),
        ({}, {Flag.MANUAL_MAINTENANCE: True}, True, StatusCode.WAITING_DB_MAINTENANCE),
        ({"backend": "test"}, {Flag.MANUAL_MAINTENANCE: True}, True, StatusCode.PREPARING),
        ({"max_workers": 1}, {}, False, StatusCode.WAITING_ON_WORKERS),
        ({"max_workers": 2}, {}, False, StatusCode.PREPARING),
        ({"max_db_workers": 1}, {}, True, StatusCode.WAITING_ON_DB_WORKERS),
        ({"max_db_workers": 1}, {}, False, StatusCode.PREPARING),
        ({"max_db_workers": 1, "backend": "test"}, {}, True, StatusCode.PREPARING),
    ],
)
def test_what_holds_a_job_back(
    store: SqlStore,
    tmp_path: Path,
    values: dict[str, Any],
    flags: dict[Flag, bool],
    requires_db: bool,
    expected: StatusCode,
) -> None:
    waiting = job(1, requires_db=requires_db)
    fill(store, waiting, job(2, code=StatusCode.EXECUTING, requires_db=True))
    for flag, on in flags.items():
        store.set_flag(flag, on, TIME)
    assert queue(store, tmp_path, **values).waits_for(waiting)[0] is expected


def test_too_little_disk_holds_everything_back(store: SqlStore, tmp_path: Path) -> None:
    fill(store, job(1))
    full = queue(store, tmp_path, disk_free_floor=2**62)
    assert full.waits_for(job(1)) == (StatusCode.WAITING_ON_WORKERS, Reason.DISK_SPACE)


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
    retries = Retries(lambda: now[0])
    pauses = []
    for number in range(1, MAX_TRIES + 1):
        assert retries.due("a")
        assert retries.fail("a") == (number == MAX_TRIES)
        assert not retries.due("a")
        begin = now[0]
        while not retries.due("a"):
            now[0] += 0.5
        pauses.append(now[0] - begin)
    assert pauses[0] <= 2.5
    assert all(pause <= LONGEST + 0.5 for pause in pauses)
    assert max(pauses) >= LONGEST / 2
    retries.fail("a")
    retries.clear("a")
    assert retries.due("a")
    assert retries.due("b")
