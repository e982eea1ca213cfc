"""What is known of the values of a dataset's columns, from the schema and from the query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.io.tables import COUNT, OutputColumn, OutputTable
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Node, Series, Table, topological
from sallyport_data_builder.model.roots import file_of_events
from sallyport_data_builder.schemas import ColumnSpec

COUNTS = ("count", "count_distinct", "count_episodes")
PARTS = {"year": (1, 9999), "month": (1, 12), "day": (1, 31)}
# Dates lie in the years 1 to 9999, so that a difference has a largest value too.
DIFFERENCES = {"years": 9_999, "months": 119_988, "days": 3_652_059}
Known = Mapping[Node, ColumnSpec]


def dataset_table(dataset: op.Dataset, name: str = "dataset") -> OutputTable:
    """Return the table that a dataset is written as."""
    known = specs([series for _name, series in dataset.columns])
    return OutputTable.of_patients(
        name, (OutputColumn(key, series.type, known[series]) for key, series in dataset.columns)
    )


def events_table(name: str, rows: op.Rows) -> OutputTable:
    """Return the table that an event table of a dataset is written as."""
    known = specs([series for _name, series in rows.columns])
    columns = (OutputColumn(key, series.type, known[series]) for key, series in rows.columns)
    return OutputTable.of_patients(file_of_events(name), columns)


def specs(wanted: Iterable[Series]) -> dict[Node, ColumnSpec]:
    """Return what is known of series and of everything beneath them (FMT-05)."""
    known: dict[Node, ColumnSpec] = {}
    for node in topological(wanted):
        if isinstance(node, Series):
            known[node] = _spec(node, known)
    return known


def _spec(node: Series, known: Known) -> ColumnSpec:
    plain = ColumnSpec(node.type)
    if isinstance(node, Column):
        return _of_column(node)
    if isinstance(node, op.Literal):
        return _of_literal(node)
    if isinstance(node, op.Cases):
        values = [value for _predicate, value in node.pairs]
        return _union(plain, [*values, *([node.default] if node.default else [])], known)
    if isinstance(node, op.Extreme):
        return _union(plain, node.parts, known)
    return _of_number(node, known) or plain


def _of_number(node: Series, known: Known) -> ColumnSpec | None:
    """Return what an operation that makes a number says of it."""
    if isinstance(node, op.Aggregate):
        if node.op in ("min", "max") and isinstance(node.source, Series):
            return known[node.source]
        return _between(*COUNT.values()) if node.op in COUNTS else None
    if isinstance(node, op.DatePart):
        return _between(*PARTS[node.op])
    if isinstance(node, op.DateDiff):
        return _between(-DIFFERENCES[node.op], DIFFERENCES[node.op])
    if isinstance(node, op.Convert) and node.op == "to_int" and node.source.type == "bool":
        return _between(0, 1)
    return None


def _between(smallest: int, largest: int) -> ColumnSpec:
    return ColumnSpec("int", range={"min": smallest, "max": largest})


def _of_column(node: Column) -> ColumnSpec:
    """A patient may be in no row, so that nothing is never null; the other constraints hold."""
    table = next((item for item in topological([node.frame]) if isinstance(item, Table)), None)
    spec = None
    if table is not None and table.schema:
        spec = schemas.load(table.schema).tables[table.name].columns.get(node.name)
    if spec is None:
        return ColumnSpec(node.type)
    if spec.categories and node.type == "int":
        return _between(min(spec.categories), max(spec.categories))
    return ColumnSpec(node.type, categories=spec.categories, range=spec.range)


def _of_literal(node: op.Literal) -> ColumnSpec:
    if node.kind == "str":
        return ColumnSpec("str", categories=(str(node.value),))
    if node.kind == "int":
        bound: Any = node.value
        return _between(bound, bound)
    return ColumnSpec(node.kind)


def _union(plain: ColumnSpec, parts: Iterable[Series], known: Known) -> ColumnSpec:
    """Return what holds for a value that is one of several: all of them must be known."""
    found = [known[part] for part in parts]
    if found and all(spec.categories for spec in found):
        every = dict.fromkeys(value for spec in found for value in spec.categories)
        return ColumnSpec(plain.type, categories=tuple(every))
    if found and plain.type == "int" and all({"min", "max"} <= set(spec.range) for spec in found):
        smallest = min(spec.range["min"] for spec in found)
        return _between(smallest, max(spec.range["max"] for spec in found))
    return plain
