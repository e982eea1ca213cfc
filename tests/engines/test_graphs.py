"""Random graphs on random rows: every engine gives what the reference engine gives (18.2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.engines.budget import GRAPHS, SEED
from tests.engines.graphs import Graph, chance_of, graph_of, starts
from tests.engines.shrinking import shrink, told
from tests.unit.data_builder.engines import by_reference, server

Answer = list[tuple[Any, ...]]
Check = Callable[[Graph], bool]


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


def differs(url: str) -> Check:
    """Return a test whether a database gives something else than the reference engine."""

    def check(graph: Graph) -> bool:
        expected = by_reference(graph.dataset, graph.rows)
        try:
            return not equal(server(url).answer(graph.dataset, graph.rows), expected)
        except Exception:  # a statement that the database refuses is a difference too
            return True

    return check


def fail(graph: Graph, check: Check, engine: str, url: str) -> None:
    """Fail with the smallest graph found, its rows and both answers."""
    small = shrink(graph, check)
    lines = [f"{engine} differs from the reference engine", *told(small.dataset)]
    lines += [f"{name}: {rows}" for name, rows in small.rows.items()]
    lines.append(f"expected {by_reference(small.dataset, small.rows)}")
    try:
        lines.append(f"given    {server(url).answer(small.dataset, small.rows)}")
    except Exception as error:  # the report must come out whatever the database says
        lines.append(f"refused: {error} {error.__cause__ or error.__context__ or ''}")
    pytest.fail("\n".join(lines), pytrace=False)


@limited(GRAPHS)
@given(start=starts)
def test_prp_01_every_engine_gives_the_rows_of_the_reference(
    urls: dict[str, str], start: tuple[int, int]
) -> None:
    graph = graph_of(chance_of(start))
    for name, url in urls.items():
        check = differs(url)
        if check(graph):
            fail(graph, check, name, url)
