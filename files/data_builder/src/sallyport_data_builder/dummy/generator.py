"""Dummy patients: made one by one, tried in bulk by the query that real data meets (DUM-08)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from sallyport_data_builder.dummy.describe import conditions, text_of
from sallyport_data_builder.dummy.patients import Patients
from sallyport_data_builder.dummy.person import Facts
from sallyport_data_builder.dummy.required import required_inputs
from sallyport_data_builder.dummy.study import INTERVAL, Study
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.io.tables import OutputTable
from sallyport_data_builder.model.nodes import Series
from sallyport_data_builder.model.plan import Plan
from sallyport_data_builder.model.roots import Dataset
from sallyport_data_builder.sql.inline import rows_of

if TYPE_CHECKING:
    import pyarrow as pa

LOG = logging.getLogger("data_builder")
CHUNK = 4_000
MOST_COPIES = 32
MOST_ATTEMPTS = 2_000
FIRST_LOOK = 500
OWN_ATTEMPTS = 10
JOB = "dummy"


@dataclass(frozen=True)
class Candidate:
    """A patient who is tried: `number` stands for the patient and the attempt."""

    number: int
    patient: int
    facts: Facts


class Generator:
    """Makes patients until each number has one in the population, or no more can be made."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._study, self._clock = Study(plan), clock
        self._timeout = plan.dummy.timeout
        self.make: Callable[[int, int], Facts] = Patients(self._study).make
        self._patients: dict[int, Facts] | None = None
        # Who is in tables that the study brings, and who is in all that the population requires.
        rows = {node: {row[0] for row in rows_of(node)} for node in self._study.inputs}
        self._own = set().union(*rows.values())
        needed = required_inputs(self._study.condition, self._study.inputs)
        self._possible = set.intersection(*(rows[node] for node in needed)) if needed else None
        self._wanted = plan.population_size
        limit = self._wanted if self._possible is None else len(self._possible)
        self._size = min(self._wanted, limit)

    def tables(self) -> list[OutputTable]:
        """Return the tables that there are rows for, with the columns that are used (DUM-09)."""
        return [table.output for table in self._study.tables.values()]

    def read(self, table: OutputTable) -> Iterator[pa.RecordBatch]:
        """Return the rows of a table, as a file of it would be read; patients are made first."""
        rows = self.patients()
        people = [Candidate(patient, patient, rows[patient]) for patient in sorted(rows)]
        return (_batch(table, part) for part in _chunks(iter(people), CHUNK))

    def patients(self) -> dict[int, Facts]:
        """Return the rows of each patient by table (DUM-02).

        They are as many as asked for, or fewer with a warning; DefinitionError if no patient fits.
        """
        if self._patients is None:
            self._patients = self._made() if self._wanted else {}
        return self._patients

    def _made(self) -> dict[int, Facts]:
        """Try patients; one who is not in the population is generated again."""
        ids = self._ids()
        pending = dict.fromkeys(islice(ids, self._size), 0)
        deadline = self._clock() + self._timeout
        accepted: dict[int, Facts] = {}
        last: Sequence[Candidate] = ()
        tried, late = 0, False
        while pending and not late:
            for last in _chunks(self._round(pending), CHUNK):
                numbers = self._accepted(last, self._study.condition)
                tried += len(last)
                for each in last:
                    if each.number in numbers:
                        accepted.setdefault(each.patient, each.facts)
                late = self._clock() > deadline and len(accepted) < self._size
                if late:
                    break
            hopeless = tried >= FIRST_LOOK and not accepted and not self._own
            for patient in self._given_up(pending, accepted, hopeless):
                del pending[patient]
                pending.update(dict.fromkeys(islice(ids, 1 if patient in self._own else 0), 0))
        reason = f"in {self._timeout} seconds" if late else f"after {tried} tries"
        if len(accepted) < self._wanted:
            self._report(len(accepted), last, reason)
        return accepted

    def _given_up(
        self, pending: dict[int, int], accepted: dict[int, Facts], hopeless: bool
    ) -> list[int]:
        """Take out who was accepted; return who is not worth another try."""
        for patient in [each for each in pending if each in accepted]:
            del pending[patient]
        limit = OWN_ATTEMPTS if self._own else MOST_ATTEMPTS
        return [each for each, attempts in pending.items() if hopeless or attempts >= limit]

    def _ids(self) -> Iterator[int]:
        """Yield numbers of patients: those of the study's own tables first."""
        if self._possible is not None:
            yield from sorted(self._possible)
            return
        yield from sorted(self._own)
        yield from count(max([0, *self._own]) + 1)

    def _round(self, pending: dict[int, int]) -> Iterator[Candidate]:
        """Make each missing patient again; more often the fewer are missing."""
        first = not any(pending.values())
        copies = 1 if first or self._own else MOST_COPIES
        copies = max(1, min(copies, CHUNK // len(pending)))
        for patient in sorted(pending):
            for copy in range(copies):
                attempt = pending[patient] + copy
                facts = self.make(patient, attempt)
                number = patient if self._own else patient * MOST_COPIES + copy
                yield Candidate(number, patient, facts)
            pending[patient] += copies

    def _accepted(self, candidates: Sequence[Candidate], condition: Series) -> set[int]:
        """Return the numbers of the candidates who meet a condition, by the planner's own query."""
        from sallyport_data_builder import local
        from sallyport_data_builder.sql.run import run_steps
        from sallyport_data_builder.sql.steps import Planner

        root = Dataset(condition, ())
        with local.loaded(Plan(root), lambda table: self._rows(table, candidates), JOB) as database:
            database.quiet = True
            steps = Planner(database.dialect, database.mapping, JOB).dataset(root).steps
            return {int(row[0]) for row in run_steps(database, steps, [])}

    def _rows(
        self, table: OutputTable, candidates: Sequence[Candidate]
    ) -> Iterator[pa.RecordBatch]:
        if table.name == INTERVAL.name:
            for candidate in candidates:
                first, last = self._study.interval_of(candidate.patient) or (None, None)
                candidate.facts[INTERVAL.name] = [{"first": first, "last": last}]
        yield _batch(table, candidates)

    def _report(self, count: int, candidates: Sequence[Candidate], when: str) -> None:
        """Warn of fewer patients than asked for; raise DefinitionError if no patient fits."""
        some = f"{count} of {self._wanted} dummy patients"
        if self._possible is not None and count == len(self._possible) and count:
            names = ", ".join(
                text_of(node) for node in required_inputs(self._study.condition, self._study.inputs)
            )
            LOG.warning(
                "only %s: the population needs a row of %s, which has so many patients", some, names
            )
            return
        hardest = self._hardest(candidates)
        if count:
            LOG.warning("only %s satisfy the population %s.%s", some, when, hardest)
            return
        raise DefinitionError(
            f"No dummy patient satisfies the population {when}.{hardest} Check that the conditions "
            "can be true together, or supply dummy tables with --dummy-tables."
        )

    def _hardest(self, candidates: Sequence[Candidate]) -> str:
        """Return a sentence about the condition that the fewest of the last candidates meet."""
        if not candidates:
            return " The tables that it needs a row of share no patient."
        parts = conditions(self._study.condition)
        numbers = {candidate.number for candidate in candidates}
        met = [(len(self._accepted(candidates, part) & numbers), part) for part in parts]
        least, part = min(met, key=lambda pair: pair[0])
        share = f"{least} of {len(candidates)} tries met it"
        return f" Hard to satisfy is {text_of(part)}: {share}."


def _chunks(candidates: Iterator[Candidate], size: int) -> Iterator[list[Candidate]]:
    while part := list(islice(candidates, size)):
        yield part


def _batch(table: OutputTable, candidates: Sequence[Candidate]) -> pa.RecordBatch:
    """Return the rows of candidates in one table."""
    import pyarrow as pa

    from sallyport_data_builder.io.batches import plain_schema

    names = table.names[1:]
    pairs = [(each.number, row) for each in candidates for row in each.facts.get(table.name, ())]
    values: list[list[Any]] = [[number for number, _row in pairs]]
    values += [[row[name] for _number, row in pairs] for name in names]
    wanted = plain_schema(table)
    arrays = [pa.array(each, field.type) for each, field in zip(values, wanted, strict=True)]
    return pa.record_batch(arrays, schema=wanted)
