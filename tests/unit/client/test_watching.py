"""Watching a job request with the client: what is shown, and what ends it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.unit.client.conftest import Server

from sallyport_client import asking, cli
from sallyport_client.api import ServerError


@pytest.mark.parametrize(("end", "code"), [("succeeded", 0), ("failed", 3), ("cancelled", 3)])
def test_watch_waits_for_the_end_and_says_how_it_was(
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    code: int,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    server.states = ["pending", "running", end]
    assert cli.main(["watch", "abc"]) == code
    assert f"describe  {end}  as expected" in capsys.readouterr().out
    assert len(server.asked) == 3


def test_a_job_server_that_is_away_for_a_moment_ends_no_watching(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: server.busy.append(503))
    server.states = ["running", "succeeded"]
    monkeypatch.setattr(asking, "PATIENCE", -1.0)
    with pytest.raises(ServerError, match="answered 503"):
        cli.main(["watch", "abc"])
    server.states, server.busy = ["running", "succeeded"], []
    answers = iter([[503], [504], [502], []])
    monkeypatch.setattr(time, "sleep", lambda _seconds: server.busy.extend(next(answers)))
    monkeypatch.setattr(asking, "PATIENCE", 600.0)
    assert cli.main(["watch", "abc"]) == 0


def told(status: str) -> dict[str, Any]:
    """Return a job request as an event has it."""
    job = {"action": "describe", "status": status, "status_message": "as expected"}
    request = {"identifier": "abc", "status": status, "sha": "c0ffee", "jobs": [job]}
    return request | {"final": status == "succeeded", "problem": ""}


def test_watching_follows_the_events_of_a_job_server(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stream that ends before the job request has is asked for again."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.events = [
        (200, [told("pending"), told("running")]),
        (503, []),
        (200, [told("running"), told("succeeded")]),
    ]
    assert cli.main(["watch", "abc"]) == 0
    shown = capsys.readouterr()
    assert "describe  succeeded  as expected" in shown.out
    assert [line.split(maxsplit=1)[1] for line in shown.err.splitlines()] == [
        "1 pending", "1 running", "the job server answered 503 Service Unavailable; trying again",
        "1 running", "1 succeeded",
    ]  # fmt: skip
    assert len(pauses) == 2
    assert {path for _method, path, _body in server.asked} == {"/api/v1/job-requests/abc/events"}


def test_who_stops_watching_is_told_how_to_go_on(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    server.states = ["running"]
    monkeypatch.setattr(time, "sleep", interrupt)
    assert cli.main(["watch", "abc"]) == 130
    assert "sallyport watch abc" in capsys.readouterr().err
