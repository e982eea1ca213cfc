"""Behaviours of both fronts, as they were seen: `python -m tests.conformance.fronts` prints them.

Each row of the table is a function that lets something happen and returns what was seen. The
runner is a process, jobs are real containers, and the servers take nothing beyond the protocol.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.conformance import stub
from tests.conformance.joined import LACKING, ORGANISATION, ROOT, Classic, Tasks, joined
from tests.conformance.task_api import simple_task

PAGE = ROOT / "docs/reference/runner-fronts.md"
ABSENT = "not in the protocol"
ORDER = (
    "created", "waiting_on_workers", "preparing", "prepared", "executing", "executed",
    "finalizing", "finalized", "succeeded",
)  # fmt: skip
Row = Callable[[Any], str]
ROWS: list[tuple[str, Row]] = []


def row(behaviour: str) -> Callable[[Row], Row]:
    """Add a function to the table."""

    def add(seen: Row) -> Row:
        ROWS.append((behaviour, seen))
        return seen

    return add


def ended(front: Any, handle: str) -> str:
    """Return what a job's end was told as."""
    front.until(lambda: front.end(handle), f"{handle} ends")
    return str(front.end(handle))


def running(front: Any, handle: str) -> str:
    """Wait until a job executes; return the id of its container."""
    front.until(lambda: "executing" in front.seen(handle), f"{handle} executes")
    return identifier(front, handle)


def identifier(front: Any, handle: str) -> str:
    """Return the id of the container of a job that runs; empty where none does."""
    words = ["docker", "ps", "--no-trunc", "--quiet", f"--filter=name=^{front.container(handle)}$"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def asked(front: Any, times: int = 2) -> None:
    """Wait until the runner has asked for its list some more times."""
    seen = front.stub.lists
    front.until(lambda: front.stub.lists >= seen + times, "the list is asked for")


def posts(front: Any) -> int:
    """Return the number of reports so far."""
    return sum(call.method == "POST" for call in front.stub.calls)


@row("with nothing to do, the list is asked for (last seen)")
def idle(front: Any) -> str:
    """Ask."""
    asked(front, 3)
    return "yes"


@row("`Authorization` is the token alone")
def token(front: Any) -> str:
    """Look at every call."""
    given = {call.headers.get("authorization") for call in front.stub.calls}
    return "yes" if given == {front.stub.token} else f"{len(given)} forms"


@row("a job succeeds")
def good(front: Any) -> str:
    """Run it, and look at both trees."""
    end = ended(front, front.ask("good", "shared"))
    for tree in ("high", "medium"):
        made = front.runner.folder / tree / "workspaces/shared/output/good.csv"
        assert made.read_text() == "1\n"
    return end


@row("codes or stages on the way are those of the protocol, in order")
def order(front: Any) -> str:
    """Compare with the whole order; a quick one may be skipped."""
    handle = front.ask("good")
    ended(front, handle)
    seen = front.seen(handle)
    return "yes" if seen == [code for code in ORDER if code in seen] else " ".join(seen)


@row("its outputs are inputs of a later job")
def inputs(front: Any) -> str:
    """Run the job that reads them."""
    job = {} if isinstance(front, Classic) else {"input_job_ids": [_job_of(front, "good")]}
    return ended(front, front.ask("reads", "shared", **job))


def _job_of(front: Tasks, action: str) -> str:
    tasks = front.controller.tasks.values()
    return next(t["definition"]["id"] for t in tasks if t["definition"].get("action") == action)


@row("exit code 3")
def fails(front: Any) -> str:
    """Run it."""
    return ended(front, front.ask("fails"))


@row("a pattern matches no file")
def unmatched(front: Any) -> str:
    """Run it."""
    return ended(front, front.ask("unmatched"))


@row("a file is withheld from reviewers")
def withheld(front: Any) -> str:
    """Run it."""
    return ended(front, front.ask("withheld"))


@row("the registry does not have the image")
def no_image(front: Any) -> str:
    """Run it."""
    if isinstance(front, Classic):
        return ended(front, front.ask("noimage"))
    changed = {"image": "ghcr.io/opensafely-core/python:v9", "image_sha": LACKING}
    return ended(front, front.ask("good", **changed))


@row("an organisation that may not run")
def organisation(front: Any) -> str:
    """Ask for it."""
    other = f"{ORGANISATION}-other/study"
    if isinstance(front, Classic):
        return ended(front, front.ask("good", repo=other))
    study = {"git_repo_url": other, "commit": front.sha, "branch": "main"}
    return ended(front, front.ask("good", repo_url=other, study=study))


@row("a malformed row in the list; the sound one beside it")
def malformed(front: Any) -> str:
    """List several."""
    front.stub.rows = (
        [None, {}, {"id": 1}, 7] if isinstance(front, Tasks) else [{}, {"identifier": 1}]
    )
    end = ended(front, front.ask("good"))
    front.stub.rows = []
    return end


FAULTS = {
    "401": stub.say(401, {"error": "Unauthorized", "details": "No token provided"}),
    "403": stub.say(403, {"detail": "Invalid token"}),
    "404": stub.say(404, {"error": "Not found", "details": "Backend 'x' not found"}),
    "500": stub.say(500, {"error": "Error updating task"}),
    "text that is not JSON": (200, b"<html>"),
    "JSON of another shape": (200, b"[]"),
    "a connection that ends": stub.CUT,
}


def fault_rows(name: str, answer: stub.Answer) -> None:
    """Add the rows about one wrong answer."""

    @row(f"the list is answered by {name}")
    def list_fault(front: Any) -> str:
        """Answer so twice."""
        front.stub.faults["list"] = [answer, answer]
        asked(front, 3)
        return "asked again"

    @row(f"a report is answered by {name}")
    def post_fault(front: Any) -> str:
        """Answer so twice."""
        front.stub.faults["post"] = [answer, answer]
        end = ended(front, front.ask("good"))
        return f"reported again: {end}"


for _name, _answer in FAULTS.items():
    fault_rows(_name, _answer)


@row("what was acknowledged is not reported again")
def acknowledged(front: Any) -> str:
    """Let the runner ask some times after an end."""
    ended(front, front.ask("good"))
    asked(front, 2)
    before = posts(front)
    asked(front, 4)
    return "yes" if posts(front) == before else f"{posts(front) - before} more reports"


@row("a job is cancelled while it waits for a worker")
def cancel_waiting(front: Any) -> str:
    """Let two others run."""
    busy = [front.ask("slow"), front.ask("slow")]
    for one in busy:
        running(front, one)
    handle = front.ask("good")
    asked(front, 3)
    front.cancel(handle)
    end = ended(front, handle)
    for one in busy:
        front.cancel(one)
        ended(front, one)
    return end


@row("a job is cancelled while it executes")
def cancel_executing(front: Any) -> str:
    """Cancel it."""
    handle = front.ask("slow")
    running(front, handle)
    front.cancel(handle)
    end = ended(front, handle)
    front.until(lambda: not identifier(front, handle), "its container is gone")
    return end


@row("a job is cancelled after its end")
def cancel_ended(front: Any) -> str:
    """Cancel it."""
    handle = front.ask("good")
    ended(front, handle)
    front.cancel(handle)
    if isinstance(front, Tasks):
        front.until(lambda: front.controller.end(f"{handle}-cancel"), "the cancellation ends")
    asked(front, 2)
    return str(front.end(handle))


@row("a job that executes leaves the list")
def unlisted(front: Any) -> str:
    """Cease to list it."""
    handle = front.ask("nap")
    container = running(front, handle)
    front.unlist(handle)
    asked(front, 4)
    if isinstance(front, Classic):
        return f"goes on: {ended(front, handle)}"
    front.until(lambda: identifier(front, handle) != container, "its container is gone")
    return "stopped, and no end is told" if not front.end(handle) else str(front.end(handle))


@row("the server is unavailable while a job executes, until after its end")
def server_restart(front: Any) -> str:
    """Stop the server meanwhile."""
    handle = front.ask("nap")
    container = running(front, handle)
    front.stub.stopped = True
    front.until(lambda: identifier(front, handle) != container, "the job ends")
    front.stub.stopped = False
    return ended(front, handle)


@row("the runner is killed (`kill -9`) while a job executes")
def crash(front: Any) -> str:
    """Kill it, and start it again."""
    handle = front.ask("nap")
    container = running(front, handle)
    front.runner.crash()
    same = identifier(front, handle) == container
    front.runner.start(workers=2)
    end = ended(front, handle)
    return f"the container goes on: {end}" if same else "another container"


@row("the runner is killed after a job's end, before that was reported")
def crash_untold(front: Any) -> str:
    """Keep the end from being told, kill the runner, and start it again."""
    handle = front.ask("nap")
    container = running(front, handle)
    front.stub.stopped = True
    front.until(lambda: identifier(front, handle) != container, "the job ends")
    log = front.runner.folder / "high/logs"
    name = front.container(handle)
    front.until(lambda: list(log.glob(f"*/{name}/metadata.json")), "it is recorded")
    front.runner.crash()
    front.stub.stopped = False
    front.runner.start(workers=2)
    return ended(front, handle)


@row("the list has pages (`count`, `next`)")
def pages(front: Any) -> str:
    """List one request a page."""
    if not isinstance(front, Classic):
        return ABSENT
    front.server.page = 1
    first, second = front.ask("good"), front.ask("good")
    ends = {ended(front, second), ended(front, first)}
    front.server.page = 100
    return f"the first page is taken, the next when it is the first: {ends.pop()}"


@row("`dbstatus` on a backend without a database")
def database_status(front: Any) -> str:
    """Ask for it."""
    return _simple(front, "dbstatus", database_name="default")


@row("`dbdatacheck`")
def database_check(front: Any) -> str:
    """Ask for it."""
    return _simple(front, "dbdatacheck", hes_expected_activity_month="2026-10")


@row("a type of task that is not known")
def strange(front: Any) -> str:
    """Ask for it."""
    return _simple(front, "dance")


def _simple(front: Any, kind: str, **definition: Any) -> str:
    if not isinstance(front, Tasks):
        return ABSENT
    number = next(front._numbers)
    task = simple_task(number, front.runner.name, kind, **definition)
    return ended(front, front.controller.add(task))


@row("names of files and lines of logs in anything that was sent")
def canaries(front: Any) -> str:
    """Look at every call."""
    sent = b"".join(call.body for call in front.stub.calls)
    return "none" if b"canary" not in sent else "found"


@row("calls that are not in the protocol")
def violations(front: Any) -> str:
    """Ask the server."""
    return "none" if not front.stub.violations else "; ".join(front.stub.violations[:3])


def seen(kind: str) -> Iterator[tuple[str, str]]:
    """Let every row happen behind one front; yield behaviour and what was seen."""
    with joined(kind) as front:
        for behaviour, look in ROWS:
            yield behaviour, look(front)


def table(classic: dict[str, str], tasks: dict[str, str]) -> str:
    """Return the page of the documentation."""
    lines = [f"| {name} | {classic[name]} | {tasks[name]} |" for name, _look in ROWS]
    return "\n".join([*HEAD.splitlines(), *lines, ""])


HEAD = """\
# Both fronts of the runner

What was seen when the runner, with real containers, worked behind a server of each protocol that
takes nothing beyond it. `python -m tests.conformance.fronts` lets all of it happen, prints it and
writes this page; `make conformance` fails if anything else is seen. "Joining an OpenSAFELY
platform" in `docs/reference/runner.md` explains both.

| what happens | classic API | task API |
|---|---|---|"""


def main() -> None:
    """Print and write the page."""
    found = {}
    for kind in (Classic.name, Tasks.name):
        found[kind] = {}
        for behaviour, what in seen(kind):
            found[kind][behaviour] = what
            sys.stdout.write(f"{kind:10} {behaviour}: {what}\n")
            sys.stdout.flush()
    text = table(found[Classic.name], found[Tasks.name])
    Path(PAGE).write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
