"""Finds events that are filtered by the interval of a measure (MSR-04)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Node, Parameter, Series
from sallyport_data_builder.plan.relations import Output
from sallyport_data_builder.plan.shared import beneath, counted

ENDS = {"ge": "interval_start", "le": "interval_end"}


def conjuncts(node: Series) -> Iterable[Series]:
    """Return the conditions that are all true where a condition is.

    One that the others use too stays whole: it is computed once, before them.
    """
    uses = counted(beneath([node]), [node])
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, op.Logic) and part.op == "and" and uses[part] == 1:
            stack += reversed(part.parts)
        else:
            yield part


def _end(node: Node) -> tuple[Column, str] | None:
    """Return the date and the end of the interval that a comparison keeps it within."""
    if not isinstance(node, op.Compare) or node.op not in ENDS:
        return None
    date, bound = node.left, node.right
    if not isinstance(date, Column) or date.domain is None or not isinstance(bound, Parameter):
        return None
    return (date, bound.name) if bound.name == ENDS[node.op] else None


def _during(output: Output) -> dict[str, Column]:
    """Return the dates that an output's rows have inside the interval, by name."""
    ends: dict[str, set[str]] = {}
    columns: dict[str, Column] = {}
    for frame in output.filters:
        for part in conjuncts(frame.predicate):
            found = _end(part)
            if found is not None:
                ends.setdefault(found[0].name, set()).add(found[1])
                columns.setdefault(found[0].name, Column(output.table, found[0].name))
    return {name: columns[name] for name, known in ends.items() if len(known) == len(ENDS)}


def span_of(outputs: Sequence[Output]) -> Column | None:
    """Return the date that is inside the interval for the rows of all outputs."""
    each = [_during(output) for output in outputs]
    shared = [name for name in each[0] if all(name in found for found in each)]
    return each[0][sorted(shared)[0]] if shared else None


def implied(span: Column, predicate: Series) -> bool:
    """Return whether a filter says no more than that the date is inside the interval."""
    ends = [_end(part) for part in conjuncts(predicate)]
    return all(end is not None and end[0].name == span.name for end in ends)
