"""`sallyport-job-server`: checks, migrations, and what is set up from the command line."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from sallyport_common.errors import SallyportError, run_cli
from sallyport_common.problems import UnavailableError
from sallyport_job_server.models import Operator
from sallyport_job_server.roles import GLOBAL_ROLES
from sallyport_job_server.services.audit import AuditFilters
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.services.bundle import Services, build
from sallyport_job_server.services.password_links import address as link_address
from sallyport_job_server.settings import Settings

ACTOR = Operator()

Handler: TypeAlias = Callable[[Services, argparse.Namespace], None]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def run() -> None:
    """Entry point of the console script."""
    sys.exit(run_cli(main))


def main(argv: Sequence[str]) -> int:
    """Run one command; raise SettingsError (exit 78) for bad configuration."""
    options = _parser().parse_args(argv)
    handler: Handler = options.handler
    services = build(Settings.from_env(os.environ))
    try:
        handler(services, options)
    except UnavailableError as error:
        raise SallyportError(_reason(error.__cause__ or error)) from None
    except SQLAlchemyError as error:
        raise SallyportError(_reason(error)) from None
    finally:
        services.database.engine.dispose()
    return 0


def _reason(error: BaseException) -> str:
    said = str(getattr(error, "orig", error)).strip().splitlines() or [type(error).__name__]
    return f"the database cannot be used, or is not migrated: {said[0]}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sallyport-job-server", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command", help="what to do")
    _add(commands, "check-config", "read the settings and say that they are complete", _check)
    _add(commands, "migrate", "bring the database to the newest revision", _migrate)
    _user_commands(_group(commands, "user", "make accounts, and help people back in"))
    backend = _group(commands, "backend", "make backends and register their tokens")
    _backend_options(
        _add(backend, "ensure", "make a backend, or bring it to this state", _ensure_backend)
    )
    staff = _group(commands, "administrators", "make administrators")
    text = "make those that are missing; what exists is left alone, passwords too"
    one = _add(staff, "ensure", text, _ensure_administrators)
    text = "JSON list of objects with username, fullname, password and, if wanted, email"
    one.add_argument("--file", type=Path, required=True, metavar="PATH", help=text)
    text = "send a mail now, and print what the mail server says of it"
    _add(commands, "mail-test", text, _mail_test).add_argument("address", help="to whom")
    _add(commands, "tidy", "forget what is over, as the service does once a day", _tidy)
    _copy_commands(commands)
    audit = _group(commands, "audit", "look at the audit chain")
    _add(audit, "verify", "read the whole chain and name the first bad row", _verify)
    export = _add(audit, "export", "print rows as lines of JSON, oldest first", _export)
    export.add_argument("--event", default="", help="how the name of the event starts")
    export.add_argument("--actor", default="", help="part of who did it")
    export.add_argument("--object", default="", help="part of what it was done to")
    export.add_argument("--since", default="", type=_day, help="the first day, as 2026-11-30")
    export.add_argument("--until", default="", type=_day, help="the last day")
    return parser


def _copy_commands(commands: Commands) -> None:
    text = "copy the database and the released files into a new folder, while the service works"
    snapshot = _add(commands, "snapshot", text, _snapshot)
    text = "fill an empty server from a snapshot, while the service is stopped"
    put_back = _add(commands, "put-back", text, _put_back)
    for parser in (snapshot, put_back):
        parser.add_argument("folder", type=Path, help="the folder of the snapshot")


def _user_commands(commands: Commands) -> None:
    _user_options(_add(commands, "create", "make an account; asks for its password", _create_user))
    text = "make a link by which a person sets a password, once, and print it"
    link = _add(commands, "link", text, _link)
    text = "turn off the one-time codes of somebody who lost the phone"
    codes = _add(commands, "end-codes", text, _end_codes)
    for parser in (link, codes):
        parser.add_argument("username", help="whose account it is")


def _user_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("username", help="letters, digits, '.', '-' and '_'")
    parser.add_argument("--fullname", required=True, help="the name that others see")
    parser.add_argument("--email", default="", help="the mail address")
    parser.add_argument(
        "--role", action="append", default=[], choices=[str(role) for role in GLOBAL_ROLES],
        help="a role that the person has everywhere; may be given more than once",
    )  # fmt: skip
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--password-file", type=Path, metavar="PATH",
        help="read the password from this file instead of asking for it",
    )  # fmt: skip
    text = "print a link by which the person sets the password"
    given.add_argument("--invite", action="store_true", help=text)


def _backend_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("slug", help="the backend's short name: letters, digits, '-' and '_'")
    parser.add_argument("--name", required=True, help="the name that people see")
    parser.add_argument(
        "--hatch-url", default="", help="where its release hatch is reached, https://"
    )
    parser.add_argument(
        "--token-file", action="append", default=[], metavar="SCOPE=PATH", type=_token_file,
        help=f"register the token in this file; scopes are {', '.join(Scope)}; the token before "
        "stays valid until the next",
    )  # fmt: skip


def _group(commands: Commands, name: str, text: str) -> Commands:
    command = commands.add_parser(name, help=text, description=f"{name}: {text}")
    return command.add_subparsers(required=True, metavar="command", help="what to do")


def _add(commands: Commands, name: str, text: str, handler: Handler) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{name}: {text}")
    command.set_defaults(handler=handler)
    return command


def _token_file(text: str) -> tuple[str, Path]:
    scope, _equals, path = text.partition("=")
    if scope not in set(Scope) or not path:
        raise argparse.ArgumentTypeError(f"expected SCOPE=PATH with {', '.join(Scope)}")
    return scope, Path(path)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError("expected a day, as in 2026-11-30") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SallyportError(f"cannot read {path}: {reason}") from None


def _people(path: Path) -> list[dict[str, str]]:
    try:
        people = json.loads(_text(path))
    except ValueError:
        raise SallyportError(f"{path} is not JSON") from None
    if not isinstance(people, list) or not all(isinstance(one, dict) for one in people):
        raise SallyportError(f"{path} must hold a list of objects")
    for number, person in enumerate(people, 1):
        for key in ("username", "fullname", "password"):
            if not isinstance(person.get(key), str):
                raise SallyportError(f"{path}: administrator {number} has no text '{key}'")
    return people


def _password(path: Path | None) -> str:
    if path:
        return _text(path)
    try:
        return getpass.getpass("Password: ")
    except (EOFError, OSError):
        raise SallyportError("no password was given; use --password-file") from None


def _check(_services: Services, _options: argparse.Namespace) -> None:
    print("the configuration is complete")


def _migrate(services: Services, _options: argparse.Namespace) -> None:
    services.database.migrate()
    print("the database is at the newest revision")


def _create_user(services: Services, options: argparse.Namespace) -> None:
    account = services.accounts.create(
        ACTOR,
        username=options.username,
        fullname=options.fullname,
        email=options.email,
        password=None if options.invite else _password(options.password_file),
        roles=options.role,
    )
    print(f"{account.username}: created")
    if options.invite:
        _link(services, options)


def _link(services: Services, options: argparse.Namespace) -> None:
    secret, expires_at = services.password_links.create(ACTOR, options.username)
    print(f"{link_address(services.url, secret)} until {expires_at}")


def _end_codes(services: Services, options: argparse.Namespace) -> None:
    services.second_factor.end_of_account(ACTOR, options.username)
    print(f"{options.username}: one-time codes are off")


def _mail_test(services: Services, options: argparse.Namespace) -> None:
    services.courier.test(options.address)
    print(f"the mail server took a mail for {options.address}")


def _tidy(services: Services, _options: argparse.Namespace) -> None:
    print(f"{services.tidying.run()} announced releases were given up")


def _snapshot(services: Services, options: argparse.Namespace) -> None:
    number = services.site_snapshots.take(ACTOR, options.folder)
    print(f"{options.folder}: the database and {number} released files")


def _put_back(services: Services, options: argparse.Namespace) -> None:
    number = services.site_snapshots.put_back(ACTOR, options.folder)
    print(f"the database and {number} released files are as in {options.folder}")


def _ensure_backend(services: Services, options: argparse.Namespace) -> None:
    scope_tokens = {scope: _text(path) for scope, path in options.token_file}
    if len(scope_tokens) != len(options.token_file):
        raise SallyportError("each scope may be given once")
    result = services.backends.ensure(
        ACTOR, options.slug, options.name, options.hatch_url, scope_tokens
    )
    print(f"{options.slug}: {result}")


def _ensure_administrators(services: Services, options: argparse.Namespace) -> None:
    people = _people(options.file)
    for name, result in services.accounts.ensure_administrators(ACTOR, people).items():
        print(f"{name}: {result}")


def _verify(services: Services, _options: argparse.Namespace) -> None:
    verdict = services.audit.verify()
    print(f"{verdict.rows} rows, {verdict.fault or 'intact'}")
    if not verdict.intact:
        raise SallyportError("the audit chain was changed; see the first bad row above")


def _export(services: Services, options: argparse.Namespace) -> None:
    names = ("event", "actor", "object", "since", "until")
    filters = AuditFilters(**{name: getattr(options, name) for name in names})
    for line in services.audit.export(ACTOR, filters):
        sys.stdout.write(line)
