"""Derived tables that hold what is used more than once (PLN-08)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sallyport_data_builder.model.nodes import Node, Series
from sallyport_data_builder.plan.presence import when_true
from sallyport_data_builder.plan.shared import beneath, frontier, leaves, levels
from sallyport_data_builder.sql.dialect import Element
from sallyport_data_builder.sql.emitter import Emitter
from sallyport_data_builder.sql.scope import INTERVAL, Scope

Store = Callable[[sa.Select[Any]], sa.FromClause]


def computed(
    emitter: Emitter,
    scope: Scope,
    roots: Sequence[Series],
    store: Store,
    kept: Sequence[Series] = (),
    where: Sequence[Element] = (),
) -> Scope:
    """Return a scope whose base has a column for each part of the roots that occurs often.

    Without such a part, and with nothing that is kept, the scope stays as it is and `where`
    is for the caller to apply. `store` takes a SELECT where derived tables cannot be nested
    deeper, so that statements grow in proportion to what they compute.
    """
    found = levels(roots, kept, emitter.dialect.depth)
    if not found:
        return scope
    plain = [node for node in leaves([*roots, *kept]) if node not in found[0]]
    columns = _interval(scope)
    first = [*plain, *found[0]]
    columns += [emitter.expression(node, scope).label(f"x{n}") for n, node in enumerate(first)]
    select = sa.select(scope.base.c.patient_id, *columns).select_from(scope.from_clause())
    names: dict[Node, str] = {node: f"x{n}" for n, node in enumerate(first)}
    inner = _over(emitter, select.where(*where), names, scope)
    for place, nodes in enumerate(found[1:], start=1):
        added: dict[Node, str] = {node: f"x{n}" for n, node in enumerate(nodes, start=len(names))}
        later = [node for each in found[place + 1 :] for node in each]
        needed = frontier([*roots, *kept, *later], {*names, *added})
        passed = {node: name for node, name in names.items() if node in needed}
        columns = [inner.base.c.patient_id, *_interval(inner)]
        columns += [inner.base.c[name] for name in passed.values()]
        columns += [emitter.expression(node, inner).label(added[node]) for node in nodes]
        names |= added
        full = place % emitter.dialect.nesting == 0
        inner = _over(emitter, sa.select(*columns), passed | added, scope, store if full else None)
    return inner


def members(
    emitter: Emitter,
    scope: Scope,
    conditions: Sequence[Series],
    roots: Sequence[Series],
    store: Store | None,
    kept: Sequence[Series] = (),
) -> tuple[Scope, list[Element]]:
    """Compute the parts of roots and conditions, and say what still has to be asked for.

    Conditions without a shared part are tested first, so that less is computed. Without a
    `store` nothing is computed beforehand.
    """
    needed = {emitter.source(leaf) for part in conditions for leaf in when_true(part)}
    scope.required |= needed
    if store is None:
        return scope, [emitter.expression(part, scope) for part in conditions]
    every = [*conditions, *roots]
    often = {node for nodes in levels(every, kept, emitter.dialect.depth) for node in nodes}
    early = [part for part in conditions if often.isdisjoint(beneath([part]))]
    first = [emitter.expression(part, scope) for part in early]
    inner = computed(emitter, scope, every, store, kept, first)
    late = [emitter.expression(part, inner) for part in conditions if part not in early]
    return inner, late if inner is not scope else [*first, *late]


def _interval(scope: Scope) -> list[Element]:
    if scope.interval is None:
        return []
    return [scope.interval.c[name] for name in INTERVAL]


def _over(
    emitter: Emitter,
    select: sa.Select[Any],
    names: Mapping[Node, str],
    scope: Scope,
    store: Store | None = None,
) -> Scope:
    base = store(select) if store else emitter.dialect.fence(select).subquery("s")
    made = {node: base.c[name] for node, name in names.items()}
    return Scope(base, made, None if scope.interval is None else base)
