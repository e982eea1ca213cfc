"""The commands that ask a job server."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
import webbrowser
from pathlib import Path
from typing import Any

from sallyport_client import screen
from sallyport_client.api import JobServer, ServerError
from sallyport_client.folder import other_commit
from sallyport_client.settings import who
from sallyport_common.errors import SallyportError
from sallyport_common.protocol import State

UNSUCCESSFUL = 3
"""The exit code where a job request did not succeed."""
PAUSE = 2.0
"""Seconds between two looks at a job request."""
PATIENCE = 600.0
"""Seconds for which a job server may be away while somebody watches."""


def server() -> JobServer:
    """Return the job server that the person uses; raise NotLoggedInError or SettingsError."""
    return JobServer(who(os.environ))


def say_who(options: argparse.Namespace) -> int:
    """Print who is logged in where."""
    login = who(os.environ)
    person = JobServer(login).me()
    if options.json:
        screen.as_json(person | {"server": login.server})
    else:
        print(f"{person['username']} ({person['fullname']}) on {login.server}")
    return 0


def submit(options: argparse.Namespace) -> int:
    """Ask for actions; with `watch` wait until they have ended."""
    asked = server()
    made = asked.submit(
        options.workspace,
        options.backend or _only_backend(asked),
        options.actions,
        force_run_dependencies=options.force_dependencies,
        **{name: value for name in ("branch", "note") if (value := getattr(options, name))},
    )
    for warning in made.get("warnings", []):
        screen.warn(f"warning: project.yaml, {warning}")
    sha = made.get("sha", "")
    if here := other_commit(Path.cwd(), sha):
        text = f"commit {sha[:10]} runs, not {here[:10]} of this folder; push that one to run it"
        screen.warn(f"warning: {text}")
    identifier = str(made["identifier"])
    if not options.json or options.watch:
        print(identifier, file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.watch:
        return _watch(asked, identifier, as_json=options.json)
    if options.json:
        screen.as_json(made)
    return 0


def _only_backend(asked: JobServer) -> str:
    """Return the one backend that a person may use; raise SallyportError where it is not one."""
    names = [str(one["slug"]) for one in asked.backends()]
    if not names:
        raise SallyportError("you do not have access to a backend yet; ask an administrator")
    if len(names) > 1:
        raise SallyportError(f"say which backend with --backend: {', '.join(names)}")
    return names[0]


def view(options: argparse.Namespace) -> int:
    """Print a job request and its jobs, or open its page."""
    found = server().job_request(options.job_request)
    if options.web:
        print(found["url"])
        webbrowser.open(found["url"])
    elif options.json:
        screen.as_json(found)
    else:
        show(found)
    return 0


def show(job_request: dict[str, Any]) -> None:
    """Print a job request and its jobs."""
    told = job_request.get
    print(f"{job_request['identifier']}  {job_request['status']}  {job_request['sha']}")
    if told("workspace"):
        at = screen.moment(job_request["created_at"])
        print(f"  {told('workspace')} on {told('backend')}, by {told('created_by')} at {at}")
    for line in (told("note"), told("url")):
        if line:
            print(f"  {screen.plain(line)}")
    problem = told("problem")  # a job server of an earlier release has none
    if problem:
        lines = textwrap.indent(screen.plain(problem), "    ")
        print(f"  This request could not be run:\n{lines}")
    for job in job_request["jobs"]:
        message = screen.plain(job["status_message"]).replace("\n", "\n    ")
        print(f"  {job['action']}  {job['status']}  {message}")


def watch(options: argparse.Namespace) -> int:
    """Wait until a job request has ended; return 0 if it succeeded."""
    return _watch(server(), options.job_request, as_json=options.json)


def _watch(asked: JobServer, identifier: str, *, as_json: bool) -> int:
    try:
        job_request = _ended(asked, identifier)
    except KeyboardInterrupt:
        text = f"It goes on. Look again with: sallyport watch {identifier}"
        screen.warn(f"{text}\nStop it with: sallyport cancel {identifier}")
        raise
    if as_json:
        screen.as_json(job_request)
    else:
        show(job_request)
    return 0 if job_request["status"] == State.SUCCEEDED else UNSUCCESSFUL


def _ended(asked: JobServer, identifier: str) -> dict[str, Any]:
    """Return a job request once it has ended; a job server may be away for a while."""
    latest: dict[str, Any] | None = None
    heard = time.monotonic()
    with screen.live() as shown:
        while latest is None or not latest["final"]:
            if latest is not None:
                time.sleep(PAUSE)
            try:
                for latest in asked.follow(identifier):
                    heard = time.monotonic()
                    shown(latest, "")
            except ServerError as error:
                if latest is None or not error.passes or time.monotonic() - heard > PATIENCE:
                    raise
                shown(latest, f"{error}; trying again")
    return latest


def cancel(options: argparse.Namespace) -> int:
    """Cancel actions, and say which are meant."""
    asked = server()
    before = asked.job_request(options.job_request)
    if before["final"]:
        screen.warn(f"{options.job_request} has ended already; nothing was cancelled.")
        return 0
    after = asked.cancel(options.job_request, options.actions)
    if options.json:
        screen.as_json(after)
    else:
        open_now = [job["action"] for job in before["jobs"] if job["status"] in screen.OPEN]
        names = options.actions or open_now
        print(f"Being cancelled: {', '.join(names) or 'all actions'}.")
    return 0
