"""Which table a patient must be in for a condition to be true: where to look for patients."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import cast

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Frame, Series, base_table

Leaves = frozenset[Series]
NONE: Leaves = frozenset()
MEMO = 65_536  # conditions share parts, so each is looked at once
# NULL for a NULL among their parts.
STRICT = (
    op.Compare,
    op.Contains,
    op.Arithmetic,
    op.Convert,
    op.DateAdd,
    op.DateDiff,
    op.DatePart,
    op.DateFloor,
)
ZERO = ("exists", "count", "count_distinct", "count_episodes")


@lru_cache(MEMO)
def when_true(node: Series) -> Leaves:
    """Return what must have been read from a row for a bool series to be true.

    These are columns of one row per patient, and aggregates that have rows.
    """
    if isinstance(node, op.Logic) and node.op == "and":
        return _union(when_true(part) for part in node.parts)
    if isinstance(node, op.Logic) and node.op == "or":
        return reduce(frozenset.intersection, [when_true(part) for part in node.parts])
    if isinstance(node, op.Aggregate) and node.op == "exists":
        return frozenset([node])
    return when_known(node)


@lru_cache(MEMO)
def when_known(node: Series) -> Leaves:
    """Return what must have been read from a row for a series not to be NULL."""
    if isinstance(node, Column):
        return frozenset([node]) if node.domain is None else NONE
    if isinstance(node, op.Aggregate):
        return NONE if node.op in ZERO or node.rows is None else frozenset([node])
    if isinstance(node, op.Logic) and node.op == "not":
        return when_known(node.parts[0])
    if isinstance(node, op.Member) and isinstance(node.among, op.Constants):
        return when_known(node.source) if node.among.values else NONE
    if isinstance(node, STRICT):
        return _union(when_known(cast(Series, child)) for child in node.children)
    return NONE


def _union(parts: Iterable[Leaves]) -> Leaves:
    return reduce(frozenset.union, parts, NONE)


def _table(leaf: Series) -> Frame:
    """Return the table whose rows a leaf is read from."""
    if isinstance(leaf, Column):
        return base_table(leaf.frame)
    node = cast(op.Aggregate, leaf)
    return base_table(node.source if isinstance(node.source, Frame) else cast(Frame, node.rows))


def starting_point(condition: Series, tables: Iterable[Frame]) -> list[Frame]:
    """Return where patients are looked for: one table that suffices, else all that are used.

    A table with one row per patient comes first: its patients need no DISTINCT.
    """
    used = list(tables)
    enough = {_table(leaf) for leaf in when_true(condition)}
    sufficient = [table for table in used if table in enough]
    sufficient.sort(key=lambda table: table.domain is not None)
    return sufficient[:1] or used


@lru_cache(MEMO)
def never_null(predicate: Series) -> frozenset[str]:
    """Return the columns that are not NULL in the rows for which a condition is true."""
    if isinstance(predicate, op.Logic):
        parts = [never_null(part) for part in predicate.parts]
        if predicate.op == "and":
            return frozenset().union(*parts)
        if predicate.op == "or":
            return reduce(frozenset.intersection, parts)
        inner = predicate.parts[0]
        return _read_by(inner.source) if isinstance(inner, op.IsNull) else frozenset()
    if isinstance(predicate, op.Member) and not isinstance(predicate.among, op.Constants):
        return _read_by(predicate.source)
    return _read_by(predicate)


@lru_cache(MEMO)
def _read_by(node: Series) -> frozenset[str]:
    """Return the columns of rows whose NULL makes a series NULL."""
    if isinstance(node, Column):
        return frozenset() if node.domain is None else frozenset([node.name])
    if isinstance(node, op.Member) and isinstance(node.among, op.Constants) and node.among.values:
        return _read_by(node.source)
    if isinstance(node, STRICT):
        return frozenset().union(*(_read_by(cast(Series, child)) for child in node.children))
    return frozenset()
