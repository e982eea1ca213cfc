"""Measures and event tables: what is defined, and the rows that come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.unit.data_builder.cases.form import day, event, other, people, person, rows_of
from tests.unit.data_builder.engines import Tables

from sallyport_data_builder.lang import (
    INTERVAL,
    Dataset,
    Measures,
    create_dataset,
    create_measures,
    days,
    months,
    weeks,
    when,
    years,
)

T, F, N = True, False, None
p, e = person, event
ROWS = [
    (1, day("2020-01-01"), 1, T), (1, day("2020-01-31"), 2, F), (1, day("2020-02-01"), 4, T),
    (2, day("2020-02-29"), 8, N), (2, N, 16, T), (3, day("2020-03-01"), N, T),
    (4, day("2019-12-31"), 32, F), (4, day("2020-01-15"), 64, T),
]  # fmt: skip
TABLES: Tables = {
    **people(
        "d i s b",
        (day("1980-01-01"), 1, "a", T),
        (day("1990-02-15"), 2, "b", F),
        (day("2020-02-01"), 3, N, N),
        (N, N, "a", T),
    ),
    "Event": rows_of("d i b", ROWS),
    "Other": rows_of("d i", [(1, day("2020-01-10"), 5), (2, day("2020-02-10"), 6)], other),
}
JANUARY = (day("2020-01-01"), day("2020-01-31"))
FEBRUARY = (day("2020-02-01"), day("2020-02-29"))
LEAP = months(2).starting_on("2020-01-01")
everybody = p.exists_for_patient()
during = e.where(e.d.is_during(INTERVAL))
Row = tuple[Any, ...]
MEASURES: dict[str, tuple[Callable[[], Measures], Sequence[Row]]] = {}
EVENTS: dict[str, tuple[Callable[[], Dataset], Sequence[Sequence[Row]]]] = {}


def measures(*definitions: tuple[Any, ...], intervals: Any = LEAP) -> Callable[[], Measures]:
    """Return what makes measures of (name, numerator, denominator, groups)."""

    def make() -> Measures:
        made = create_measures()
        made.define_defaults(denominator=everybody, intervals=intervals)
        for definition in definitions:
            made.define_measure(*definition)
        return made

    return make


def row(name: str, interval: Any, numerator: int, denominator: int, *groups: Any) -> Row:
    """Return a row as `flat` gives it."""
    return (name, *interval, numerator, denominator, groups)


MEASURES["exists during the interval"] = (
    measures(("m", during.exists_for_patient())),
    [row("m", JANUARY, 2, 4), row("m", FEBRUARY, 2, 4)],
)
MEASURES["count during the interval"] = (
    measures(("m", during.count_for_patient())),
    [row("m", JANUARY, 3, 4), row("m", FEBRUARY, 2, 4)],
)
MEASURES["a NULL numerator counts as 0"] = (
    measures(("m", during.i.sum_for_patient())),
    [row("m", JANUARY, 67, 4), row("m", FEBRUARY, 12, 4)],
)
MEASURES["a denominator of the interval"] = (
    measures(("m", p.i, p.d < INTERVAL.start_date)),
    [row("m", JANUARY, 3, 2), row("m", FEBRUARY, 3, 2)],
)
MEASURES["a denominator to the end of the interval"] = (
    measures(("m", everybody, p.d <= INTERVAL.end_date)),
    [row("m", JANUARY, 2, 2), row("m", FEBRUARY, 3, 3)],
)
MEASURES["a numerical denominator is summed where it is above 0"] = (
    measures(("m", during.count_for_patient(), p.i - 1)),
    [row("m", JANUARY, 0, 3), row("m", FEBRUARY, 1, 3)],
)
MEASURES["a group"] = (
    measures(("m", during.exists_for_patient(), N, {"s": p.s})),
    [
        row("m", JANUARY, 0, 1, N), row("m", JANUARY, 2, 2, "a"), row("m", JANUARY, 0, 1, "b"),
        row("m", FEBRUARY, 0, 1, N), row("m", FEBRUARY, 1, 2, "a"), row("m", FEBRUARY, 1, 1, "b"),
    ],
)  # fmt: skip
MEASURES["two groups"] = (
    measures(("m", everybody, N, {"s": p.s, "b": p.b}), intervals=[JANUARY]),
    [
        row("m", JANUARY, 1, 1, N, N),
        row("m", JANUARY, 2, 2, "a", T),
        row("m", JANUARY, 1, 1, "b", F),
    ],
)
MEASURES["a group of the interval"] = (
    measures(
        (
            "m", everybody, N,
            {"age": when((INTERVAL.start_date - p.d).years >= 30).then("old").otherwise("young")},
        )
    ),
    [
        row("m", JANUARY, 1, 1, "old"), row("m", JANUARY, 3, 3, "young"),
        row("m", FEBRUARY, 1, 1, "old"), row("m", FEBRUARY, 3, 3, "young"),
    ],
)  # fmt: skip
MEASURES["a group without patients has no row"] = (
    measures(("m", everybody, p.d.is_after("1985-01-01") & p.b.is_not_null(), {"b": p.b})),
    [row("m", JANUARY, 1, 1, F), row("m", FEBRUARY, 1, 1, F)],
)
MEASURES["two measures with groups of their own"] = (
    measures(
        ("first", everybody, N, {"s": p.s}), ("second", p.i, N, {"b": p.b}), intervals=[JANUARY]
    ),
    [
        row("first", JANUARY, 1, 1, N), row("first", JANUARY, 2, 2, "a"),
        row("first", JANUARY, 1, 1, "b"), row("second", JANUARY, 3, 1, N),
        row("second", JANUARY, 2, 1, F), row("second", JANUARY, 1, 2, T),
    ],
)  # fmt: skip
MEASURES["intervals are sorted, and each is there once"] = (
    measures(("m", during.exists_for_patient()), intervals=[FEBRUARY, JANUARY, FEBRUARY]),
    [row("m", JANUARY, 2, 4), row("m", FEBRUARY, 2, 4)],
)
MEASURES["intervals that overlap"] = (
    measures(
        ("m", during.count_for_patient()),
        intervals=[JANUARY, (day("2020-01-15"), day("2020-02-15"))],
    ),
    [row("m", JANUARY, 3, 4), row("m", (day("2020-01-15"), day("2020-02-15")), 3, 4)],
)
MEASURES["weeks that end on a date"] = (
    measures(("m", during.count_for_patient()), intervals=weeks(2).ending_on("2020-02-04")),
    [
        row("m", (day("2020-01-22"), day("2020-01-28")), 0, 4),
        row("m", (day("2020-01-29"), day("2020-02-04")), 2, 4),
    ],
)
MEASURES["a pick before the interval"] = (
    measures(
        (
            "m",
            e.where(e.d < INTERVAL.start_date).sort_by(e.d).last_for_patient().i > 1,
        )
    ),
    [row("m", JANUARY, 1, 4), row("m", FEBRUARY, 2, 4)],
)
MEASURES["a moved interval"] = (
    measures(
        (
            "m",
            e.where(
                e.d.is_on_or_between(INTERVAL.start_date - months(1), INTERVAL.end_date - days(1))
            ).count_for_patient(),
        )
    ),
    [row("m", JANUARY, 3, 4), row("m", FEBRUARY, 4, 4)],
)
MEASURES["two tables"] = (
    measures(
        (
            "m",
            during.exists_for_patient()
            & other.where(other.d.is_during(INTERVAL)).exists_for_patient(),
        )
    ),
    [row("m", JANUARY, 1, 4), row("m", FEBRUARY, 1, 4)],
)
MEASURES["nobody"] = (measures(("m", everybody, p.i > 10)), [])
MEASURES["a year"] = (
    measures(
        ("m", during.d.count_distinct_for_patient()), intervals=years(1).starting_on("2020-01-01")
    ),
    [row("m", (day("2020-01-01"), day("2020-12-31")), 6, 4)],
)
MEASURES["nothing of the interval"] = (
    measures(("m", e.exists_for_patient(), N, {"b": p.b}), intervals=LEAP),
    [
        row("m", JANUARY, 1, 1, N), row("m", JANUARY, 1, 1, F), row("m", JANUARY, 2, 2, T),
        row("m", FEBRUARY, 1, 1, N), row("m", FEBRUARY, 1, 1, F), row("m", FEBRUARY, 2, 2, T),
    ],
)  # fmt: skip
# More than the 64 tables that SQLite, and the 61 that MariaDB, join in one statement.
MEASURES["a pick for each of seventy measures"] = (
    measures(
        *(
            (f"m{k}", during.where(during.i > k).sort_by(during.d).last_for_patient().i)
            for k in range(70)
        )
    ),
    [
        row(f"m{k}", interval, sum(i for i in last if i > k), 4)
        for k in range(70)
        for interval, last in ((JANUARY, (2, 64)), (FEBRUARY, (4, 8)))
    ],
)


def dataset(*tables: dict[str, Any], population: Any = everybody) -> Callable[[], Dataset]:
    """Return what makes a dataset with event tables."""

    def make() -> Dataset:
        made = create_dataset()
        made.define_population(population)
        for number, columns in enumerate(tables, start=1):
            made.add_event_table(f"table_{number}", **columns)
        return made

    return make


EVENTS["rows of a table"] = (
    dataset({"d": e.d, "i": e.i}),
    [[(row[0], row[1], row[2]) for row in ROWS[:3]]
     + [(2, N, 16), (2, day("2020-02-29"), 8), (3, day("2020-03-01"), N)]
     + [(row[0], row[1], row[2]) for row in ROWS[6:]]],
)  # fmt: skip
EVENTS["rows of a filter"] = (
    dataset({"i": e.where(e.b).i}),
    [[(1, 1), (1, 4), (2, 16), (3, N), (4, 64)]],
)
EVENTS["rows of the population alone"] = (
    dataset({"i": e.i}, population=p.i > 1),
    [[(2, 8), (2, 16), (3, N)]],
)
EVENTS["a computation and a patient's value"] = (
    dataset({"next": e.where(e.i > 8).d + days(1), "s": p.s}),
    [[(2, N, "b"), (4, day("2020-01-01"), "a"), (4, day("2020-01-16"), "a")]],
)
EVENTS["two tables"] = (
    dataset({"i": e.where(e.i > 20).i}, {"d": other.d}),
    [[(4, 32), (4, 64)], [(1, day("2020-01-10")), (2, day("2020-02-10"))]],
)
EVENTS["equal rows are kept"] = (
    dataset({"b": e.b}, population=p.i == 1),
    [[(1, F), (1, T), (1, T)]],
)
EVENTS["no rows"] = (dataset({"i": e.where(e.i > 1000).i}), [[]])
