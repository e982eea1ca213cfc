"""Decides which outputs share a relation (PLN-03, PLN-04) and in which order they are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import Column, Node, Pick, Series, Table, topological
from sallyport_data_builder.plan.options import Options
from sallyport_data_builder.plan.relations import (
    ALONE,
    PICK,
    SCAN,
    Needs,
    Output,
    Relation,
    is_stored,
    outputs_beneath,
    table_columns,
)
from sallyport_data_builder.plan.spans import span_of


@dataclass(eq=False)
class Group:
    """Outputs that will be one relation, and the groups that they read."""

    kind: str
    outputs: list[Output]
    early: bool
    dynamic: bool
    span: Column | None = None
    reads: set[int] = field(default_factory=set)
    fused: bool = False

    @property
    def table(self) -> Table:
        """The table that is read."""
        return self.outputs[0].table


def needs(
    roots: Sequence[Node],
    early: Sequence[Node] = (),
    options: Options | None = None,
    fused_picks: bool = False,
) -> Needs:
    """Return what the roots need; `early` are those roots that are computed first (PLN-01)."""
    options = options or Options()
    fused_picks = fused_picks and options.on("fused-picks")
    everything = [*early, *roots]
    groups = _groups(everything, _stored_nodes(early), options, fused_picks)
    _link(groups)
    if options.on("fusion"):
        _fuse(groups, options.max_columns)
    made = {number: _relation(group) for number, group in groups.items()}
    order = _order(groups, outputs_beneath(early), outputs_beneath(roots))
    uses = {made[n]: tuple(made[other] for other in sorted(groups[n].reads)) for n in order}
    return Needs(tuple(made[n] for n in order), table_columns(everything), uses)


def _stored_nodes(roots: Iterable[Node]) -> set[Node]:
    """Return all that the roots read from relations, at any depth."""
    found = set()
    for node in topological(roots):
        if is_stored(node):
            found.add(node)
        elif isinstance(node, op.Aggregate) and isinstance(node.source, Pick):
            found.add(node.source)
    return found


def _dynamic(nodes: Iterable[Node]) -> set[Node]:
    """Return the nodes that depend on the interval of a measure."""
    found: set[Node] = set()
    for node in nodes:
        if isinstance(node, op.Parameter) or any(child in found for child in node.children):
            found.add(node)
    return found


def _levels(nodes: Iterable[Node], stored: set[Node]) -> dict[Node, int]:
    """Return how many relations must be made one after the other for each node."""
    level: dict[Node, int] = {}
    for node in nodes:
        below = max((level[child] for child in node.children), default=0)
        of_pick = isinstance(node, op.Aggregate) and isinstance(node.source, Pick)
        level[node] = below + (of_pick or (node in stored and not isinstance(node, Pick)))
    return level


def _groups(
    roots: Sequence[Node], early: set[Node], options: Options, fused_picks: bool
) -> dict[int, Group]:
    """Put outputs of the same rows together, and the columns of a pick."""
    nodes = topological(roots)
    stored = _stored_nodes(roots)
    dynamic = _dynamic(nodes)
    picked: dict[Pick, list[Node]] = {}
    for node in (n for n in nodes if n in stored):
        pick = node if isinstance(node, Pick) else getattr(node, "frame", None)
        if isinstance(pick, Pick):
            picked.setdefault(pick, []).append(node)
    level = _levels(nodes, stored)
    groups: dict[tuple[str, Node, int, bool], Group] = {}
    for node in (n for n in nodes if n in stored):
        output = Output(cast("Series | Pick", node))
        pick = output.pick
        if pick is not None and options.on("shortcuts") and _is_shortcut(pick, picked[pick]):
            output = Output(output.node, shortcut=True)
        kind, key = _key(output, fused_picks)
        depth = level[node] if pick is None else level[pick] + 1
        # What depends on the interval is made later than what does not, so it is separate.
        timed = (node if pick is None else pick) in dynamic
        group = groups.setdefault((kind, key, depth, timed), Group(kind, [], False, False))
        group.outputs.append(output)
        group.early = group.early or node in early
        group.dynamic = group.dynamic or node in dynamic
    for group in groups.values():
        if group.dynamic and options.on("calendar"):
            group.span = span_of(group.outputs)
    return dict(enumerate(groups.values()))


def _key(output: Output, fused_picks: bool) -> tuple[str, Node]:
    """Say what an output must be made together with."""
    if output.pick is not None and not output.shortcut:
        return (SCAN, output.pick) if fused_picks else (PICK, output.pick)
    word = getattr(output.node, "op", "") if output.pick is None else ""
    return (word, output.node) if word in ALONE else (SCAN, output.rows)


def _is_shortcut(pick: Pick, wanted: Sequence[Node]) -> bool:
    """Return whether a pick is asked for nothing but its key: then it is MIN or MAX (PLN-04)."""
    key = pick.keys[0]
    names = {node.name for node in wanted if isinstance(node, Column)}
    return isinstance(key, Column) and names <= {key.name}


def _places(groups: dict[int, Group]) -> dict[Node, int]:
    """Return which group holds each output."""
    return {output.node: n for n, group in groups.items() for output in group.outputs}


def _link(groups: dict[int, Group]) -> None:
    """Note which groups each one reads."""
    place = _places(groups)
    for number, group in groups.items():
        for output in group.outputs:
            beneath = outputs_beneath(output.inputs)
            group.reads.update(place[node] for node in beneath if place[node] != number)


def _fuse(groups: dict[int, Group], limit: int) -> None:
    """Make one scan of all that reads the same table, where no output waits for another."""
    for number in list(groups):
        for earlier in [n for n in groups if n < number]:
            if number in groups and _may_fuse(groups, earlier, number, limit):
                _merge(groups, earlier, number)


def _may_fuse(groups: dict[int, Group], one: int, other: int, limit: int) -> bool:
    first, second = groups[one], groups[other]
    same = (
        first.kind == second.kind == SCAN
        and first.table is second.table
        and first.early == second.early
        and (first.dynamic, first.span) == (second.dynamic, second.span)
        and len(first.outputs) + len(second.outputs) <= limit
    )
    return same and not (_reaches(groups, one, other) or _reaches(groups, other, one))


def _reaches(groups: dict[int, Group], start: int, goal: int) -> bool:
    """Return whether a group reads another, through others too."""
    seen, stack = set(), [start]
    while stack:
        number = stack.pop()
        if number == goal:
            return True
        if number not in seen:
            seen.add(number)
            stack.extend(groups[number].reads)
    return False


def _merge(groups: dict[int, Group], into: int, gone: int) -> None:
    group, other = groups[into], groups.pop(gone)
    group.outputs += other.outputs
    group.reads |= other.reads
    group.fused = True
    for each in groups.values():
        if gone in each.reads:
            each.reads = (each.reads - {gone}) | {into}


def _relation(group: Group) -> Relation:
    rules = ["PLN-03"] if group.fused else []
    rules += ["MSR-04"] if group.span is not None else []
    if any(output.pick for output in group.outputs):
        rules.append("PLN-04")
    picks = {output.pick for output in group.outputs if not output.shortcut}
    only_one = len(picks) == 1 and None not in picks
    kind = PICK if group.kind == SCAN and only_one and not _shortcut(group) else group.kind
    return Relation(
        kind, tuple(group.outputs), group.early, group.dynamic, group.span, tuple(rules)
    )


def _shortcut(group: Group) -> bool:
    return any(output.shortcut for output in group.outputs)


def _order(groups: dict[int, Group], *wanted: Sequence[Node]) -> list[int]:
    """Put each group right before the first that reads it (PLN-10)."""
    place = _places(groups)
    found: dict[int, None] = {}

    def visit(number: int) -> None:
        for other in sorted(groups[number].reads):
            if other not in found:
                visit(other)
        found.setdefault(number)

    for nodes in wanted:
        for node in nodes:
            visit(place[node])
    return list(found)
