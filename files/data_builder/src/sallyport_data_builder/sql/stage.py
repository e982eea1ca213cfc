"""Keeps the steps of one job: names, stored tables, and when each may go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from sallyport_data_builder.backends.mapping import BackendMapping
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


class Stage:
    """Collects steps; names are `sp_<job>_<n>` (CON-02)."""

    def __init__(self, dialect: Dialect, mapping: BackendMapping, job: str) -> None:
        self.dialect, self.mapping, self._job = dialect, mapping, job
        self.steps: list[AnyStep] = []

    def _name(self) -> str:
        return f"sp_{self._job}_{len(self.steps) + 1}"

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
        self.steps.append(step)
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
        self.steps.append(Load(label, name, tuple(columns), rows, tuple(rules)))
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

    def finished(self, early_drop: bool, kept: Iterable[str]) -> list[AnyStep]:
        """Return the steps; a table that no later step reads goes at once (PLN-10)."""
        if not early_drop:
            return list(self.steps)
        last: dict[str, int] = {step.name: place for place, step in enumerate(self.steps)}
        for place, step in enumerate(self.steps):
            for name in reads(step):
                if name in last:
                    last[name] = place
        outputs = set(kept)
        gone: dict[int, list[str]] = {}
        for name, place in last.items():
            if name not in outputs:
                gone.setdefault(place, []).append(name)
        return [
            replace(step, drops=tuple(gone.get(place, ()))) for place, step in enumerate(self.steps)
        ]


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
