"""Slow steps run beside the loop, once for each key, and hand over result or fault once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from sallyport_runner.services.running.background import Threads

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
    threads, gate, calls = Threads(2), threading.Event(), []

    def work() -> str:
        calls.append(1)
        gate.wait(5)
        return "done"

    assert threads.take("a", work) is None
    assert threads.take("a", work) is None
    gate.set()
    assert wait_for(lambda: threads.take("a", work)) == "done"
    assert len(calls) == 1


def test_a_fault_comes_to_the_one_who_asks() -> None:
    threads = Threads(1)

    def work() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wait_for(lambda: threads.take("a", work))
