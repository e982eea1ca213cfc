"""`sallyport-job-server`: checks, migrations, and what is set up from the command line."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sallyport_common.errors import SallyportError, run_cli
from sallyport_job_server.roles import GLOBAL_ROLES
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.services.bundle import Services, build
from sallyport_job_server.settings import Settings

ACTOR = "command line"


def run() -> None:
    """Entry point of the console script."""
    sys.exit(run_cli(main))


def main(argv: Sequence[str]) -> int:
    """Run one command; raise SettingsError (exit 78) for bad configuration."""
    options = _parser().parse_args(argv)
    handler: Callable[[Services, argparse.Namespace], None] = options.handler
    handler(build(Settings.from_env(os.environ)), options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sallyport-job-server", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add(commands, "check-config", "read the settings and say that they are complete", _check)
    _add(commands, "migrate", "bring the database to the newest revision", _migrate)
    user = commands.add_parser("user", help="accounts").add_subparsers(required=True)
    one = _add(user, "create", "make an account; asks for the password", _create_user)
    one.add_argument("username")
    one.add_argument("--fullname", required=True)
    one.add_argument("--email", default="")
    one.add_argument("--role", action="append", default=[], choices=[str(r) for r in GLOBAL_ROLES])
    one.add_argument("--password-file", type=Path, help="read the password from this file")
    backend = commands.add_parser("backend", help="backends").add_subparsers(required=True)
    one = _add(backend, "ensure", "make or change a backend and its tokens", _ensure_backend)
    one.add_argument("slug")
    one.add_argument("--name", required=True)
    one.add_argument("--hatch-url", default="")
    one.add_argument(
        "--token-file", action="append", default=[], metavar="SCOPE=PATH", type=_token_file,
        help=f"register the token in this file; scopes are {', '.join(Scope)}",
    )  # fmt: skip
    staff = commands.add_parser("administrators", help="administrators")
    one = _add(
        staff.add_subparsers(required=True), "ensure", "make missing ones", _ensure_administrators
    )
    one.add_argument("--file", type=Path, required=True, help="JSON list of accounts")
    audit = commands.add_parser("audit", help="the audit chain").add_subparsers(required=True)
    _add(audit, "verify", "read the whole chain and name the first bad row", _verify)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    handler: Callable[[Services, argparse.Namespace], None],
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.set_defaults(handler=handler)
    return command


def _token_file(text: str) -> tuple[str, Path]:
    scope, _equals, path = text.partition("=")
    if scope not in set(Scope) or not path:
        raise argparse.ArgumentTypeError(f"expected SCOPE=PATH with {', '.join(Scope)}")
    return scope, Path(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SallyportError(f"cannot read {path}: {error.strerror}") from None


def _check(_services: Services, _options: argparse.Namespace) -> None:
    print("the configuration is complete")


def _migrate(services: Services, _options: argparse.Namespace) -> None:
    services.database.migrate()
    print("the database is at the newest revision")


def _create_user(services: Services, options: argparse.Namespace) -> None:
    path = options.password_file
    made = services.accounts.create(
        ACTOR,
        username=options.username,
        fullname=options.fullname,
        email=options.email,
        password=_text(path) if path else getpass.getpass("Password: "),
        roles=options.role,
    )
    print(f"{made.username}: created")


def _ensure_backend(services: Services, options: argparse.Namespace) -> None:
    wanted = {scope: _text(path) for scope, path in options.token_file}
    result = services.backends.ensure(ACTOR, options.slug, options.name, options.hatch_url, wanted)
    print(f"{options.slug}: {result}")


def _ensure_administrators(services: Services, options: argparse.Namespace) -> None:
    wanted = json.loads(_text(options.file))
    for name, result in services.accounts.ensure_administrators(wanted).items():
        print(f"{name}: {result}")


def _verify(services: Services, _options: argparse.Namespace) -> None:
    verdict = services.audit.verify()
    print(f"{verdict.rows} rows, {verdict.fault or 'intact'}")
    if not verdict.intact:
        raise SallyportError("the audit chain was changed; see the first bad row above")
