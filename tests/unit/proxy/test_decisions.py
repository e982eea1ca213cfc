"""The log of decisions: it goes on over its files, and shows every change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from tests.unit.proxy.rig import Rig

from sallyport_proxy.models import ClientRequest, Grant, Reason, Refusal
from sallyport_proxy.services.recorder import FOLD_SECONDS, Recorder
from sallyport_proxy.storage.decisions import CURRENT, DecisionLog

ASKED = ClientRequest("GET", "archive.example", "/x", {}, "10.77.1.40")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    """Give a log of small files whose clock moves with each look."""
    seconds = count()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = DecisionLog(tmp_path, 4, 2, now=lambda: start + timedelta(seconds=next(seconds)))
    yield made
    made.close()


def append(log: DecisionLog, times: int) -> None:
    """Write down some refusals."""
    for number in range(times):
        log.append(actor="a", event="refuse", object="git:", data={"n": number})


def change(path: Path, statement: str) -> None:
    """Tamper with a file."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_full_file_is_closed_and_the_chain_goes_on(log: DecisionLog, tmp_path: Path) -> None:
    append(log, 8)
    verdicts = log.verify()
    assert [verdict.fault for verdict in verdicts.values()] == [None] * 3
    assert len(list(tmp_path.glob("decisions-*.sqlite3"))) == 2


def test_only_so_many_files_are_kept_and_that_is_written_down(log: DecisionLog) -> None:
    append(log, 20)
    verdicts = log.verify()
    assert len(verdicts) == 3
    assert all(verdict.intact for verdict in verdicts.values())
    assert "dropped" in {row["event"] for row in log.last_rows(4)}


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE decision SET actor = 'b' WHERE seq = 2", "row 2 was changed"),
        ("DELETE FROM decision WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM decision WHERE seq = 3", "the tail is missing"),
    ],
)
def test_a_change_is_named(log: DecisionLog, tmp_path: Path, statement: str, fault: str) -> None:
    append(log, 3)
    assert log.verify()[CURRENT].intact
    change(tmp_path / CURRENT, statement)
    assert fault in str(log.verify()[CURRENT].fault)


def test_a_file_that_was_swapped_is_named(log: DecisionLog, tmp_path: Path) -> None:
    append(log, 5)
    closed = next(tmp_path.glob("decisions-*.sqlite3"))
    other = DecisionLog(tmp_path / "other", 100, 2)
    append(other, 4)
    other.close()
    assert log.verify()[CURRENT].intact
    closed.write_bytes((tmp_path / "other" / CURRENT).read_bytes())
    assert "does not follow the end of" in str(log.verify()[CURRENT].fault)


class TestRecorder:
    """Grants one by one; floods of refusals folded."""

    def test_a_flood_of_equal_refusals_becomes_two_rows(self, tmp_path: Path) -> None:
        clock = [0.0]
        log = DecisionLog(tmp_path, 1000, 2)
        recorder = Recorder(log, clock=lambda: clock[0])
        for _ in range(50):
            recorder.refused(ASKED, "archive", Refusal(Reason.METHOD), "id")
        recorder.refused(ASKED, "archive", Refusal(Reason.QUERY), "id")
        clock[0] = FOLD_SECONDS
        recorder.flush()
        rows = [(row["event"], row["data"].get("times")) for row in log.last_rows(9)]
        assert rows == [("refused_again", 49), ("refuse", None), ("refuse", None)]
        log.close()

    def test_each_grant_is_a_row(self, tmp_path: Path) -> None:
        log = DecisionLog(tmp_path, 1000, 2)
        recorder = Recorder(log)
        grant = Grant("archive", "index", "debian", "dists/bookworm/InRelease", 3)
        for _ in range(3):
            recorder.granted(ASKED, grant, "id")
        row = log.last_rows(1)[0]
        assert (row["seq"], row["object"], row["data"]["rule"]) == (3, "archive:debian", 3)
        log.close()


def test_where_nothing_can_be_written_down_nothing_passes(rig: Rig) -> None:
    index = "/debian/dists/bookworm/InRelease"
    assert rig.get("archive", index).status_code == 200
    rig.upstreams.archive.seen.clear()
    change(rig.settings.state_directory / "decisions" / CURRENT, "DROP TABLE decision")
    answer = rig.get("archive", index)
    assert (answer.status_code, "nothing passes" in answer.text) == (503, True)
    assert rig.upstreams.saw_nothing()
