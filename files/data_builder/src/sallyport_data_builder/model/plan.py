"""plan.json: what compile hands to execute. Written in one way only, and read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sallyport_data_builder import __version__
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.model import graph, rootlayout
from sallyport_data_builder.model.layout import PlanError, Ref
from sallyport_data_builder.model.nodes import Inline, Node, Series, Table, topological
from sallyport_data_builder.model.roots import Dataset, Measures
from sallyport_data_builder.model.tables import has_keys, list_of, word

FORMAT = "sallyport-plan"
VERSION = 1
KEYS = {"format", "version", "engine", "kind", "permissions_claimed", "dummy"} | graph.KEYS
DUMMY_DEFAULT = 10
DUMMY_MOST = 10_000_000
TIMEOUT_DEFAULT = 60
EVENT_LEVEL = "event_level_data"


@dataclass(frozen=True)
class DummyData:
    """How dummy patients are made: how many, in how many seconds, with what beside them."""

    population_size: int = DUMMY_DEFAULT
    timeout: int = TIMEOUT_DEFAULT
    constraint: Series | None = None


@dataclass(frozen=True)
class Plan:
    """A dataset or measures, and what was said beside them."""

    root: Dataset | Measures
    permissions_claimed: tuple[str, ...] = ()
    dummy: DummyData = field(default_factory=DummyData)

    @property
    def kind(self) -> str:
        """What the plan asks for: `dataset` or `measures`."""
        return "dataset" if isinstance(self.root, Dataset) else "measures"

    @property
    def dataset(self) -> Dataset:
        """The dataset; raises DefinitionError for a plan of measures."""
        if not isinstance(self.root, Dataset):
            raise DefinitionError("This is a definition of measures, not of a dataset.")
        return self.root

    @property
    def measures(self) -> Measures:
        """The measures; raises DefinitionError for a plan of a dataset."""
        if not isinstance(self.root, Measures):
            raise DefinitionError("This is a definition of a dataset, not of measures.")
        return self.root

    @property
    def population_size(self) -> int:
        """How many dummy patients are made."""
        return self.dummy.population_size

    @cached_property
    def nodes(self) -> list[Node]:
        """Every node, each after its children, but neither the root nor its event tables."""
        constraint = () if self.dummy.constraint is None else (self.dummy.constraint,)
        return topological([*rootlayout.series(self.root), *constraint])

    def tables(self) -> list[Table]:
        """Return the tables that the plan reads."""
        return [node for node in self.nodes if isinstance(node, Table)]

    def inputs(self) -> list[Inline]:
        """Return the tables whose rows are in a data file, by path (PLAN-04)."""
        return graph.inputs(self.nodes)

    def permissions(self) -> list[tuple[str, str]]:
        """Return what needs a permission, and the permission's name, sorted (PLAN-05)."""
        found = graph.permissions(self.nodes)
        if isinstance(self.root, Dataset):
            found |= {(f"the event table {name}", EVENT_LEVEL) for name, _rows in self.root.events}
        return sorted(found)


def dumps(plan: Plan) -> str:
    """Return the JSON text of a plan: the same definition gives the same bytes (PLAN-01)."""
    nodes, indices = graph.write(plan.nodes)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "engine": __version__,
        "kind": plan.kind,
        **nodes,
        "permissions_claimed": sorted(plan.permissions_claimed),
        "dummy": _write_dummy(plan.dummy, indices),
        **rootlayout.write(plan.root, indices),
    }
    return graph.text(document)


def _write_dummy(dummy: DummyData, indices: Mapping[Node, int]) -> dict[str, Any]:
    """Leave out what is as always."""
    item = {"population_size": dummy.population_size}
    if dummy.timeout != TIMEOUT_DEFAULT:
        item["timeout"] = dummy.timeout
    if dummy.constraint is not None:
        item["constraint"] = indices[dummy.constraint]
    return item


def loads(text: str) -> Plan:
    """Read a plan; raise DefinitionError on anything that `dumps` would not write (PLAN-02)."""
    return graph.parsed(text, _read)


def _read(document: Any) -> Plan:
    if not isinstance(document, dict):
        raise PlanError("an object expected")
    kind = document.get("kind")
    optional = {"events"} & set(document) if kind == "dataset" else set()
    has_keys(document, KEYS | rootlayout.keys(kind) | optional, "a plan")
    if document["format"] != FORMAT or type(document["version"]) is not int:
        raise PlanError(f"its format is not {FORMAT}")
    if document["version"] != VERSION:
        raise PlanError(f"its version is not {VERSION}; compile and execute with one image")
    word(document["engine"])
    nodes, files = graph.read(document)
    root = rootlayout.read(document, nodes)
    claimed = tuple(word(item) for item in list_of(document["permissions_claimed"]))
    plan = Plan(root, claimed, _read_dummy(document["dummy"], nodes))
    graph.check_inputs(plan.nodes, files)
    return plan


def _read_dummy(value: Any, nodes: list[Node]) -> DummyData:
    allowed = {"population_size", "timeout", "constraint"}
    if not isinstance(value, dict) or not {"population_size"} <= set(value) <= allowed:
        raise PlanError("dummy holds population_size, and timeout and constraint if they were set")
    size, timeout = value["population_size"], value.get("timeout", TIMEOUT_DEFAULT)
    if type(size) is not int or not 0 <= size <= DUMMY_MOST:
        raise PlanError("population_size is an int of at least 0")
    if type(timeout) is not int or timeout < 1:
        raise PlanError("timeout is a positive int")
    if "constraint" not in value:
        return DummyData(size, timeout)
    constraint: Series = Ref().read(value["constraint"], nodes)
    if constraint.type != "bool" or constraint.domain is not None:
        raise PlanError("the constraint is a bool with one value per patient")
    return DummyData(size, timeout, constraint)
