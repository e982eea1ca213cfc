"""What a person at a terminal sees, and what another program reads."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console
from tests.unit.client.conftest import Server

from sallyport_client import screen

JOBS = [
    {"action": f"a{number}", "status": status, "status_message": "one\ntwo",
     "started_at": "2026-11-23T06:16:47Z", "completed_at": "2026-11-23T07:18:49Z"}
    for number, status in enumerate(["succeeded"] * 50 + ["pending"] * 3 + ["running", "failed"])
]  # fmt: skip


def shown(job_request: dict[str, Any], height: int) -> list[str]:
    """Return what a terminal of some lines shows."""
    made = Console(file=io.StringIO(), width=100, height=height, force_terminal=True, no_color=True)
    with made.capture() as capture:
        made.print(screen._picture(job_request, "away; trying again", height))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_what_matters_comes_first_where_there_is_little_room() -> None:
    lines = shown({"identifier": "abc", "jobs": JOBS}, 12)
    text = "\n".join(lines)
    assert "1 running, 1 failed, 3 pending, 50 succeeded" in lines[0]
    assert text.index("a53") < text.index("a54") < text.index("a50")
    assert "and 49 more" in text
    assert "1:02:02" in text
    assert "two" not in text
    assert "away; trying again" in lines[-1]


def test_what_has_to_be_typed_again_is_never_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Console(file=io.StringIO(), width=40, force_terminal=True, no_color=True)
    monkeypatch.setattr(screen, "console", lambda: made)
    with made.capture() as capture:
        screen.rows(
            ("Request", "Actions", "By"), [("4h7yqeexxvwiywm5", "extract, table " * 3, "ada")]
        )
    assert "4h7yqeexxvwiywm5" in capture.get()


def test_texts_cannot_move_or_colour_a_terminal() -> None:
    nasty = "\x1b[31mred\x1b[0m\x07[bold]x[/bold]\u202e"
    job = JOBS[0] | {"status_message": nasty, "action": nasty}
    text = "\n".join(shown({"identifier": "abc", "jobs": [job]}, 20))
    for bad in ("\x1b[31m", "\x07", "\u202e"):
        assert bad not in text
    assert "[bold]x[/bold]" in text
    assert screen.plain(nasty) == "?[31mred?[0m?[bold]x[/bold]?"


def test_nothing_is_said_of_jobs_that_are_not_there_yet() -> None:
    assert screen.counts({"jobs": []}) == "no job yet"
    assert screen.took({"started_at": None}) == ""


@pytest.mark.live
def test_at_a_terminal_the_jobs_are_shown_until_they_have_ended(server: Server) -> None:
    server.states = ["running", "succeeded"]
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", "from sallyport_client.cli import run; run()", "watch", "abc"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        try:
            while chunk := os.read(ours, 4096):
                seen += chunk
        except OSError:  # what Linux says at the end of a terminal
            pass
        assert process.wait(30) == 0
    os.close(ours)
    before, _middle, after = seen.decode().partition("abc  succeeded  c0ffee")
    assert "1 running" in before
    assert "describe" in after
