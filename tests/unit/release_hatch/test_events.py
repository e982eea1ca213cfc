"""Notifications are sent later, tried again, and hold names and a count."""

from __future__ import annotations

import time

import pytest
from tests.unit.release_hatch.doubles import JobServerDouble

from sallyport_release_hatch.services.events import send_due
from sallyport_release_hatch.services.hatch import Hatch


def queue(hatch: Hatch, number: int) -> None:
    """Queue a notification."""
    with hatch.database.write() as transaction:
        transaction.events.add({"number": number})


def test_events_arrive_in_order_and_once(hatch: Hatch, job_server: JobServerDouble) -> None:
    for number in range(3):
        queue(hatch, number)
    assert send_due(hatch.database, hatch.job_server) == 3
    assert send_due(hatch.database, hatch.job_server) == 0
    assert job_server.events == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_a_failed_event_is_tried_again_later(
    hatch: Hatch, job_server: JobServerDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(hatch, 1)
    job_server.failing = True
    assert send_due(hatch.database, hatch.job_server) == 0
    job_server.failing = False
    assert send_due(hatch.database, hatch.job_server) == 0
    later = time.time() + 6
    monkeypatch.setattr("sallyport_release_hatch.services.events.time.time", lambda: later)
    assert send_due(hatch.database, hatch.job_server) == 1


def test_an_event_says_who_and_how_many_and_no_more(
    hatch: Hatch, approved: str, job_server: JobServerDouble
) -> None:
    hatch.step()
    event = job_server.events[0]
    assert event == {
        "event_type": "request_submitted",
        "workspace": "w1",
        "request": approved,
        "request_author": "ada",
        "user": "ada",
        "updates": [{"update": "2 files", "update_type": "2 files", "group": None, "user": "ada"}],
    }
