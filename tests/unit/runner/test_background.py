"""Slow steps run beside the loop, once for each owner, and hand over result or fault once."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from sallyport_runner.services.running.background import THREADS, Step, Threads

T = TypeVar("T")


def _ignore(_request: str, _owner: str) -> None:
    """Need no wake: these tests ask until there is a result."""


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
    threads, gate, calls = Threads(_ignore), threading.Event(), []

    def work() -> str:
        calls.append(1)
        gate.wait(5)
        return "done"

    assert threads.take("r", "a", Step.ADMIT, work) is None
    assert threads.take("r", "a", Step.ADMIT, work) is None
    assert threads.busy("a")
    assert not threads.busy("b")
    gate.set()
    assert wait_for(lambda: threads.take("r", "a", Step.ADMIT, work)) == "done"
    assert len(calls) == 1
    assert not threads.busy("a")


def test_a_fault_comes_to_the_one_who_asks() -> None:
    threads = Threads(_ignore)

    def work() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wait_for(lambda: threads.take("r", "a", Step.ADMIT, work))


@pytest.mark.parametrize("other", [Step.ADMIT, Step.FINALISE])
def test_steps_of_one_kind_do_not_hold_up_another_kind(other: Step) -> None:
    threads, gate = Threads(_ignore, dict.fromkeys(Step, (1, 1))), threading.Event()
    assert threads.take("r", "a", Step.ADMIT, lambda: gate.wait(5)) is None
    if other is Step.ADMIT:  # the control: no thread is left for it
        assert threads.take("s", "b", other, lambda: "done") is None
        gate.set()
    assert wait_for(lambda: threads.take("s", "b", other, lambda: "done")) == "done"
    gate.set()


@pytest.mark.parametrize("step", Step)
def test_steps_of_one_request_that_hang_do_not_hold_up_another_request(step: Step) -> None:
    threads, gate = Threads(_ignore), threading.Event()
    number, share = THREADS[step]
    calls: list[str] = []

    def hang(name: str) -> bool:
        calls.append(name)
        return gate.wait(20)

    def take(name: str) -> bool | None:
        return threads.take("greedy", name, step, lambda: hang(name))

    names = [f"job{at}" for at in range(2 * number)]
    try:
        assert [take(name) for name in names] == [None] * len(names)
        assert wait_for(lambda: threads.take("other", "x", step, lambda: "done")) == "done"
        assert calls == names[:share], "in the order in which they were asked for"
    finally:
        gate.set()
    assert all(wait_for(functools.partial(take, name)) for name in names)
    assert sorted(calls) == sorted(names), "each of them runs in the end, once"


def test_a_free_thread_goes_to_the_request_that_occupies_the_fewest() -> None:
    threads = Threads(_ignore, dict.fromkeys(Step, (2, 2)))
    gates = {name: threading.Event() for name in ("a1", "a2", "a3", "b1")}
    calls: list[str] = []

    def hang(name: str) -> bool:
        calls.append(name)
        return gates[name].wait(20)

    def take(name: str) -> bool | None:
        return threads.take(name[0], name, Step.PREPARE, functools.partial(hang, name))

    assert [take(name) for name in gates] == [None] * 4
    assert calls == ["a1", "a2"]
    gates["a1"].set()
    assert wait_for(lambda: take("a1"))
    assert wait_for(lambda: calls[2:] or None) == ["b1"], "the last, whose request has no thread"
    for gate in gates.values():
        gate.set()
    assert all(wait_for(functools.partial(take, name)) for name in ("a2", "a3", "b1"))
