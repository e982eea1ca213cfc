"""`sallyport run-local`: the command, which the client finds through its entry point.

What it needs is imported when it runs: the client looks at every command each time it is started.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sallyport_study.site import add_options, read_site

REGISTRY = "ghcr.io/opensafely-core"
FAILED, INTERRUPTED = 3, 130
DESCRIPTION = """\
Run actions of the study in this folder with Docker, on dummy data and in the sandbox of a backend.
An action whose code and inputs have not changed since it succeeded is not run again unless it is
named. Outputs and logs (metadata/<action>.log) are written to this folder."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to those of the client."""
    parser = commands.add_parser(
        "run-local", help="run a study on this machine", description=DESCRIPTION
    )
    parser.add_argument("actions", nargs="*", default=[], help="names, or run_all (the default)")
    parser.add_argument("--force", action="store_true", help="run what has not changed, too")
    parser.add_argument(
        "--only",
        action="store_true",
        help="run the named actions alone, on the outputs that are there",
    )
    parser.add_argument(
        "--workers", type=_number, metavar="N", help="actions at a time (default: CPUs less one)"
    )
    add_options(parser)
    parser.add_argument(
        "--registry", help=f"where images come from (default: SALLYPORT_REGISTRY, else {REGISTRY})"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the results as JSON, and progress to stderr"
    )
    parser.set_defaults(run=run)


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1000:
        raise argparse.ArgumentTypeError("expected a number above 0")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Run actions; return 0, 3 if one did not succeed, or 130 if somebody interrupted the run.

    Raises LocalError, and ProjectError for a project.yaml with faults.
    """
    from sallyport_runner.local.report import as_json, summary
    from sallyport_runner.local.run import Request, run_study

    site = read_site(options, os.environ)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = Request(
        root=Path.cwd(),
        actions=options.actions,
        force=options.force,
        only=options.only,
        workers=options.workers,
        site=replace(site, registry=site.registry or REGISTRY),
        progress=sys.stderr if options.json else sys.stdout,
    )
    try:
        ended = run_study(request)
    except KeyboardInterrupt:  # before the first action
        return INTERRUPTED
    if options.json:
        print(as_json(request.root, ended.results, ended.findings))
    else:
        print("\n".join(summary(ended.results, ended.findings)))
    if not ended.complete:
        return INTERRUPTED
    return 0 if all(result.status.good for result in ended.results) else FAILED
