"""Random schemas, rows and well-typed graphs of bounded depth, for properties.

Values stay where every engine must agree to the last digit: floats are multiples of a half before
they are divided, a factor, divisor or exponent is a leaf, and dates stay between 1900 and 2100.
Hypothesis draws where a generator of our own starts: that keeps the operations evenly spread and
makes a graph in a millisecond. `smaller` takes the place of Hypothesis's shrinking.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import (
    Column,
    Frame,
    Node,
    Order,
    Pick,
    Series,
    Table,
    Where,
    chain,
)
from sallyport_data_builder.model.roots import Dataset

KINDS = ("bool", "int", "float", "str", "date", "snomedct")
DEPTH = 4
NULLS = 0.2
COLUMNS = 0.8
LEAVES = 0.2
CONDITIONS = 0.5
PATIENTS = range(1, 7)
CODES = ("195967001", "38341003", "44054006", "73211009")
DAYS = tuple(
    datetime.date.fromisoformat(text)
    for text in (
        "1960-02-29", "1999-12-31", "2000-01-01", "2000-02-29", "2019-01-31", "2020-01-31",
        "2020-02-28", "2020-02-29", "2020-03-01", "2020-03-31", "2021-02-28", "2021-03-01",
        "2023-04-30", "2024-02-29", "2024-12-31",
    )
)  # fmt: skip
TEXTS = ("", "a", "A", "b", "b ", "B", "ab", "a_b", "%", "é", "z", "o'k", "\\", "Zz", "ß")
POOLS: dict[str, tuple[Any, ...]] = {
    "bool": (False, True),
    "int": (-3, -1, 0, 1, 2, 3, 5, 12),
    "float": (-2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 3.0, 4.0),
    "str": TEXTS,
    "date": DAYS,
    "snomedct": CODES,
}
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Graph:
    """A dataset and rows of its tables."""

    dataset: Dataset
    rows: Rows


def schema(chance: random.Random) -> list[Table]:
    """Make one or two tables of each shape; the first of each has columns of every type."""
    made = []
    for rows in ("one", "many"):
        for number in range(chance.randint(1, 2)):
            kinds = chance.choices(KINDS, k=chance.randint(1, 4)) if number else KINDS
            spec = tuple((f"{kind[0]}{n}", kind) for n, kind in enumerate(kinds))
            made.append(Table("", f"{rows}{number}", rows, spec))
    return made


def rows_of(chance: random.Random, tables: Sequence[Table], patients: Sequence[int]) -> Rows:
    """Make rows: NULLs, ties, no rows at all, and patients that are in some tables only."""
    found: Rows = {}
    for table in tables:
        count = chance.choice((0, 1, *[len(patients)] * 4))
        ids = chance.sample(patients, min(count, len(patients)))
        if table.rows == "many":
            ids = chance.choices(patients, k=chance.choice((0, 1, 4, 8, 14, 14)))
        found[table.name] = [
            (patient, *(_value(chance, kind) for kind in table.columns.values())) for patient in ids
        ]
    return found


def _value(chance: random.Random, kind: str) -> Any:
    return None if chance.random() < NULLS else chance.choice(POOLS[kind])


class Maker:
    """Draws series of a type over a frame, or, without one, of one value per patient."""

    def __init__(self, chance: random.Random, tables: Sequence[Table]) -> None:
        self.chance, self.pick = chance, chance.choice
        self.one = [table for table in tables if table.rows == "one"]
        self.many = [table for table in tables if table.rows == "many"]

    def series(self, kind: str, frame: Frame | None, depth: int) -> Series:
        """Draw a series that may use the rows of a frame."""
        if depth <= 0 or self.chance.random() < LEAVES:
            return self.leaf(kind, frame)
        made: Series = self.pick(MAKERS[kind])(self, kind, frame, depth - 1)
        return made

    def leaf(self, kind: str, frame: Frame | None) -> Series:
        """Draw a column, or a constant."""
        frames: list[Frame] = [*self.one, *([frame] * 3 if frame is not None else [])]
        columns = [
            (each, name) for each in frames for name, of in each.columns.items() if of == kind
        ]
        if columns and self.chance.random() < COLUMNS:
            each, name = self.pick(columns)
            return Column(each, name)
        return op.Literal(kind, self.pick(POOLS[kind]))

    def filtered(self, depth: int) -> Frame:
        """Draw the rows of a table, filtered up to two times."""
        frame: Frame = self.pick(self.many)
        for _ in range(self.chance.randint(0, 2)):
            prefix = self.pick(list(chain(frame.domain)))
            frame = Where(frame, self.series("bool", prefix, depth))
        return frame

    def sorted(self, depth: int) -> Frame:
        """Draw sorted rows; a filter may follow the order."""
        frame = self.filtered(depth)
        for _ in range(self.chance.randint(1, 2)):
            frame = Order(frame, self.key(frame, depth))
        if self.pick((True, False)):
            frame = Where(frame, self.series("bool", frame.domain, depth))
        return frame

    def key(self, frame: Frame, depth: int) -> Series:
        """Draw a sort key of the rows of a frame; a column always is one."""
        kinds = [of for of in frame.columns.values() if of != "bool"]
        if not kinds:
            return op.Convert("to_int", self.any_column(frame))
        kind = self.pick(kinds)
        drawn = self.series(kind, frame.domain, depth)
        if drawn.domain is not None:
            return drawn
        return Column(frame, self.pick([name for name, of in frame.columns.items() if of == kind]))

    def any_column(self, frame: Frame) -> Series:
        """Draw a column of a frame."""
        return Column(frame, self.pick(list(frame.columns)))

    def many_valued(self, kind: str, depth: int) -> Series:
        """Draw a series with many values per patient."""
        frame = self.filtered(depth)
        drawn = self.series(kind, frame, depth)
        if drawn.domain is not None:
            return drawn
        return op.Cases(((op.IsNull(self.any_column(frame)), drawn),), drawn)


def aggregate(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw an aggregate of the type."""
    del frame
    named = {
        "bool": ["exists"],
        "int": ["count", "count_distinct", "count_episodes", "min", "max", "sum"],
        "float": ["min", "max", "sum", "mean"],
    }
    name = maker.pick(named.get(kind, ["min", "max"]))
    if name in ("exists", "count"):
        rows = maker.pick(
            [
                *maker.one,
                maker.filtered(depth),
                Pick(maker.sorted(depth), maker.pick(("first", "last"))),
            ]
        )
        return op.Aggregate(name, rows)
    if name == "count_episodes":
        return op.Aggregate(name, maker.many_valued("date", depth), maker.pick([0, 1, 30, 365]))
    source = kind
    if name == "count_distinct":
        source = maker.pick(KINDS)
    if name == "mean":
        source = maker.pick(["int", "float"])
    return op.Aggregate(name, maker.many_valued(source, depth))


def picked(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a column of the first or last row."""
    rows = Pick(maker.sorted(depth), maker.pick(["first", "last"]))
    names = [name for name, of in rows.columns.items() if of == kind]
    return Column(rows, maker.pick(names)) if names else maker.leaf(kind, frame)


def cases(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a case with one or two branches."""
    pairs = tuple(
        (maker.series("bool", frame, depth), maker.series(kind, frame, depth))
        for _ in range(maker.chance.randint(1, 2))
    )
    default = maker.series(kind, frame, depth) if maker.pick((True, False)) else None
    return op.Cases(pairs, default)


def extreme(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a least or greatest."""
    parts = [maker.series(kind, frame, depth) for _ in range(maker.chance.randint(2, 3))]
    return op.Extreme(maker.pick(["least", "greatest"]), tuple(parts))


def arithmetic(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw arithmetic; what multiplies is a leaf."""
    word = maker.pick(["neg", "abs", "add", "sub", "mul"])
    left = maker.series(kind, frame, depth)
    if word in ("neg", "abs"):
        return op.Arithmetic(word, (left,))
    if word == "mul":
        return op.Arithmetic(word, (left, maker.leaf(kind, frame)))
    return op.Arithmetic(word, (left, maker.series(kind, frame, depth)))


def divided(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a division by a leaf."""
    of = maker.pick(["int", "float"])
    word = "div" if kind == "float" else "floordiv"
    return op.Arithmetic(word, (maker.series(of, frame, depth), maker.leaf(of, frame)))


def power(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a power of leaves."""
    del kind, depth
    of = maker.pick(["int", "float"])
    return op.Arithmetic("pow", (maker.leaf(of, frame), maker.leaf(of, frame)))


def converted(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a conversion to the type."""
    if kind == "float":
        return op.Convert("to_float", maker.series("int", frame, depth))
    return op.Convert("to_int", maker.series(maker.pick(["bool", "float"]), frame, depth))


def compared(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a comparison."""
    del kind
    of = maker.pick(KINDS)
    words = ["eq", "ne"] if of in ("bool", "snomedct") else ["eq", "ne", "lt", "le", "gt", "ge"]
    return op.Compare(
        maker.pick(words), maker.series(of, frame, depth), maker.series(of, frame, depth)
    )


def logic(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw and, or, not."""
    word = maker.pick(["and", "or", "not"])
    count = 1 if word == "not" else maker.chance.randint(2, 3)
    return op.Logic(word, tuple(maker.series(kind, frame, depth) for _ in range(count)))


def is_null(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a null check."""
    del kind
    return op.IsNull(maker.series(maker.pick(KINDS), frame, depth))


def member(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a membership, in constants or in a collected series."""
    del kind
    of = maker.pick([each for each in KINDS if each != "bool"])
    source = maker.series(of, frame, depth)
    if maker.pick((True, False)):
        values = {maker.pick(POOLS[of]) for _ in range(maker.chance.randint(0, 4))}
        return op.Member(source, op.Constants(of, tuple(sorted(values))))
    among: Node = op.Aggregate("collect", maker.many_valued(of, depth))
    return op.Member(source, among)


def contains(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a search in a string."""
    del kind
    return op.Contains(maker.series("str", frame, depth), maker.leaf("str", frame))


def moved(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a date moved by a leaf."""
    word = maker.pick(["days", "months", "years"])
    return op.DateAdd(word, maker.series(kind, frame, depth), maker.leaf("int", frame))


def difference(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a difference of dates."""
    del kind
    word = maker.pick(["days", "months", "years"])
    dates = [maker.series("date", frame, depth) for _ in range(2)]
    return op.DateDiff(word, dates[0], dates[1])


def date_part(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw a part of a date."""
    del kind
    return op.DatePart(maker.pick(["year", "month", "day"]), maker.series("date", frame, depth))


def date_floor(maker: Maker, kind: str, frame: Frame | None, depth: int) -> Series:
    """Draw the start of a month or year."""
    return op.DateFloor(maker.pick(["month", "year"]), maker.series(kind, frame, depth))


ANY = [aggregate, picked, cases]
MAKERS: dict[str, list[Callable[[Maker, str, Frame | None, int], Series]]] = {
    "bool": [aggregate, picked, cases, compared, compared, logic, logic, is_null, member, contains],
    "int": [
        *ANY,
        aggregate,
        aggregate,
        extreme,
        arithmetic,
        divided,
        converted,
        difference,
        date_part,
    ],
    "float": [*ANY, aggregate, extreme, arithmetic, divided, power, converted],
    "str": [*ANY, extreme],
    "date": [*ANY, extreme, moved, moved, date_floor],
    "snomedct": [picked, cases],
}


def graph_of(chance: random.Random) -> Graph:
    """Make tables, a dataset of one to four columns over them, and rows."""
    tables = schema(chance)
    maker = Maker(chance, tables)
    population: Series = op.Aggregate("exists", maker.pick(tables))
    if chance.random() < CONDITIONS:
        condition = maker.series("bool", None, DEPTH - 2)
        either = op.Logic("or", (population, condition))
        allowed = Engine({}, either).value(either, 0, None) is not True
        word = chance.choice(("and", "or")) if allowed else "and"
        population = op.Logic(word, (population, condition))
    columns = tuple(
        (f"v{n}", maker.series(maker.pick(KINDS), None, DEPTH)) for n in range(chance.randint(1, 4))
    )
    return Graph(Dataset(population, columns), rows_of(chance, tables, PATIENTS))


HALF = st.integers(0, 2**16 - 1)
# Two halves, because Hypothesis draws from a small range evenly.
starts: st.SearchStrategy[tuple[int, int]] = st.tuples(HALF, HALF)


def chance_of(start: tuple[int, int]) -> random.Random:
    """Return the generator that a drawn start means; the same start makes the same graph."""
    return random.Random(start[0] << 16 | start[1])
