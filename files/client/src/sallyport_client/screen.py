"""How answers are shown: as tables to a person at a terminal, as plain lines to other programs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sallyport_common.protocol import State, parse_utc

CANCELLED = "cancelled"
COLOURS = {
    State.SUCCEEDED: "green", State.FAILED: "red", State.RUNNING: "blue", CANCELLED: "magenta",
}  # fmt: skip
OPEN = (State.PENDING, State.RUNNING)
FIRST = (State.RUNNING, State.FAILED, CANCELLED, State.PENDING, State.SUCCEEDED)
"""The order of jobs where a terminal has no room for all of them."""
AROUND = 6
"""Lines of a terminal that are not jobs."""


def console() -> Console:
    """Return the screen; it takes every text as it is."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=True)


def plain(text: object) -> str:
    """Return what is shown of a string: nothing that would move or colour a terminal."""
    return "".join(one if one.isprintable() or one == "\n" else "?" for one in str(text))


def as_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def rows(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print a table; to another program as lines of cells between tabs, without titles."""
    screen = console()
    if not screen.is_terminal:
        for line in lines:
            print("\t".join(plain(cell).replace("\n", " ") for cell in line))
        return
    screen.print(_table(titles, lines))


def _table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, title in enumerate(titles):
        # What comes first is a name to be typed again: it is never shortened.
        table.add_column(title, no_wrap=number == 0, overflow="ignore" if number == 0 else "fold")
    for line in lines:
        table.add_row(*(Text(plain(cell), COLOURS.get(cell, "")) for cell in line))
    return table


def moment(text: str) -> str:
    """Return a time of the wire format in the place where the person is: `2026-11-30 19:24`."""
    return parse_utc(text).astimezone().strftime("%Y-%m-%d %H:%M")


def took(job: dict[str, Any]) -> str:
    """Return how long a job has run, until now or its end; nothing before its start."""
    if not job.get("started_at"):
        return ""
    end = parse_utc(job["completed_at"]) if job.get("completed_at") else datetime.now(UTC)
    seconds = max(0, int((end - parse_utc(job["started_at"])).total_seconds()))
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counts(job_request: dict[str, Any]) -> str:
    """Return how many jobs are in which state: `1 running, 3 succeeded`."""
    found = Counter(job["status"] for job in job_request["jobs"])
    return ", ".join(f"{found[one]} {one}" for one in FIRST if found[one]) or "no job yet"


Show = Callable[[dict[str, Any], str], None]


@contextmanager
def live() -> Iterator[Show]:
    """Give a function that shows a job request and a remark in the place of what it showed before.

    To another program, such as a log, each change of the counts is a line beside the answer.
    """
    screen = console()
    if not screen.is_terminal:
        yield _teller()
        return
    latest: list[tuple[dict[str, Any], str]] = []

    def picture() -> Group:
        return _picture(*latest[-1], screen.height) if latest else Group()

    def show(job_request: dict[str, Any], remark: str) -> None:
        latest[:] = [(job_request, remark)]
        shown.refresh()

    # Drawn again each second, as jobs run on between two changes.
    with Live(
        get_renderable=picture, console=screen, transient=True, refresh_per_second=1
    ) as shown:
        yield show


def _teller() -> Show:
    """Return a function that prints what is new of a job request, a line at a time."""
    last = ""

    def tell(job_request: dict[str, Any], remark: str) -> None:
        nonlocal last
        line = remark or counts(job_request)
        if line != last:
            warn(f"{datetime.now().astimezone():%H:%M:%S}  {line}")
        last = line

    return tell


def _picture(job_request: dict[str, Any], remark: str, height: int) -> Group:
    jobs = sorted(job_request["jobs"], key=lambda job: FIRST.index(job["status"]))
    room = max(1, height - AROUND)
    lines = [
        (job["action"], job["status"], took(job), job["status_message"].partition("\n")[0])
        for job in jobs[:room]
    ]
    head = f"{job_request['identifier']}  {counts(job_request)}"
    left = len(jobs) - len(lines)
    more = f"and {left} more" if left > 0 else ""
    table = _table(("Action", "State", "Time", ""), lines)
    return Group(Text(plain(head), "bold"), table, Text(more), Text(plain(remark), "yellow"))


def warn(text: str) -> None:
    """Print a sentence beside what a command answers."""
    sys.stderr.write(f"{plain(text)}\n")
