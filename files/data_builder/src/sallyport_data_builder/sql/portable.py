"""Conditional aggregates and grouping sets, for databases that have them and for those without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import ColumnElement, UnaryExpression

Outputs = Sequence[sa.Label[Any]]
Sets = Sequence[Sequence[str]]


def by_case(
    aggregate: sa.FunctionElement[Any], predicate: ColumnElement[Any]
) -> ColumnElement[Any]:
    """Aggregate what a CASE lets through, where there is no FILTER."""
    argument, distinct = next(iter(aggregate.clauses), sa.literal_column("*")), False
    if isinstance(argument, sa.ColumnClause) and argument.name == "*":
        argument = sa.literal_column("1")
    if isinstance(argument, UnaryExpression) and argument.operator is operators.distinct_op:
        argument, distinct = argument.element, True
    kept: ColumnElement[Any] = sa.case((predicate, argument))
    made: ColumnElement[Any] = sa.Function(
        str(aggregate.name), sa.distinct(kept) if distinct else kept, type_=aggregate.type
    )
    return made


def in_groups(
    parts: Sequence[ColumnElement[Any]],
    most: int,
    function: Callable[[Sequence[ColumnElement[Any]]], ColumnElement[Any]],
) -> ColumnElement[Any]:
    """Apply an associative function that takes only so many arguments to any number of parts."""
    while len(parts) > most:
        parts = [function(parts[start : start + most]) for start in range(0, len(parts), most)]
    return function(parts)


def _keys(sets: Sets) -> list[str]:
    return list(dict.fromkeys(name for names in sets for name in names))


def grouping_sets(rows: sa.FromClause, sets: Sets, outputs: Outputs) -> sa.Select[Any]:
    """Group by all sets in one pass."""
    keys = _keys(sets)
    bits = {name: 1 << n for n, name in enumerate(reversed(keys))}
    missing = [sum(bits[name] for name in keys if name not in names) for names in sets]
    mask: ColumnElement[Any] = sa.literal_column("0")
    if keys:
        mask = sa.func.grouping(*(rows.c[name] for name in keys))
    place = sa.case(*((mask == value, n) for n, value in enumerate(missing)))
    tuples = (sa.tuple_(*(rows.c[name] for name in names)) for names in sets)
    chosen = (place.label("grouping_set"), *(rows.c[name] for name in keys), *outputs)
    return sa.select(*chosen).select_from(rows).group_by(sa.func.grouping_sets(*tuples))


def union_of_sets(rows: sa.FromClause, sets: Sets, outputs: Outputs) -> sa.Select[Any]:
    """Group by one set at a time, where there are no grouping sets."""
    parts = []
    for place, names in enumerate(sets):
        keys = [
            rows.c[key] if key in names else sa.type_coerce(sa.null(), rows.c[key].type).label(key)
            for key in _keys(sets)
        ]
        chosen = (sa.literal(place).label("grouping_set"), *keys, *outputs)
        grouped = sa.select(*chosen).select_from(rows)
        parts.append(grouped.group_by(*(rows.c[name] for name in names)) if names else grouped)
    return sa.select(sa.union_all(*parts).subquery("sets")) if len(parts) > 1 else parts[0]
