"""What a study's `show(...)` calls name: grids of series, in a document of their own.

The document has the nodes of a plan and is read as strictly, but it is not a plan: `execute` takes
none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder import __version__
from sallyport_data_builder.model import graph
from sallyport_data_builder.model.layout import PlanError, Ref
from sallyport_data_builder.model.nodes import (
    Frame,
    Node,
    Parameter,
    Series,
    common_domain,
    require,
    topological,
)
from sallyport_data_builder.model.roots import one_value
from sallyport_data_builder.model.tables import has_keys, list_of, pair, word

FORMAT = "sallyport-shown"
VERSION = 1
WHAT = "What is shown"
KEYS = {"format", "version", "engine", "permissions_claimed", "shown"} | graph.KEYS
CALL_KEYS = {"file", "line", "title", "head", "tail", "items"}
GRID_KEYS = {"rows", "population", "columns"}


@dataclass(frozen=True, eq=False)
class Grid(Node):
    """A table to be shown: the columns of some rows.

    Without `rows` it has a row per patient, of those in the `population` if there is one. Without
    columns it is the whole frame `rows`.
    """

    rows: Frame | None
    columns: tuple[tuple[str, Series], ...] = ()
    population: Series | None = None

    def check(self) -> None:
        """Refuse columns of other rows, and what has a value within measures only."""
        something = self.rows is not None or self.population is not None or bool(self.columns)
        require(something, "There is no column to show: add one before.")
        names = [name for name, _series in self.columns]
        require(len(set(names)) == len(names), "A column to show occurs twice.")
        domain = common_domain(series for _name, series in self.columns)
        own = self.rows.domain if self.rows is not None else None
        require(domain in (None, own), "The columns to show are of other rows.")
        if self.population is not None:
            require(self.rows is None, "Only rows of patients have a population.")
            require(self.population.type == "bool", "A population must be true or false.")
            one_value(self.population, "A population")
        found = any(isinstance(node, Parameter) for node in topological(self.children))
        require(not found, "INTERVAL has a value within measures only: show a series without it.")


@dataclass(frozen=True)
class Call:
    """One call of `show(...)`: its line in the study, and what it names, in order.

    An item that is text is shown as it is.
    """

    file: str
    line: int
    title: str
    items: tuple[Grid | str, ...]
    head: int | None = None
    tail: int | None = None

    @property
    def place(self) -> str:
        """The study's own line."""
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True)
class Shown:
    """All calls of a definition, in order, and which permissions it claimed."""

    calls: tuple[Call, ...]
    permissions_claimed: tuple[str, ...] = ()

    @property
    def grids(self) -> list[Grid]:
        """The tables of all calls."""
        return [item for call in self.calls for item in call.items if isinstance(item, Grid)]

    @property
    def nodes(self) -> list[Node]:
        """Every node that is shown, each after its children, without the grids."""
        return topological(child for grid in self.grids for child in grid.children)


def dumps(shown: Shown) -> str:
    """Return the JSON text."""
    nodes, indices = graph.write(shown.nodes)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "engine": __version__,
        **nodes,
        "permissions_claimed": sorted(shown.permissions_claimed),
        "shown": [_write_call(call, indices) for call in shown.calls],
    }
    return graph.text(document)


def _write_call(call: Call, indices: Mapping[Node, int]) -> dict[str, Any]:
    items = [item if isinstance(item, str) else _write_grid(item, indices) for item in call.items]
    return {
        "file": call.file,
        "line": call.line,
        "title": call.title,
        "head": call.head,
        "tail": call.tail,
        "items": items,
    }


def _write_grid(grid: Grid, indices: Mapping[Node, int]) -> dict[str, Any]:
    return {
        "rows": None if grid.rows is None else indices[grid.rows],
        "population": None if grid.population is None else indices[grid.population],
        "columns": [[name, indices[series]] for name, series in grid.columns],
    }


def loads(text: str) -> Shown:
    """Read the document; raise PlanError on anything that `dumps` would not write."""
    return graph.parsed(text, _read, WHAT)


def _read(document: Any) -> Shown:
    has_keys(document, KEYS, "what is shown")
    if document["format"] != FORMAT or _number(document["version"]) != VERSION:
        raise PlanError(f"its format is not {FORMAT} {VERSION}")
    word(document["engine"])
    nodes, files = graph.read(document)
    calls = tuple(_read_call(item, nodes) for item in list_of(document["shown"]))
    claimed = tuple(word(item) for item in list_of(document["permissions_claimed"]))
    shown = Shown(calls, claimed)
    graph.check_inputs(shown.nodes, files)
    return shown


def _read_call(item: Any, nodes: Sequence[Node]) -> Call:
    has_keys(item, CALL_KEYS, "a call of show")
    head, tail = (None if item[key] is None else _number(item[key]) for key in ("head", "tail"))
    items = tuple(_read_items(list_of(item["items"]), nodes))
    return Call(word(item["file"]), _number(item["line"]), word(item["title"]), items, head, tail)


def _read_items(items: list[Any], nodes: Sequence[Node]) -> Iterable[Grid | str]:
    for item in items:
        if type(item) is str:
            yield item
            continue
        has_keys(item, GRID_KEYS, "a table to show")
        columns = map(pair, list_of(item["columns"]))
        grid: Grid = Grid(
            Ref(Frame, optional=True).read(item["rows"], nodes),
            tuple((word(name), Ref().read(at, nodes)) for name, at in columns),
            Ref(optional=True).read(item["population"], nodes),
        )
        yield grid


def _number(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise PlanError("a positive int expected")
    return value
