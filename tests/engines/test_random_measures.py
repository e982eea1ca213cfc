"""Random measures: one query over all intervals is what each interval gives (PRP-06)."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest
from hypothesis import given
from tests.engines.budget import GRAPHS
from tests.engines.graphs import PATIENTS, Maker, chance_of, rows_of, schema, starts
from tests.engines.properties import Start, limited
from tests.engines.shrinking import told
from tests.unit.data_builder.engines import Reference, Server, Tables, server

from sallyport_data_builder.memory.population import check_population
from sallyport_data_builder.model import operations as op
from sallyport_data_builder.model.nodes import PARAMETERS, Frame, Series, Table
from sallyport_data_builder.plan.options import SWITCHES, Options

MONTHS = [
    (datetime.date(2019, 12, 1), datetime.date(2019, 12, 31)),
    (datetime.date(2020, 1, 1), datetime.date(2020, 1, 31)),
    (datetime.date(2020, 2, 1), datetime.date(2020, 2, 29)),
    (datetime.date(2021, 3, 1), datetime.date(2021, 3, 31)),
]
LONG = [*MONTHS, (datetime.date(2020, 1, 31), datetime.date(2021, 3, 1))]
TIMED = 0.5


class Timed(Maker):
    """Draws the start and the end of the interval among the dates."""

    def leaf(self, kind: str, frame: Frame | None) -> Series:
        """Draw a leaf; half of the dates depend on the interval."""
        if kind == "date" and self.chance.random() < TIMED:
            return op.Parameter(self.pick(PARAMETERS))
        return super().leaf(kind, frame)


def measure_of(name: str, maker: Timed, tables: list[Table]) -> op.Measure:
    """Draw a measure with up to two groups, over some of the intervals."""
    denominator: Series = op.Aggregate("exists", maker.pick(tables))
    if maker.pick((True, False)):
        denominator = op.Logic("and", (denominator, maker.series("bool", None, 2)))
    elif maker.pick((True, False)):
        denominator = op.Cases(((denominator, maker.series("int", None, 2)),), None)
    numerator = maker.series(maker.pick(("bool", "int")), None, 3)
    groups = tuple(
        (f"{name}_{n}", maker.series(maker.pick(("bool", "int", "str", "date")), None, 2))
        for n in range(maker.chance.randint(0, 2))
    )
    pool = maker.pick((MONTHS, LONG))
    intervals = tuple(sorted(maker.chance.sample(pool, maker.chance.randint(1, len(pool)))))
    return op.Measure(name, numerator, denominator, groups, intervals)


def measures_of(chance: random.Random) -> tuple[op.Measures, Tables]:
    """Draw one or two measures, and rows."""
    tables = schema(chance)
    maker = Timed(chance, tables)
    listed = [measure_of(f"m{n}", maker, tables) for n in range(chance.randint(1, 2))]
    if len(listed) > 1 and chance.random() < TIMED:
        listed[1] = listed[1]._replace(
            denominator=listed[0].denominator, intervals=listed[0].intervals
        )
    root = op.Measures(tuple(listed), False)
    check_population(root)
    return root, rows_of(chance, tables, PATIENTS)


def answered(database: Any, *question: Any) -> Any:
    """Return the answer, or what was refused."""
    try:
        return database.measures(*question)
    except Exception as error:  # a statement that the database refuses is a difference too
        return f"refused: {error} {error.__cause__ or error.__context__ or ''}"


@limited(max(GRAPHS // 6, 1))
@given(start=starts)
def test_prp_06_all_intervals_at_once_are_each_by_itself(
    urls: dict[str, str], start: Start
) -> None:
    chance = chance_of(start)
    root, rows = measures_of(chance)
    expected = Reference().measures(root, rows)
    off = frozenset(chance.sample(sorted(SWITCHES), chance.randint(0, 5)))
    options = Options(off=off, max_grid=chance.choice((1, 10, 50_000_000)))
    for name, url in urls.items():
        database: Server = server(url)
        for each in (None, options):
            found = answered(database, root, rows, each)
            if found != expected:
                lines = [f"{name} with {each}", *told(root), str(rows)]
                lines += [f"expected {expected}", f"given    {found}"]
                pytest.fail("\n".join(lines), pytrace=False)


@pytest.mark.parametrize("seed", [54, 55])
def test_prp_06_values_of_the_interval_stand_apart(urls: dict[str, str], seed: int) -> None:
    root, rows = measures_of(random.Random(seed))
    expected = Reference().measures(root, rows)
    assert [answered(server(url), root, rows) for url in urls.values()] == [expected] * len(urls)
