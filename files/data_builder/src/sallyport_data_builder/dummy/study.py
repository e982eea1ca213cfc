"""What a definition tells about its patients: who they are, and what it looks at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

from sallyport_data_builder.dummy import constants
from sallyport_data_builder.dummy.goals import (
    ALWAYS,
    IMPOSSIBLE,
    UNKNOWN,
    Bound,
    Every,
    Goal,
    RowsOf,
    Some,
    every,
    some,
)
from sallyport_data_builder.dummy.inverse import relation_goal
from sallyport_data_builder.dummy.relations import Relation
from sallyport_data_builder.dummy.solver import GoalSolver
from sallyport_data_builder.dummy.tables import BIRTH, dummy_tables
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model import rootlayout
from sallyport_data_builder.model.nodes import (
    Column,
    Frame,
    Inline,
    Node,
    Pick,
    Series,
    Table,
    Where,
    base_table,
    topological,
)
from sallyport_data_builder.model.plan import DummyData, Plan, dumps
from sallyport_data_builder.model.roots import Dataset, Interval, Measures
from sallyport_data_builder.model.tables import physical_name

WISHES_AT_MOST = 600
INTERVAL = Table("", "sallyport_interval", "one", (("first", "date"), ("last", "date")))


class Study:
    """A plan, as the generator of patients reads it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.solver = GoalSolver()
        nodes = plan.nodes
        self.intervals = _intervals(plan.root)
        self.today = constants.today(nodes, self.intervals)
        self.inputs: list[Inline] = [node for node in nodes if isinstance(node, Inline)]
        # The number of patients is left out: asking for more gives the same ones and others.
        same = replace(plan, dummy=DummyData(constraint=plan.dummy.constraint))
        self.seed = hashlib.sha256(dumps(same).encode()).digest()
        self.tables = dummy_tables(self._roots())
        self.births = self._cells(lambda _table, name: name == BIRTH)
        self.deaths = self._cells(
            lambda table, name: table.rows == "one" and table.tells_death(name)
        )
        self._pools: dict[tuple[str, str], Sequence[Any]] = {}

    def _roots(self) -> list[Node]:
        constraint = self.plan.dummy.constraint
        return [*rootlayout.series(self.plan.root), *([constraint] if constraint else [])]

    def _cells(self, wanted: Any) -> list[tuple[str, str]]:
        return [
            (table.name, name)
            for table in self.tables.values()
            for name in table.columns
            if wanted(table, name)
        ]

    def interval_of(self, patient: int) -> Interval | None:
        """Return the interval that a patient is made for: all in turn, the last ones first."""
        return self.intervals[-1 - patient % len(self.intervals)] if self.intervals else None

    @cached_property
    def population(self) -> Goal:
        """What makes a patient one of the population, and meets the further constraint."""
        root, constraint = self.plan.root, self.plan.dummy.constraint
        if isinstance(root, Dataset):
            goal = self.solver.condition_goal(root.population, True)
        else:
            goal = some(self._inside(measure.denominator) for measure in root.measures)
        return (
            goal
            if constraint is None
            else every([goal, self.solver.condition_goal(constraint, True)])
        )

    def _inside(self, denominator: Series) -> Goal:
        if denominator.type == "bool":
            return self.solver.condition_goal(denominator, True)
        return relation_goal(self.solver, denominator, Relation.GT, op.Literal("int", 0))

    @cached_property
    def condition(self) -> Series:
        """The same as a condition that a database answers."""
        root, constraint = self.plan.root, self.plan.dummy.constraint
        if isinstance(root, Dataset):
            parts: list[Series] = [root.population]
        else:
            parts = [_any_denominator(root)]
        parts += [constraint] if constraint is not None else []
        return parts[0] if len(parts) == 1 else op.Logic("and", tuple(parts))

    def wishes_of(self, patient: int, attempt: int) -> Iterable[Goal]:
        """Return the wish whose turn it is, so that every value is there if there is room."""
        if self.wishes:
            turn = patient // max(len(self.intervals), 1) + attempt
            yield self.wishes[turn % len(self.wishes)]

    @cached_property
    def wishes(self) -> Sequence[Goal]:
        """What the output tells apart: each condition true and false, each value and its lack."""
        found: dict[Goal, None] = {}
        root = self.plan.root
        wanted = list(rootlayout.series(root))
        wanted = wanted[1:] if isinstance(root, Dataset) else wanted
        for series in wanted:
            if series.domain is None:
                found.setdefault(self.solver.null_goal(series))
                found.setdefault(self.solver.present_goal(series))
        for node in topological(wanted):
            for goal in self._of_node(node):
                found.setdefault(goal)
        goals = [goal for goal in found if goal is not ALWAYS and goal is not IMPOSSIBLE]
        step = -(-len(goals) // WISHES_AT_MOST) or 1
        return goals[::step]

    def _of_node(self, node: Node) -> Iterable[Goal]:
        if isinstance(node, Pick):
            yield self.solver.rows_goal(node, 1)
        elif isinstance(node, op.Aggregate) and node.rows is not None:
            yield self.solver.rows_goal(node.rows, 1)
            yield self.solver.rows_goal(node.rows, 3)
            yield self.solver.rows_goal(node.rows, 0, closed=True)
        elif isinstance(node, Series) and node.domain is None and node.type == "bool":
            yield self.solver.condition_goal(node, True)
            yield self.solver.condition_goal(node, False)

    @cached_property
    def frames(self) -> dict[str, list[Frame]]:
        """The filtered tables by the name of the table, for rows near what is looked at."""
        found: dict[str, list[Frame]] = {name: [] for name in self.tables}
        nodes = topological(self._roots())
        inner = {node.frame.domain for node in nodes if isinstance(node, Where)}
        for node in nodes:
            if isinstance(node, Where) and node.domain not in inner:
                domain = cast(Frame, node.domain)
                if self.solver.row_goal(domain) is not IMPOSSIBLE:
                    found[physical_name(base_table(domain))].append(domain)
        return found

    def pool(self, table: str, column: str) -> Sequence[Any]:
        """Return constants that a column is compared with."""
        if (table, column) not in self._pools:
            self._pools[table, column] = self._compared.get((table, column), ())
        return self._pools[table, column]

    @cached_property
    def _compared(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        """The constants that columns are compared with; those of the population count twice."""
        found: dict[tuple[str, str], list[Any]] = {}
        goals: list[Goal] = [self.population, *self.wishes]
        goals += [
            self.solver.row_goal(frame) for frames in self.frames.values() for frame in frames
        ]
        seen: set[Goal] = set()
        while goals:
            goal = goals.pop()
            if goal in seen:
                continue
            seen.add(goal)
            if isinstance(goal, Every | Some):
                goals += reversed(goal.parts)
            elif isinstance(goal, RowsOf):
                goals += [self.solver.row_goal(goal.frame), goal.goal]
            elif isinstance(goal, Bound) and goal.fixed not in ((), None, UNKNOWN):
                values = goal.fixed if isinstance(goal.fixed, tuple) else (goal.fixed,)
                if goal.op in (Relation.EQ, Relation.IN, Relation.CONTAINS) or isinstance(
                    values[0], int | float
                ):
                    found.setdefault((goal.table, goal.column), []).extend(values)
        return {key: tuple(values) for key, values in found.items()}


def _intervals(root: Dataset | Measures) -> list[Interval]:
    if isinstance(root, Dataset):
        return []
    return sorted({interval for measure in root.measures for interval in measure.intervals})


def _any_denominator(root: Measures) -> Series:
    """Return whether a patient is in a denominator, in the interval that is theirs."""
    others: dict[str, Series] = {
        "interval_start": Column(INTERVAL, "first"),
        "interval_end": Column(INTERVAL, "last"),
    }
    parts = []
    for denominator in dict.fromkeys(measure.denominator for measure in root.measures):
        own = constants.replaced(denominator, others)
        positive = op.Compare("gt", own, op.Literal("int", 0)) if own.type == "int" else own
        parts.append(positive)
    return parts[0] if len(parts) == 1 else op.Logic("or", tuple(parts))
