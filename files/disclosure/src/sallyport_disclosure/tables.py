"""What the names and numbers of a table give away.

Rows are read in blocks and each column keeps sums and a few positions, so memory is bounded by the
block and not by the table. Equal cells of a block are looked at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest

from sallyport_disclosure import layout, names
from sallyport_disclosure.columns import Column
from sallyport_disclosure.findings import MAX_CELLS, Finding, Severity, Verdict
from sallyport_disclosure.layout import Layout, Row, TableError
from sallyport_disclosure.names import Forbidden, Meaning
from sallyport_disclosure.policy import Policy
from sallyport_disclosure.values import (
    LONGEST_NUMBER,
    OTHER,
    Form,
    Value,
    classify,
    count_of,
    is_fraction,
)

BLOCK_CELLS = 200_000
MEMORY = 100_000
"""Distinct cells that are remembered before the memory starts again."""
MAX_PATIENT_ROWS = 1000
"""Rows naming patients that are looked at before all are taken for records."""
_FORMULA = re.compile(r"[=@][^\W\d_]|[=+-][\w.$]*\(")


def check_table(text: str, policy: Policy) -> Verdict:
    """Return the verdict on a table; where two separators fit equally, both readings count."""
    verdicts = [_read(text, separator, policy) for separator in layout.separators(text)]
    findings = dict.fromkeys(finding for verdict in verdicts for finding in verdict.findings)
    return Verdict(tuple(findings), verdicts[0].rows, verdicts[0].columns)


def _read(text: str, separator: str, policy: Policy) -> Verdict:
    try:
        plan, rows = layout.open_table(text, separator)
        reading = _Reading(plan, policy)
        size = max(1, BLOCK_CELLS // max(1, plan.width))
        while reading.rows <= policy.max_rows and (block := list(islice(rows, size))):
            reading.add(block)
    except TableError as error:
        return Verdict((Finding("NOT_A_TABLE", Severity.BLOCK, str(error)),))
    return Verdict(tuple(reading.findings()), reading.rows, len(reading.columns))


class _Reading:
    """One reading of a table: its columns, and what its text says."""

    def __init__(self, plan: Layout, policy: Policy) -> None:
        self._plan, self._policy = plan, policy
        self._forbidden = Forbidden(policy.forbidden_columns)
        self.columns = [
            Column(name, index, policy) for index, name in enumerate(layout.names(plan))
        ]
        self.rows = 0
        self._values: dict[str, Value] = {}
        self._patients: list[str] = []
        self._patient_rows = 0
        self._formulas: list[tuple[int, int]] = []

    def add(self, block: list[Row]) -> None:
        """Take in a block of data rows."""
        labelled: set[int] = set()
        for index, cells in enumerate(zip_longest(*block, fillvalue="")):
            if index == len(self.columns):
                self.columns.append(Column("", index, self._policy))
            times = Counter(cells)
            numbers, values = self._read(times)
            self.columns[index].add(cells, times, numbers, values, self.rows + 1)
            texts = {
                cell: notes
                for cell, (form, _number) in values.items()
                if form is Form.TEXT and any(notes := self._notes(cell))
            }
            if texts:
                for row, cell in enumerate(cells):
                    if cell in texts:
                        self._note(block[row], row, index, texts[cell], labelled)
        self.rows += len(block)

    def _read(self, cells: Iterable[str]) -> tuple[dict[Form, dict[str, int]], dict[str, Value]]:
        """Return the numbers of distinct cells that need one look, and what the others hold."""
        whole: dict[str, int] = {}
        counts: dict[str, int] = {}
        values: dict[str, Value] = {}
        for cell in cells:
            if cell.isdecimal() and len(cell) <= LONGEST_NUMBER:
                whole[cell] = int(cell)
            elif cell[-1:] == ")" and (count := count_of(cell)) is not None:
                counts[cell] = count
            elif is_fraction(cell):
                values[cell] = OTHER
            else:
                values[cell] = self._value(cell)
        return {Form.WHOLE: whole, Form.COUNT: counts, Form.DOTTED: {}}, values

    def _value(self, cell: str) -> Value:
        value = self._values.get(cell)
        if value is None:
            if len(self._values) > MEMORY:
                self._values.clear()
            value = self._values[cell] = classify(cell)
        return value

    def _notes(self, cell: str) -> tuple[Meaning | None, bool, bool]:
        """Return what a string says: a label of counts, the name of a patient column, a formula."""
        formula = cell[0] in "=@+-" and _FORMULA.match(cell) is not None
        return names.label(cell), self._forbidden.appears(cell), formula

    def _note(
        self,
        row: Row,
        offset: int,
        index: int,
        notes: tuple[Meaning | None, bool, bool],
        labelled: set[int],
    ) -> None:
        label, patient, formula = notes
        number = self.rows + 1 + offset
        if label and offset not in labelled:
            labelled.add(offset)
            self._label(row, index, number, label)
        if patient and not self._patients and self._is_record(row, index):
            self._patients.append(row[index])
        if formula and len(self._formulas) < MAX_CELLS:
            self._formulas.append((number, index + 1))

    def _label(self, row: Row, index: int, number: int, label: Meaning) -> None:
        """Keep the whole numbers of a row whose label promises counts."""
        for position, cell in enumerate(row):
            value = self._value(cell)
            if value.form is Form.WHOLE and position != index:
                while position >= len(self.columns):
                    self.columns.append(Column("", len(self.columns), self._policy))
                self.columns[position].add_labelled(number, value.number, label)

    def _is_record(self, row: Row, index: int) -> bool:
        """Return whether a row that names patients holds more than zeros about that name.

        A row in a table of variables, such as `patient_id,0` for missing values, is not a record.
        """
        self._patient_rows += 1
        others = [self._value(cell) for position, cell in enumerate(row) if position != index]
        values = [value for value in others if value.form not in (Form.EMPTY, Form.MARK)]
        numbers = [value for value in values if value.form is not Form.TEXT]
        if self._patient_rows > MAX_PATIENT_ROWS or not numbers:
            return True
        return any(value.number or value.form is Form.OTHER for value in numbers)

    def findings(self) -> Iterator[Finding]:
        """Yield all findings on the table."""
        if self.rows > self._policy.max_rows:
            message = f"tables with more than {self._policy.max_rows} rows are not released"
            yield Finding("TOO_MANY_ROWS", Severity.BLOCK, message)
        yield from self._people()
        if self._formulas:
            row, column = self._formulas[0]
            message = "a spreadsheet runs cells like these as formulas"
            name = self.columns[column - 1].name
            yield Finding("FORMULA", Severity.WARN, message, row, name, tuple(self._formulas))
        yield from self._counts()

    def _people(self) -> Iterator[Finding]:
        headers = [cell for header in self._plan.headers for cell in header]
        columns = [column.name for column in self.columns]
        message = "tables with patient identifiers are not released"
        for name in (*headers, *columns, *self._patients):
            if self._forbidden.names(name):
                yield Finding("PATIENT_ID_COLUMN", Severity.BLOCK, message, column=name)
                return
        for name in dict.fromkeys(columns):
            if names.is_personal(name) or self._forbidden.mentions(name):
                message = "the column's name looks like one person's data"
                yield Finding("PERSONAL_COLUMN", Severity.WARN, message, column=name)

    def _counts(self) -> Iterator[Finding]:
        decimal_comma = self._plan.separator != ","
        numbered = len(self.columns) > 1 and self.columns[0].numbers_rows(self.rows)
        for column in self.columns[numbered:]:
            yield from column.findings(dotted_is_whole=decimal_comma)
        headings = (*self._plan.titles, *(cell for row in self._plan.headers for cell in row))
        for heading in dict.fromkeys(headings):
            value = classify(heading)
            if value.form is Form.COUNT and 1 <= value.number <= self._policy.threshold:
                message = f"a count from 1 to {self._policy.threshold} in a heading"
                yield Finding("SMALL_COUNT", Severity.WARN, message, column=heading)
