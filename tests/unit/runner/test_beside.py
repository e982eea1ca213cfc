"""Outputs of a job with many: staged in several threads, with the same end as one by one."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.ending import HIGH, MODERATE, Ending
from tests.unit.runner.made import REQUEST, ended

from sallyport_common.protocol import StatusCode
from sallyport_disclosure.engine import check_file
from sallyport_runner.models import Job, Stop
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs import beside, publish, stager
from sallyport_runner.services.outputs.beside import side_by_side

NUMBER = 700
OUTPUTS = {"output/*.csv": MODERATE, "high/*.csv": HIGH}


def fill(ending: Ending) -> Job:
    """Return a job with many outputs, of which some are withheld or have odd names."""
    job = ending.job(1, OUTPUTS)
    for place in range(NUMBER):
        content = "patient_id\n1\n" if place % 7 == 0 else f"age,n\n{place},10\n"
        ending.write(job, f"output/{place}.csv", content)
        ending.write(job, f"high/folder{place}.csv")
    ending.write(job, "output/odd\u202e.csv")
    return job


def test_many_outputs_end_as_they_do_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def seen(*given: Any) -> Any:
        threads.add(threading.get_ident())
        return check_file(*given)

    monkeypatch.setattr(stager, "check_file", seen)
    many, single = Ending(tmp_path / "many"), Ending(tmp_path / "single")
    first = many.end(fill(many))
    assert len(threads) == beside.THREADS
    threads.clear()
    monkeypatch.setattr(publish, "MANY", 10**6)
    second = single.end(fill(single))
    assert threads == {threading.get_ident()}
    # The run record has the moment at which the volume was prepared.
    assert replace(first, run_record="") == replace(second, run_record="")
    assert first.code is StatusCode.SUCCEEDED
    assert many.manifest() == single.manifest()
    names = {path for path in many.files() if "/logs/" not in path and "/metadata/" not in path}
    assert names == {p for p in single.files() if "/logs/" not in p and "/metadata/" not in p}
    assert {p: d for p, d in many.files().items() if p.endswith(".csv")} == {
        p: d for p, d in single.files().items() if p.endswith(".csv")
    }


def test_a_job_that_is_stopped_while_many_are_staged_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control is the same job, which nobody stops."""
    monkeypatch.setattr("sallyport_runner.services.outputs.finalise.ASK_EVERY", 0.0)
    ending = Ending(tmp_path)
    job = fill(ending)
    asked: list[int] = []

    def stopped() -> Stop:
        asked.append(1)
        return Stop.CANCELLED if len(asked) > 2 else Stop.NONE

    outcome = ending.finaliser.finalise(job, REQUEST, ended(0), stopped)
    assert (outcome.code, outcome.files) == (StatusCode.CANCELLED_BY_USER, {})
    assert list(ending.high().rglob("*.csv")) == []
    assert list((tmp_path / "high/staging").iterdir()) == []
    assert len(asked) == 3
    control = Ending(tmp_path / "control")
    kept = control.finaliser.finalise(fill(control), REQUEST, ended(0), lambda: Stop.NONE)
    assert len(kept.files) == 2 * NUMBER


def test_want_of_memory_while_many_are_staged_lets_the_job_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending(tmp_path)
    job = fill(ending)
    with monkeypatch.context() as patch:
        patch.setattr(stager, "open_file", _short)
        with pytest.raises(TransientError, match="Cannot allocate memory"):
            ending.end(job)
    assert list(ending.high().rglob("*.csv")) == []
    assert len(ending.end(job).files) == 2 * NUMBER


def _short(*_words: object) -> int:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def test_progress_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "LOOK", 0.001)
    told: list[int] = []

    def work(part: Sequence[int]) -> Iterator[None]:
        for _one in part:
            yield
            time.sleep(0.001)

    side_by_side(work, [range(20), range(30), range(5)], told.append)
    assert told == sorted(told)
    assert told[0] < 55
    assert len(set(told)) > 5


def test_what_a_report_raises_ends_all_threads_soon() -> None:
    begun: list[int] = []

    def work(part: Sequence[int]) -> Iterator[None]:
        for one in part:
            yield
            begun.append(one)
            time.sleep(0.01)

    def report(done: int) -> None:
        if done > 3:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        side_by_side(work, [range(1000)] * 50, report)
    before = len(begun)
    time.sleep(0.1)
    assert len(begun) == before
    assert before < 200


def test_what_a_thread_raises_is_raised() -> None:
    def work(part: Sequence[int]) -> Iterator[None]:
        yield
        if part[0] == 2:
            raise ValueError("the second part")

    with pytest.raises(ValueError, match="the second part"):
        side_by_side(work, [[1], [2], [3]], lambda _done: None)
