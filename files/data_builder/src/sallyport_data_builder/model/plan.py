"""plan.json: what compile hands to execute. Written in one way only, and read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sallyport_data_builder import __version__, schemas
from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.model.layout import PlanError, Ref, read_node, write_node
from sallyport_data_builder.model.nodes import Node, Table, topological
from sallyport_data_builder.model.operations import Dataset
from sallyport_data_builder.model.types import ALL_TYPES

FORMAT = "sallyport-plan"
VERSION = 1
MAX_NODES = 100_000
MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 500
KEYS = {
    "format", "version", "engine", "kind", "schemas", "nodes", "population", "columns", "inputs",
    "permissions_claimed", "dummy",
}  # fmt: skip
DUMMY_DEFAULT = 10


@dataclass(frozen=True)
class Plan:
    """A dataset, and what was said beside it."""

    dataset: Dataset
    permissions_claimed: tuple[str, ...] = ()
    population_size: int = DUMMY_DEFAULT

    def tables(self) -> list[Table]:
        """Return the tables that the plan reads."""
        return [node for node in topological([self.dataset]) if isinstance(node, Table)]


def dumps(plan: Plan) -> str:
    """Return the JSON text of a plan: the same definition gives the same bytes (PLAN-01)."""
    roots = [plan.dataset.population, *(series for _name, series in plan.dataset.columns)]
    indices: dict[Node, int] = {}
    nodes = []
    for node in topological(roots):
        nodes.append(_write_table(node) if isinstance(node, Table) else write_node(node, indices))
        indices[node] = len(indices)
    used = sorted({table.schema for table in plan.tables() if table.schema})
    document = {
        "format": FORMAT,
        "version": VERSION,
        "engine": __version__,
        "kind": "dataset",
        "schemas": {name: schemas.load(name).version for name in used},
        "nodes": nodes,
        "population": indices[plan.dataset.population],
        "columns": [[name, indices[series]] for name, series in plan.dataset.columns],
        "inputs": [],
        "permissions_claimed": sorted(plan.permissions_claimed),
        "dummy": {"population_size": plan.population_size},
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _write_table(table: Table) -> dict[str, Any]:
    item: dict[str, Any] = {"k": "Table", "schema": table.schema, "name": table.name}
    item["rows"] = table.rows
    if not table.schema:
        item["spec"] = [list(pair) for pair in table.spec]
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


def _no_constant(word: str) -> None:
    raise PlanError(f"{word} is no number")


def _read(document: Any) -> Plan:
    if not isinstance(document, dict) or set(document) != KEYS:
        raise PlanError(f"its keys are {', '.join(sorted(KEYS))}")
    stated = (document["format"], document["kind"])
    if stated != (FORMAT, "dataset") or type(document["version"]) is not int:
        raise PlanError("it is no plan of a dataset")
    if document["version"] != VERSION:
        raise PlanError(f"its version is not {VERSION}; compile and execute with one image")
    if document["inputs"] != [] or type(document["engine"]) is not str:
        raise PlanError("inputs are not known to this version")
    _check_schemas(document["schemas"])
    nodes = _read_nodes(document["nodes"])
    columns = tuple(_read_column(pair, nodes) for pair in _list(document["columns"]))
    if len({name for name, _series in columns}) != len(columns):
        raise PlanError("a column occurs twice")
    dataset = Dataset(Ref().read(document["population"], nodes), columns)
    claimed = tuple(_word(item) for item in _list(document["permissions_claimed"]))
    return Plan(dataset, claimed, _population_size(document["dummy"]))


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise PlanError("a list expected")
    return value


def _word(value: Any) -> str:
    if type(value) is not str:
        raise PlanError("text expected")
    return value


def _population_size(value: Any) -> int:
    size = value.get("population_size") if isinstance(value, dict) and len(value) == 1 else None
    if type(size) is not int or not 0 < size <= 10_000_000:
        raise PlanError("dummy holds population_size, a positive int")
    return size


def _check_schemas(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise PlanError("schemas is an object")
    for name, version in value.items():
        if schemas.load(name).version != version or type(version) is not int:
            raise PlanError(f"schema {name} is installed in another version")


def _read_column(pair: Any, nodes: list[Node]) -> tuple[str, Any]:
    if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
        raise PlanError("columns are pairs of name and node")
    return check_column_name(pair[0]), Ref().read(pair[1], nodes)


def check_column_name(name: str) -> str:
    """Return a name that a column may have, or raise DefinitionError with the rule."""
    reserved = ("patient_id", "population", "dummy_data_config")
    if name in reserved:
        raise DefinitionError(f"A column cannot be called {name}: that name is taken.")
    plain = name.isascii() and name.replace("_", "a").isalnum() and name[:1].isalpha()
    if not plain:
        raise DefinitionError(
            f"A column cannot be called {name!r}: a name is a letter, then letters, digits and "
            "underscores."
        )
    return name


def _read_nodes(items: Any) -> list[Node]:
    if len(_list(items)) > MAX_NODES:
        raise PlanError(f"it has more than {MAX_NODES} nodes")
    nodes: list[Node] = []
    depths: dict[Node, int] = {}
    for item in items:
        if not isinstance(item, dict):
            raise PlanError("a node is an object")
        node = _read_table(item) if item.get("k") == "Table" else read_node(item, nodes)
        depths[node] = 1 + max((depths[child] for child in node.children), default=0)
        if depths[node] > MAX_DEPTH:
            raise PlanError(f"it is deeper than {MAX_DEPTH} nodes")
        nodes.append(node)
    return nodes


def _read_table(item: Mapping[str, Any]) -> Node:
    """A schema's table is the installed one; a study's own table says its columns (PLAN-03)."""
    schema, name, rows = (_word(item.get(key)) for key in ("schema", "name", "rows"))
    keys = {"k", "schema", "name", "rows"} | (set() if schema else {"spec"})
    if set(item) != keys:
        raise PlanError(f"a table's fields are {', '.join(sorted(keys))}")
    if not schema:
        pairs = tuple((_word(key), _word(kind)) for key, kind in map(_pair, _list(item["spec"])))
        if any(kind not in ALL_TYPES for _key, kind in pairs):
            raise PlanError("unknown type of a column")
        return Table("", name, rows, pairs)
    tables = schemas.load(schema).tables
    if name not in tables:
        raise PlanError(f"schema {schema} has no table {name}.{nearest(name, tables)}")
    if tables[name].node.rows != rows:
        raise PlanError(f"{schema}.{name} has other rows")
    return tables[name].node


def _pair(value: Any) -> tuple[Any, Any]:
    if type(value) is not list or len(value) != 2:
        raise PlanError("pairs expected")
    return value[0], value[1]
