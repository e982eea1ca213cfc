"""`sallyport-runner`: the daemon, and the verbs by which operators talk to it."""

from __future__ import annotations

import argparse
import getpass
import http.client
import json
import os
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sallyport_common import logging as structured
from sallyport_common import unix_socket
from sallyport_common.errors import SallyportError, run_cli
from sallyport_common.loop import StopSignal
from sallyport_common.protocol import State, StatusCode, state_of
from sallyport_runner.app import NAME
from sallyport_runner.daemon import Daemon
from sallyport_runner.services.requests.reader import load_keys
from sallyport_runner.settings import Settings

SOCKET = Path("/run/sallyport/runner/admin.sock")
TIMEOUT = 30
SELF_TEST_TIMEOUT = 120
LONG_TIMEOUT = 86400
"""Seconds: to pack a large workspace takes hours."""
DRAIN_EVERY = 1.0
NOT_READY = 75
"""Exit code of `prepare-reboot` while jobs run: EX_TEMPFAIL of sysexits.h, ask again."""


class AdminError(SallyportError):
    """The daemon cannot be reached, or refused; the text says which."""


def ask(path: Path, method: str, url: str, timeout: float | None = None) -> dict[str, Any]:
    """Send one request to the daemon and return its answer."""
    try:
        response = unix_socket.request(path, method, url, timeout=timeout or TIMEOUT)
        body = json.loads(response.body)
    except OSError as error:
        reason = error.strerror or error
        raise AdminError(f"The runner does not answer on {path}: {reason}.") from error
    except (ValueError, http.client.HTTPException) as error:
        raise AdminError(f"What answers on {path} is not the runner.") from error
    if response.status != HTTPStatus.OK:
        raise AdminError(str(body.get("detail", f"The runner answered {response.status}.")))
    return dict(body)


def _daemon(_arguments: argparse.Namespace) -> int:
    structured.configure(NAME)
    settings = Settings.from_env(os.environ)
    structured.configure(NAME, secrets=settings.secrets())
    Daemon(settings, StopSignal().install()).run()
    return 0


def _check_config(_arguments: argparse.Namespace) -> int:
    settings = Settings.from_env(os.environ)
    load_keys(settings.trusted_keys)
    print(f"configuration: good; the runner takes {settings.job_server.sentence}")
    return 0


def _table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns; the last column is as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _print_jobs(arguments: argparse.Namespace) -> int:
    answer = ask(arguments.socket, "GET", "/jobs")
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return 0
    for notice in answer["notices"]:
        print(notice)
    rows = [
        (
            job["id"],
            job["code"],
            job["updated_at"] or "",
            job["workspace"],
            job["action"],
            _why(job),
        )
        for job in answer["jobs"]
    ]
    if rows:
        _table([("ID", "CODE", "SINCE", "WORKSPACE", "ACTION", "MESSAGE"), *rows])
    return 0


def _why(job: dict[str, Any]) -> str:
    """Return a job's message, with the files that are collected where that is under way."""
    if job["collected"] is None:
        return str(job["message"])
    done, number = job["collected"]
    return f"{job['message']}: {done:,} of {number:,} files"


def _print_leftovers(arguments: argparse.Namespace) -> int:
    days = arguments.remove_older_than
    asked = ("GET", "/leftovers") if days is None else ("POST", f"/leftovers/remove/{days}")
    answer = ask(arguments.socket, *asked)
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return 0
    rows = [(one["id"], one["since"], f"{one['bytes']:,}") for one in answer["leftovers"]]
    if rows:
        _table([("ID", "SINCE", "BYTES"), *rows])
    print(f"{len(rows)} {'were removed' if days is not None else 'are kept'}.")
    return 0


def _who() -> str:
    """Return the name of the person who types, also behind sudo."""
    return quote(os.environ.get("SUDO_USER") or getpass.getuser(), safe="")


def _keep(verb: str) -> Any:
    def call(arguments: argparse.Namespace) -> int:
        name, dry_run = quote(arguments.workspace, safe=""), getattr(arguments, "dry_run", False)
        url = f"/workspaces/{name}/{verb}?by={_who()}&dry_run={int(dry_run)}"
        answer = ask(arguments.socket, "POST", url, LONG_TIMEOUT)
        if arguments.json:
            print(json.dumps(answer, indent=2))
        else:
            done = f"would be {verb}d" if dry_run else f"{verb}d"
            print(f"{answer['workspace']}: {answer['files']:,} files {done}.")
        return 0

    return call


def _print_archives(arguments: argparse.Namespace) -> int:
    answer = ask(arguments.socket, "GET", "/archives", LONG_TIMEOUT)
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return 0
    rows = [
        (one["workspace"], one["archived_at"], one["by"], f"{one['files']:,}", f"{one['bytes']:,}")
        for one in answer["archives"]
    ]
    if rows:
        _table([("WORKSPACE", "ARCHIVED", "BY", "FILES", "BYTES"), *rows])
    return 0


def _retention(arguments: argparse.Namespace) -> int:
    url = f"/retention?by={_who()}&dry_run={int(arguments.dry_run)}"
    answer = ask(arguments.socket, "POST", url, LONG_TIMEOUT)
    if arguments.json:
        print(json.dumps(answer, indent=2))
        return 0
    names = ("what", "workspace", "job", "why")
    rows = [[str(one.get(name, "")) for name in names] for one in answer["deleted"]]
    if rows:
        _table([("WHAT", "WORKSPACE", "JOB", "WHY"), *rows])
    print(f"{'To be deleted' if arguments.dry_run else 'Deleted'}: {len(rows)}.")
    return 0


def _self_test(arguments: argparse.Namespace) -> int:
    faults = ask(arguments.socket, "POST", "/self-test", SELF_TEST_TIMEOUT)["faults"]
    print("\n".join(faults) or "The self-test of the sandbox passed.")
    return 1 if faults else 0


def _drain(arguments: argparse.Namespace) -> int:
    """Pause, and wait until no job runs; say how many do whenever that changes."""
    ask(arguments.socket, "POST", "/pause")
    shown = -1
    while running := _running(ask(arguments.socket, "GET", "/status")["jobs"]):
        if running != shown:
            print(f"{running} jobs run", flush=True)
            shown = running
        time.sleep(DRAIN_EVERY)
    print("No job runs, and none starts until `sallyport-runner unpause`.")
    return 0


def _prepare_reboot(arguments: argparse.Namespace) -> int:
    """Put jobs back and wait until none runs; with `--status`, only say how far that is."""
    url = "/prepare-reboot/resume" if arguments.resume else "/prepare-reboot"
    state = ask(arguments.socket, "GET" if arguments.status else "POST", url)
    end = time.monotonic() + (0 if arguments.status else arguments.timeout)
    while not state["ready"] and time.monotonic() < end:
        time.sleep(DRAIN_EVERY)
        state = ask(arguments.socket, "GET", "/prepare-reboot")
    print(json.dumps(state, indent=2) if arguments.json else _reboot_sentence(state))
    return 0 if state["ready"] else NOT_READY


def _reboot_sentence(state: dict[str, Any]) -> str:
    if not state["requested"]:
        return "No reboot is being prepared."
    if not state["ready"]:
        number = state["running"]
        jobs = "1 job still runs" if number == 1 else f"{number} jobs still run"
        return f"The host is not ready: {jobs}. Ask again with --status."
    then = "the next boot" if state["resume"] else "`sallyport-runner unpause`"
    return f"The host is ready to be restarted. No job starts until {then}."


def _running(counts: dict[str, int]) -> int:
    return sum(
        number for code, number in counts.items() if state_of(StatusCode(code)) is State.RUNNING
    )


def _verb(method: str, url: str) -> Any:
    def call(arguments: argparse.Namespace) -> int:
        words = {name: quote(str(value), safe="") for name, value in vars(arguments).items()}
        answer = ask(arguments.socket, method, url.format(**words))
        print(json.dumps(answer, indent=2))
        return 0

    return call


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("--socket", type=Path, default=SOCKET, help="the daemon's admin socket")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, text: str, run: Any) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("daemon", "run the daemon (what the unit starts)", _daemon)
    add("check-config", "read the settings and say what is wrong", _check_config)
    add(
        "status",
        "show flags, jobs by code, short file systems and the last contact",
        _verb("GET", "/status"),
    )
    jobs = add("jobs", "list active jobs, then the newest others", _print_jobs)
    leftovers = add("leftovers", "list what jobs left that are not active", _print_leftovers)
    leftovers.add_argument(
        "--remove-older-than", type=int, metavar="DAYS", help="remove what is older, and list it"
    )
    archive = add("archive", "pack a workspace and remove it from both trees", _keep("archive"))
    restore = add("restore", "put an archived workspace back", _keep("restore"))
    for command in (archive, restore):
        command.add_argument("workspace", help="the workspace's name")
    archives = add("archives", "list archived workspaces", _print_archives)
    retention = add("retention", "delete logs and archives that are too old", _retention)
    for command in (archive, retention):
        command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    for command in (jobs, leftovers, archive, restore, archives, retention):
        command.add_argument("--json", action="store_true", help="print JSON")
    add("self-test", "test the sandbox of jobs now", _self_test)
    add("drain", "start no further job, and wait until none runs", _drain)
    reboot = add(
        "prepare-reboot", "put every running job back and wait until none runs", _prepare_reboot
    )
    begin = reboot.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="start jobs again at the next boot")
    begin.add_argument("--status", action="store_true", help="only say how far it is")
    reboot.add_argument(
        "--timeout", type=int, default=600, metavar="SECONDS",
        help="how long to wait (600); 75 is the exit code if jobs still run then",
    )  # fmt: skip
    reboot.add_argument("--json", action="store_true", help="print JSON")
    add("pause", "start no further job", _verb("POST", "/pause"))
    add("unpause", "start jobs again", _verb("POST", "/unpause"))
    kill = add("kill", "stop a job permanently", _verb("POST", "/jobs/{job}/kill"))
    kill.add_argument("job", help="the job's id, or a part of it")
    maintenance = add(
        "db-maintenance", "close or open the database", _verb("POST", "/db-maintenance/{state}")
    )
    maintenance.add_argument(
        "state", choices=["on", "off"], help="on closes the database for jobs, off opens it"
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command."""
    arguments = _parser().parse_args(argv)
    return int(arguments.run(arguments))


def run() -> int:
    """Entry point of the program."""
    return run_cli(main)


if __name__ == "__main__":
    raise SystemExit(run())
