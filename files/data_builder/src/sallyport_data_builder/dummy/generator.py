"""Dummy patients: the same definition gives the same rows on any day and machine (DUM-01)."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from sallyport_data_builder import schemas
from sallyport_data_builder.dummy.chance import repeatable
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Table, topological
from sallyport_data_builder.model.plan import Plan, dumps
from sallyport_data_builder.schemas import ColumnSpec

FIXED_TODAY = datetime.date(2024, 1, 1)
TRIES_PER_PATIENT = 200
BATCH = 500
SAMPLE_CODES = {
    "snomedct": "123456789", "dmd": "987654321", "icd10": "A00", "ctv3": "XaBVJ", "opcs4": "A01",
    "bnf": "0101010A0AAAAAA", "icd10_multi": "A00", "opcs4_multi": "A01",
}  # fmt: skip
Row = dict[str, Any]


class Generator:
    """Makes patients until enough of them are in the population."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        digest = hashlib.sha256(dumps(plan).encode()).digest()
        self._random = repeatable(digest)
        self._nodes = topological([plan.dataset])
        self._today = max((d for d in self._constants("date")), default=FIXED_TODAY)
        self._pools: dict[str, list[Any]] = {}

    def _constants(self, kind: str) -> list[Any]:
        found = []
        for node in self._nodes:
            if isinstance(node, op.Literal) and node.kind == kind:
                found.append(node.value)
            elif isinstance(node, op.Constants) and node.kind == kind:
                found.extend(node.values)
        return found

    def rows(self) -> list[Sequence[Any]]:
        """Return exactly the number asked for, or raise DefinitionError (DUM-02)."""
        return [list(row.values()) for _tables, rows in self._batches() for row in rows]

    def tables(self) -> dict[Table, list[Row]]:
        """Return the tables of the same patients: a run on them gives the same rows (DUM-09)."""
        found: dict[Table, list[Row]] = {
            node: [] for node in self._nodes if isinstance(node, Table)
        }
        for tables, results in self._batches():
            kept = {row["patient_id"] for row in results}
            for node, rows in found.items():
                every = tables[node.schema, node.name]
                rows += [row for row in every if row["patient_id"] in kept]
        return found

    def _batches(self) -> Iterator[tuple[dict[tuple[str, str], list[Row]], list[Row]]]:
        """Yield tables and the patients of them who are wanted, until they are enough."""
        wanted, made, found = self._plan.population_size, 0, 0
        while found < wanted:
            if made >= max(TRIES_PER_PATIENT * wanted, 10 * BATCH):
                raise DefinitionError(
                    f"Only {found} of {wanted} dummy patients satisfy the population after "
                    f"{made} tries; a condition of define_population is hard to satisfy."
                )
            patients = range(made + 1, made + 1 + BATCH)
            tables = self._tables(patients)
            results = Engine(tables, self._plan.dataset).results()[: wanted - found]
            yield tables, results
            made, found = made + BATCH, found + len(results)

    def _tables(self, patients: Sequence[int]) -> dict[tuple[str, str], list[Row]]:
        """Fill every table that is used, births and deaths first."""
        births = {patient: self._birth() for patient in patients}
        tables = [node for node in self._nodes if isinstance(node, Table)]
        return {
            (table.schema, table.name): [
                row
                for patient in patients
                for row in self._patient(table, patient, births[patient])
            ]
            for table in tables
        }

    def _birth(self) -> datetime.date:
        days = self._random.randrange(100 * 365)
        return (self._today - datetime.timedelta(days=days)).replace(day=1)

    def _patient(self, table: Table, patient: int, birth: datetime.date) -> Iterator[Row]:
        number = 1 if table.rows == "one" else self._random.choice((0, 1, 1, 2, 3, 5))
        if table.rows == "one" and table.name != "patients" and self._random.random() < 0.8:
            number = 0
        specs = schemas.load(table.schema).tables[table.name].columns if table.schema else {}
        for _ in range(number):
            row: Row = {"patient_id": patient}
            for name, kind in table.spec:
                spec = specs.get(name, ColumnSpec(kind))
                row[name] = birth if name == "date_of_birth" else self._value(spec, birth, row)
            yield row

    def _value(self, spec: ColumnSpec, birth: datetime.date, row: Row) -> Any:
        if not spec.not_null and self._random.random() < (0.7 if spec.after else 0.15):
            return None
        if spec.categories:
            return self._random.choice(spec.categories)
        if spec.type == "date":
            earliest = max([birth, *(row[name] for name in spec.after if row.get(name))])
            span = max((self._today - earliest).days, 1)
            date = earliest + datetime.timedelta(days=self._random.randrange(span + 60))
            return date.replace(day=1) if spec.first_of_month else date
        return self._scalar(spec.type)

    def _scalar(self, kind: str) -> Any:
        if kind == "bool":
            return self._random.random() < 0.5
        if kind == "int":
            return self._random.randrange(1, 100)
        if kind == "float":
            return round(self._random.gauss(50, 25), 1)
        if kind not in self._pools:
            default = [SAMPLE_CODES.get(kind, "text")]
            self._pools[kind] = [*default, *self._constants(kind)]
        return self._random.choice(self._pools[kind])
