"""Runs check-backend: static, live and full, printed and reported."""

from __future__ import annotations

import datetime
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sallyport_data_builder.backends.mapping import look_up
from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.checks.asking import Asker
from sallyport_data_builder.checks.catalogues import catalogue_of
from sallyport_data_builder.checks.full import Full
from sallyport_data_builder.checks.live import live
from sallyport_data_builder.checks.query import UnreachableError
from sallyport_data_builder.checks.report import Check, Run
from sallyport_data_builder.checks.static import problems, static
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.errors import ArgumentsError, DatabaseFailure, ExitCode, Failure
from sallyport_data_builder.settings import Settings
from sallyport_data_builder.sql.connectors import dialect_of, grammar_of
from sallyport_data_builder.sql.database import Database
from sallyport_data_builder.sql.run import connect
from sallyport_data_builder.sql.standard import Standard


def check_backend(
    settings: Settings, slug: str, level: str = "live", table: str = "", json_file: str = ""
) -> int:
    """Print what was found, write the report, and return 0, or 1 if a check failed.

    A database that cannot be reached is reported as CHK-06 and gives the code of its failure.
    """
    started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
    mapping, wrong = look_up(slug, settings.backends, os.environ)
    checks: list[Check] = []
    server, failure = "", None
    if mapping is None:
        checks += problems(slug, wrong)
    else:
        server, failure = _checked(settings, mapping, level, table, checks)
    done = Run(
        backend=slug,
        schemas=mapping.implements if mapping else (),
        server=server,
        level=level,
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - clock,
        checks=checks,
    )
    sys.stdout.write("\n".join(done.lines()) + "\n")
    if json_file:
        Path(json_file).write_text(json.dumps(done.document(), indent=1) + "\n", encoding="utf-8")
    if failure is not None:
        raise failure
    return ExitCode.FAILED if done.summary()["fail"] else ExitCode.OK


def _checked(
    settings: Settings, mapping: BackendMapping, level: str, table: str, checks: list[Check]
) -> tuple[str, Failure | None]:
    """Add the findings; return the server's name, and why it was not reached if it was not."""
    url, override = settings.url.text, settings.query_engine or mapping.dialect
    subject = Subject(mapping, grammar_of(url, override), table)
    checks += static(subject)
    if level == "static":
        return "", None
    if any(check.id == "CHK-03" and check.status == "fail" for check in checks):
        checks.append(Check("CHK-06", "skip", "SQL that is not a SELECT is not sent to a database"))
        return "", None
    if not url:
        raise ArgumentsError("Set DATABASE_URL or DATABASE_URL_FILE, or use --static.")
    dialect = dialect_of(url, override)
    server = dialect.name
    try:
        with connect(dialect, url, mapping, "check") as database:
            version = catalogue_of(dialect.name).version(database)
            server = f"{dialect.name} {'.'.join(map(str, version))}".strip()
            for check in database_checks(subject, database, full=level == "full"):
                checks.append(check)
    except (DatabaseFailure, UnreachableError) as error:
        checks.append(Check("CHK-06", "fail", f"the database was not reached: {error}"))
        return server, error
    return server, None


def database_checks(subject: Subject, database: Database, full: bool) -> Iterator[Check]:
    """Give what a connected database shows."""
    standard = Standard(subject.mapping, database.dialect, own_ids=True)
    asker = Asker(subject, database, standard, catalogue_of(database.dialect.name))
    unreadable: set[str] = set()
    yield from live(asker, unreadable)
    if full:
        reader = Full(asker)
        for entry in subject.entries():
            if entry.mapped.name not in unreadable:
                yield from reader.check(entry)
