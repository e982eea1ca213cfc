"""Random graphs on random rows: every engine gives what the reference engine gives."""

from __future__ import annotations

from hypothesis import given
from tests.engines.budget import GRAPHS
from tests.engines.graphs import chance_of, graph_of, starts
from tests.engines.properties import Start, answering, expect, limited
from tests.unit.data_builder.engines import server

Urls = dict[str, str]


@limited(GRAPHS)
@given(start=starts)
def test_prp_01_every_engine_gives_the_rows_of_the_reference(urls: Urls, start: Start) -> None:
    graph = graph_of(chance_of(start))
    for name, url in urls.items():
        expect(graph, answering(server(url)), name)
