"""Snapshots of a server that works, and servers that are filled from them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.job_server import worlds
from tests.unit.job_server.conftest import HASHER
from tests.unit.job_server.rig import BOTH, POSTGRESQL, Rig, make_settings
from tests.unit.postgres import PostgresServer

from sallyport_common.errors import SallyportError
from sallyport_job_server.models import Operator
from sallyport_job_server.services.bundle import Services, build
from sallyport_job_server.services.site_snapshots import ABOUT
from sallyport_job_server.storage import releases, tables

ENGINES = BOTH
WHO = Operator()
Fresh = Callable[[], Services]


@pytest.fixture
def fresh(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Make servers with nothing in them."""
    numbers, made = itertools.count(), list[Services]()

    def new() -> Services:
        folder = tmp_path / f"fresh{next(numbers)}"
        folder.mkdir()
        url = make_settings(folder).database_url
        if engine == POSTGRESQL:
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.url(server.create())
        made.append(build(make_settings(folder, database_url=url), HASHER))
        return made[-1]

    yield new
    for services in made:
        services.database.engine.dispose()


@pytest.fixture(autouse=True)
def _has_run(rig: Rig) -> None:
    rig.has_run()


def release(rig: Rig, number: int) -> str:
    """Release a file and return its id."""
    data = f"n\n{number}\n".encode()
    announced = worlds.announce(rig, f"output/{number}.csv", data)
    return worlds.upload(rig, announced, f"output/{number}.csv", data).headers["File-Id"]


def count(services: Services) -> dict[str, int]:
    """Return how many rows each table has."""
    with services.database.read() as connection:
        every = tables.METADATA.sorted_tables
        return {one.name: len(connection.execute(one.select()).all()) for one in every}


@contextmanager
def at_work(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let people submit, release and remove meanwhile; give what they released."""
    worlds.without_git(rig, monkeypatch)
    stop, numbers = threading.Event(), itertools.count(100)
    made = list[str]()

    def work() -> None:
        while not stop.is_set():
            rig.submit()
            number = next(numbers)
            data = f"n\n{number}\n".encode()
            announced = worlds.announce(rig, f"output/{number}.csv", data)
            answer = worlds.upload(rig, announced, f"output/{number}.csv", data)
            made.append(answer.headers["File-Id"])
            if number % 3 == 0:
                rig.services.releases.delete(rig.people["carl"], made[-2])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join()


def test_a_snapshot_of_a_server_at_work_is_of_one_moment(
    rig: Rig, fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_work(rig, monkeypatch) as made:
        for number in range(3):
            before = len(made)
            while len(made) < before + 4:
                time.sleep(0.01)
            rig.services.site_snapshots.take(WHO, tmp_path / f"copy{number}")
    for number in range(3):
        services = fresh()
        services.site_snapshots.put_back(WHO, tmp_path / f"copy{number}")
        assert services.audit.verify().intact
        with services.database.read() as connection:
            kept = releases.kept(connection)
        assert len(kept) > 2
        every = [services.releases._store.has(one, digest) for one, digest in kept.items()]
        assert all(every)


def test_a_server_is_filled_from_a_snapshot(rig: Rig, fresh: Fresh, tmp_path: Path) -> None:
    file = release(rig, 1)
    before = count(rig.services)
    assert rig.services.site_snapshots.take(WHO, tmp_path / "copy") == 1
    assert rig.audit()[0].event == "site.snapshot"
    services = fresh()
    assert services.site_snapshots.put_back(WHO, tmp_path / "copy") == 1
    after = count(services)
    assert {name: after[name] - before[name] for name in before if after[name] != before[name]} == {
        "audit": 1
    }
    person = rig.people["rita"]
    found = services.releases.file(person, file)
    assert services.releases.content(found) == b"n\n1\n"
    # What is removed in one of them stays in the other.
    rig.services.releases.delete(rig.people["carl"], file)
    assert services.releases.content(found) == b"n\n1\n"


def test_a_server_that_has_something_is_not_filled(rig: Rig, fresh: Fresh, tmp_path: Path) -> None:
    """The control is the same snapshot and a server that has nothing."""
    release(rig, 1)
    rig.services.site_snapshots.take(WHO, tmp_path / "copy")
    before = count(rig.services)
    with pytest.raises(SallyportError, match="there are released files already"):
        rig.services.site_snapshots.put_back(WHO, tmp_path / "copy")
    migrated = fresh()
    migrated.database.migrate()
    with pytest.raises(SallyportError, match="the database is not empty"):
        migrated.site_snapshots.put_back(WHO, tmp_path / "copy")
    assert count(rig.services) == before
    assert fresh().site_snapshots.put_back(WHO, tmp_path / "copy") == 1


def test_a_folder_that_is_no_snapshot_is_refused(rig: Rig, fresh: Fresh, tmp_path: Path) -> None:
    rig.services.site_snapshots.take(WHO, tmp_path / "copy")
    with pytest.raises(SallyportError, match="exists already"):
        rig.services.site_snapshots.take(WHO, tmp_path / "copy")
    for name in ("database.sqlite3", "database.dump"):
        (tmp_path / "copy" / name).unlink(missing_ok=True)
    with pytest.raises(SallyportError, match="of another kind of database"):
        fresh().site_snapshots.put_back(WHO, tmp_path / "copy")
    (tmp_path / "copy" / ABOUT).write_text('{"format": 9, "version": "9.0"}')
    with pytest.raises(SallyportError, match=r"by another version: 9\.0"):
        fresh().site_snapshots.put_back(WHO, tmp_path / "copy")
    (tmp_path / "copy" / ABOUT).unlink()
    with pytest.raises(SallyportError, match="is not a snapshot"):
        fresh().site_snapshots.put_back(WHO, tmp_path / "copy")


def test_files_that_are_not_what_was_released_are_named(
    rig: Rig, fresh: Fresh, tmp_path: Path
) -> None:
    for number in range(3):
        release(rig, number)
    store = tmp_path / "server" / "releases"
    damaged, lost, _whole = sorted(path for path in store.rglob("*.csv"))
    damaged.write_bytes(b"n\n9\n")
    lost.unlink()
    with pytest.raises(SallyportError, match=r"of 3 released files 2 are missing or are not"):
        rig.services.site_snapshots.take(WHO, tmp_path / "copy")
    assert (tmp_path / "copy" / ABOUT).is_file()
    with pytest.raises(SallyportError, match=r"2 released files are missing") as raised:
        fresh().site_snapshots.put_back(WHO, tmp_path / "copy")
    assert lost.name in str(raised.value)


def test_what_a_snapshot_that_was_stopped_left_is_removed(
    rig: Rig, fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(rig, 1)
    take = rig.services.site_snapshots.take
    with monkeypatch.context() as patch:
        patch.setattr(releases, "kept", _full)
        with pytest.raises(OSError, match="full"):
            take(WHO, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert (tmp_path / "copy.part").is_dir()
    assert take(WHO, tmp_path / "copy") == 1
    assert not (tmp_path / "copy.part").exists()
    assert fresh().site_snapshots.put_back(WHO, tmp_path / "copy") == 1


def _full(_connection: object) -> dict[str, str]:
    raise OSError("the disk is full")
