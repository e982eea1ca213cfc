"""Assurance: a study states what it expects of a few patients that it writes out itself.

The file has `dataset`, and `test_data`: a dictionary from patient ids to dictionaries with the rows
of tables, `expected_in_population` and, where that is true, `expected_columns`. A table is given by
its name, such as "patients", or as the table itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.lang.constants import beside
from sallyport_data_builder.lang.frames import BaseFrame
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model.nodes import Node, Table, topological
from sallyport_data_builder.model.roots import Dataset
from sallyport_data_builder.model.tables import schema_table
from sallyport_data_builder.schemas.types import check_value

IN_POPULATION, COLUMNS = "expected_in_population", "expected_columns"
Key = tuple[str, str]  # of a table: its schema and its name


def failures(dataset: Dataset, data: Any) -> Iterator[str]:
    """Yield what is not as expected; raise DefinitionError for a file of the wrong form."""
    if not isinstance(data, dict) or not all(type(key) is int for key in data):
        raise DefinitionError("test_data is a dictionary from patient ids, which are ints.")
    used = [node for node in topological([dataset]) if isinstance(node, Table)]
    rows: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for patient, expectation in data.items():
        _check_form(patient, expectation, dict(dataset.columns))
        for key, value in expectation.items():
            for table in _tables(patient, key, used):
                rows[table.schema, table.name] += _rows(patient, table, value)
    results = {row["patient_id"]: row for row in Engine(rows, dataset).results()}
    for patient, expectation in data.items():
        expected = _expected(expectation.get(COLUMNS, {}), dict(dataset.columns))
        in_population = expectation[IN_POPULATION]
        yield from _differences(patient, in_population, expected, results.get(patient))


def _check_form(patient: int, expectation: Any, columns: Mapping[str, Any]) -> None:
    if not isinstance(expectation, dict) or type(expectation.get(IN_POPULATION)) is not bool:
        raise DefinitionError(f"Patient {patient}: {IN_POPULATION} must be True or False.")
    values = expectation.get(COLUMNS, {})
    if not isinstance(values, dict):
        raise DefinitionError(f"Patient {patient}: {COLUMNS} must be a dictionary.")
    for name in values:
        if name not in columns:
            raise DefinitionError(
                f"Patient {patient}: the dataset has no column {name}.{nearest(name, columns)}"
            )


def _tables(patient: int, key: Any, used: list[Table]) -> list[Table]:
    """Return the tables that a key names: of several schemas those that the dataset uses."""
    if key in (IN_POPULATION, COLUMNS):
        return []
    if isinstance(key, BaseFrame):
        node: Node = key._node
        if not isinstance(node, Table):
            raise DefinitionError(f"Patient {patient}: {key!r} is not a table of a schema.")
        return [node]
    names = {table.name for table in used}
    if key in names:
        return [table for table in used if table.name == key]
    unused = [
        schema_table(schema, key)
        for schema in sorted({table.schema for table in used if table.schema})
        if key in schemas.load(schema).tables
    ]
    if not unused:
        hint = nearest(str(key), [*names, IN_POPULATION, COLUMNS])
        raise DefinitionError(f"Patient {patient}: {key!r} is not a table of the dataset.{hint}")
    return unused[:1]


def _rows(patient: int, table: Table, value: Any) -> list[dict[str, Any]]:
    rows = [value] if isinstance(value, dict) else value
    form = isinstance(rows, list | tuple) and all(isinstance(row, dict) for row in rows)
    if not form or (table.rows == "one" and len(rows) > 1):
        raise DefinitionError(
            f"Patient {patient}: {table.name} takes a dictionary, or a list of them if it has many "
            "rows per patient."
        )
    blank: dict[str, Any] = dict.fromkeys(table.columns)
    return [{"patient_id": patient, **blank, **_row(patient, table, row)} for row in rows]


def _row(patient: int, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row as its columns have them: dates may be text."""
    values: dict[str, Any] = {}
    for name, value in row.items():
        if name not in table.columns:
            hint = nearest(name, table.columns)
            raise DefinitionError(f"Patient {patient}: {table.name} has no {name}.{hint}")
        kind = table.columns[name]
        values[name] = None if value is None else beside(value, kind)[1]
        if value is not None:
            check_value(kind, values[name])
    return values


def _expected(values: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return expected values as the columns have them, where they are constants of the type."""
    return {
        name: None if value is None else beside(value, columns[name].type)[1]
        for name, value in values.items()
    }


def _differences(
    patient: int,
    in_population: bool,
    expected: Mapping[str, Any],
    result: Mapping[str, Any] | None,
) -> Iterator[str]:
    if (result is not None) is not in_population:
        state = "is in the population" if result is not None else "is not in the population"
        yield f"patient {patient} {state}, and the opposite was expected"
    elif result is not None:
        for name, value in expected.items():
            if type(result[name]) is not type(value) or result[name] != value:
                yield f"patient {patient}, {name}: {result[name]!r}, and {value!r} was expected"
