"""`sallyport`: try a study, submit it, watch, cancel, and fetch what was released."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sallyport_client import offered
from sallyport_client.api import JobServer, ServerError
from sallyport_client.folder import other_commit
from sallyport_client.settings import Settings
from sallyport_common.errors import run_cli
from sallyport_common.paths import check_relative
from sallyport_common.protocol import State
from sallyport_study import RUN_ALL, Project, ProjectError
from sallyport_study.catalogue import DEFAULT
from sallyport_study.errors import quoted
from sallyport_study.folder import read_study
from sallyport_study.local_actions import LocalActions
from sallyport_study.reusable import commands
from sallyport_study.site import Site, add_options, read_site


def run() -> None:
    """Entry point of the console script."""
    sys.exit(run_cli(main))


def parser(command: str = "") -> argparse.ArgumentParser:
    """Return the parser of all commands; raise NotInstalledError for one that is missing."""
    parser = argparse.ArgumentParser(prog="sallyport", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check-project", help="show every fault of project.yaml")
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    add_options(check)
    check.set_defaults(run=check_project)
    offered.add(commands, command)
    submit = commands.add_parser("submit", help="run actions at the head of a workspace's branch")
    submit.add_argument("workspace")
    submit.add_argument("actions", nargs="+")
    submit.add_argument("--backend", required=True)
    submit.add_argument("--force-dependencies", action="store_true")
    submit.add_argument("--watch", action="store_true", help="wait until it has ended")
    for name, text in (("status", "show a job request"), ("watch", "wait until it has ended")):
        commands.add_parser(name, help=text).add_argument("job_request")
    cancel = commands.add_parser("cancel", help="cancel a job request, or some of its actions")
    cancel.add_argument("job_request")
    cancel.add_argument("actions", nargs="*")
    releases = commands.add_parser("releases", help="list the released files of a workspace")
    releases.add_argument("workspace")
    download = commands.add_parser("download", help="fetch the released files of a workspace")
    download.add_argument("workspace")
    download.add_argument("--into", type=Path, default=Path())
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command; return 2 for a study with faults.

    Raises SettingsError (exit 78) or another SallyportError (exit 1).
    """
    options = parser(argv[0] if argv else "").parse_args(argv)
    if "run" not in options:
        return ask(options)
    try:
        return int(options.run(options))
    except ProjectError as error:
        report(error, as_json=options.json)
        return 2


def check_project(options: argparse.Namespace) -> int:
    """Read project.yaml in the present folder and say what it has; raise ProjectError.

    What `run` names is looked for where a site is described; else its words alone are checked.
    """
    project = read_study(Path.cwd())
    site = read_site(options, os.environ)
    warnings = list(project.warnings)
    if site.known:
        check_commands(project, site)
    else:
        warnings += unchecked(project)
    if options.json:
        print(json.dumps({"problems": [], "warnings": warnings}))
        return 0
    for warning in warnings:
        print(f"warning: {warning}")
    number = len(project.actions)
    print(f"project.yaml has {number} action{'' if number == 1 else 's'} and no faults.")
    return 0


def unchecked(project: Project) -> list[str]:
    """Return a sentence about names that are not those of the usual images, if there are any."""
    words = {one.words[0]: None for one in project.actions.values() if one.image not in DEFAULT}
    if not words:
        return []
    return [f"{quoted(words)} could not be checked; describe your site with --site to do so."]


def check_commands(project: Project, site: Site) -> None:
    """Raise ProjectError for what the site does not run, OfflineError where that is not known."""
    names = [name for name in project.actions if name != RUN_ALL]
    actions = [project.actions[name] for name in names]
    with tempfile.TemporaryDirectory(prefix="actions-") as folder:
        source = LocalActions(site, Path(folder), print) if site.actions else None
        commands(actions, site.images, source)


def report(error: ProjectError, *, as_json: bool) -> None:
    """Print every fault of a study."""
    if as_json:
        print(json.dumps({"problems": list(error.problems)}))
        return
    for problem in error.problems:
        sys.stderr.write(f"{problem}\n")


def ask(options: argparse.Namespace) -> int:
    """Run a command that talks to the job server."""
    server = JobServer(Settings.from_env(os.environ))
    if options.command == "submit":
        identifier = submit(server, options)
        return watch(server, identifier) if options.watch else 0
    if options.command == "watch":
        return watch(server, options.job_request)
    if options.command == "status":
        show(server.job_request(options.job_request))
    elif options.command == "cancel":
        server.cancel(options.job_request, options.actions)
    elif options.command == "releases":
        for file in released(server, options.workspace):
            print(f"{file['release']}  {file['sha256'][:12]}  {file['name']}")
    else:
        download(server, options.workspace, options.into)
    return 0


def submit(server: JobServer, options: argparse.Namespace) -> str:
    """Ask for actions, print what their author should look at, and return the identifier."""
    identifier, sha, warnings = server.submit(
        options.workspace, options.backend, options.actions, force=options.force_dependencies
    )
    for warning in warnings:
        print(f"warning: project.yaml, {warning}", file=sys.stderr)
    if here := other_commit(Path.cwd(), sha):
        text = f"commit {sha[:10]} runs, not {here[:10]} of this folder; push that one to run it"
        print(f"warning: {text}", file=sys.stderr)
    print(identifier)
    return identifier


def show(job_request: dict[str, Any]) -> None:
    """Print a job request and its jobs."""
    print(f"{job_request['identifier']}  {job_request['status']}  {job_request['sha']}")
    problem = job_request.get("problem")  # a job server of an earlier release has none
    if problem:
        print(f"  This request could not be run:\n{textwrap.indent(problem, '    ')}")
    for job in job_request["jobs"]:
        message = str(job["status_message"]).replace("\n", "\n    ")
        print(f"  {job['action']}  {job['status']}  {message}")


def watch(server: JobServer, identifier: str, pause: float = 2.0) -> int:
    """Wait until a job request has ended; return 0 if it succeeded and 3 if it did not."""
    while not (job_request := server.job_request(identifier))["final"]:
        time.sleep(pause)
    show(job_request)
    return 0 if job_request["status"] == State.SUCCEEDED else 3


def released(server: JobServer, workspace: str) -> list[dict[str, Any]]:
    """Return the released files of a workspace, each with the identifier of its release."""
    return [
        file | {"release": release["id"]}
        for release in server.releases(workspace)
        for file in release["files"]
    ]


def download(server: JobServer, workspace: str, folder: Path) -> None:
    """Write every released file below a folder; raise ServerError where the digest differs."""
    for file in released(server, workspace):
        target = folder / file["release"] / check_relative(file["name"])
        content = server.file(file["id"])
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise ServerError(f"{file['name']} is not what was released; its digest differs")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        print(target)
