"""Renders the statements of a plan, with their constants, for people to read."""

from __future__ import annotations

from sallyport_data_builder.backends.mapping import BackendMapping
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.settings import Settings
from sallyport_data_builder.sql.run import dialect_of
from sallyport_data_builder.sql.steps import Planner


def statements(plan: Plan, mapping: BackendMapping, scheme: str, settings: Settings) -> str:
    """Return the statements in order, each with its label."""
    dialect = dialect_of(scheme)
    target = dialect.compiler()
    planner = Planner(dialect, mapping, settings.job, settings.permissions)
    lines = []
    for step in planner.dataset(plan.dataset):
        lines.append(f"-- {step.label}")
        for statement in dialect.create_table(step.name, step.select, mapping.scratch_schema):
            text = statement.compile(dialect=target, compile_kwargs={"literal_binds": True})
            lines.append(f"{text};")
    return "\n".join(lines)
