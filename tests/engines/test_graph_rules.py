"""Random graphs again: what may differ in a plan or in the rows, and changes no answer."""

from __future__ import annotations

import random

from hypothesis import given
from tests.engines.budget import GRAPHS
from tests.engines.graphs import (
    PATIENTS,
    Graph,
    Maker,
    chance_of,
    graph_of,
    rows_of,
    schema,
    starts,
)
from tests.engines.properties import Start, answering, equal, expect, limited
from tests.unit.data_builder.engines import by_reference, server

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Series, Table, Where, topological
from sallyport_data_builder.model.plan import Plan, dumps, loads
from sallyport_data_builder.model.roots import Dataset
from sallyport_data_builder.plan.options import SWITCHES, Options

FEWER = max(GRAPHS // 6, 1)
Urls = dict[str, str]


def switched(chance: random.Random) -> Options:
    """Draw planner rules to switch off, and limits that split statements and codelists."""
    off = chance.sample(sorted(SWITCHES), chance.randint(1, len(SWITCHES)))
    return Options(
        off=frozenset(off),
        max_joins=chance.choice((1, 3, 50)),
        max_columns=chance.choice((8, 1_000)),
        max_literals=chance.choice((1, 5_000)),
        selective=chance.choice((0.0, 0.3, 1.1)),
    )


@limited(FEWER)
@given(start=starts)
def test_prp_02_each_planner_rule_may_be_off(urls: Urls, start: Start) -> None:
    chance = chance_of(start)
    graph, options = graph_of(chance), switched(chance)
    for name in ("duckdb", "postgresql", "mariadb"):
        expect(graph, answering(server(urls[name]), options), f"{name} with {options}")


@limited(GRAPHS)
@given(start=starts)
def test_prp_03_a_plan_written_and_read_is_the_same(start: Start) -> None:
    written = dumps(Plan(graph_of(chance_of(start)).dataset))
    read = loads(written)
    assert dumps(read) == written
    assert read.root is graph_of(chance_of(start)).dataset


def disturbed(chance: random.Random, graph: Graph) -> Graph:
    """Return the rows in another order, and with patients who are outside the population."""
    tables = [node for node in topological([graph.dataset]) if isinstance(node, Table)]
    strangers = range(PATIENTS.stop, PATIENTS.stop + 3)
    more = rows_of(chance, tables, strangers)
    both = {name: [*rows, *more.get(name, [])] for name, rows in graph.rows.items()}
    inside = {row[0] for row in by_reference(Dataset(graph.dataset.population, ()), both)}
    kept = {
        name: [row for row in rows if row[0] in PATIENTS or row[0] not in inside]
        for name, rows in both.items()
    }
    return Graph(
        graph.dataset, {name: chance.sample(rows, len(rows)) for name, rows in kept.items()}
    )


@limited(FEWER)
@given(start=starts)
def test_prp_04_order_and_strangers_change_nothing(urls: Urls, start: Start) -> None:
    chance = chance_of(start)
    graph = graph_of(chance)
    other = disturbed(chance, graph)
    expected = by_reference(graph.dataset, graph.rows)
    assert equal(by_reference(other.dataset, other.rows), expected)
    for url in urls.values():
        assert equal(server(url).answer(other.dataset, other.rows), expected)


@limited(FEWER)
@given(start=starts)
def test_prp_05_where_and_except_where_part_the_rows(urls: Urls, start: Start) -> None:
    chance = chance_of(start)
    tables = schema(chance)
    maker = Maker(chance, tables)
    frame = maker.filtered(2)
    predicate = maker.series("bool", frame, 3)
    others = op.Logic("or", (op.Logic("not", (predicate,)), op.IsNull(predicate)))
    parts: list[Series] = [
        op.Aggregate("count", rows)
        for rows in (frame, Where(frame, predicate), Where(frame, others))
    ]
    columns = tuple(zip(("all", "kept", "left"), parts, strict=True))
    dataset = Dataset(op.Aggregate("exists", frame), columns)
    rows = rows_of(chance, tables, PATIENTS)
    for url in urls.values():
        for _patient, every, kept, left in server(url).answer(dataset, rows):
            assert every == kept + left > 0
