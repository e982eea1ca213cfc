"""The checks that read every row, in one statement per table: CHK-14 to CHK-16, CHK-18, CHK-19."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.checks.asking import Asker
from sallyport_data_builder.checks.report import Check
from sallyport_data_builder.checks.subject import Entry
from sallyport_data_builder.errors import DatabaseFailure
from sallyport_data_builder.schemas import ColumnSpec
from sallyport_data_builder.schemas.types import CODES
from sallyport_data_builder.sql import values
from sallyport_data_builder.sql.dialect import Dialect, Element

FIRST_DAY = datetime.date(1900, 1, 1)
BAD_CODES = 0.01
CURES = {
    "date": "write them so in its sql, for example from substr(...), or NULL for no date",
    "int": "cast them in its sql, guarded by a case, or NULL for no number",
    "float": "cast them in its sql, guarded by a case, or NULL for no number",
    "bool": "give 1 or 0 by a map or a case",
}
GOOD = {
    "CHK-14": "the schema's constraints hold",
    "CHK-15": "codes have the form of their system",
    "CHK-16": "patients are as the schema says",
    "CHK-18": "dates are plausible",
    "CHK-19": "is fresh",
}


@dataclass(frozen=True)
class Rule:
    """What is counted, and what it means when it is not zero."""

    id: str
    column: str
    count: Element
    text: str
    status: str = "fail"
    fail_above: float | None = None

    def judge(self, rows: int, of: int) -> str:
        """Return the status of a number of violations."""
        if not rows:
            return "ok"
        if self.fail_above is None:
            return self.status
        return "fail" if rows > of * self.fail_above else "warn"


class Full:
    """Makes the rules of a table and asks all of them at once."""

    def __init__(self, asker: Asker) -> None:
        self._asker, self._subject, self._standard = asker, asker.subject, asker.standard
        self._dialect = asker.dialect
        self._wrong_of: dict[str, dict[str, tuple[int, str]]] = {}
        self._looked: dict[str, bool] = {}
        self._today = datetime.datetime.now(datetime.UTC).date()

    def check(self, entry: Entry) -> Iterator[Check]:
        """Read a table and give what was found; a column that breaks the scan is left out."""
        wrong = self._wrong(entry)
        yield from self._wrong_values(entry, wrong)
        entry = _without(entry, wrong)
        try:
            yield from self._scan(entry)
        except DatabaseFailure as error:
            broken = [column for column in entry.columns if self._breaks(entry, column)]
            where = self._subject.at(entry.mapped)
            if not broken:
                text = f"cannot be read to the end {where}: {error}"
                yield Check("CHK-14", "fail", text, entry.mapped.name)
                return
            for column in broken:
                where = self._subject.at(entry.mapped, column)
                text = f"cannot be computed for every row: guard its sql by a case {where}"
                yield Check("CHK-14", "fail", text, entry.mapped.name, column)
            yield from self._scan(_without(entry, broken))

    def _wrong(self, entry: Entry) -> dict[str, tuple[int, str]]:
        """Return how many values of each column are not of its type, and that type."""
        name = entry.mapped.name
        if name not in self._wrong_of:
            gone = entry.mapped.unavailable
            kinds = {column: spec.type for column, spec in entry.columns.items()}
            kinds = {column: kind for column, kind in kinds.items() if column not in gone}
            select = self._standard.table(entry.schema, entry.name, list(kinds))
            kinds["patient_id"] = self._subject.mapping.patient_type
            columns, statement = values.counts(self._dialect, select, kinds)
            self._looked[name] = statement is not None
            # Read, not stored: a database that is strict when it stores would refuse them.
            rows = [] if statement is None else list(self._asker.ask(statement).one())
            found = {c: (int(n), kinds[c]) for c, n in zip(columns, rows, strict=True) if n}
            self._wrong_of[name] = found
        return self._wrong_of[name]

    def _wrong_values(self, entry: Entry, wrong: Mapping[str, tuple[int, str]]) -> Iterator[Check]:
        name = entry.mapped.name
        for column, (number, kind) in wrong.items():
            where = self._subject.at(entry.mapped, "" if column == "patient_id" else column)
            cure = CURES.get(kind, "cast them to text in its sql")
            text = f"{number:,} values are not {values.expected(kind)}; {cure} {where}"
            yield Check("CHK-08", "fail", text, name, column)
        if self._looked[name] and not wrong:
            yield Check("CHK-08", "ok", "every value has the type of the schema", name)

    def _breaks(self, entry: Entry, column: str) -> bool:
        """Return whether a column has a row whose value cannot be computed."""
        if column in entry.mapped.unavailable:
            return False
        rows = self._standard.table(entry.schema, entry.name, [column]).subquery("t")
        try:
            self._asker.counted(sa.select(sa.func.count(rows.c[column]).label("c")))
        except DatabaseFailure:
            return True
        return False

    def _scan(self, entry: Entry) -> Iterator[Check]:
        rows, people = self._rows(entry)
        joined: sa.FromClause = rows
        if people is not None:
            joined = rows.outerjoin(people, people.c.patient_id == rows.c.patient_id)
        rules = list(self._rules(entry, rows, people))
        # Every column is counted, so that every value is computed.
        wanted = [sa.func.count(column) for column in rows.c if column.name != "patient_id"]
        counts = [sa.func.count(), *(rule.count for rule in rules), *wanted]
        named = [count.label(f"c{number}") for number, count in enumerate(counts)]
        answer = [
            int(count or 0) for count in self._asker.counted(sa.select(*named).select_from(joined))
        ]
        of, found = answer[0], answer[1 : len(rules) + 1]
        for number in GOOD:
            yield from self._judged(number, entry, list(zip(rules, found, strict=True)), of)

    def _judged(
        self, number: str, entry: Entry, found: list[tuple[Rule, int]], of: int
    ) -> Iterator[Check]:
        mine = [(rule, rows) for rule, rows in found if rule.id == number]
        bad = [(rule, rows, rule.judge(rows, of)) for rule, rows in mine if rows]
        for rule, rows, status in bad:
            where = self._subject.at(entry.mapped, rule.column)
            text, table = f"{rule.text} {where}", entry.mapped.name
            counted = (None, None) if number == "CHK-19" else (rows, of)
            yield Check(number, status, text, table, rule.column, *counted)
        if mine and not bad:
            yield Check(number, "ok", GOOD[number], entry.mapped.name, "", 0, of)

    def _rows(self, entry: Entry) -> tuple[sa.FromClause, sa.FromClause | None]:
        """Return a table's rows, and the patients with their births if it is not theirs."""
        gone = entry.mapped.unavailable
        wanted = [column for column in entry.columns if column not in gone]
        rows = self._standard.table(entry.schema, entry.name, wanted).subquery("t")
        patients = self._subject.patients()
        if patients is None or patients.mapped.name == entry.mapped.name:
            return rows, None
        wrong = self._wrong(patients)
        born = [
            name
            for name in ("date_of_birth",)
            if name in patients.kinds("date") and name not in wrong
        ]
        everybody = self._standard.table(patients.schema, patients.name, born).subquery("e")
        first = [sa.func.min(everybody.c[name], type_=sa.Date()).label(name) for name in born]
        people = sa.select(everybody.c.patient_id, *first).group_by(everybody.c.patient_id)
        return rows, people.subquery("p")

    def _rules(
        self, entry: Entry, rows: sa.FromClause, people: sa.FromClause | None
    ) -> Iterator[Rule]:
        yield Rule("CHK-14", "", _count(rows.c.patient_id.is_(None)), "have no patient id")
        for column, spec in entry.columns.items():
            if column not in entry.mapped.unavailable:
                yield from self._constraints(column, spec, rows)
                yield from self._form(column, spec, rows.c[column])
        yield from self._patients(entry, rows, people)
        yield from self._dates(entry, rows, people)
        yield from self._fresh(entry, rows)

    def _constraints(self, column: str, spec: ColumnSpec, rows: sa.FromClause) -> Iterator[Rule]:
        value = rows.c[column]
        bad = [*self._values(value, spec), *_range(self._dialect, value, spec)]
        if spec.not_null:
            bad.append((value.is_(None), "are NULL; the column must not be"))
        for other in spec.after:
            if other in rows.c:
                bad.append((value < rows.c[other], f"are before {other}"))
        for condition, text in bad:
            yield Rule("CHK-14", column, _count(condition), text)
        if spec.unique:
            twice = sa.func.count(value) - sa.func.count(sa.distinct(value))
            yield Rule("CHK-14", column, twice, "repeat a value; the column must be unique")

    def _values(self, value: Element, spec: ColumnSpec) -> Iterator[tuple[Any, str]]:
        if spec.categories:
            known = [self._dialect.literal(word, spec.type) for word in spec.categories]
            listed = ", ".join(map(str, spec.categories))
            yield value.not_in(known), f"are none of {listed}; map them or set otherwise"
        if spec.first_of_month:
            day = self._dialect.date_part("day", value)
            yield day != 1, "are not the first of a month; cut the date to its month"
        if spec.regex:
            yield ~_matches(value, spec.regex), "have not the form that the schema gives"

    def _form(self, column: str, spec: ColumnSpec, value: Element) -> Iterator[Rule]:
        if spec.type in CODES:
            system = CODES[spec.type]
            bad = _count(~_matches(value, system.pattern.pattern))
            text = f"have not the form of {system.title}; trim or translate the codes"
            yield Rule("CHK-15", column, bad, text, fail_above=BAD_CODES)

    def _patients(
        self, entry: Entry, rows: sa.FromClause, people: sa.FromClause | None
    ) -> Iterator[Rule]:
        patient = rows.c.patient_id
        if entry.rows == "one":
            again = sa.func.count(patient) - sa.func.count(sa.distinct(patient))
            text = "are a second row of a patient; keep one row per patient in the query"
            yield Rule("CHK-16", "", again, text)
        if people is not None:
            stranger = sa.and_(patient.is_not(None), people.c.patient_id.is_(None))
            text = "are of patients who are not in patients; map the missing ones or drop the rows"
            yield Rule("CHK-16", "", _count(stranger), text, "warn")

    def _dates(
        self, entry: Entry, rows: sa.FromClause, people: sa.FromClause | None
    ) -> Iterator[Rule]:
        tomorrow = self._today + datetime.timedelta(days=1)
        first, last = (self._dialect.literal(day, "date") for day in (FIRST_DAY, tomorrow))
        dates = entry.kinds("date")
        for column in dates:
            value = rows.c[column]
            outside = sa.or_(value < first, value > last)
            text = "are before 1900 or after tomorrow; set null_if for a date that means none"
            yield Rule("CHK-18", column, _count(outside), text, "warn")
            if people is not None and "date_of_birth" in people.c:
                minus = self._dialect.literal(-1, "int")
                early = value < self._dialect.date_add("months", people.c.date_of_birth, minus)
                text = "are more than a month before the patient's birth"
                yield Rule("CHK-18", column, _count(early), text, "warn")
        if entry.rows == "many" and dates and not entry.columns[dates[0]].not_null:
            text = "have no date: no study that asks for a time finds them"
            yield Rule("CHK-18", dates[0], _count(rows.c[dates[0]].is_(None)), text, "warn")

    def _fresh(self, entry: Entry, rows: sa.FromClause) -> Iterator[Rule]:
        days, dates = entry.mapped.stale_after, entry.kinds("date")
        if days and dates:
            value = rows.c[dates[0]]
            limit = self._dialect.literal(self._today - datetime.timedelta(days=days), "date")
            now = self._dialect.literal(self._today, "date")
            recent = _count(sa.and_(value >= limit, value <= now))
            text = f"nothing of the last {days} days is there: has the load stopped?"
            yield Rule("CHK-19", dates[0], sa.case((recent == 0, 1), else_=0), text, "warn")


def _without(entry: Entry, columns: Iterable[str]) -> Entry:
    """Return a table without some columns."""
    gone = entry.mapped.unavailable | {*columns}
    return replace(entry, mapped=replace(entry.mapped, unavailable=gone))


def _count(condition: Any) -> Element:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _matches(value: Element, pattern: str) -> Element:
    return value.regexp_match(f"^({pattern})$")


def _range(dialect: Dialect, value: Element, spec: ColumnSpec) -> Iterator[tuple[Any, str]]:
    """Give what is outside a column's range."""
    given = spec.range
    for key, open_key in (("min", "open_min"), ("max", "open_max")):
        if key in given:
            end = dialect.literal(given[key], spec.type)
            below = value <= end if given.get(open_key) else value < end
            above = value >= end if given.get(open_key) else value > end
            yield (below if key == "min" else above), f"are outside the {key} of {given[key]}"
