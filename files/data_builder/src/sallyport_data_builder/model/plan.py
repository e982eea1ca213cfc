"""plan.json: what compile hands to execute. Written in one way only, and read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sallyport_data_builder import __version__, schemas
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.memory.population import check_population
from sallyport_data_builder.model import rootlayout
from sallyport_data_builder.model.layout import PlanError, Ref, read_node, write_node
from sallyport_data_builder.model.nodes import Inline, Node, Series, Table, topological
from sallyport_data_builder.model.roots import Dataset, Measures
from sallyport_data_builder.model.tables import (
    has_keys,
    list_of,
    read_inline,
    read_input,
    read_table,
    word,
    write_inline,
    write_input,
    write_table,
)

FORMAT = "sallyport-plan"
VERSION = 1
MAX_NODES = 100_000
MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 500
KEYS = {
    "format", "version", "engine", "kind", "schemas", "nodes", "inputs", "permissions_claimed",
    "dummy",
}  # fmt: skip
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
        found = [node for node in self.nodes if isinstance(node, Inline) and node.source]
        return sorted(found, key=lambda table: (table.source, table.spec))

    def permissions(self) -> list[tuple[str, str]]:
        """Return what needs a permission, and the permission's name, sorted (PLAN-05)."""
        found = set()
        for table in self.tables():
            if table.schema:
                needed = schemas.load(table.schema).tables[table.name].permission
                found |= {(f"{table.schema}.{table.name}", needed)} if needed else set()
        if isinstance(self.root, Dataset):
            found |= {(f"the event table {name}", EVENT_LEVEL) for name, _rows in self.root.events}
        return sorted(found)


def dumps(plan: Plan) -> str:
    """Return the JSON text of a plan: the same definition gives the same bytes (PLAN-01)."""
    inputs = plan.inputs()
    indices: dict[Node, int] = {}
    nodes = []
    for node in plan.nodes:
        nodes.append(_write(node, indices, inputs))
        indices[node] = len(indices)
    used = sorted({table.schema for table in plan.tables() if table.schema})
    document = {
        "format": FORMAT,
        "version": VERSION,
        "engine": __version__,
        "kind": plan.kind,
        "schemas": {name: schemas.load(name).version for name in used},
        "nodes": nodes,
        "inputs": [write_input(table) for table in inputs],
        "permissions_claimed": sorted(plan.permissions_claimed),
        "dummy": _write_dummy(plan.dummy, indices),
        **rootlayout.write(plan.root, indices),
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _write(node: Node, indices: Mapping[Node, int], inputs: Sequence[Inline]) -> dict[str, Any]:
    if isinstance(node, Table):
        return write_table(node)
    if isinstance(node, Inline):
        return write_inline(node, inputs)
    return write_node(node, indices)


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
    if len(text) > MAX_BYTES:
        raise PlanError(f"The plan is larger than {MAX_BYTES} bytes.")
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        return _read(document)
    except (json.JSONDecodeError, RecursionError):
        raise PlanError("The plan is not JSON.") from None
    except DefinitionError as error:
        raise PlanError(f"The plan is not valid: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _value in pairs}) != len(pairs):
        raise PlanError("a key occurs twice")
    return dict(pairs)


def _no_constant(text: str) -> None:
    raise PlanError(f"{text} is no number")


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
    _check_schemas(document["schemas"])
    inputs = [read_input(item) for item in list_of(document["inputs"])]
    nodes = _read_nodes(document["nodes"], inputs)
    root = rootlayout.read(document, nodes)
    check_population(root)
    claimed = tuple(word(item) for item in list_of(document["permissions_claimed"]))
    plan = Plan(root, claimed, _read_dummy(document["dummy"], nodes))
    if plan.inputs() != inputs:
        raise PlanError("the inputs are those that are used, by path")
    return plan


def _read_dummy(value: Any, nodes: list[Node]) -> DummyData:
    allowed = {"population_size", "timeout", "constraint"}
    if not isinstance(value, dict) or not {"population_size"} <= set(value) <= allowed:
        raise PlanError("dummy holds population_size, and timeout and constraint if they were set")
    size, timeout = value["population_size"], value.get("timeout", TIMEOUT_DEFAULT)
    if type(size) is not int or not 0 < size <= DUMMY_MOST:
        raise PlanError("population_size is a positive int")
    if type(timeout) is not int or timeout < 1:
        raise PlanError("timeout is a positive int")
    if "constraint" not in value:
        return DummyData(size, timeout)
    constraint: Series = Ref().read(value["constraint"], nodes)
    if constraint.type != "bool" or constraint.domain is not None:
        raise PlanError("the constraint is a bool with one value per patient")
    return DummyData(size, timeout, constraint)


def _check_schemas(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise PlanError("schemas is an object")
    for name, version in value.items():
        if schemas.load(name).version != version or type(version) is not int:
            raise PlanError(f"schema {name} is installed in another version")


def _read_nodes(items: Any, inputs: Sequence[Inline]) -> list[Node]:
    if len(list_of(items)) > MAX_NODES:
        raise PlanError(f"it has more than {MAX_NODES} nodes")
    nodes: list[Node] = []
    depths: dict[Node, int] = {}
    for item in items:
        if not isinstance(item, dict):
            raise PlanError("a node is an object")
        node = _read_one(item, nodes, inputs)
        depths[node] = 1 + max((depths[child] for child in node.children), default=0)
        if depths[node] > MAX_DEPTH:
            raise PlanError(f"it is deeper than {MAX_DEPTH} nodes")
        nodes.append(node)
    return nodes


def _read_one(item: Mapping[str, Any], nodes: list[Node], inputs: Sequence[Inline]) -> Node:
    if item.get("k") == "Table":
        return read_table(item)
    if item.get("k") == "Inline":
        return read_inline(item, inputs)
    return read_node(item, nodes)
