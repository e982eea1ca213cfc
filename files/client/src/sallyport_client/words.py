"""The words of the commands that ask a job server."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from sallyport_client import asking, entering, listing

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run: TypeAlias = Callable[[argparse.Namespace], int]
STATES = ("open", "succeeded", "failed", "cancelled")


def add(commands: Commands) -> None:
    """Add the commands."""
    _account(commands)
    _requests(commands)
    _lists(commands)


def _plain(
    commands: Commands, name: str, text: str, run: Run, **more: Any
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{name}: {text}", **more)
    command.set_defaults(run=run, json=False)
    return command


def _add(
    commands: Commands, name: str, text: str, run: Run, **more: Any
) -> argparse.ArgumentParser:
    command = _plain(commands, name, text, run, **more)
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    return command


def _account(commands: Commands) -> None:
    text = "log in to a job server in a browser, here or elsewhere, or with a token"
    login = _plain(commands, "login", text, entering.log_in)
    login.add_argument("server", help="its address, such as https://jobs.example.org")
    text = "file with the authorities to trust, where your site has one of its own"
    login.add_argument("--ca-file", type=Path, metavar="PATH", help=text)
    text = "ask for an access token in the place of a log-in; one that is piped is read anyway"
    login.add_argument("--token", dest="paste", action="store_true", help=text)
    _plain(commands, "logout", "forget the access token", entering.log_out)
    _add(commands, "whoami", "say who is logged in where", asking.say_who)


def _requests(commands: Commands) -> None:
    text = "run actions at the newest pushed commit of a workspace, and show them until they end"
    _asked_for(_add(commands, "run", text, asking.submit)).add_argument(
        "--no-watch", dest="watch", action="store_false", help="do not wait"
    )
    text = "the same as run --no-watch, for scripts"
    _asked_for(_add(commands, "submit", text, asking.submit)).add_argument(
        "--watch", action="store_true", help="wait until it has ended"
    )
    text = "show a job request and its jobs"
    view = _add(commands, "view", text, asking.view, aliases=["status"])
    view.add_argument("job_request", help="its identifier")
    view.add_argument("--web", action="store_true", help="open its page in a browser")
    text = "wait until a job request has ended; exit code 3 if it did not succeed"
    watch = _add(commands, "watch", text, asking.watch)
    watch.add_argument("job_request", help="its identifier")
    cancel = _add(commands, "cancel", "cancel a job request, or some of its actions", asking.cancel)
    cancel.add_argument("job_request", help="its identifier")
    cancel.add_argument("actions", nargs="*", help="names of actions; all if left out")


def _asked_for(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("workspace", help="its name")
    command.add_argument("actions", nargs="+", help="names of actions, or run_all")
    command.add_argument(
        "--backend", default="", help="where; the only one that you may use, if left out"
    )
    text = "run what the actions need again, even if it succeeded before"
    command.add_argument("--force-dependencies", action="store_true", help=text)
    command.add_argument("--branch", default="", help="another branch of the repository")
    command.add_argument("--note", default="", help="what this is for")
    return command


def _lists(commands: Commands) -> None:
    listed = _add(commands, "list", "list job requests, newest first", listing.list_requests)
    listed.add_argument("--workspace", default="", help="those of a workspace")
    listed.add_argument("--state", default="", choices=STATES, help="those in this state")
    listed.add_argument("--backend", default="", help="those of a backend")
    whose = listed.add_mutually_exclusive_group()
    whose.add_argument("--mine", action="store_true", help="your own")
    whose.add_argument("--person", default="", help="those of a person")
    listed.add_argument("--since", default="", help="the first day, as 2026-11-30")
    text = "part of an action or a note, or an identifier"
    listed.add_argument("--search", default="", help=text)
    _limited(listed)
    places = _add(commands, "workspaces", "list workspaces", listing.list_workspaces)
    places.add_argument("--search", default="", help="part of a name")
    _limited(places)
    _add(commands, "backends", "list the backends that you may use", listing.list_backends)
    text = "list the released files of a workspace"
    _add(commands, "releases", text, listing.list_releases).add_argument("workspace")
    text = "fetch the released files of a workspace"
    download = _plain(commands, "download", text, listing.download)
    download.add_argument("workspace")
    download.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where to")


def _limited(command: argparse.ArgumentParser) -> None:
    command.add_argument("--limit", type=_number, default=30, help="at most so many (30)")


def _number(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("expected a whole number of 1 or more")
    return int(text)
