"""`sallyport-release-hatch`: check the configuration, prepare the database, verify the audit."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from sallyport_common.errors import run_cli
from sallyport_release_hatch.settings import Settings
from sallyport_release_hatch.storage.database import Database


def _check_config(settings: Settings) -> int:
    settings.check_folders()
    print("The configuration is complete.")
    return 0


def _migrate(settings: Settings) -> int:
    settings.check_folders()
    settings.frozen_files.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url)
    database.migrate()
    database.close()
    print("The database is at the newest revision.")
    return 0


def _verify(settings: Settings) -> int:
    database = Database(settings.database_url)
    with database.read() as transaction:
        verdict = transaction.verify_audit()
    database.close()
    print(f"{verdict.rows} rows: {verdict.fault or 'intact'}")
    return 0 if verdict.intact else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sallyport-release-hatch", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check-config", help="say what is wrong with the settings")
    check.set_defaults(run=_check_config)
    migrate = commands.add_parser("migrate", help="bring the database to the newest revision")
    migrate.set_defaults(run=_migrate)
    audit = commands.add_parser("audit", help="look after the audit chain")
    verify = audit.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "verify", help="name the first row that was tampered with"
    )
    verify.set_defaults(run=_verify)
    return parser


def _run(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    result: int = arguments.run(Settings.from_env(os.environ))
    return result


def main() -> None:
    """Run the command."""
    sys.exit(run_cli(_run))
