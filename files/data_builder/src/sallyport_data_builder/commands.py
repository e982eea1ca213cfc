"""What the commands do that compile a definition, run a plan, or both."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sallyport_data_builder.confine.requests import Request
from sallyport_data_builder.errors import ArgumentsError, DefinitionError, MissingPermissionError
from sallyport_data_builder.io import inputs, measures, outputs
from sallyport_data_builder.io.columns import dataset_table, events_table
from sallyport_data_builder.io.targets import Target
from sallyport_data_builder.memory.population import load_plan
from sallyport_data_builder.model.graph import MAX_BYTES
from sallyport_data_builder.model.plan import Plan, dumps
from sallyport_data_builder.model.roots import file_of_events
from sallyport_data_builder.settings import NO_BACKEND, Settings

if TYPE_CHECKING:
    from sallyport_data_builder.backends.parts import BackendMapping
    from sallyport_data_builder.sql.database import Database

LOG = logging.getLogger("data_builder")


def compile_plan(
    settings: Settings, definition: str, parameters: Sequence[str], request: Request = Request.ANY
) -> Plan:
    """Run a definition where it can do no harm, and return its plan."""
    from sallyport_data_builder.confine.parent import compile_definition

    return compile_definition(Path(definition), parameters, request, isolation(settings))


def isolation(settings: Settings) -> str:
    """Return how study code must be confined: always, if a database URL is near (ISO-06)."""
    if settings.through_runner and settings.isolate == "never":
        raise ArgumentsError(
            "EHRQL_ISOLATE_USER_CODE=never is for developers: here the runner set the database."
        )
    near = bool(settings.url) and settings.url.folder is None
    return "always" if near and settings.isolate == "default" else settings.isolate


def compile_command(settings: Settings, given: Any, parameters: Sequence[str], to: str) -> None:
    """Write the plan of a definition."""
    LOG.info("backend: %s", settings.backend or "none")
    if getattr(given, "test_data_file", None):
        assure(settings, given.test_data_file, parameters)
    request = Request.of_command(given.command_name)
    plan = compile_plan(settings, given.definition, parameters, request)
    text = dumps(plan)
    with outputs.opened(Path(to)) as stream:
        stream.write(text.encode())
    LOG.info(
        "compiled %s: a plan of %s with %s nodes", given.definition, plan.kind, len(plan.nodes)
    )


def assure(settings: Settings, file: str, parameters: Sequence[str]) -> None:
    """Check a definition by its own test file; raise AssuranceError with what is wrong."""
    from sallyport_data_builder.confine import parent

    count = parent.assure(Path(file), parameters, isolation(settings))
    LOG.info("assurance: %s patients as expected", count)


def read_plan(path: str) -> Plan:
    """Read a plan file; a symbolic link is rejected, and size is limited."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise ArgumentsError(f"There is no plan {path}, or it is a symbolic link.") from None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArgumentsError(f"{path} is not a regular file.")
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DefinitionError(f"The plan is larger than {MAX_BYTES} bytes.")
    try:
        return load_plan(data.decode())
    except UnicodeDecodeError:
        raise DefinitionError("The plan is not UTF-8 text.") from None


def check_permissions(
    needed: Iterable[tuple[str, str]], granted: Sequence[str], fix: str = ""
) -> None:
    """Raise MissingPermissionError naming each table that needs a permission (PLAN-05)."""
    lacking = [(name, permission) for name, permission in needed if permission not in granted]
    if lacking:
        told = "; ".join(f"{name} needs {permission}" for name, permission in lacking)
        names = ", ".join(sorted({f'"{permission}"' for _name, permission in lacking}))
        raise MissingPermissionError(f"A permission is missing: {told}.{fix.format(names)}")


def check_claims(needed: Iterable[tuple[str, str]], claimed: Sequence[str]) -> None:
    """Raise MissingPermissionError saying how a definition on dummy data claims what it needs."""
    fix = " If your project has it, or asks for it, write claim_permissions({}) in the definition."
    check_permissions(needed, claimed, fix)


def execute_command(settings: Settings, path: str, output: str | None, kind: str) -> None:
    """Run a plan file on the database; `kind` is what the action's words ask for, if there are."""
    target = Target.of(output)
    plan = read_plan(path)
    if kind and plan.kind != kind:
        raise DefinitionError(f"This is a plan of {plan.kind}; the action generates {kind}.")
    if not settings.url:
        raise ArgumentsError("execute needs DATABASE_URL, DATABASE_URL_FILE or --dsn.")
    confine(settings, target)
    execute(settings, plan, output)


def confine(settings: Settings, target: Target, *more: Path) -> None:
    """Close to this process what it does not need; only a process of our own can lose that."""
    if not settings.own_process:
        return
    from sallyport_data_builder.confine.layers import confine_database

    reads, writes = [*settings.reads(), *more], settings.writes()
    if target.parent is not None:
        outputs.make_folder(target.parent)
        writes.append(target.parent)
    active = confine_database(reads, writes)
    for name in active.missing:
        LOG.warning("the database process runs without %s, which is missing here", name)


def execute(settings: Settings, plan: Plan, output: str | None) -> None:
    """Run a plan on the database, or on a folder of table files, and write its rows."""
    from sallyport_data_builder import local

    check_output(plan, output)
    check_permissions(plan.permissions(), settings.permissions)
    if settings.url.folder is not None:
        with local.loaded(plan, local.of_folder(settings.url.folder), settings.job) as database:
            _answer(settings, plan, database, output)
        return
    _on_database(settings, plan, output)


def _on_database(settings: Settings, plan: Plan, output: str | None) -> None:
    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.backends import usage
    from sallyport_data_builder.sql import keys, leftovers, values
    from sallyport_data_builder.sql.connectors import dialect_of
    from sallyport_data_builder.sql.run import connect

    url = settings.database()
    mapping = mappings.find(settings.backend, settings.backends)
    dialect = dialect_of(url, settings.query_engine or mapping.dialect)
    mapping = with_scratch(settings, mapping, dialect.name)
    granted = ", ".join(settings.permissions) or "none"
    LOG.info("backend: %s, permissions: %s", mapping.slug, granted)
    for text in usage.warnings(plan.nodes, mapping):
        LOG.warning("%s", text)
    with connect(dialect, url, mapping, settings.job) as database:
        if settings.through_runner:
            leftovers.drop_own(database, settings.job)
        values.check(database, plan.nodes)
        keys.refresh(database, mapping, plan.nodes)
        _answer(settings, plan, database, output)


def with_scratch(settings: Settings, mapping: BackendMapping, dialect: str) -> BackendMapping:
    """Put scratch tables into TEMP_DATABASE_NAME, which means something on SQL Server alone."""
    name = settings.temp_database
    if name and dialect == "mssql":
        LOG.info("scratch tables go to the database %s", name)
        return replace(mapping, scratch_schema=f"{name}.dbo")
    if name:
        LOG.info("TEMP_DATABASE_NAME %s is ignored on %s", name, dialect)
    return mapping


def _answer(settings: Settings, plan: Plan, database: Database, output: str | None) -> None:
    from sallyport_data_builder.sql import results
    from sallyport_data_builder.sql.database import rounded
    from sallyport_data_builder.sql.steps import Planner

    mapping: BackendMapping = database.mapping
    planner = Planner(database.dialect, mapping, settings.job, settings.permissions)
    for item in planner.exclusions():
        LOG.info("patients left out by the backend: %s", item.name)
    for count in results.write(database, planner, plan.root, output):
        LOG.info("written: %s rows", rounded(count))


def check_output(plan: Plan, output: str | None) -> None:
    """Refuse an output that cannot hold the tables of a plan, before anything runs."""
    events = plan.dataset.events if plan.kind == "dataset" else ()
    Target.of(output).check(["dataset", *(file_of_events(name) for name, _rows in events)])


def generate(settings: Settings, given: Any, parameters: Sequence[str]) -> None:
    """Compile and run in one container: on the database, or on dummy data without one."""
    target = Target.of(given.output)
    with_database = bool(settings.url) and settings.backend not in NO_BACKEND
    with_database = with_database or settings.url.folder is not None
    _check_secret(settings, with_database, Path(given.definition))
    if given.test_data_file:
        assure(settings, given.test_data_file, parameters)
    request = Request.of_command(given.command_name)
    plan = compile_plan(settings, given.definition, parameters, request)
    if with_database:
        confine(settings, target)
        execute(settings, plan, given.output)
    else:
        dummy(settings, plan, given)


def _check_secret(settings: Settings, with_database: bool, definition: Path) -> None:
    """Refuse a database URL where study code could read it, and keep our memory to ourselves."""
    if not with_database:
        return
    if settings.own_process:
        from sallyport_data_builder.confine.layers import seal

        seal()
    path = settings.url_file
    folders = [Path.cwd(), definition.resolve().parent]
    if path and any(Path(path).resolve().is_relative_to(folder) for folder in folders):
        raise ArgumentsError(
            "DATABASE_URL_FILE lies in the study's folder, where study code could read it."
        )


def dummy(settings: Settings, plan: Plan, given: Any) -> None:
    """Write dummy rows: from a file, else from dummy tables, else made here."""
    check_output(plan, given.output)
    check_claims(plan.permissions(), plan.permissions_claimed)
    sources = [
        given.dummy_tables,
        given.dummy_data_file and str(Path(given.dummy_data_file).parent),
    ]
    confine(settings, Target.of(given.output), *map(Path, filter(None, sources)))
    if given.dummy_data_file:
        LOG.info("no database: dummy data comes from %s", given.dummy_data_file)
        _copy(plan, Target.of(given.dummy_data_file, "--dummy-data-file"), given.output)
    elif given.dummy_tables:
        from sallyport_data_builder import local

        LOG.info("no database: dummy tables come from %s", given.dummy_tables)
        source = local.of_folder(Path(given.dummy_tables))
        with local.loaded(plan, source, settings.job) as database:
            _answer(settings, plan, database, given.output)
    else:
        from sallyport_data_builder import local
        from sallyport_data_builder.dummy.generator import Generator

        LOG.info("no database: %s dummy patients", plan.population_size)
        with local.loaded(plan, Generator(plan).read, settings.job) as database:
            _answer(settings, plan, database, given.output)


def _copy(plan: Plan, source: Target, output: str | None) -> None:
    """Write a file, or a folder with a file per table, after checking all of it (DUM-10)."""
    if plan.kind == "measures":
        table = measures.measures_table(plan.measures)
        path = source.path(table.name) or Path()
        measures.write(output, plan.measures, inputs.rows(path, table))
        return
    events = [events_table(name, rows) for name, rows in plan.dataset.events]
    tables = [dataset_table(plan.dataset), *events]
    source.check([table.name for table in tables])
    read = [(table, inputs.read(source.path(table.name) or Path(), table)) for table in tables]
    outputs.write_all(output, read)


def create_dummy_tables(
    settings: Settings, definition: str, parameters: Sequence[str], folder: str | None
) -> None:
    """Write dummy tables, which `--dummy-tables` and `--dsn` take."""
    from sallyport_data_builder.dummy.generator import Generator

    target = None if folder is None else folder if ":" in folder else f"{folder}:csv"
    Target.of(target)
    plan = compile_plan(settings, definition, parameters, Request.MEASURES_FIRST)
    check_claims(plan.permissions(), plan.permissions_claimed)
    generator = Generator(plan)
    tables = [(table, generator.read(table)) for table in generator.tables()]
    if target is None:
        for table, rows in tables:
            sys.stdout.write(f"{table.name}\n")
            outputs.write(None, table, rows)
    else:
        outputs.write_all(target, tables)
    LOG.info("%s dummy tables for %s patients", len(tables), len(generator.patients()))


def dump_sql(settings: Settings, plan: Plan, output: str | None) -> None:
    """Write the statements that `execute` would run; without a backend tables keep their names."""
    from sallyport_data_builder import local
    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.sql.connectors import dialect_of
    from sallyport_data_builder.sql.explain import statements

    if settings.backend in ("", *NO_BACKEND):
        mapping = local.mapping(plan)
    else:
        mapping = mappings.find(settings.backend, settings.backends)
    url = settings.url.text if settings.url.is_url else ""
    scheme = settings.query_engine or mapping.dialect or url or "postgresql"
    mapping = with_scratch(settings, mapping, dialect_of(scheme).name)
    text = statements(plan, mapping, scheme, settings)
    if output is None:
        sys.stdout.write(text + "\n")
    else:
        with outputs.opened(Path(output)) as stream:
            stream.write(f"{text}\n".encode())
