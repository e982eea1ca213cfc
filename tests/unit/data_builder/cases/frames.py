"""Frames: filters, sorting and picks, existence and counts, populations."""

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

from sallyport_data_builder.lang import case, days, when

T, F, N = True, False, None
p, e = person, event
ROWS = [
    (1, day("2020-01-31"), 10, 1.5, T, "b"),
    (1, day("2020-02-29"), 20, -2.5, F, "a"),
    (1, N, 30, 7.0, N, "c"),
    (1, day("2021-03-01"), N, N, T, N),
    (2, day("2020-01-31"), 5, N, F, "x"),
    (2, day("2020-01-31"), 7, 3.0, F, "y"),
    (2, day("2019-12-31"), 5, 4.0, T, "x"),
    (3, N, N, N, N, N),
]
TABLES = {
    **people("i d b", (15, day("2020-02-01"), T), (5, N, F), (N, day("2020-01-01"), N), (1, N, T)),
    "Event": rows_of("d i f b s", ROWS),
    "Other": rows_of(
        "d i", [(1, day("2020-02-29"), 1), (3, day("2020-01-01"), 2), (3, N, 3)], other
    ),
}
by_date = e.sort_by(e.d)
dated = e.where(e.d.is_not_null())
positive = e.where(e.f > 0)

FILTERS = cases(
    TABLES,
    {
        "SEM-02 where": (e.where(e.f > 2).count_for_patient(), [1, 2, 0, 0]),
        "SEM-02 except_where keeps NULL": (
            e.except_where(e.f > 2).count_for_patient(),
            [3, 1, 1, 0],
        ),
        "SEM-02 where of a column": (e.where(e.b).count_for_patient(), [2, 1, 0, 0]),
        "SEM-02 except_where of a column": (e.except_where(e.b).count_for_patient(), [2, 2, 1, 0]),
        "SEM-02 where not": (e.where(~e.b).count_for_patient(), [1, 2, 0, 0]),
        "SEM-02 where true": (e.where(True).count_for_patient(), [4, 3, 1, 0]),
        "SEM-02 where false": (e.where(False).count_for_patient(), [0, 0, 0, 0]),
        "SEM-02 except_where true": (e.except_where(True).count_for_patient(), [0, 0, 0, 0]),
        "SEM-02 where and where": (
            e.where(e.f > 0).where(e.i > 5).count_for_patient(),
            [2, 1, 0, 0],
        ),
        "SEM-02 where and except_where": (
            e.where(e.f > 0).except_where(e.i > 5).count_for_patient(),
            [0, 1, 0, 0],
        ),
        "SEM-02 except_where twice": (
            e.except_where(e.b).except_where(e.i > 10).count_for_patient(),
            [0, 2, 1, 0],
        ),
        "DOM-03 a later filter by an earlier column": (
            positive.where(e.b).count_for_patient(),
            [1, 1, 0, 0],
        ),
        "DOM-03 a later filter by its own column": (
            positive.where(positive.b).count_for_patient(),
            [1, 1, 0, 0],
        ),
        "DOM-01 where by a patient's value": (e.where(e.i > p.i).count_for_patient(), [2, 1, 0, 0]),
        "DOM-01 where by a patient's condition": (e.where(p.b).count_for_patient(), [4, 0, 0, 0]),
        "DOM-01 where by a patient's date": (
            e.where(e.d.is_on_or_after(p.d)).count_for_patient(),
            [2, 0, 0, 0],
        ),
        "DOM-01 where by an aggregate of the rows": (
            e.where(e.i == e.i.maximum_for_patient()).count_for_patient(),
            [1, 1, 0, 0],
        ),
        "DOM-01 where by an aggregate of other rows": (
            e.where(e.d == other.d.maximum_for_patient()).count_for_patient(),
            [1, 0, 0, 0],
        ),
        "DOM-01 where by a pick": (
            e.where(e.d > dated.sort_by(e.d).first_for_patient().d).count_for_patient(),
            [2, 2, 0, 0],
        ),
        "DOM-01 where by the existence of rows": (
            e.where(other.exists_for_patient()).count_for_patient(),
            [4, 0, 1, 0],
        ),
        "where by text and number": (
            e.where((e.s == "x") & (e.i == 5)).count_for_patient(),
            [0, 2, 0, 0],
        ),
        "where by case": (
            e.where(case(when(e.b).then(e.i > 6), otherwise=False)).count_for_patient(),
            [1, 0, 0, 0],
        ),
        "where by arithmetic": (e.where(e.i * 2 > 30).count_for_patient(), [2, 0, 0, 0]),
        "where by a part of a date": (e.where(e.d.year == 2020).count_for_patient(), [2, 2, 0, 0]),
    },
)

COUNTS = cases(
    TABLES,
    {
        "SEM-07 exists": (e.exists_for_patient(), [T, T, T, F]),
        "SEM-07 exists of a filter": (positive.exists_for_patient(), [T, T, F, F]),
        "SEM-07 not exists": (~positive.exists_for_patient(), [F, F, T, T]),
        "SEM-07 exists of one row": (p.exists_for_patient(), [T, T, T, T]),
        "SEM-07 count": (e.count_for_patient(), [4, 3, 1, 0]),
        "SEM-07 count of one row": (p.count_for_patient(), [1, 1, 1, 1]),
        "SEM-07 count of another table": (other.count_for_patient(), [1, 0, 2, 0]),
        "SEM-12 exists of a pick": (
            by_date.first_for_patient().exists_for_patient(),
            [T, T, T, F],
        ),
        "SEM-12 count of a pick": (by_date.last_for_patient().count_for_patient(), [1, 1, 1, 0]),
        "SEM-12 exists of a pick of a filter": (
            positive.sort_by(e.d).first_for_patient().exists_for_patient(),
            [T, T, F, F],
        ),
        "two tables": (e.count_for_patient() + other.count_for_patient(), [5, 3, 3, 0]),
        "a condition of two tables": (
            e.exists_for_patient() & ~other.exists_for_patient(),
            [F, T, F, F],
        ),
    },
)

PICKS = cases(
    TABLES,
    {
        "SEM-10 first has NULL smallest": (by_date.first_for_patient().i, [30, 5, N, N]),
        "SEM-10 last": (by_date.last_for_patient().s, [N, "y", N, N]),
        "SEM-10 the key itself": (
            by_date.last_for_patient().d,
            days_of("2021-03-01", "2020-01-31", N, N),
        ),
        "SEM-10 the first key itself": (
            by_date.first_for_patient().d,
            days_of(N, "2019-12-31", N, N),
        ),
        "SEM-10 first of those with a date": (
            dated.sort_by(e.d).first_for_patient().i,
            [10, 5, N, N],
        ),
        "SEM-10 a filter after the sort": (
            by_date.where(e.d.is_not_null()).first_for_patient().f,
            [1.5, 4.0, N, N],
        ),
        "SEM-10 two keys": (e.sort_by(e.d, e.i).last_for_patient().s, [N, "y", N, N]),
        "SEM-10 two keys the other way": (
            e.sort_by(e.i, e.d).first_for_patient().f,
            [N, 4.0, N, N],
        ),
        "SEM-10 a later sort outranks": (
            e.sort_by(e.d).sort_by(e.i).first_for_patient().f,
            [N, 4.0, N, N],
        ),
        "SEM-10 sort by text": (e.sort_by(e.s).last_for_patient().i, [30, 7, N, N]),
        "SEM-10 sort by text has NULL first": (
            e.sort_by(e.s).first_for_patient().d,
            days_of("2021-03-01", "2019-12-31", N, N),
        ),
        "SEM-10 sort by a float": (e.sort_by(e.f).last_for_patient().s, ["c", "x", N, N]),
        "SEM-10 sort by a negated number": (
            e.where(e.i.is_not_null()).sort_by(-e.i).first_for_patient().i,
            [30, 7, N, N],
        ),
        "SEM-10 sort by a bool as a number": (
            e.sort_by(e.b.as_int(), e.i).last_for_patient().i,
            [10, 5, N, N],
        ),
        "SEM-10 sort by a distance": (
            e.where(e.d.is_not_null())
            .sort_by((e.d - "2020-02-20").days.absolute())
            .first_for_patient()
            .i,
            [20, 5, N, N],
        ),
        "SEM-10 sort by case": (
            e.sort_by(case(when(e.s == "a").then(2), otherwise=1), e.i).last_for_patient().s,
            ["a", "y", N, N],
        ),
        "SEM-12 no row, no value": (e.where(e.i > 100).sort_by(e.d).last_for_patient().i, [N] * 4),
        "SEM-12 is_null of no pick": (
            positive.sort_by(e.d).last_for_patient().d.is_null(),
            [F, F, T, T],
        ),
        "SEM-12 is_null of a pick of NULL": (by_date.first_for_patient().d.is_null(), [T, F, T, T]),
        "a computation of a pick": (
            (by_date.last_for_patient().d - dated.sort_by(e.d).first_for_patient().d).days,
            [395, 31, N, N],
        ),
        "a pick compared with a patient's value": (
            dated.sort_by(e.d).last_for_patient().d > p.d,
            [T, N, N, N],
        ),
        "a pick plus a duration": (
            dated.sort_by(e.d).first_for_patient().d + days(1),
            days_of("2020-02-01", "2020-01-01", N, N),
        ),
    },
)

TIES = [
    case_
    for listed in (
        {
            "SEM-11 ties go by the column used, first": (
                by_date.first_for_patient().s,
                ["c", "x", N, N],
            )
        },
        {"SEM-11 ties go by the column used, last": (by_date.last_for_patient().i, [N, 7, N, N])},
        {
            "SEM-11 ties have NULL smallest": (
                e.where(e.d == "2020-01-31").sort_by(e.d).first_for_patient().f,
                [1.5, N, N, N],
            )
        },
        {
            "SEM-11 ties of a bool": (
                e.where(e.i == 5).sort_by(e.i).first_for_patient().b,
                [N, F, N, N],
            )
        },
        {
            "SEM-11 ties go by columns in order of name": (
                case(
                    when(e.sort_by(e.i).first_for_patient().d == "2019-12-31").then("d first"),
                    when(e.sort_by(e.i).first_for_patient().f == 4.0).then("f first"),
                    otherwise=e.sort_by(e.i).first_for_patient().s,
                ),
                [N, "d first", N, N],
            )
        },
        {
            "SEM-11 rows that are equal in all that is used": (
                e.where(e.s == "x").sort_by(e.s).last_for_patient().i,
                [N, 5, N, N],
            )
        },
    )
    for case_ in cases(TABLES, listed, alone=True)
]

POPULATIONS = [
    case_
    for population, listed in (
        (p.i > 4, {"SEM-21 NULL is not in the population": (p.i, [15, 5])}),
        (
            e.exists_for_patient(),
            {"SEM-21 a population of events": (e.count_for_patient(), [4, 3, 1])},
        ),
        (
            e.exists_for_patient() | other.exists_for_patient(),
            {"SEM-21 a population of two tables": (other.count_for_patient(), [1, 0, 2])},
        ),
        (
            p.exists_for_patient() & ~e.exists_for_patient(),
            {"SEM-21 a population without events": (p.i, [1])},
        ),
        (p.b, {"SEM-21 a population by a column": (p.i, [15, 1])}),
        (p.i > 100, {"SEM-21 nobody": (p.i, [])}),
        (
            case(when(p.i > 4).then(True), otherwise=False),
            {"SEM-21 a population by case": (p.i, [15, 5])},
        ),
        (
            by_date.last_for_patient().d > "2020-12-31",
            {"SEM-21 a population by a pick": (p.i, [15])},
        ),
        (
            e.d.count_episodes_for_patient(days(30)) > 1,
            {"SEM-21 a population by an aggregate": (p.i, [15, 5])},
        ),
    )
    for case_ in cases(TABLES, listed, population)
]
CASES = [*FILTERS, *COUNTS, *PICKS, *TIES, *POPULATIONS]
