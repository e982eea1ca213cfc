"""Evaluates a dataset patient by patient, over tables that are lists of rows.

Written to be read: every SQL engine is tested against it. A value that belongs to the patient is
computed once per patient, also where the conditions of rows use it: otherwise picks that depend on
earlier picks would take as many steps as rows to the power of their depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import singledispatchmethod
from typing import Any, cast

from sallyport_data_builder.memory import values
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    PARAMETERS,
    Column,
    Frame,
    Inline,
    Node,
    Parameter,
    Pick,
    Series,
    Table,
    Where,
    topological,
)
from sallyport_data_builder.model.roots import Interval

Row = Mapping[str, Any]
Tables = Mapping[tuple[str, str], Sequence[Row]]
Files = Mapping[Inline, Sequence[Row]]


def _by_patient(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["patient_id"], []).append(row)
    return found


class Engine:
    """Answers for tables that are keyed by schema and name; each row has a patient_id.

    Rows of a data file are those of its node: a study may declare a file twice, with other columns.
    The root holds everything that is asked: ties of a pick are broken by all the columns that are
    used of it anywhere (SEM-11). What is only looked at beside the root breaks the ties that are
    left, and so never changes an answer.
    """

    def __init__(
        self,
        tables: Tables,
        root: Node,
        interval: Interval | None = None,
        beside: Sequence[Node] = (),
        files: Files | None = None,
    ) -> None:
        self._root = root
        self._parameters = dict(zip(PARAMETERS, interval or (), strict=False))
        self._rows: dict[tuple[str, str] | Inline, dict[int, list[Row]]] = {}
        for key, rows in tables.items():
            self._rows[key] = _by_patient(rows)
        for node, rows in (files or {}).items():
            self._rows[node] = _by_patient(rows)
        self._patient: int | None = None
        self._of_patient: dict[Node, Any] = {}
        self._of_rows: dict[int, tuple[Row, dict[Node, Any]]] = {}
        self._frames: dict[Frame, Sequence[Row]] = {}
        self._members: dict[op.Constants, frozenset[Any]] = {}
        self._shared: set[Node] = set()
        self._ties: dict[Node, list[str]] = {}
        for asked in ([root], beside):
            self._prepare(topological(asked))

    def _prepare(self, nodes: Sequence[Node]) -> None:
        """Note inline rows, the columns that break ties in order, and what has several parents."""
        used: dict[Node, set[str]] = {}
        children: set[Node] = set()
        for node in nodes:
            self._shared.update(children.intersection(node.children))
            children.update(node.children)
            if isinstance(node, Column) and isinstance(node.frame, Pick):
                used.setdefault(node.frame, set()).add(node.name)
            if isinstance(node, Inline) and not node.source:
                names = ("patient_id", *node.columns)
                each = (dict(zip(names, row, strict=True)) for row in node.rows)
                self._rows[node] = {row["patient_id"]: [row] for row in each}
        for pick, found in used.items():
            ties = self._ties.setdefault(pick, [])
            ties += sorted(found.difference(ties))

    def patients(self, population: Series) -> list[int]:
        """Return everybody who is in a table that the population uses, in order."""
        found = {
            patient
            for node in topological([population])
            if isinstance(node, Table | Inline)
            for patient in self._table(node)
        }
        return sorted(found)

    def _table(self, table: Table | Inline) -> Mapping[int, Sequence[Row]]:
        """Return the rows of a table by patient."""
        if isinstance(table, Table):
            return self._rows.get((table.schema, table.name), {})
        return self._rows.get(table, {})

    def forget(self, patient: int | None = None) -> None:
        """Drop the values of the patient before, or of one whose rows have changed."""
        self._patient = patient
        for memo in (self._of_patient, self._of_rows, self._frames):
            memo.clear()

    def included(self) -> list[int]:
        """Return the patients of the dataset: NULL is not a member of it (SEM-21)."""
        return list(self._included())

    def _included(self) -> Iterator[int]:
        population = cast(op.Dataset, self._root).population
        for patient in self.patients(population):
            if self.value(population, patient, None) is True:
                yield patient

    def results(self) -> list[dict[str, Any]]:
        """Return the rows of the dataset, by patient (SEM-21)."""
        columns = cast(op.Dataset, self._root).columns
        return [
            {"patient_id": patient, **{name: self.value(s, patient, None) for name, s in columns}}
            for patient in self._included()
        ]

    def events(self, table: op.Rows) -> list[dict[str, Any]]:
        """Return the rows of an event table, by patient and then by the columns in order."""
        rows = [
            {"patient_id": patient, **{n: self.value(s, patient, row) for n, s in table.columns}}
            for patient in self._included()
            for row in self.rows(cast(Frame, table.rows), patient)
        ]
        return sorted(rows, key=lambda row: [values.sort_key(value) for value in row.values()])

    def rows(self, frame: Frame, patient: int) -> Sequence[Row]:
        """Return a patient's rows of a frame, in no order; of a pick, at most one."""
        if isinstance(frame, Table | Inline):
            return self._table(frame).get(patient, [])
        if patient != self._patient:
            self.forget(patient)
        if frame not in self._frames:
            self._frames[frame] = self._derived(frame, patient)
        return self._frames[frame]

    def _derived(self, frame: Frame, patient: int) -> Sequence[Row]:
        """Return the rows of a frame that is made of another one."""
        if isinstance(frame, Pick):
            return self._picked(frame, patient)
        domain = cast(Frame, frame.domain)
        if domain is not frame:
            return self.rows(domain, patient)
        where = cast(Where, frame)
        kept = self.rows(where.frame, patient)
        return [row for row in kept if self.value(where.predicate, patient, row) is True]

    def _picked(self, pick: Pick, patient: int) -> Sequence[Row]:
        def rank(row: Row) -> tuple[Any, ...]:
            keys = [self.value(key, patient, row) for key in pick.keys]
            ties = [row[name] for name in self._ties.get(pick, ())]
            return tuple(values.sort_key(value) for value in (*keys, *ties))

        rows = self.rows(cast(Frame, pick.frame.domain), patient)
        if not rows:
            return []
        return [min(rows, key=rank) if pick.op == "first" else max(rows, key=rank)]

    def _values(self, nodes: Iterable[Series], patient: int, row: Row | None) -> list[Any]:
        return [self.value(node, patient, row) for node in nodes]

    def _strict(
        self, call: Callable[..., Any], nodes: Iterable[Series], patient: int, row: Row | None
    ) -> Any:
        """Call with the values, or return NULL if one of them is."""
        found = self._values(nodes, patient, row)
        return None if any(value is None for value in found) else call(*found)

    def value(self, node: Node, patient: int, row: Row | None) -> Any:
        """Return the value of a series for a patient; row is the current one of its domain.

        Values of the patient, and shared values of a row, are computed once.
        """
        if patient != self._patient:
            self.forget(patient)
        if row is None or cast(Series, node).domain is None:
            return self._memoised(self._of_patient, node, None)
        if node not in self._shared:
            return self._value(node, patient, row)
        _row, memo = self._of_rows.setdefault(id(row), (row, {}))
        return self._memoised(memo, node, row)

    def _memoised(self, memo: dict[Node, Any], node: Node, row: Row | None) -> Any:
        if node not in memo:
            memo[node] = self._value(node, cast(int, self._patient), row)
        return memo[node]

    @singledispatchmethod
    def _value(self, node: Node, patient: int, row: Row | None) -> Any:
        raise NotImplementedError(type(node).__name__)

    @_value.register
    def _column(self, node: Column, patient: int, row: Row | None) -> Any:
        if node.domain is not None:
            return cast(Row, row)[node.name]
        rows = self.rows(node.frame, patient)
        return rows[0][node.name] if rows else None

    @_value.register
    def _literal(self, node: op.Literal, patient: int, row: Row | None) -> Any:
        del patient, row
        return node.value

    @_value.register
    def _parameter(self, node: Parameter, patient: int, row: Row | None) -> Any:
        del patient, row
        return self._parameters[node.name]

    @_value.register
    def _cases(self, node: op.Cases, patient: int, row: Row | None) -> Any:
        for predicate, result in node.pairs:
            if self.value(predicate, patient, row) is True:
                return self.value(result, patient, row)
        return None if node.default is None else self.value(node.default, patient, row)

    @_value.register
    def _compare(self, node: op.Compare, patient: int, row: Row | None) -> Any:
        return self._strict(values.COMPARE[node.op], (node.left, node.right), patient, row)

    @_value.register
    def _logic(self, node: op.Logic, patient: int, row: Row | None) -> Any:
        return values.LOGIC[node.op](self._values(node.parts, patient, row))

    @_value.register
    def _is_null(self, node: op.IsNull, patient: int, row: Row | None) -> Any:
        return self.value(node.source, patient, row) is None

    @_value.register
    def _member(self, node: op.Member, patient: int, row: Row | None) -> Any:
        among, value = node.among, self.value(node.source, patient, row)
        if not isinstance(among, op.Constants):
            return values.member(value, self.value(among, patient, None))
        if among not in self._members:
            self._members[among] = frozenset(among.values)
        return values.member(value, self._members[among])

    @_value.register
    def _contains(self, node: op.Contains, patient: int, row: Row | None) -> Any:
        return self._strict(lambda text, part: part in text, (node.text, node.needle), patient, row)

    @_value.register
    def _arithmetic(self, node: op.Arithmetic, patient: int, row: Row | None) -> Any:
        return self._strict(values.ARITHMETIC[node.op], node.parts, patient, row)

    @_value.register
    def _convert(self, node: op.Convert, patient: int, row: Row | None) -> Any:
        call = int if node.op == "to_int" else float
        return self._strict(call, (node.source,), patient, row)

    @_value.register
    def _date_add(self, node: op.DateAdd, patient: int, row: Row | None) -> Any:
        return self._strict(values.DATE_ADD[node.op], (node.date, node.amount), patient, row)

    @_value.register
    def _date_diff(self, node: op.DateDiff, patient: int, row: Row | None) -> Any:
        return self._strict(values.DATE_DIFF[node.op], (node.start, node.end), patient, row)

    @_value.register
    def _date_part(self, node: op.DatePart, patient: int, row: Row | None) -> Any:
        return self._strict(lambda date: getattr(date, node.op), (node.date,), patient, row)

    @_value.register
    def _date_floor(self, node: op.DateFloor, patient: int, row: Row | None) -> Any:
        return self._strict(
            lambda date: values.date_floor(node.op, date), (node.date,), patient, row
        )

    @_value.register
    def _extreme(self, node: op.Extreme, patient: int, row: Row | None) -> Any:
        found = [value for value in self._values(node.parts, patient, row) if value is not None]
        if not found:
            return None
        return min(found) if node.op == "least" else max(found)

    @_value.register
    def _aggregate(self, node: op.Aggregate, patient: int, row: Row | None) -> Any:
        del row
        if isinstance(node.source, Frame):
            rows = self.rows(node.source, patient)
            return bool(rows) if node.op == "exists" else len(rows)
        source = cast(Series, node.source)
        found = [
            self.value(source, patient, each) for each in self.rows(cast(Frame, node.rows), patient)
        ]
        return values.aggregate(node.op, found, node.gap)
