"""Assurance: a study states what it expects of a few patients that it writes out itself.

The file has `dataset`, and `test_data`: a dictionary from patient ids to dictionaries with the rows
of tables, `expected_in_population` (True if it is left out) and, where that is true,
`expected_columns` and `expected_events`, the rows of event tables in any order. A table is given by
its name, such as "patients", or as the table itself; one of raw data is called as its file is, such
as "medications_raw". Rows of the study's own data files are those of the files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.io import csv_records, rules
from sallyport_data_builder.io.tables import OutputTable, column
from sallyport_data_builder.io.targets import CSV
from sallyport_data_builder.lang.constants import beside
from sallyport_data_builder.lang.frames import BaseFrame
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model.nodes import Inline, Node, Table, topological
from sallyport_data_builder.model.roots import Dataset, Rows
from sallyport_data_builder.model.tables import physical_name, schema_table
from sallyport_data_builder.schemas.types import check_value

IN_POPULATION, COLUMNS = "expected_in_population", "expected_columns"
EVENTS = "expected_events"
EXPECTED = (IN_POPULATION, COLUMNS, EVENTS)
Key = tuple[str, str]  # of a table: its schema and its name


class Wanted(NamedTuple):
    """What a study expects of a patient, with values as the columns have them."""

    in_population: bool
    columns: dict[str, Any]
    events: dict[str, list[dict[str, Any]]]


def failures(dataset: Dataset, data: Any) -> Iterator[str]:
    """Yield what is not as expected; raise DefinitionError for a file of the wrong form."""
    if not isinstance(data, dict) or not all(type(key) is int for key in data):
        raise DefinitionError("test_data is a dictionary from patient ids, which are ints.")
    nodes = topological([dataset])
    used = [node for node in nodes if isinstance(node, Table)]
    files = {node: _of_file(node) for node in nodes if isinstance(node, Inline) and node.source}
    wanted = {patient: _wanted(patient, told, dataset) for patient, told in data.items()}
    rows: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for patient, expectation in data.items():
        for key, value in expectation.items():
            for table in _tables(patient, key, used):
                rows[table.schema, table.name] += _rows(patient, table, value)
    engine = Engine(rows, dataset, files=files)
    results = {row["patient_id"]: row for row in engine.results()}
    events = {name: engine.events(table) for name, table in dataset.events}
    for patient, expected in wanted.items():
        yield from _differences(patient, expected, results.get(patient))
        if expected.in_population and patient in results:
            for name, rows_wanted in expected.events.items():
                found = [row for row in events[name] if row["patient_id"] == patient]
                yield from _other_rows(patient, name, found, rows_wanted)


def _of_file(node: Inline) -> list[dict[str, Any]]:
    if not node.source.endswith(CSV):
        raise DefinitionError(
            f"{node.source}: an assurance test reads data files that end in "
            f"{' or '.join(CSV)} only."
        )
    table = OutputTable.of_patients(node.source, (column(name, kind) for name, kind in node.spec))
    rows = rules.one_per_patient(node.source, csv_records.rows_of(Path(node.source), table))
    return [dict(zip(table.names, row, strict=True)) for row in rows]


def _wanted(patient: int, expectation: Any, dataset: Dataset) -> Wanted:
    """Return what is expected of a patient, with names and forms checked, whoever is expected."""
    if not isinstance(expectation, dict):
        raise DefinitionError(f"Patient {patient}: a dictionary is needed.")
    in_population = expectation.get(IN_POPULATION, True)
    if type(in_population) is not bool:
        raise DefinitionError(f"Patient {patient}: {IN_POPULATION} must be True or False.")
    values, events = (expectation.get(key, {}) for key in (COLUMNS, EVENTS))
    for key, given in ((COLUMNS, values), (EVENTS, events)):
        if not isinstance(given, dict):
            raise DefinitionError(f"Patient {patient}: {key} must be a dictionary.")
    columns, tables = dict(dataset.columns), dict(dataset.events)
    _check_names(patient, "the dataset has no column", values, columns)
    _check_names(patient, "the dataset has no event table", events, tables)
    return Wanted(
        in_population,
        _expected(values, columns),
        {name: _event_rows(patient, tables[name], rows) for name, rows in events.items()},
    )


def _check_names(patient: int, lack: str, given: Iterable[Any], known: Iterable[str]) -> None:
    """Refuse a name that is not known; a study may write anything as the key of a dictionary."""
    for name in given:
        if name not in known:
            told = f"Patient {patient}: {lack} {name}.{nearest(str(name), known)}"
            raise DefinitionError(told)


def _tables(patient: int, key: Any, used: list[Table]) -> list[Table]:
    """Return the tables that a key names: of several schemas those that the dataset uses."""
    if key in EXPECTED:
        return []
    if isinstance(key, BaseFrame):
        node: Node = key._node
        if not isinstance(node, Table):
            raise DefinitionError(f"Patient {patient}: {key!r} is not a table of a schema.")
        return [node]
    for name_of in (physical_name, _own_name):
        if found := [table for table in used if name_of(table) == key]:
            return found
    return [_unused(patient, key, used)]


def _own_name(table: Table) -> str:
    return table.name


def _unused(patient: int, key: Any, used: list[Table]) -> Table:
    """Return a table that the dataset does not use, of its own schemas first."""
    own = sorted({table.schema for table in used if table.schema})
    for schema in dict.fromkeys([*own, *schemas.names()]):
        for name, spec in schemas.load(schema).tables.items():
            if key in (name, spec.physical_name):
                return schema_table(schema, name)
    hint = nearest(str(key), [*map(_own_name, used), *EXPECTED])
    raise DefinitionError(f"Patient {patient}: {key!r} is not a table of the dataset.{hint}")


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
    _check_names(patient, f"{table.name} has no", row, table.columns)
    values: dict[str, Any] = {}
    for name, value in row.items():
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


def _differences(patient: int, expected: Wanted, result: Mapping[str, Any] | None) -> Iterator[str]:
    if (result is not None) is not expected.in_population:
        state = "is in the population" if result is not None else "is not in the population"
        yield f"patient {patient} {state}, and the opposite was expected"
    elif result is not None:
        for name, value in expected.columns.items():
            if type(result[name]) is not type(value) or result[name] != value:
                yield f"patient {patient}, {name}: {result[name]!r}, and {value!r} was expected"


def _event_rows(patient: int, table: Rows, rows: Any) -> list[dict[str, Any]]:
    """Return expected rows of an event table as its columns have them."""
    columns = dict(table.columns)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DefinitionError(f"Patient {patient}: {EVENTS} has a list of dictionaries per table.")
    for row in rows:
        _check_names(patient, "the event table has no column", row, columns)
    blank = dict.fromkeys(columns)
    return [{"patient_id": patient, **blank, **_expected(row, columns)} for row in rows]


def _other_rows(
    patient: int, name: str, found: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> Iterator[str]:
    """Yield a sentence for each row that is missing, and for each that was not expected."""
    for row in wanted:
        if row in found:
            found.remove(row)
        else:
            yield f"patient {patient}, {name}: no row {_shown(row)}, which was expected"
    for row in found:
        yield f"patient {patient}, {name}: a row {_shown(row)}, which was not expected"


def _shown(row: Mapping[str, Any]) -> str:
    return repr({name: value for name, value in row.items() if name != "patient_id"})
