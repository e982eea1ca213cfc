"""How a property of random graphs is tried, and how what breaks it is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from tests.engines.budget import SEED
from tests.engines.graphs import Graph
from tests.engines.shrinking import shrink, told
from tests.unit.data_builder.engines import Answer, Server, by_reference

from sallyport_data_builder.plan.options import Options

Answering = Callable[[Graph], Answer]
Start = tuple[int, int]


def limited(count: int) -> Callable[[Any], Any]:
    """Return a decorator: so many examples, the same ones on every run."""

    def decorate(test: Any) -> Any:
        chosen = settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        return seed(SEED)(chosen(test))

    return decorate


def same(one: Any, other: Any) -> bool:
    """Compare values strictly by type; floats to the digits that every order of adding gives."""
    if type(one) is float and type(other) is float:
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def equal(one: Answer, other: Answer) -> bool:
    """Compare rows in order."""
    return len(one) == len(other) and all(
        len(left) == len(right) and all(map(same, left, right))
        for left, right in zip(one, other, strict=True)
    )


def answering(database: Server, options: Options | None = None) -> Answering:
    """Return how a database answers, with some planner rules off perhaps."""
    return lambda graph: database.answer(graph.dataset, graph.rows, options)


def expect(graph: Graph, answer: Answering, who: str) -> None:
    """Fail unless an engine gives what the reference engine gives; tell the smallest difference."""

    def differs(each: Graph) -> bool:
        try:
            return not equal(answer(each), by_reference(each.dataset, each.rows))
        except Exception:  # a statement that the database refuses is a difference too
            return True

    if not differs(graph):
        return
    small = shrink(graph, differs)
    lines = [f"{who} differs from the reference engine", *told(small.dataset)]
    lines += [f"{name}: {rows}" for name, rows in small.rows.items()]
    lines.append(f"expected {by_reference(small.dataset, small.rows)}")
    try:
        lines.append(f"given    {answer(small)}")
    except Exception as error:  # the report must come out whatever the database says
        lines.append(f"refused: {error} {error.__cause__ or error.__context__ or ''}")
    pytest.fail("\n".join(lines), pytrace=False)
