"""Renders the statements of a plan, with their constants and the rules that made them (PLN-12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.roots import Measures
from sallyport_data_builder.settings import Settings
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.dialect import Dialect
from sallyport_data_builder.sql.measures import MeasurePlanner
from sallyport_data_builder.sql.stage import AnyStep, Load
from sallyport_data_builder.sql.statements import Drop
from sallyport_data_builder.sql.steps import Planner


def statements(plan: Plan, mapping: BackendMapping, scheme: str, settings: Settings) -> str:
    """Return the statements in order, each with its label and rules."""
    dialect = dialect_of(scheme)
    planner = Planner(dialect, mapping, settings.job, settings.permissions)
    if isinstance(plan.root, Measures):
        physical = MeasurePlanner(planner).explained(plan.root)
    else:
        physical = planner.dataset(plan.root)
    return "\n".join(rendered(physical.steps, dialect, mapping.scratch_schema))


def rendered(steps: Sequence[AnyStep], dialect: Dialect, schema: str) -> Iterator[str]:
    """Yield the lines that show steps."""
    target = dialect.compiler()
    for step in steps:
        rules = f" ({', '.join(step.rules)})" if step.rules else ""
        yield f"-- {step.label}{rules}"
        if isinstance(step, Load):
            names = ", ".join(name for name, _kind in step.columns)
            yield f"-- {step.name}: rows of {names}, inserted"
        else:
            if step.restricted is not None:
                yield "-- of the population alone, if that is a small part of all patients (PLN-02)"
            for statement in dialect.create_table(step.name, step.select, schema):
                text = statement.compile(dialect=target, compile_kwargs={"literal_binds": True})
                yield f"{text};"
        for name in step.drops:
            yield f"{Drop(name, schema).compile(dialect=target)};"
