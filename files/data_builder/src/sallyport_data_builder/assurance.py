"""Assurance: a study says what it expects of a few patients that it writes out itself.

The file has `dataset`, and `test_data`: a dictionary from patient ids to dictionaries with the rows
of tables (keyed by the table), `expected_in_population` and, where that is true,
`expected_columns`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.lang.frames import BaseFrame
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model.nodes import Table
from sallyport_data_builder.model.roots import Dataset
from sallyport_data_builder.schemas.types import check_value

IN_POPULATION, COLUMNS = "expected_in_population", "expected_columns"
Place = tuple[str, str]


def failures(dataset: Dataset, data: Any) -> Iterator[str]:
    """Yield what is not as expected; raise DefinitionError for a file of the wrong form."""
    if not isinstance(data, dict) or not all(type(key) is int for key in data):
        raise DefinitionError("test_data is a dictionary from patient ids, which are ints.")
    tables: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    for patient, said in data.items():
        _check_form(patient, said, dict(dataset.columns))
        for frame, rows in said.items():
            if isinstance(frame, BaseFrame):
                place, found = _rows(patient, frame, rows)
                tables[place] += found
    results = {row["patient_id"]: row for row in Engine(tables, dataset).results()}
    for patient, said in data.items():
        yield from _differences(patient, said, results.get(patient))


def _check_form(patient: int, said: Any, columns: Mapping[str, Any]) -> None:
    if not isinstance(said, dict) or type(said.get(IN_POPULATION)) is not bool:
        raise DefinitionError(f"Patient {patient}: {IN_POPULATION} must be True or False.")
    for key in said:
        if not isinstance(key, BaseFrame) and key not in (IN_POPULATION, COLUMNS):
            raise DefinitionError(
                f"Patient {patient}: {key!r} is neither a table nor one of {IN_POPULATION} and "
                f"{COLUMNS}."
            )
    for name in said.get(COLUMNS, {}):
        if name not in columns:
            raise DefinitionError(
                f"Patient {patient}: the dataset has no column {name}.{nearest(name, columns)}"
            )


def _rows(patient: int, frame: BaseFrame, rows: Any) -> tuple[Place, list[dict[str, Any]]]:
    node = frame._node
    if not isinstance(node, Table):
        raise DefinitionError(f"Patient {patient}: {frame!r} is no table of a schema.")
    found = [rows] if isinstance(rows, dict) else rows
    if not isinstance(found, list) or (node.rows == "one" and len(found) > 1):
        raise DefinitionError(
            f"Patient {patient}: {node.name} takes a dictionary, or a list of them if it has many "
            "rows per patient."
        )
    for row in found:
        for name, value in row.items():
            if name not in node.columns:
                hint = nearest(name, node.columns)
                raise DefinitionError(f"Patient {patient}: {node.name} has no {name}.{hint}")
            if value is not None:
                check_value(node.columns[name], value)
    blank: dict[str, Any] = dict.fromkeys(node.columns)
    return (node.schema, node.name), [{"patient_id": patient, **blank, **row} for row in found]


def _differences(
    patient: int, said: Mapping[Any, Any], result: Mapping[str, Any] | None
) -> Iterator[str]:
    if (result is not None) is not said[IN_POPULATION]:
        told = "is in the population" if result is not None else "is not in the population"
        yield f"patient {patient} {told}, and the opposite was expected"
    elif result is not None:
        for name, wanted in said.get(COLUMNS, {}).items():
            if type(result[name]) is not type(wanted) or result[name] != wanted:
                yield f"patient {patient}, {name}: {result[name]!r}, and {wanted!r} was expected"
