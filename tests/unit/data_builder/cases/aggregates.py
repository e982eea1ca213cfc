"""Aggregations to one value per patient, membership in a series, and domains."""

from __future__ import annotations

from tests.unit.data_builder.cases.form import (
    cases,
    day,
    days_of,
    event,
    other,
    people,
    person,
    rows_of,
)

from sallyport_data_builder.lang import case, days, maximum_of, minimum_of, weeks, when

T, F, N = True, False, None
p, e = person, event
A, B = "195967001", "38341003"
ROWS = [
    (1, day("2020-01-01"), 3, 1.5, T, "b", A),
    (1, day("2020-01-15"), 3, 2.5, F, "a", A),
    (1, day("2020-01-29"), -4, N, N, "B", B),
    (1, day("2020-03-01"), N, 8.0, T, N, N),
    (1, day("2020-01-01"), 10, -1.0, T, "b", A),
    (2, N, N, N, N, N, N),
    (2, N, N, N, N, N, N),
    (3, day("2020-02-29"), 2_000_000_000, 0.5, T, "", B),
    (3, day("2020-02-28"), 2_000_000_000, 0.5, F, "", B),
    (3, N, 1, 0.5, F, "z", A),
]
OTHERS = [
    (1, day("2020-01-15"), 3, "a"),
    (1, N, 99, N),
    (3, day("2020-03-01"), 7, "q"),
    (4, N, N, N),
]
TABLES = {
    **people(
        "i j f s d",
        (3, 4, 2.5, "a", day("2020-01-15")),
        (N, 1, N, N, N),
        (1, 2, 0.5, "q", day("2020-02-28")),
        (5, N, 1.0, "b", day("2020-01-01")),
    ),
    "Event": rows_of("d i f b s code", ROWS),
    "Other": rows_of("d i s", OTHERS, other),
}
nothing = e.where(e.i > 3_000_000_000)

AGGREGATES = cases(
    TABLES,
    {
        "SEM-07 minimum of ints": (e.i.minimum_for_patient(), [-4, N, 1, N]),
        "SEM-07 maximum of ints": (e.i.maximum_for_patient(), [10, N, 2_000_000_000, N]),
        "SEM-07 minimum of floats": (e.f.minimum_for_patient(), [-1.0, N, 0.5, N]),
        "SEM-07 maximum of floats": (e.f.maximum_for_patient(), [8.0, N, 0.5, N]),
        "SEM-07 minimum of dates": (
            e.d.minimum_for_patient(),
            days_of("2020-01-01", N, "2020-02-28", N),
        ),
        "SEM-07 maximum of dates": (
            e.d.maximum_for_patient(),
            days_of("2020-03-01", N, "2020-02-29", N),
        ),
        "SEM-13 minimum of texts": (e.s.minimum_for_patient(), ["B", N, "", N]),
        "SEM-13 maximum of texts": (e.s.maximum_for_patient(), ["b", N, "z", N]),
        "SEM-08 sum of ints": (e.i.sum_for_patient(), [12, N, 4_000_000_001, N]),
        "SEM-08 sum of floats": (e.f.sum_for_patient(), [11.0, N, 1.5, N]),
        "SEM-08 mean of ints": (e.i.mean_for_patient(), [3.0, N, 4_000_000_001 / 3, N]),
        "SEM-08 mean of floats": (e.f.mean_for_patient(), [2.75, N, 0.5, N]),
        "SEM-08 count distinct of ints": (e.i.count_distinct_for_patient(), [3, 0, 2, 0]),
        "SEM-08 count distinct of floats": (e.f.count_distinct_for_patient(), [4, 0, 1, 0]),
        "SEM-08 count distinct of texts": (e.s.count_distinct_for_patient(), [3, 0, 2, 0]),
        "SEM-08 count distinct of dates": (e.d.count_distinct_for_patient(), [4, 0, 2, 0]),
        "SEM-08 count distinct of bools": (e.b.count_distinct_for_patient(), [2, 0, 2, 0]),
        "SEM-08 count distinct of codes": (e.code.count_distinct_for_patient(), [2, 0, 2, 0]),
        "SEM-07 minimum of no rows": (nothing.i.minimum_for_patient(), [N] * 4),
        "SEM-07 sum of no rows": (nothing.i.sum_for_patient(), [N] * 4),
        "SEM-07 mean of no rows": (nothing.i.mean_for_patient(), [N] * 4),
        "SEM-07 count distinct of no rows": (nothing.i.count_distinct_for_patient(), [0] * 4),
        "SEM-07 episodes of no rows": (nothing.d.count_episodes_for_patient(days(1)), [0] * 4),
        "SEM-08 sum of a filter": (e.where(e.b).i.sum_for_patient(), [13, N, 2_000_000_000, N]),
        "SEM-08 sum of conditions": ((e.i > 2).as_int().sum_for_patient(), [3, N, 2, N]),
        "SEM-08 mean of conditions": (
            (e.i > 2).as_int().mean_for_patient(),
            [0.75, N, 2 / 3, N],
        ),
        "SEM-08 sum of a computation": ((e.i * 2 + 1).sum_for_patient(), [28, N, 8_000_000_005, N]),
        "SEM-07 maximum of a computation": (
            (e.d + days(1)).maximum_for_patient(),
            days_of("2020-03-02", N, "2020-03-01", N),
        ),
        "SEM-07 maximum of a difference": (
            (e.d - p.d).days.maximum_for_patient(),
            [46, N, 1, N],
        ),
        "SEM-07 minimum of case": (
            case(when(e.b).then(e.i), otherwise=0).minimum_for_patient(),
            [0, 0, 0, N],
        ),
        "SEM-06 minimum_of within rows": (
            minimum_of(e.i, p.i).sum_for_patient(),
            [3 + 3 - 4 + 3 + 3, N, 3, N],
        ),
        "SEM-06 minimum_of aggregates": (
            minimum_of(e.d.minimum_for_patient(), other.d.minimum_for_patient()),
            days_of("2020-01-01", N, "2020-02-28", N),
        ),
        "SEM-06 maximum_of aggregates": (
            maximum_of(e.i.maximum_for_patient(), other.i.maximum_for_patient(), 50),
            [99, 50, 2_000_000_000, 50],
        ),
        "SEM-05 an aggregate without rows replaced": (
            e.i.sum_for_patient().when_null_then(0),
            [12, 0, 4_000_000_001, 0],
        ),
        "SEM-14 a rate of two aggregates": (
            e.where(e.b).count_for_patient() / e.count_for_patient(),
            [3 / 5, 0.0, 1 / 3, N],
        ),
        "DOM-01 an aggregate beside the rows that it is of": (
            e.where(e.f > e.f.mean_for_patient()).count_for_patient(),
            [1, 0, 0, 0],
        ),
        "DOM-01 an aggregate of a distance from an aggregate": (
            (e.i - e.i.minimum_for_patient()).maximum_for_patient(),
            [14, N, 1_999_999_999, N],
        ),
        "DOM-01 two tables side by side": (
            e.i.sum_for_patient() + other.i.sum_for_patient(),
            [114, N, 4_000_000_008, N],
        ),
    },
)

EPISODES = cases(
    TABLES,
    {
        "SEM-09 episodes of one gap": (e.d.count_episodes_for_patient(days(14)), [2, 0, 1, 0]),
        "SEM-09 episodes of a smaller gap": (
            e.d.count_episodes_for_patient(days(13)),
            [4, 0, 1, 0],
        ),
        "SEM-09 episodes of a larger gap": (e.d.count_episodes_for_patient(days(32)), [1, 0, 1, 0]),
        "SEM-09 a gap equal to the largest": (
            e.d.count_episodes_for_patient(days(31)),
            [2, 0, 1, 0],
        ),
        "SEM-09 episodes by weeks": (e.d.count_episodes_for_patient(weeks(2)), [2, 0, 1, 0]),
        "SEM-09 episodes of no gap": (e.d.count_episodes_for_patient(days(0)), [4, 0, 2, 0]),
        "SEM-09 episodes of a filter": (
            e.where(e.b).d.count_episodes_for_patient(days(30)),
            [2, 0, 1, 0],
        ),
        "SEM-09 episodes of a computation": (
            e.d.to_first_of_month().count_episodes_for_patient(days(40)),
            [2, 0, 1, 0],
        ),
    },
)

MEMBERSHIP = cases(
    TABLES,
    {
        "SEM-03 a value in a series": (p.i.is_in(e.i), [T, F, T, F]),
        "SEM-03 a value not in a series": (p.i.is_not_in(e.i), [F, T, F, T]),
        "SEM-03 a string in a series": (p.s.is_in(e.s), [T, F, F, F]),
        "SEM-03 a date in a series": (p.d.is_in(e.d), [T, F, T, F]),
        "SEM-03 NULL in a series with values": (
            p.i.is_in(e.i.when_null_then(1)),
            [T, N, T, F],
        ),
        "SEM-03 NULL in a series of NULLs is false": (p.s.is_in(other.s), [T, F, T, F]),
        "SEM-03 NULL in a series of others": (
            e.where(e.i.is_in(other.i)).count_for_patient(),
            [2, 0, 0, 0],
        ),
        "DOM-05 a series of another table beside rows": (
            e.where(e.i.is_in(other.i) & (e.i < p.j)).count_for_patient(),
            [2, 0, 0, 0],
        ),
        "SEM-03 events in a series": (
            e.where(e.d.is_in(other.d)).count_for_patient(),
            [1, 0, 0, 0],
        ),
        "SEM-03 events not in a series": (
            e.where(e.d.is_not_in(other.d)).count_for_patient(),
            [4, 2, 2, 0],
        ),
        "SEM-03 events not in an empty series": (
            e.where(e.d.is_not_in(nothing.d)).count_for_patient(),
            [5, 2, 3, 0],
        ),
        "SEM-03 except_where in a series": (
            e.except_where(e.i.is_in(other.i)).count_for_patient(),
            [3, 2, 3, 0],
        ),
        "SEM-03 in a filtered series": (p.i.is_in(e.where(e.b).i), [T, F, F, F]),
        "SEM-03 in a series of another filter": (
            e.where(e.i.is_in(e.where(e.b).i)).count_for_patient(),
            [3, 0, 2, 0],
        ),
        "SEM-03 in a computed series": (p.j.is_in(e.i + 1), [T, F, T, F]),
        "SEM-03 a constant case in a series": (
            case(when(p.i > 2).then(10), otherwise=1).is_in(e.i),
            [T, F, T, F],
        ),
    },
)
CASES = [*AGGREGATES, *EPISODES, *MEMBERSHIP]
