"""Try a study, run it, watch, cancel, and fetch what was released."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import shtab

from sallyport_client import offered, words
from sallyport_client.settings import NotLoggedInError
from sallyport_common.errors import run_cli
from sallyport_study import RUN_ALL, Project, ProjectError
from sallyport_study.catalogue import DEFAULT
from sallyport_study.errors import quoted
from sallyport_study.folder import read_study
from sallyport_study.local_actions import LocalActions
from sallyport_study.reusable import commands
from sallyport_study.site import Site, add_options, read_site

FAULTS, NOT_LOGGED_IN, INTERRUPTED = 2, 4, 130
"""Exit codes; 3 is that of a job request that did not succeed."""
CODES = """
exit codes: 0 done; 1 an error; 2 faults in project.yaml, or words that are not understood;
3 the job request did not succeed; 4 not logged in; 78 a wrong setting; 130 interrupted
"""


def run() -> None:
    """Entry point of the console script."""
    sys.exit(run_cli(main))


def parser(command: str = "") -> argparse.ArgumentParser:
    """Return the parser of all commands; raise NotInstalledError for one that is missing."""
    parser = argparse.ArgumentParser(
        prog="sallyport", description=__doc__, epilog=CODES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    check = commands.add_parser("check-project", help="show every fault of project.yaml")
    check.add_argument("--json", action="store_true", help="print the result as JSON")
    add_options(check)
    check.set_defaults(run=check_project)
    offered.add(commands, command)
    words.add(commands)
    text = "print what a shell needs to complete the words of this command"
    completion = commands.add_parser("completion", help=text)
    completion.add_argument("shell", choices=shtab.SUPPORTED_SHELLS)
    completion.set_defaults(run=print_completion, json=False)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one command; see the exit codes below.

    Raises SettingsError (exit 78) or another SallyportError (exit 1).
    """
    made = parser(argv[0] if argv else "")
    if not argv:
        made.print_help()
        return 0
    options = made.parse_args(argv)
    try:
        return int(options.run(options))
    except ProjectError as error:
        report(error, as_json=options.json)
        return FAULTS
    except NotLoggedInError as error:
        sys.stderr.write(f"error: {error}\n")
        return NOT_LOGGED_IN
    except KeyboardInterrupt:
        return INTERRUPTED


def print_completion(options: argparse.Namespace) -> int:
    """Print a shell's words of completion."""
    print(shtab.complete(parser(), options.shell))
    return 0


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
