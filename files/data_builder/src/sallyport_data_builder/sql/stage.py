"""The physical plan of a job: steps in order, the table that each stores, and when it may go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from sallyport_data_builder.backends.parts import BackendMapping
from sallyport_data_builder.backends.python import decorated
from sallyport_data_builder.sql.dialect import Dialect

WRITTEN_OUT = 400
Values = Sequence[Any]


@dataclass(frozen=True)
class Step:
    """A SELECT that is stored under a name, the rules that made it, and what goes after it.

    `restricted` takes its place if the population turns out to be a small part of `everybody`,
    which the step of the population counts (PLN-02).
    """

    label: str
    name: str
    select: sa.Select[Any]
    rules: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    restricted: sa.Select[Any] | None = None
    everybody: sa.FromClause | None = None


@dataclass(frozen=True)
class Load:
    """Rows that are not in the database: a study's own table, or a long codelist."""

    label: str
    name: str
    columns: tuple[tuple[str, str], ...]
    rows: Callable[[], Iterable[Values]]
    rules: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


AnyStep = Step | Load


@dataclass(frozen=True)
class PhysicalPlan:
    """Steps in order, and the names of the tables that hold their results."""

    steps: tuple[AnyStep, ...] = ()
    results: tuple[str, ...] = ()


class Stage:
    """Collects the steps of one physical plan; names are `sp_<job>_<n>` (CON-02).

    `done` is how many steps of the job are in earlier plans.
    """

    def __init__(self, dialect: Dialect, mapping: BackendMapping, job: str, done: int = 0) -> None:
        self.dialect, self.mapping, self._job, self._done = dialect, mapping, job, done
        self._steps: list[AnyStep] = []

    def _name(self) -> str:
        return f"sp_{self._job}_{self._done + len(self._steps) + 1}"

    def plan(self, *results: sa.TableClause) -> PhysicalPlan:
        """Return the steps up to now as a value."""
        return PhysicalPlan(tuple(self._steps), tuple(str(table.name) for table in results))

    def part(self, select: sa.Select[Any]) -> sa.TableClause:
        """Store what expressions share, where derived tables cannot be nested deeper."""
        return self.store("part of a computation", select, ["PLN-08"])

    def store(
        self,
        label: str,
        select: sa.Select[Any],
        rules: Sequence[str] = (),
        restricted: sa.Select[Any] | None = None,
        everybody: sa.FromClause | None = None,
    ) -> sa.TableClause:
        """Add a step, and return the table that it will make."""
        name = self._name()
        limited = None if restricted is None else decorated(restricted, self.mapping)
        stored = decorated(select, self.mapping)
        step = Step(label, name, stored, tuple(rules), (), limited, everybody)
        self._steps.append(step)
        return self.table(name, {c.name: c.type for c in select.selected_columns})

    def load(
        self,
        label: str,
        columns: Sequence[tuple[str, str]],
        rows: Callable[[], Iterable[Values]],
        rules: Sequence[str] = (),
    ) -> sa.TableClause:
        """Add rows of our own, and return the table that they will be in."""
        name = self._name()
        self._steps.append(Load(label, name, tuple(columns), rows, tuple(rules)))
        return self.table(name, {key: self.dialect.types[kind] for key, kind in columns})

    def write_out(
        self,
        label: str,
        columns: Sequence[tuple[str, str]],
        rows: Sequence[Values],
        rules: Sequence[str] = (),
    ) -> sa.TableClause:
        """Add a few rows as constants of one statement; many are loaded."""
        if not 0 < len(rows) <= WRITTEN_OUT:
            return self.load(label, columns, lambda: rows, rules)
        selects = [
            sa.select(
                *(
                    self.dialect.literal(value, kind).label(name)
                    for (name, kind), value in zip(columns, row, strict=True)
                )
            )
            for row in rows
        ]
        constants = sa.union_all(*selects).subquery("c") if len(selects) > 1 else None
        select = selects[0] if constants is None else sa.select(constants)
        return self.store(label, select, rules)

    def table(self, name: str, types: Mapping[str, Any]) -> sa.TableClause:
        """Return a scratch table as statements read it."""
        columns = [sa.column(column, kind) for column, kind in types.items()]
        return sa.table(name, *columns, schema=self.mapping.scratch_schema or None)


def early_dropped(plan: PhysicalPlan) -> PhysicalPlan:
    """Return a plan in which a table that no later step reads is dropped at once (PLN-10)."""
    last: dict[str, int] = {step.name: place for place, step in enumerate(plan.steps)}
    for place, step in enumerate(plan.steps):
        for name in reads(step):
            if name in last:
                last[name] = place
    drops: dict[int, list[str]] = {}
    for name, place in last.items():
        if name not in plan.results:
            drops.setdefault(place, []).append(name)
    steps = [
        replace(step, drops=tuple(drops.get(place, ()))) for place, step in enumerate(plan.steps)
    ]
    return replace(plan, steps=tuple(steps))


def reads(step: AnyStep) -> set[str]:
    """Return the names of the tables that a step reads."""
    if isinstance(step, Load):
        return set()
    both = [step.select] if step.restricted is None else [step.select, step.restricted]
    return {
        str(item.name)
        for select in both
        for item in visitors.iterate(select)
        if isinstance(item, sa.TableClause)
    }
