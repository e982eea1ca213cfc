"""Makes one patient after another: what is wanted of them first, then whatever else happens."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sallyport_data_builder.dummy import draws
from sallyport_data_builder.dummy.chance import Chance
from sallyport_data_builder.dummy.goals import (
    IMPOSSIBLE,
    UNKNOWN,
    Bound,
    Every,
    Goal,
    Present,
    RowsOf,
    Some,
)
from sallyport_data_builder.dummy.person import Facts, Person
from sallyport_data_builder.dummy.relations import Relation
from sallyport_data_builder.dummy.study import Study
from sallyport_data_builder.dummy.tables import BIRTH, DummyTable
from sallyport_data_builder.model.nodes import Frame

MARGIN = 30  # days after a death in which something may still be recorded
AHEAD = 60  # days after today
OLDEST, UTMOST = 95 * 365, 115 * 365  # days: of anybody, and where the study wants it
DIES = 0.12
HAS_ROW = 0.75
TELLS = 0.9
TRIES = 6
KEPT = 0.85
FROM_FRAME = 0.75
WISHES = 5
LAST = 36_500
EXTRA = (0, 0, 1, 1, 2, 3, 5)


@dataclass
class Wanted:
    """Rows that are to be there."""

    rows: RowsOf
    hard: bool
    bounds: list[Bound] = field(default_factory=list)


@dataclass
class Wishes:
    """Everything that is wanted of one patient; what was wanted first counts first."""

    cells: dict[tuple[str, str], list[Bound]] = field(default_factory=dict)
    present: dict[str, bool] = field(default_factory=dict)
    rows: dict[object, Wanted] = field(default_factory=dict)
    closed: dict[Frame, tuple[str, bool]] = field(default_factory=dict)


class Patients:
    """Makes the rows of patients of a study."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._chance = Chance(0)
        self._person = Person(study.plan.root, study.inputs)
        self._wishes = Wishes()
        self._walked: set[tuple[Goal, int]] = set()
        self._birth = self._last = 0
        self._death: int | None = None

    def make(self, patient: int, attempt: int) -> Facts:
        """Return the rows of a patient: they depend on the study, the number and the attempt."""
        study = self._study
        words = b"%b/%d/%d" % (study.seed, patient, attempt)
        self._chance.begin(int.from_bytes(hashlib.sha256(words).digest()[:8]))
        self._person.begin(patient, study.interval_of(patient))
        self._wishes, self._walked = Wishes(), set()
        self._walk(study.population, None, True)
        for goal in study.wishes_of(patient, attempt):
            self._walk(goal, None, False)
        for _ in range(self._chance.below(WISHES) if study.wishes else 0):
            self._walk(self._chance.one_of(study.wishes), None, False)
        self._life()
        for table in study.tables.values():
            if table.rows == "one":
                self._one(table)
        for wanted in self._wishes.rows.values():
            self._wanted(wanted)
        for table in study.tables.values():
            if table.rows == "many":
                self._others(table)
        return self._person.facts

    def _walk(self, goal: Goal, own: list[Bound] | None, hard: bool) -> None:
        """Note what a goal wants; bounds of the row that is meant go into `own`."""
        if isinstance(goal, Every | Some):
            self._walk_parts(goal, own, hard)
        elif isinstance(goal, Bound):
            self._bound(goal, own)
        elif isinstance(goal, Present):
            self._wishes.present.setdefault(goal.table, goal.wanted)
        elif isinstance(goal, RowsOf):
            self._rows(goal, hard)

    def _walk_parts(self, goal: Every | Some, own: list[Bound] | None, hard: bool) -> None:
        """Walk all parts, or one of them; goals share parts, so each is walked once for a row."""
        if (goal, id(own)) in self._walked or goal is IMPOSSIBLE:
            return
        self._walked.add((goal, id(own)))
        for part in goal.parts if isinstance(goal, Every) else [self._choice(goal)]:
            self._walk(part, own, hard)

    def _choice(self, goal: Some) -> Goal:
        place = self._chance.below(sum(goal.weights))
        for part, weight in zip(goal.parts, goal.weights, strict=True):
            place -= weight
            if place < 0:
                return part
        return goal.parts[-1]

    def _bound(self, bound: Bound, own: list[Bound] | None) -> None:
        if bound.own:
            if own is not None:
                own.append(bound)
            return
        self._wishes.cells.setdefault((bound.table, bound.column), []).append(bound)
        if bound.op != Relation.NULL:
            self._wishes.present.setdefault(bound.table, True)

    def _rows(self, rows: RowsOf, hard: bool) -> None:
        wishes = self._wishes
        if rows.closed:
            wishes.closed.setdefault(rows.frame, (rows.table, hard))
        if rows.least == 0:
            return
        found = wishes.rows.get(rows.key)
        if found is None:
            found = Wanted(rows, hard)
            self._walk(self._study.solver.row_goal(rows.frame), found.bounds, hard)
        elif rows.least > found.rows.least:
            found.rows = rows
        self._walk(rows.goal, found.bounds, hard)
        wishes.rows.pop(rows.key, None)
        wishes.rows[rows.key] = found

    def _life(self) -> None:
        """Draw birth and death, between which everything else happens."""
        study, today = self._study, self._study.today.toordinal()
        earliest, latest = self._wished_days()
        self._birth, self._last, self._death = self._first_birth(today), today, None
        days = (self._birth, max(min(today, earliest), self._birth), True)
        self._birth = self._person_date(study.births, days) or self._chance.between(*days[:2])
        # A death may be wanted so long after the birth: its row stays until it is final.
        for table, column in study.births:
            born = {column: datetime.date.fromordinal(self._birth)}
            self._person.facts[table] = [dict.fromkeys(study.tables[table].columns) | born]
            self._person.changed()
        if self._dies():
            first = max(self._birth, min(latest - MARGIN + 1, today + AHEAD))
            days = (first, max(today + AHEAD, first), True)
            self._death = self._person_date(study.deaths, days) or self._chance.between(*days[:2])
        self._person.facts.clear()
        self._person.changed()
        self._last = max(today + AHEAD, self._birth)
        if self._death is not None:
            self._last = max(self._death + MARGIN, self._birth)

    def _wished_days(self) -> tuple[int, int]:
        """Return before which day rows are wanted, and after which one."""
        earliest, latest = LAST * 30, 0
        for wanted in self._wishes.rows.values():
            for bound in wanted.bounds:
                if isinstance(bound.fixed, datetime.date):
                    day = bound.fixed.toordinal()
                    if bound.op in (Relation.LE, Relation.LT, Relation.EQ):
                        earliest = min(earliest, day - 1)
                    if bound.op in (Relation.GE, Relation.GT, Relation.EQ):
                        latest = max(latest, day + 1)
        return earliest, latest

    def _first_birth(self, today: int) -> int:
        """Return the first day of a birth; it is earlier where only very old people are wanted."""
        bounds = [each for cell in self._study.births for each in self._wishes.cells.get(cell, ())]
        limits = [day for op, day in self._values(bounds, None) if op in (Relation.LT, Relation.LE)]
        usual = today - OLDEST
        return today - UTMOST if any(day.toordinal() <= usual for day in limits) else usual

    def _dies(self) -> bool:
        """Return whether this patient is to die: wanted, not wanted, or by chance."""
        wishes = self._wishes
        for table, column in self._study.deaths:
            bounds = wishes.cells.get((table, column), ())
            if bounds:
                return bounds[0].op != Relation.NULL
            if table in wishes.present and self._study.tables[table].is_deaths:
                return wishes.present[table]
        if any(self._study.tables[w.rows.table].is_deaths for w in wishes.rows.values()):
            return True
        return self._chance.random() < DIES

    def _person_date(self, cells: Sequence[tuple[str, str]], days: draws.Days) -> int | None:
        """Draw a day that fits what is wanted of the first of some columns that has wishes."""
        chosen = next((cell for cell in cells if self._wishes.cells.get(cell)), None)
        chosen = chosen or (cells[0] if cells else None)
        if chosen is None:
            return None
        bounds = self._wishes.cells.get(chosen, ())
        wants = [(Relation.PRESENT, None), *self._values(bounds, None)]
        spec = self._study.tables[chosen[0]].columns[chosen[1]]
        drawn = draws.value(self._chance, spec, wants, (), days)
        return drawn.toordinal() if drawn is not None else None

    def _values(self, bounds: Sequence[Bound], row: Any) -> list[tuple[Relation, Any]]:
        """Return what bounds compare with now; what is not known yet limits nothing."""
        found = []
        for bound in bounds:
            if bound.other is None:
                found.append((bound.op, None))
            else:
                other = bound.fixed
                if other is UNKNOWN:
                    other = self._person.other(bound, row)
                if other is not None:
                    found.append((bound.op, other))
        return found

    def _one(self, table: DummyTable) -> None:
        """Make the row of a table that has one per patient, or none."""
        wanted = self._wishes.present.get(table.name)
        if wanted is None:
            default = self._death is not None if table.is_deaths else HAS_ROW
            wanted = BIRTH in table.columns or self._chance.random() < default
        if not wanted:
            return
        row: dict[str, Any] = dict.fromkeys(table.columns)
        self._person.facts[table.name] = [row]
        for name in table.columns:
            bounds = self._wishes.cells.get((table.name, name), ())
            row[name] = self._cell(table, name, bounds, row)
            self._person.changed()

    def _cell(
        self, table: DummyTable, name: str, bounds: Sequence[Bound], row: dict[str, Any]
    ) -> Any:
        spec = table.columns[name]
        if name == BIRTH:
            return datetime.date.fromordinal(self._birth)
        wants = self._values(bounds, row)
        if table.tells_death(name):
            return self._told_death(wants)
        first = self._birth
        for earlier in spec.after:
            if row[earlier] is not None:
                first = max(first, row[earlier].toordinal())
        if table.is_deaths and self._death is not None:
            first = max(first, self._death)
        days = (first, max(self._last, first), self._death is None)
        return draws.value(self._chance, spec, wants, self._study.pool(table.name, name), days)

    def _told_death(self, wants: draws.Wants) -> datetime.date | None:
        """Return the day of death; it may be missing although the patient died."""
        if self._death is None or (wants and wants[0][0] == Relation.NULL):
            return None
        if not wants and self._chance.random() > TELLS:
            return None
        return datetime.date.fromordinal(self._death)

    def _wanted(self, wanted: Wanted) -> None:
        """Make the rows that are wanted, as far as others do not do already."""
        rows, table = wanted.rows, self._study.tables[wanted.rows.table]
        facts = self._person.facts.setdefault(table.name, [])
        missing = rows.least
        if not isinstance(rows.goal, Bound | RowsOf):
            missing -= sum(self._person.is_in(row, rows.frame) for row in facts)
        for _ in range(missing):
            for _ in range(TRIES):
                row = self._row(table, wanted.bounds)
                if self._person.is_in(row, rows.frame):
                    break
            if wanted.hard or not self._is_unwanted(row, table.name, rows.frame):
                self._add(facts, row)

    def _add(self, facts: list[dict[str, Any]], row: dict[str, Any]) -> None:
        facts.append(row)
        self._person.changed()

    def _row(self, table: DummyTable, bounds: Sequence[Bound]) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(table.columns)
        by_column: dict[str, list[Bound]] = {}
        for bound in bounds:
            by_column.setdefault(bound.column, []).append(bound)
        for name in table.columns:
            row[name] = self._cell(table, name, by_column.get(name, ()), row)
        return row

    def _is_unwanted(self, row: dict[str, Any], table: str, own: Frame | None) -> bool:
        """Return whether a row would be one too many in a filtered table."""
        return any(
            self._person.is_in(row, frame)
            for frame, (name, hard) in self._wishes.closed.items()
            if name == table and (hard or frame is not own)
        )

    def _others(self, table: DummyTable) -> None:
        """Add rows that nobody asked for: near what the study looks at, or anywhere."""
        if table.is_deaths and self._death is None:
            return
        chance, study = self._chance, self._study
        facts = self._person.facts.setdefault(table.name, [])
        frames = study.frames[table.name]
        count = chance.one_of(EXTRA) + (len(frames) > 3) * chance.below(4)
        for _ in range(0 if table.is_deaths and facts else count):
            bounds: list[Bound] = []
            if study.intervals:
                self._person.during(chance.one_of(study.intervals))
            if frames and chance.random() < FROM_FRAME:
                self._near(study.solver.row_goal(chance.one_of(frames)), bounds)
            row = self._row(table, [each for each in bounds if chance.random() < KEPT])
            self._person.during(study.interval_of(self._person.patient))
            if not self._is_unwanted(row, table.name, None):
                self._add(facts, row)

    def _near(self, goal: Goal, bounds: list[Bound]) -> None:
        """Note the bounds of a row, and nothing about the patient."""
        if isinstance(goal, Every):
            for part in goal.parts:
                self._near(part, bounds)
        elif isinstance(goal, Some) and goal is not IMPOSSIBLE:
            self._near(self._choice(goal), bounds)
        elif isinstance(goal, Bound) and goal.own:
            bounds.append(goal)
