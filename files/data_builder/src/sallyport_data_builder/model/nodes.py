"""The base of all nodes, the frames, and the rules of domains.

Equal nodes are one object: they are interned when they are made, so that identity is equality and
a shared subgraph is computed once. Each node checks its types and domains when it is made; a plan
read from a file makes the same nodes and so passes the same checks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from sallyport_data_builder.errors import DefinitionError, nearest
from sallyport_data_builder.schemas.types import ALL_TYPES, SORTABLE, check_value, title

N = TypeVar("N", bound="Node")
POOL: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()
PARAMETERS = ("interval_start", "interval_end")
REDUCE = (
    "Reduce one of them to one value per patient first, for example with "
    "sort_by(...).first_for_patient(), exists_for_patient() or count_for_patient()."
)


class Interned(type):
    """Makes equal nodes one object."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a node, or return the equal one that exists."""
        node = super().__call__(*args, **kwargs)
        return POOL.setdefault(node.identity, node)


@dataclass(frozen=True, eq=False)
class Node(metaclass=Interned):
    """One operation of a query."""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise DefinitionError if a rule of types or domains is broken."""

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        """What makes two nodes the same."""
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return (type(self), *values)

    @cached_property
    def children(self) -> tuple[Node, ...]:
        """The nodes that this one is made from, in the order of its fields."""
        fields = (getattr(self, field.name) for field in dataclasses.fields(self))
        return tuple(node for value in fields for node in _nodes_in(value))


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


def topological(roots: Iterable[Node]) -> list[Node]:
    """Return every node beneath the roots once, each after its children; always the same order."""
    return children_first(roots, lambda node: node.children)


def children_first(roots: Iterable[N], children: Callable[[N], Sequence[N]]) -> list[N]:
    """Return what `topological` does, with other children than those of the nodes themselves."""
    order: dict[N, None] = {}
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.setdefault(node)
        elif node not in order:
            stack.append((node, True))
            stack += [(child, False) for child in reversed(children(node))]
    return list(order)


@dataclass(frozen=True, eq=False)
class Frame(Node):
    """Rows with columns."""

    @cached_property
    def columns(self) -> dict[str, str]:
        """Column names and their types."""
        raise NotImplementedError

    @cached_property
    def domain(self) -> Frame | None:
        """The rows that this frame has: None for one row per patient, else a chain of filters."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Series(Node):
    """A value per row of its domain."""

    @cached_property
    def type(self) -> str:
        """The type of the values."""
        raise NotImplementedError

    @cached_property
    def domain(self) -> Frame | None:
        """None for one value per patient, else the rows it has values for."""
        return common_domain([child for child in self.children if isinstance(child, Series)])


def common_domain(parts: Iterable[Series]) -> Frame | None:
    """Return the domain of a combination; raise DefinitionError if the parts have none (DOM-02)."""
    found: Frame | None = None
    for part in parts:
        if part.domain is None or part.domain is found:
            continue
        if found is not None:
            raise DefinitionError(_different_rows(found, part.domain))
        found = part.domain
    return found


def _different_rows(one: Frame, other: Frame) -> str:
    names = (base_table(one).name, base_table(other).name)
    if names[0] == names[1]:
        return f"These series come from different filters of {names[0]}. {REDUCE}"
    return f"These series come from the rows of {names[0]} and of {names[1]}. {REDUCE}"


def chain(frame: Frame | None) -> Iterator[Frame]:
    """Yield a domain, then what it filters, down to the table."""
    while isinstance(frame, Where):
        yield frame
        frame = frame.frame.domain
    if frame is not None:
        yield frame


def base_table(frame: Frame) -> Table:
    """Return the table at the bottom of a many-row frame."""
    while isinstance(frame, _Many):
        frame = frame.frame
    return cast(Table, frame)


def require(condition: bool, message: str) -> None:
    """Raise DefinitionError with a message unless the condition holds."""
    if not condition:
        raise DefinitionError(message)


@dataclass(frozen=True, eq=False)
class Table(Frame):
    """A standard table of a schema, or, with an empty schema, one that the study declared."""

    schema: str
    name: str
    rows: str
    spec: tuple[tuple[str, str], ...]

    def check(self) -> None:
        """Refuse unknown types and row counts."""
        require(self.rows in ("one", "many"), f"{self.name}: rows must be one or many.")
        for name, kind in self.spec:
            require(kind in ALL_TYPES, f"{self.name}.{name}: {kind} is not a valid type.")

    @cached_property
    def columns(self) -> dict[str, str]:
        """As declared."""
        return dict(self.spec)

    @cached_property
    def domain(self) -> Frame | None:
        """The table itself if it has many rows."""
        return self if self.rows == "many" else None


@dataclass(frozen=True, eq=False)
class Inline(Frame):
    """One row per patient that the study brings: written out, or in a data file (FMT-10).

    A row is a patient id and a value per column; with a `source`, a path below the workspace, the
    rows are in that file, which must still have the digest.
    """

    spec: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...] = ()
    source: str = ""
    digest: str = ""

    def check(self) -> None:
        """Refuse unknown types, wrong values, and a patient twice (SEM-22)."""
        for name, kind in self.spec:
            require(kind in ALL_TYPES, f"{name}: {kind} is not a valid type.")
            require(name != "patient_id", "patient_id is in every table; leave it out of columns.")
        require(len(self.columns) == len(self.spec), "A column of the table occurs twice.")
        seen: set[int] = set()
        for row in self.rows:
            require(len(row) == len(self.spec) + 1, "A row has another number of values.")
            require(type(row[0]) is int, "A patient id must be a whole number.")
            require(row[0] not in seen, f"The patient {row[0]} has two rows; one is allowed.")
            seen.add(row[0])
            for (name, kind), value in zip(self.spec, row[1:], strict=True):
                _check_cell(name, kind, value)

    @cached_property
    def columns(self) -> dict[str, str]:
        """As declared."""
        return dict(self.spec)

    @cached_property
    def domain(self) -> Frame | None:
        """One row per patient."""
        return None


def _check_cell(name: str, kind: str, value: Any) -> None:
    try:
        if value is not None:
            check_value(kind, value)
    except DefinitionError as error:
        raise DefinitionError(f"In the column {name}: {error}") from None


@dataclass(frozen=True, eq=False)
class _Many(Frame):
    """A frame made of another one that has many rows."""

    frame: Frame

    def check(self) -> None:
        """Refuse a frame with one row per patient."""
        require(self.frame.domain is not None, "This needs a frame with many rows per patient.")

    @cached_property
    def columns(self) -> dict[str, str]:
        """Those of the frame beneath."""
        return self.frame.columns

    def _check_prefix(self, series: Series, what: str) -> None:
        allowed = list(chain(self.frame.domain))
        if series.domain is not None and series.domain not in allowed:
            told = _different_rows(allowed[0], series.domain)
            raise DefinitionError(f"{what} must use the rows of the frame itself. {told}")


@dataclass(frozen=True, eq=False)
class Where(_Many):
    """The rows for which a predicate is true (SEM-02)."""

    predicate: Series

    def check(self) -> None:
        """Refuse a predicate of another type or of other rows (DOM-03)."""
        super().check()
        kind = self.predicate.type
        require(kind == "bool", f"A condition must be true or false, this one is {title(kind)}.")
        self._check_prefix(self.predicate, "The condition")

    @cached_property
    def domain(self) -> Frame | None:
        """The chain with this filter at its end; sorting does not count."""
        beneath = self.frame.domain
        if beneath is None or beneath is self.frame:
            return self
        frame: Frame = Where(beneath, self.predicate)
        return frame


@dataclass(frozen=True, eq=False)
class Order(_Many):
    """The same rows, sorted by a key, NULL smallest; outranks earlier orders (SEM-10)."""

    key: Series

    def check(self) -> None:
        """Refuse a key that cannot be sorted on or is of other rows (DOM-03)."""
        super().check()
        kind = self.key.type
        advice = " Use as_int() of it." if kind == "bool" else ""
        require(kind in SORTABLE, f"{title(kind)} cannot be sorted on.{advice}")
        require(self.key.domain is not None, "sort_by needs a column of the frame.")
        self._check_prefix(self.key, "The sort key")

    @cached_property
    def domain(self) -> Frame | None:
        """That of the frame beneath."""
        return self.frame.domain


def sort_keys(frame: Frame) -> tuple[Series, ...]:
    """Return the keys that a frame is sorted by, most significant first (SEM-10)."""
    found = []
    while isinstance(frame, Where | Order):
        if isinstance(frame, Order):
            found.append(frame.key)
        frame = frame.frame
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Pick(_Many):
    """The first or last row of each patient (SEM-11, SEM-12)."""

    op: str

    def check(self) -> None:
        """Refuse a frame that nothing sorts (DOM-04)."""
        super().check()
        require(self.op in ("first", "last"), f"{self.op} is not a pick.")
        require(bool(self.keys), f"{self.op}_for_patient needs an order: add sort_by(...) first.")

    @cached_property
    def keys(self) -> tuple[Series, ...]:
        """The sort keys, most significant first."""
        return sort_keys(self.frame)

    @cached_property
    def domain(self) -> Frame | None:
        """One row per patient."""
        return None


@dataclass(frozen=True, eq=False)
class Column(Series):
    """A column of a frame."""

    frame: Frame
    name: str

    def check(self) -> None:
        """Refuse a name that the frame has not."""
        if self.name not in self.frame.columns:
            hint = nearest(self.name, self.frame.columns)
            raise DefinitionError(f"There is no column {self.name}.{hint}")

    @cached_property
    def type(self) -> str:
        """As the table says."""
        return self.frame.columns[self.name]

    @cached_property
    def domain(self) -> Frame | None:
        """That of the frame."""
        return self.frame.domain


@dataclass(frozen=True, eq=False)
class Parameter(Series):
    """The start or the end of the interval that a measure is computed for."""

    name: str

    def check(self) -> None:
        """Refuse another name."""
        require(self.name in PARAMETERS, f"{self.name} is not a parameter.")

    @cached_property
    def type(self) -> str:
        """Always date."""
        return "date"
