"""Finds the expressions that are worth computing once (PLN-08), and those that can move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Node, Series, children_first
from sallyport_data_builder.plan.relations import is_stored

HEAVY = 7
LARGEST = 10**6


def is_leaf(node: Node) -> bool:
    """Return whether a series is read, not computed: what is beneath it is another matter."""
    return isinstance(node, Column | op.Aggregate | op.Literal | op.Parameter)


def repeats(node: Node) -> int:
    """Return how often SQL writes each part of an operation."""
    if isinstance(node, op.DateDiff | op.DateAdd):
        return 1 if node.op == "days" else 3
    if isinstance(node, op.Arithmetic):
        return {"floordiv": 5, "pow": 3}.get(node.op, 1)
    if isinstance(node, op.Convert | op.Contains):
        return 2
    if isinstance(node, op.Compare):  # a database without truth values writes a condition twice
        return 2 if node.left.type == "bool" else 1
    return 2 if isinstance(node, op.Member) and not isinstance(node.among, op.Constants) else 1


def _same_list(node: Series, part: Series) -> bool:
    """Return whether SQL writes a part in the list of AND or OR that the node is."""
    if not isinstance(node, op.Logic) or not isinstance(part, op.Logic):
        return False
    return node.op == part.op != "not"


def parts(node: Node) -> Sequence[Series]:
    """Return the series that an operation is computed from; a collected one is looked up."""
    if isinstance(node, op.Member):
        return (node.source,)
    return () if is_leaf(node) else [c for c in node.children if isinstance(c, Series)]


def beneath(roots: Iterable[Series]) -> list[Series]:
    """Return the series that the roots are computed from and themselves, parts first."""
    return children_first(roots, parts)


def levels(
    roots: Sequence[Series], kept: Sequence[Series] = (), depth: int = LARGEST
) -> list[list[Series]]:
    """Return what to compute beforehand: the first list needs nothing, later ones the earlier.

    `kept` are computed in any case. `depth` is how deep calls may be nested in an expression.
    The size of an expression counts what SQL would write; a computed one is one column.
    """
    nodes = beneath([*roots, *kept])
    uses = counted(nodes, [*roots, *kept])
    wanted = set(kept)
    size: dict[Series, int] = {}
    deep: dict[Series, int] = {}
    level: dict[Series, int] = {}
    chosen: dict[int, list[Series]] = {}
    for node in nodes:
        inner = parts(node)
        level[node] = max((level[part] for part in inner), default=0)
        total = 1 + repeats(node) * sum(size[part] for part in inner)
        size[node] = min(total, LARGEST)
        deep[node] = max((deep[part] + (not _same_list(node, part)) for part in inner), default=1)
        often = (uses[node] > 1 and size[node] >= HEAVY) or deep[node] > depth
        if not is_leaf(node) and (often or node in wanted):
            chosen.setdefault(level[node], []).append(node)
            level[node], size[node], deep[node] = level[node] + 1, 1, 1
    return [chosen[number] for number in sorted(chosen)]


def frontier(roots: Iterable[Series], computed: Set[Node]) -> set[Series]:
    """Return the computed series that the roots are made from, those beneath them left out."""
    seen: set[Series] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += () if node in computed else parts(node)
    return {node for node in seen if node in computed}


def counted(nodes: Sequence[Series], roots: Sequence[Series]) -> dict[Series, int]:
    """Return how often SQL writes each of the nodes, which are all that is beneath the roots."""
    uses = dict.fromkeys(nodes, 0)
    for root in roots:
        uses[root] += 1
    for node in nodes:
        for part in parts(node):
            uses[part] += repeats(node)
    return uses


def leaves(roots: Iterable[Series]) -> list[Series]:
    """Return what the roots read, constants left out."""
    return [n for n in beneath(roots) if is_leaf(n) and not isinstance(n, op.Literal)]


def movable(roots: Sequence[Series], available: Callable[[Series], bool]) -> list[Series]:
    """Return the largest parts of the roots that can be computed from available leaves alone.

    Small expressions move as the leaves that they read, so that a column is carried once.
    """
    ready: dict[Series, bool] = {}
    size: dict[Series, int] = {}
    for node in beneath(roots):
        inner = parts(node)
        constant = isinstance(node, op.Literal)
        collected = isinstance(node, op.Member) and is_stored(node.among)
        ready[node] = constant or (available(node) if is_leaf(node) else not collected)
        ready[node] = ready[node] and all(ready[part] for part in inner)
        size[node] = min(LARGEST, 1 + repeats(node) * sum(size[part] for part in inner))
    found: dict[Series, None] = {}
    seen: set[Series] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node in seen or isinstance(node, op.Literal):
            continue
        seen.add(node)
        if ready[node] and leaves([node]) and (is_leaf(node) or size[node] >= HEAVY):
            found.setdefault(node)
        else:
            stack += reversed(parts(node))
    return list(found)
