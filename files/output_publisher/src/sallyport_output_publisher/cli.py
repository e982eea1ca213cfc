"""`sallyport-output-publisher`: publish what was approved; show and check what is there."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sallyport_common import http, logging
from sallyport_common.backoff import Backoff
from sallyport_common.errors import SallyportError, run_cli
from sallyport_common.loop import StopSignal, run_loop
from sallyport_output_publisher.approved import ApprovedTree
from sallyport_output_publisher.job_server import JobServerTarget
from sallyport_output_publisher.models import Progress, RefusedError
from sallyport_output_publisher.outbox import Outbox
from sallyport_output_publisher.publisher import Publisher
from sallyport_output_publisher.settings import Settings
from sallyport_output_publisher.state import State

TRY_AGAIN = 75
"""Exit code for "failed for now" (EX_TEMPFAIL of sysexits.h)."""
PAUSE = 2.0
EXIT_CODES = {Progress.REFUSED: 1, Progress.POSTPONED: TRY_AGAIN, Progress.PUBLISHED: 0}


def exit_code(outcomes: Sequence[Progress]) -> int:
    """Return 1 if anything was refused, else 75 if anything is to be tried again, else 0."""
    for progress, code in EXIT_CODES.items():
        if progress in outcomes:
            return code
    return 0


@contextmanager
def _publisher(settings: Settings, tree: ApprovedTree) -> Iterator[Publisher]:
    client = http.session(settings.ca_file, (5, 60), "sallyport-output-publisher")
    token = settings.job_server_token.reveal()
    target = JobServerTarget(client, settings.job_server_url, token)
    state = State(settings.state_folder)
    try:
        outbox = Outbox(settings.outbox_socket)
        yield Publisher(tree, state, target, outbox, settings.retry_seconds)
    finally:
        state.close()
        client.close()


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    with (settings.state_folder / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SallyportError("another run of the publisher is not finished") from None
        yield


def _run(settings: Settings, tree: ApprovedTree, arguments: argparse.Namespace) -> int:
    logging.configure("output_publisher")
    with _alone(settings), _publisher(settings, tree) as publisher:
        if arguments.once:
            outcomes = publisher.run()
            return exit_code(list(outcomes.values()))
        stopper = StopSignal().install()
        run_loop("publish", lambda: _pass(publisher), PAUSE, stopper, Backoff(2, 60))
        return 0


def _pass(publisher: Publisher) -> None:
    publisher.run()


def _status(settings: Settings, tree: ApprovedTree, _arguments: argparse.Namespace) -> int:
    state = State(settings.state_folder)
    # Somebody may ask before the timer has started the first run.
    state.migrate()
    standings = {standing.request: standing for standing in state.all()}
    state.close()
    waiting = 0
    for request in tree.requests():
        standing = standings.get(request)
        progress = standing.progress.value if standing else "waiting"
        waiting += progress != Progress.PUBLISHED.value
        reason = f"  {standing.reason}" if standing and standing.reason else ""
        print(f"{request}  {progress}{reason}")
    print(f"{len(tree.requests())} approved, {waiting} not published")
    return 0


def _check(_settings: Settings, tree: ApprovedTree, _arguments: argparse.Namespace) -> int:
    refused = 0
    for request in tree.requests():
        try:
            approved = tree.load(request)
            print(f"{request}  {len(approved.files)} files, all checks passed")
        except RefusedError as error:
            refused += 1
            print(f"{request}  refused: {error}")
    print("The configuration is complete.")
    return 1 if refused else 0


def _migrate(settings: Settings, _tree: ApprovedTree, _arguments: argparse.Namespace) -> int:
    state = State(settings.state_folder)
    state.migrate()
    state.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sallyport-output-publisher", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="publish what is due, again and again")
    run.add_argument("--once", action="store_true", help="end after one pass")
    run.set_defaults(run=_run)
    for name, what, function in (
        ("status", "show how far each approved request has come", _status),
        ("check", "check settings and approved files; send nothing", _check),
        ("migrate", "bring the database to the newest revision", _migrate),
    ):
        commands.add_parser(name, help=what).set_defaults(run=function)
    return parser


def _main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    settings = Settings.from_env(os.environ)
    tree = ApprovedTree(settings.approved_files, settings.backend, settings.output_policy)
    result: int = arguments.run(settings, tree, arguments)
    return result


def main() -> None:
    """Run the command."""
    sys.exit(run_cli(_main))
