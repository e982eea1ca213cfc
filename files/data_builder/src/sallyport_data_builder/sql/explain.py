"""Renders the statements of a plan, with their constants, for people to read."""

from __future__ import annotations

from typing import Any

from sallyport_data_builder.backends.mapping import BackendMapping
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.settings import Settings
from sallyport_data_builder.sql.run import dialect_of
from sallyport_data_builder.sql.steps import Planner


def _sql_dialect(name: str) -> Any:
    if name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.dialect()
    from sqlalchemy.dialects import postgresql

    made: Any = postgresql.dialect
    return made(paramstyle="named")


def statements(plan: Plan, mapping: BackendMapping, scheme: str, settings: Settings) -> str:
    """Return the statements in order, each with its label."""
    dialect = dialect_of(scheme)
    target = _sql_dialect(dialect.name)
    planner = Planner(dialect, mapping, settings.job, settings.permissions)
    lines = []
    for step in planner.dataset(plan.dataset):
        lines.append(f"-- {step.label}")
        for statement in dialect.create_table(step.name, step.select, mapping.scratch_schema):
            text = statement.compile(dialect=target, compile_kwargs={"literal_binds": True})
            lines.append(f"{text};")
    return "\n".join(lines)
