"""Nobody is in a population, or in a denominator, without being in a table (DOM-06)."""

from __future__ import annotations

from typing import Any

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model.layout import PlanError
from sallyport_data_builder.model.nodes import Series, topological
from sallyport_data_builder.model.plan import Plan, loads
from sallyport_data_builder.model.roots import Dataset, Interval, Measures

MEND = (
    "is true for patients who are in no table; add a condition such as "
    "& patients.exists_for_patient()."
)


def check_series(series: Series, what: str, interval: Interval | None = None) -> None:
    """Raise DefinitionError if a series is true, or above 0, where every table is empty."""
    try:
        value = _of_nobody(series, interval)
    except (ArithmeticError, ValueError):
        raise DefinitionError(
            f"{what} computes with numbers or dates that are too large."
        ) from None
    if value is not None and value > 0:
        raise DefinitionError(f"{what} {MEND}")


def _of_nobody(series: Series, interval: Interval | None) -> Any:
    """Compute from the bottom, so that no depth is too deep."""
    engine, value = Engine({}, series, interval), None
    for node in topological([series]):
        if isinstance(node, Series) and node.domain is None:
            value = engine.value(node, 0, None)
    return value


def load_plan(text: str) -> Plan:
    """Read a plan; raise PlanError on anything that the writer of plans would not write."""
    plan = loads(text)
    try:
        check_population(plan.root)
    except DefinitionError as error:
        raise PlanError(f"The plan is not valid: {error}") from None
    return plan


def check_population(root: Dataset | Measures) -> None:
    """Check a dataset's population, or each denominator in each of its intervals."""
    if isinstance(root, Dataset):
        check_series(root.population, "The population")
        return
    for measure in root.measures:
        for interval in measure.intervals:
            check_series(measure.denominator, f"The denominator of {measure.name}", interval)
