"""Slow steps run beside the loop, once for each owner, and hand over result or fault once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from sallyport_runner.services.running.background import Step, Threads

T = TypeVar("T")


def wait_for(take: Callable[[], T | None]) -> T:
    """Ask until there is a result."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        result = take()
        if result is not None:
            return result
        time.sleep(0.005)
    raise TimeoutError


def test_a_step_runs_once_however_often_it_is_asked_for() -> None:
    threads, gate, calls = Threads(), threading.Event(), []

    def work() -> str:
        calls.append(1)
        gate.wait(5)
        return "done"

    assert threads.take("a", Step.ADMIT, work) is None
    assert threads.take("a", Step.ADMIT, work) is None
    assert threads.busy("a")
    assert not threads.busy("b")
    gate.set()
    assert wait_for(lambda: threads.take("a", Step.ADMIT, work)) == "done"
    assert len(calls) == 1
    assert not threads.busy("a")


def test_a_fault_comes_to_the_one_who_asks() -> None:
    threads = Threads()

    def work() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wait_for(lambda: threads.take("a", Step.ADMIT, work))


@pytest.mark.parametrize("other", [Step.ADMIT, Step.FINALISE])
def test_steps_of_one_kind_do_not_hold_up_another_kind(other: Step) -> None:
    threads, gate = Threads(dict.fromkeys(Step, 1)), threading.Event()
    assert threads.take("a", Step.ADMIT, lambda: gate.wait(5)) is None
    if other is Step.ADMIT:  # the control: no thread is left for it
        assert threads.take("b", other, lambda: "done") is None
        gate.set()
    assert wait_for(lambda: threads.take("b", other, lambda: "done")) == "done"
    gate.set()
