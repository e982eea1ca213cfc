"""What is forgotten by itself, and that one process of several does it when it is due."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.job_server import worlds
from tests.unit.job_server.rig import BOTH, Rig, file_entry, file_list
from tests.unit.job_server.test_publication import kept
from tests.unit.job_server.worlds import NAME, TABLE

from sallyport_job_server.services import clock, releases
from sallyport_job_server.services.chores import Chore, Chores
from sallyport_job_server.services.tidying import PATIENCE
from sallyport_job_server.storage import tables

ENGINES = BOTH


def age(rig: Rig, seconds: float) -> None:
    """Let all releases be as old as that."""
    with rig.services.database.change("test") as change:
        change.connection.execute(tables.releases.update().values(created_at=clock.ago(seconds)))


def test_a_release_that_never_came_is_given_up_and_may_come_later(rig: Rig) -> None:
    rig.has_run()
    given_up, arrived = worlds.announce(rig), worlds.announce(rig, "output/b.csv")
    worlds.upload(rig, arrived, "output/b.csv")
    assert rig.services.tidying.run() == 0
    age(rig, PATIENCE + 60)
    assert "never arrived" in rig.browser("rita").get("/workspaces/heart/releases/").text
    assert rig.services.tidying.run() == 1
    assert [release.id for release, _files in kept(rig)] == [arrived]
    assert [row.object for row in rig.audit("release.give_up")] == [given_up]
    body = file_list(file_entry(NAME, TABLE), airlock_id=given_up)
    again = rig.call("POST", "/releases/workspace/heart", "publish", json=body, OS_User="carl")
    assert again.headers["Release-Id"] == given_up
    assert worlds.upload(rig, given_up).status_code == 201


def test_bytes_that_come_while_their_release_is_given_up_are_not_success(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.has_run()
    given_up = worlds.announce(rig)
    age(rig, PATIENCE + 60)
    monkeypatch.setattr(releases, "_check_origin", lambda *_: rig.services.tidying.run())
    assert worlds.upload(rig, given_up).status_code == 404


def test_a_release_of_which_a_part_came_is_kept(rig: Rig) -> None:
    rig.has_run()
    entries = [file_entry(NAME, TABLE), file_entry("output/b.csv", b"n\n10\n")]
    body = file_list(*entries)
    made = rig.call("POST", "/releases/workspace/heart", "publish", json=body, OS_User="carl")
    worlds.upload(rig, made.headers["Release-Id"])
    age(rig, PATIENCE + 60)
    assert rig.services.tidying.run() == 0
    assert len(kept(rig)) == 1


def test_links_and_log_ins_that_are_over_are_forgotten(rig: Rig) -> None:
    rig.services.login_tokens.create(rig.people["rita"])
    rig.services.password_links.create(rig.people["ada"], "cora")
    rig.services.tidying.run()

    def left() -> list[int]:
        with rig.services.database.read() as connection:
            both = (tables.login_tokens, tables.password_links)
            return [len(connection.execute(table.select()).all()) for table in both]

    assert left() == [1, 1]
    with rig.services.database.change("test") as change:
        for table in (tables.login_tokens, tables.password_links):
            change.connection.execute(table.update().values(expires_at=clock.ago(1)))
    rig.services.tidying.run()
    assert left() == [0, 0]


def test_a_chore_is_done_by_one_process_and_again_when_it_is_due(rig: Rig) -> None:
    done: list[str] = []
    known = {"sweep": Chore(3600, lambda: done.append("sweep"))}
    processes = [Chores(rig.services.database, known) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        looked = list(pool.map(lambda one: one.look(), processes))
    assert sorted(map(len, looked)) == [0, 0, 0, 1]
    assert done == ["sweep"]
    with rig.services.database.change("test") as change:
        change.connection.execute(tables.chores.update().values(due_at=clock.ago(1)))
    assert processes[0].look() == ["sweep"]


def test_a_chore_that_fails_hinders_no_other(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("no")

    chores = Chores(
        rig.services.database,
        {"bad": Chore(3600, fail), "good": Chore(3600, lambda: done.append("good"))},
    )
    assert chores.look() == ["good"]
    assert done == ["good"]
    assert "a chore failed" in caplog.text
    assert chores.look() == []


def test_the_thread_looks_until_it_is_told_to_stop(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    looked = threading.Event()
    monkeypatch.setattr("sallyport_job_server.services.chores.LOOK_EVERY", 0.01)
    chores = Chores(rig.services.database, {"once": Chore(3600, looked.set)})
    chores.start()
    assert looked.wait(10)
    chores.close()
