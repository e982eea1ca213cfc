"""Dummy patients for what a study shows, which may be more than what its definition asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Frame, Inline, Node, Series, Table, Where
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.shown import Shown
from sallyport_data_builder.plan.relations import table_columns

Named = tuple[tuple[str, Series], ...]


def plan_for(plan: Plan | None, shown: Shown) -> Plan | None:
    """Return the plan whose dummy patients have what is shown; None if that is of no table.

    If the definition's own dummy patients have all of it, they are taken as they are. Without a
    complete definition everybody who is in one of the tables may be a patient.
    """
    tables = [node for node in shown.nodes if isinstance(node, Table | Inline)]
    if not tables or (plan is not None and _has(plan, shown.nodes)):
        return plan if tables else None
    wanted = list(dict.fromkeys(_wanted(shown)))
    if plan is None:
        return Plan(op.Dataset(_anybody(tables), _named(wanted)), shown.permissions_claimed)
    if isinstance(plan.root, op.Dataset):
        columns = [*(series for _name, series in plan.root.columns), *wanted]
        return replace(
            plan, root=op.Dataset(plan.root.population, _named(columns), plan.root.events)
        )
    return replace(plan, root=_measured(plan.root, wanted))


def _has(plan: Plan, nodes: list[Node]) -> bool:
    """Return whether a plan reads all tables of some nodes, with all columns that are named."""
    there = table_columns(plan.nodes)
    brought = {node for node in nodes if isinstance(node, Inline)}
    return brought <= set(plan.nodes) and all(
        table in there and set(names) <= set(there[table])
        for table, names in table_columns(nodes).items()
        if isinstance(table, Table)
    )


def _wanted(shown: Shown) -> Iterator[Series]:
    """Yield what is shown as values of one per patient, as a definition would ask for them."""
    for grid in shown.grids:
        if grid.population is not None:
            yield grid.population
        yield from (_one_per_patient(series) for _name, series in grid.columns)
        if grid.rows is not None:
            yield op.Aggregate("exists", grid.rows)
            whole = () if grid.columns else grid.rows.columns
            yield from (_one_per_patient(Column(grid.rows, name)) for name in whole)


def _one_per_patient(series: Series) -> Series:
    """Return a series, or whether a patient has a row with its value."""
    if series.domain is None:
        return series
    told: Series = series if series.type == "bool" else op.Logic("not", (op.IsNull(series),))
    rows: Frame = Where(series.domain, told)
    found: Series = op.Aggregate("exists", rows)
    return found


def _anybody(tables: Iterable[Frame]) -> Series:
    parts = tuple(op.Aggregate("exists", table) for table in tables)
    return parts[0] if len(parts) == 1 else op.Logic("or", parts)


def _named(wanted: Iterable[Series], prefix: str = "shown") -> Named:
    return tuple((f"{prefix}_{number}", series) for number, series in enumerate(wanted))


def _measured(root: op.Measures, wanted: list[Series]) -> op.Measures:
    """Return measures with one more, in whose groups are what is wanted."""
    taken = [*root.groups, *(measure.name for measure in root.measures)]
    prefix = "shown"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    first = root.measures[0]
    more = op.Measure(
        prefix, first.denominator, first.denominator, _named(wanted, prefix), first.intervals
    )
    measures: op.Measures = op.Measures((*root.measures, more), root.disclosure)
    return measures
