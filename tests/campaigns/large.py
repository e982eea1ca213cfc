"""A request as large as those of real studies, for one worker: how soon, how dear, how usable.

The real daemon and job server, real git and the real engine. The figures and their limits are
those that a site is promised: the first container of the request, the CPU time of the runner while
almost all of it waits, the pages in a browser, the cancellation of all jobs, the memory.
Run by `make campaign NAME=large`; `--count` is the number of actions.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.bench.runner import study
from tests.bench.runner.figures import OURS
from tests.bench.runner.job_server import Accepted
from tests.bench.runner.moments import until
from tests.bench.runner.rig import ROOT, Rig, rig, workspaces
from tests.conformance.server import PASSWORD

CHROMIUM = "/usr/bin/chromium"
PICTURES = ROOT / "build/screenshots"
RUNNING, WAITING = 10.0, 60.0
"""Seconds for which jobs run before a long one keeps the worker, and for which all others wait."""
PATIENCE = 600.0
PERSON = "rita"


@dataclass(frozen=True)
class Measured:
    """A figure, and the most that it may be."""

    name: str
    value: float
    most: float
    unit: str

    @property
    def met(self) -> bool:
        """Return whether it is within its limit."""
        return self.value <= self.most

    def row(self) -> str:
        """Return its line of the table."""
        verdict = "ok" if self.met else "MISSED"
        return f"{self.name:40}{self.value:>10.2f} {self.unit:8}<= {self.most:<8g}{verdict}"


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has had, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def first_container(the: Rig, request: Accepted, names: Sequence[str]) -> Measured:
    """Wait for the first container of a request: seconds after it was accepted."""
    wanted = {(request.container(name), "create") for name in names}
    happened = the.events._happened
    until(lambda: not wanted.isdisjoint(list(happened)), "a container", PATIENCE, pause=0.02)
    moment = min(happened[key] for key in wanted & set(happened))
    return Measured("first container", moment - request.moment, 5.0, "s")


def waiting(the: Rig, seconds: float) -> tuple[Accepted, Measured]:
    """Let a long job of another workspace have the worker: the CPU time while all others wait."""
    side = the.sides[OURS]
    long = the.request(side, [study.SLOW], workspaces(OURS)[1])
    the.events.moment(long.container(study.SLOW), "start")
    time.sleep(2.0)  # the end of the job before
    before, begin = side.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    share = 100 * (side.cpu_seconds() - before) / (time.monotonic() - begin)
    return long, Measured("CPU of the runner while they wait", share, 10.0, "% core")


@contextmanager
def person(url: str) -> Iterator[Page]:
    """Give the window of a researcher who has logged in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], env=dict(os.environ)
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{url}/login/")
        page.get_by_label("User name").fill(PERSON)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_load_state()
        yield page
        browser.close()


def pages(the: Rig, request: Accepted) -> Iterator[Measured]:
    """Open every page that shows the request or its actions, in a browser."""
    workspace = workspaces(OURS)[0]
    places = {
        "request": f"job-requests/{request.identifier}/",
        "workspace": f"workspaces/{workspace}/",
        "run": f"workspaces/{workspace}/run/",
        "status": f"status/{OURS}/",
    }
    PICTURES.mkdir(parents=True, exist_ok=True)
    with person(the.server.url) as page:
        for name, place in places.items():
            begin = time.monotonic()
            answer = page.goto(f"{the.server.url}/{place}", wait_until="load")
            seconds = time.monotonic() - begin
            if answer is None or not answer.ok:
                raise RuntimeError(f"the page {place} was refused: {answer and answer.status}")
            page.screenshot(path=PICTURES / f"large-{name}.png")
            yield Measured(f"page of the {name}, in a browser", seconds, 2.0, "s")


def cancel(the: Rig, request: Accepted, number: int) -> Measured:
    """Cancel all jobs of a request: seconds until the server has the end of each."""
    accepted = the.server.cancelled(request)
    final = the.server.all_final(request, number, PATIENCE)
    return Measured("cancel all, until the last is final", final - accepted, 5.0, "s")


def campaign(actions: int, running: float = RUNNING, waits: float = WAITING) -> Iterator[Measured]:
    """Measure one request of so many actions; yield each figure as it is known."""
    with rig(study.actions(actions, 0, 1), [OURS]) as the:
        the.use(1)
        side, names = the.sides[OURS], study.batch(actions)
        request = the.request(side, names)
        yield first_container(the, request, names)
        time.sleep(running)
        long, share = waiting(the, waits)
        yield share
        yield from pages(the, request)
        yield cancel(the, request, actions)
        yield Measured("peak memory of the runner", peak_mb(side.pid), 150.0, "MB")
        the.server.cancelled(long)
        the.server.final(long, study.SLOW)
        the.settle()


def main(actions: int) -> int:
    """Print the table; 1 where a figure misses its limit."""
    print(f"{actions} actions in one request, 1 worker", flush=True)
    met = True
    for one in campaign(actions):
        print(one.row(), flush=True)
        met = met and one.met
    return int(not met)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
