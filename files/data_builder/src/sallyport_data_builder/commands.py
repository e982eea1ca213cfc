"""What each command does."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from sallyport_data_builder.errors import ArgumentsError, MissingPermissionError
from sallyport_data_builder.io import outputs
from sallyport_data_builder.io.columns import dataset_table
from sallyport_data_builder.io.targets import Target
from sallyport_data_builder.model.plan import MAX_BYTES, Plan, dumps, loads
from sallyport_data_builder.settings import Settings

LOG = logging.getLogger("data_builder")


def compile_plan(definition: str, parameters: Sequence[str]) -> Plan:
    """Run a definition where it can do no harm, and return its plan."""
    from sallyport_data_builder.confine.parent import compile_definition

    return compile_definition(Path(definition), parameters)


def compile_command(
    settings: Settings, definition: str, parameters: Sequence[str], to: str
) -> None:
    """Write the plan of a definition."""
    LOG.info("backend: %s", settings.backend or "none")
    plan = compile_plan(definition, parameters)
    Path(to).write_text(dumps(plan), encoding="utf-8")
    LOG.info("compiled %s: a plan of %s with %s nodes", definition, plan.kind, len(plan.nodes))


def read_plan(path: str) -> Plan:
    """Read a plan file; a symbolic link is none, and size is limited."""
    file = Path(path)
    if file.is_symlink() or not file.is_file():
        raise ArgumentsError(f"There is no plan {path}.")
    if file.stat().st_size > MAX_BYTES:
        raise ArgumentsError(f"{path} is larger than {MAX_BYTES} bytes.")
    return loads(file.read_text(encoding="utf-8"))


def check_permissions(plan: Plan, granted: Sequence[str]) -> None:
    """Raise MissingPermissionError naming each table that needs a permission (PLAN-05)."""
    needed = plan.permissions()
    lacking = [
        f"{name} needs {permission}" for name, permission in needed if permission not in granted
    ]
    if lacking:
        raise MissingPermissionError(f"A permission is missing: {'; '.join(lacking)}.")


def execute(settings: Settings, plan: Plan, output: str | None) -> None:
    """Run a plan on the database and write its rows."""
    from sallyport_data_builder.backends import keys, usage
    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.sql.run import connect, dialect_of, rounded, run_steps
    from sallyport_data_builder.sql.steps import Planner

    Target.of(output)
    check_permissions(plan, settings.permissions)
    mapping = mappings.find(settings.backend, settings.backends)
    dialect = dialect_of(settings.url.text, settings.query_engine or mapping.dialect)
    planner = Planner(dialect, mapping, settings.job, settings.permissions)
    steps = planner.dataset(plan.dataset)
    columns = [name for name, _series in plan.dataset.columns]
    LOG.info(
        "backend: %s, permissions: %s", mapping.slug, ", ".join(settings.permissions) or "none"
    )
    for item in planner.exclusions():
        LOG.info("patients left out by the backend: %s", item.name)
    for text in usage.warnings(plan.nodes, mapping):
        LOG.warning("%s", text)
    with connect(dialect, settings.url.text, mapping, settings.job) as database:
        keys.refresh(database, mapping, plan.nodes)
        count = outputs.write(
            output, dataset_table(plan.dataset), run_steps(database, steps, columns)
        )
    LOG.info("written: %s rows", rounded(count))


def dummy(plan: Plan, output: str | None) -> None:
    """Write dummy rows for a plan."""
    from sallyport_data_builder.dummy.generator import Generator

    check_permissions(plan, plan.permissions_claimed)
    LOG.info("no database: %s dummy patients", plan.population_size)
    outputs.write(output, dataset_table(plan.dataset), Generator(plan).rows())


def generate(
    settings: Settings, definition: str, parameters: Sequence[str], output: str | None
) -> None:
    """Compile and run in one container: dummy data, or a database of the developer's own."""
    from sallyport_data_builder.backends.mapping import NO_BACKEND

    with_database = bool(settings.url) and settings.backend not in NO_BACKEND
    if with_database and (settings.isolate != "never" or settings.url_from_file):
        raise ArgumentsError(
            "Study code does not run beside a database URL: use compile where there is none, "
            "then execute. For a database of your own set EHRQL_ISOLATE_USER_CODE=never."
        )
    plan = compile_plan(definition, parameters)
    if with_database:
        execute(settings, plan, output)
    else:
        dummy(plan, output)


def dump_sql(settings: Settings, plan: Plan, output: str | None) -> None:
    """Write the statements that `execute` would run."""
    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.sql.explain import statements

    mapping = mappings.find(settings.backend, settings.backends)
    scheme = settings.query_engine or mapping.dialect or settings.url.text or "postgresql"
    text = statements(plan, mapping, scheme, settings)
    if output is None:
        sys.stdout.write(text + "\n")
    else:
        Path(output).write_text(text + "\n", encoding="utf-8")


def check_backend(settings: Settings, slug: str, level: str, table: str, json_file: str) -> int:
    """Print what was found and return 0, or 1 if a check failed."""
    from sallyport_data_builder.backends.checks import command

    return command.check_backend(settings, slug, level, table, json_file)


def test_connection(settings: Settings) -> None:
    """Connect, with the backend's settings, and ask for one row."""
    import sqlalchemy as sa

    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.sql.run import connect, dialect_of

    mapping = mappings.find(settings.backend, settings.backends)
    with connect(
        dialect_of(settings.url.text, settings.query_engine), settings.url.text, mapping, "test"
    ) as database:
        database.execute("test", sa.select(sa.literal(1)))
    LOG.info("the database answers")


def clean_scratch(settings: Settings, job: str, dry_run: bool) -> None:
    """Drop what an interrupted job left."""
    from sallyport_data_builder.backends import mapping as mappings
    from sallyport_data_builder.settings import _job
    from sallyport_data_builder.sql.run import connect, dialect_of

    mapping = mappings.find(settings.backend, settings.backends)
    dialect = dialect_of(settings.url.text, settings.query_engine or mapping.dialect)
    with connect(dialect, settings.url.text, mapping, "clean") as database:
        prefix = f"sp_{_job(job)}_"
        names = dialect.scratch_tables(database.connection, mapping.scratch_schema, prefix)
        for name in names:
            LOG.info("left over: %s", name)
        if not dry_run:
            database.drop(names)
