"""How a dataset or measures are written in a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sallyport_data_builder.model.layout import PlanError, Ref
from sallyport_data_builder.model.nodes import Node, Series
from sallyport_data_builder.model.roots import Dataset, Interval, Measure, Measures, Rows
from sallyport_data_builder.model.tables import has_keys, list_of, pair, word
from sallyport_data_builder.schemas.types import parse_date

ROOT_KEYS = {
    "dataset": {"population", "columns"},
    "measures": {"measures", "disclosure_control"},
}
MEASURE_KEYS = {"name", "numerator", "denominator", "groups", "intervals"}
Indices = Mapping[Node, int]
Named = tuple[tuple[str, Series], ...]


def keys(kind: Any) -> set[str]:
    """Return the keys that a plan of a kind has beside the others."""
    if type(kind) is not str or kind not in ROOT_KEYS:
        raise PlanError("its kind is dataset or measures")
    return ROOT_KEYS[kind]


def series(root: Dataset | Measures) -> Iterator[Series]:
    """Yield every series that a root asks for, in order of definition."""
    if isinstance(root, Dataset):
        yield root.population
        yield from (value for _name, value in root.columns)
        for _name, rows in root.events:
            yield from (value for _column, value in rows.columns)
        return
    for measure in root.measures:
        yield from (measure.numerator, measure.denominator)
        yield from (value for _name, value in measure.groups)


def write(root: Dataset | Measures, indices: Indices) -> dict[str, Any]:
    """Return the keys of a root and their values."""
    if isinstance(root, Measures):
        measures = [_write_measure(measure, indices) for measure in root.measures]
        return {"measures": measures, "disclosure_control": root.disclosure}
    found = {"population": indices[root.population], "columns": _write_named(root.columns, indices)}
    if root.events:
        found["events"] = [
            [name, _write_named(rows.columns, indices)] for name, rows in root.events
        ]
    return found


def _write_named(named: Named, indices: Indices) -> list[list[Any]]:
    return [[name, indices[value]] for name, value in named]


def _write_measure(measure: Measure, indices: Indices) -> dict[str, Any]:
    return {
        "name": measure.name,
        "numerator": indices[measure.numerator],
        "denominator": indices[measure.denominator],
        "groups": _write_named(measure.groups, indices),
        "intervals": [[day.isoformat() for day in interval] for interval in measure.intervals],
    }


def read(document: Mapping[str, Any], nodes: Sequence[Node]) -> Dataset | Measures:
    """Make the root of a plan."""
    if document["kind"] == "dataset":
        return _read_dataset(document, nodes)
    if type(document["disclosure_control"]) is not bool:
        raise PlanError("disclosure_control is a bool")
    measures = (_read_measure(item, nodes) for item in list_of(document["measures"]))
    return Measures(tuple(measures), document["disclosure_control"])


def _read_dataset(document: Mapping[str, Any], nodes: Sequence[Node]) -> Dataset:
    events = tuple(map(pair, list_of(document.get("events", []))))
    if "events" in document and not events:
        raise PlanError("events is left out where there are none")
    return Dataset(
        Ref().read(document["population"], nodes),
        _read_named(document["columns"], nodes),
        tuple((word(name), Rows(_read_named(columns, nodes))) for name, columns in events),
    )


def _read_named(value: Any, nodes: Sequence[Node]) -> Named:
    return tuple((word(name), Ref().read(at, nodes)) for name, at in map(pair, list_of(value)))


def _read_measure(item: Any, nodes: Sequence[Node]) -> Measure:
    has_keys(item, MEASURE_KEYS, "a measure")
    return Measure(
        word(item["name"]),
        Ref().read(item["numerator"], nodes),
        Ref().read(item["denominator"], nodes),
        _read_named(item["groups"], nodes),
        tuple(map(_read_interval, list_of(item["intervals"]))),
    )


def _read_interval(value: Any) -> Interval:
    start, end = pair(value)
    return parse_date(word(start)), parse_date(word(end))
