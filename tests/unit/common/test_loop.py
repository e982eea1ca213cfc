"""Loops stop when told, survive failing steps and notify systemd."""

from __future__ import annotations

import logging
import os
import signal
import socket
from pathlib import Path

import pytest

from sallyport_common.backoff import Backoff
from sallyport_common.loop import Heart, StopSignal, notify, run_loop, watchdog_interval


def no_backoff() -> Backoff:
    """Return a back-off without pauses."""
    return Backoff(0, 0)


def test_a_failing_step_is_logged_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    stopper = StopSignal()
    calls: list[int] = []
    beats: list[int] = []

    def step() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("first")
        stopper.stop()

    with caplog.at_level(logging.ERROR):
        run_loop("sync", step, 0, stopper, no_backoff(), lambda: beats.append(1))
    assert len(calls) == 2
    assert len(beats) == 2
    assert [record.message for record in caplog.records] == ["step failed"]


def test_a_signal_stops_the_loop() -> None:
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        stopper = StopSignal().install()
        assert not stopper.stopping
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopper.wait(1)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def test_notify_reaches_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert receiver.recv(100) == b"READY=1"


def test_notify_is_silent_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_the_watchdog_is_fed_twice_per_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_interval() == 15.0
    monkeypatch.delenv("WATCHDOG_USEC")
    assert watchdog_interval() is None


def test_the_heart_notices_a_silent_loop() -> None:
    now = [0.0]
    heart = Heart(limit=10, clock=lambda: now[0])
    heart.beat("run")
    heart.beat("sync")
    now[0] = 9
    heart.beat("run")
    assert heart.alive()
    now[0] = 12
    assert not heart.alive()
