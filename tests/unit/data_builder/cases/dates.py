"""Dates, durations and what lies between dates."""

from __future__ import annotations

from typing import Any

from tests.unit.data_builder.cases.form import cases, day, days_of, people, person

from sallyport_data_builder.lang import (
    case,
    days,
    maximum_of,
    minimum_of,
    months,
    weeks,
    when,
    years,
)

T, F, N = True, False, None
p = person
ENDS = people(
    "d i",
    (day("2020-01-31"), 1),
    (day("2021-01-31"), 13),
    (day("2020-02-29"), -1),
    (day("2020-12-31"), 2),
    (day("2019-03-31"), -13),
    (N, 1),
    (day("2020-05-15"), N),
)
PAIRS = people(
    "d e",
    (day("2020-02-29"), day("2021-02-28")),
    (day("2021-03-01"), day("2020-02-29")),
    (day("2020-01-31"), day("2020-02-29")),
    (day("2020-01-01"), day("2020-12-31")),
    (day("2020-06-15"), day("2020-06-15")),
    (day("2020-06-15"), day("2020-06-14")),
    (N, day("2020-01-01")),
    (day("2020-01-01"), N),
)


def ends(texts: str) -> list[Any]:
    """Read a date for each patient; - is NULL."""
    return days_of(*(None if text == "-" else text for text in texts.split()))


ADDING = cases(
    ENDS,
    {
        "SEM-17 add a day": (
            p.d + days(1),
            ends("2020-02-01 2021-02-01 2020-03-01 2021-01-01 2019-04-01 - 2020-05-16"),
        ),
        "SEM-17 take a day": (
            p.d - days(1),
            ends("2020-01-30 2021-01-30 2020-02-28 2020-12-30 2019-03-30 - 2020-05-14"),
        ),
        "SEM-17 add a week": (
            p.d + weeks(1),
            ends("2020-02-07 2021-02-07 2020-03-07 2021-01-07 2019-04-07 - 2020-05-22"),
        ),
        "SEM-17 take five weeks": (
            p.d - weeks(5),
            ends("2019-12-27 2020-12-27 2020-01-25 2020-11-26 2019-02-24 - 2020-04-10"),
        ),
        "SEM-17 add a month": (
            p.d + months(1),
            ends("2020-03-01 2021-03-01 2020-03-29 2021-01-31 2019-05-01 - 2020-06-15"),
        ),
        "SEM-17 take a month": (
            p.d - months(1),
            ends("2019-12-31 2020-12-31 2020-01-29 2020-12-01 2019-03-01 - 2020-04-15"),
        ),
        "SEM-17 add thirteen months": (
            p.d + months(13),
            ends("2021-03-01 2022-03-01 2021-03-29 2022-01-31 2020-05-01 - 2021-06-15"),
        ),
        "SEM-17 take thirteen months": (
            p.d - months(13),
            ends("2018-12-31 2019-12-31 2019-01-29 2019-12-01 2018-03-01 - 2019-04-15"),
        ),
        "SEM-17 add twelve months": (
            p.d + months(12),
            ends("2021-01-31 2022-01-31 2021-03-01 2021-12-31 2020-03-31 - 2021-05-15"),
        ),
        "SEM-17 add no month": (
            p.d + months(0),
            ends("2020-01-31 2021-01-31 2020-02-29 2020-12-31 2019-03-31 - 2020-05-15"),
        ),
        "SEM-17 add a year": (
            p.d + years(1),
            ends("2021-01-31 2022-01-31 2021-03-01 2021-12-31 2020-03-31 - 2021-05-15"),
        ),
        "SEM-17 take a year": (
            p.d - years(1),
            ends("2019-01-31 2020-01-31 2019-03-01 2019-12-31 2018-03-31 - 2019-05-15"),
        ),
        "SEM-17 add four years": (
            p.d + years(4),
            ends("2024-01-31 2025-01-31 2024-02-29 2024-12-31 2023-03-31 - 2024-05-15"),
        ),
        "SEM-17 take a negative duration": (
            p.d - -months(1),
            ends("2020-03-01 2021-03-01 2020-03-29 2021-01-31 2019-05-01 - 2020-06-15"),
        ),
        "SEM-17 two steps are not one": (
            p.d + months(1) + months(1),
            ends("2020-04-01 2021-04-01 2020-04-29 2021-03-01 2019-06-01 - 2020-07-15"),
        ),
        "SEM-17 durations of one unit add up": (
            p.d + (months(3) - months(1)),
            ends("2020-03-31 2021-03-31 2020-04-29 2021-03-01 2019-05-31 - 2020-07-15"),
        ),
        "SEM-17 days of a series": (
            p.d + days(p.i),
            ends("2020-02-01 2021-02-13 2020-02-28 2021-01-02 2019-03-18 - -"),
        ),
        "SEM-17 weeks of a series": (
            p.d + weeks(p.i),
            ends("2020-02-07 2021-05-02 2020-02-22 2021-01-14 2018-12-30 - -"),
        ),
        "SEM-17 months of a series": (
            p.d + months(p.i),
            ends("2020-03-01 2022-03-01 2020-01-29 2021-03-01 2018-03-01 - -"),
        ),
        "SEM-17 years of a series": (
            p.d + years(p.i),
            ends("2021-01-31 2034-01-31 2019-03-01 2022-12-31 2006-03-31 - -"),
        ),
        "SEM-17 take months of a series": (
            p.d - months(p.i),
            ends("2019-12-31 2019-12-31 2020-03-29 2020-10-31 2020-05-01 - -"),
        ),
        "SEM-17 a constant date and a series": (
            "2020-01-31" + months(p.i),
            ends("2020-03-01 2021-03-01 2019-12-31 2020-03-31 2018-12-31 2020-03-01 -"),
        ),
        "SEM-17 a duration before its date": (
            days(1) + p.d,
            ends("2020-02-01 2021-02-01 2020-03-01 2021-01-01 2019-04-01 - 2020-05-16"),
        ),
        "year": (p.d.year, [2020, 2021, 2020, 2020, 2019, N, 2020]),
        "month": (p.d.month, [1, 1, 2, 12, 3, N, 5]),
        "day": (p.d.day, [31, 31, 29, 31, 31, N, 15]),
        "to_first_of_month": (
            p.d.to_first_of_month(),
            ends("2020-01-01 2021-01-01 2020-02-01 2020-12-01 2019-03-01 - 2020-05-01"),
        ),
        "to_first_of_year": (
            p.d.to_first_of_year(),
            ends("2020-01-01 2021-01-01 2020-01-01 2020-01-01 2019-01-01 - 2020-01-01"),
        ),
        "the last day of a month": (
            p.d.to_first_of_month() + months(1) - days(1),
            ends("2020-01-31 2021-01-31 2020-02-29 2020-12-31 2019-03-31 - 2020-05-31"),
        ),
        "SEM-05 when_null_then of dates": (
            p.d.when_null_then("1900-01-01"),
            ends("2020-01-31 2021-01-31 2020-02-29 2020-12-31 2019-03-31 1900-01-01 2020-05-15"),
        ),
        "SEM-04 case of dates": (
            case(when(p.d.is_before("2020-02-01")).then(p.d), otherwise="2020-02-01"),
            ends("2020-01-31 2020-02-01 2020-02-01 2020-02-01 2019-03-31 2020-02-01 2020-02-01"),
        ),
        "SEM-03 is_in of dates": (
            p.d.is_in(["2020-02-29", "2020-05-15"]),
            [F, F, T, F, F, N, T],
        ),
        "SEM-03 is_not_in of dates": (
            p.d.is_not_in([day("2020-02-29")]),
            [T, T, F, T, T, N, T],
        ),
    },
)

COMPARING = cases(
    PAIRS,
    {
        "SEM-18 years": ((p.e - p.d).years, [0, -2, 0, 0, 0, -1, N, N]),
        "SEM-18 months": ((p.e - p.d).months, [11, -13, 0, 11, 0, -1, N, N]),
        "SEM-18 weeks": ((p.e - p.d).weeks, [52, -53, 4, 52, 0, -1, N, N]),
        "SEM-18 days": ((p.e - p.d).days, [365, -366, 29, 365, 0, -1, N, N]),
        "SEM-18 years the other way": ((p.d - p.e).years, [-1, 1, -1, -1, 0, 0, N, N]),
        "SEM-18 months the other way": ((p.d - p.e).months, [-12, 12, -1, -12, 0, 0, N, N]),
        "SEM-18 weeks the other way": ((p.d - p.e).weeks, [-53, 52, -5, -53, 0, 0, N, N]),
        "SEM-18 years from a constant": (
            (p.d - "2000-03-01").years,
            [19, 21, 19, 19, 20, 20, N, 19],
        ),
        "SEM-18 years to a constant": (("2021-02-28" - p.d).years, [0, -1, 1, 1, 0, 0, N, 1]),
        "SEM-18 years to the leap day after": (
            ("2024-02-29" - p.d).years,
            [4, 2, 4, 4, 3, 3, N, 4],
        ),
        "SEM-18 days to a constant": (
            (day("2020-03-01") - p.d).days,
            [1, -365, 30, 60, -106, -106, N, 60],
        ),
        "arithmetic with a difference": (
            (p.e - p.d).days * 2 + 1,
            [731, -731, 59, 731, 1, -1, N, N],
        ),
        "SEM-01 equal dates": (p.d == p.e, [F, F, F, F, T, F, N, N]),
        "SEM-01 different dates": (p.d != p.e, [T, T, T, T, F, T, N, N]),
        "SEM-01 equal to a constant": (p.d == "2020-06-15", [F, F, F, F, T, T, N, F]),
        "SEM-01 a constant first": (p.d >= "2020-06-15", [F, T, F, F, T, T, N, F]),
        "is_before": (p.d.is_before(p.e), [T, F, T, T, F, F, N, N]),
        "is_on_or_before": (p.d.is_on_or_before(p.e), [T, F, T, T, T, F, N, N]),
        "is_after": (p.d.is_after(p.e), [F, T, F, F, F, T, N, N]),
        "is_on_or_after": (p.d.is_on_or_after(p.e), [F, T, F, F, T, T, N, N]),
        "is_before a constant": (p.d.is_before("2020-06-15"), [T, F, T, T, F, F, N, T]),
        "is_on_or_after a date": (
            p.d.is_on_or_after(day("2020-06-15")),
            [F, T, F, F, T, T, N, F],
        ),
        "SEM-19 is_on_or_between": (
            p.d.is_on_or_between("2020-01-31", "2020-06-15"),
            [T, F, T, F, T, T, N, F],
        ),
        "SEM-19 is_between_but_not_on": (
            p.d.is_between_but_not_on("2020-01-31", "2020-06-15"),
            [T, F, F, F, F, F, N, F],
        ),
        "SEM-19 is_during": (
            p.d.is_during(("2020-01-01", "2020-02-29")),
            [T, F, T, T, F, F, N, T],
        ),
        "SEM-19 between series": (
            p.d.is_on_or_between(p.e - days(1), p.e + days(1)),
            [F, F, F, F, T, T, N, N],
        ),
        "SEM-19 a range that ends before it starts": (
            p.d.is_on_or_between("2020-06-15", "2020-01-31"),
            [F, F, F, F, F, F, N, F],
        ),
        "SEM-19 one end is missing": (
            p.d.is_on_or_between("2020-01-31", p.e),
            [T, F, T, F, T, F, N, F],
        ),
        "SEM-06 minimum_of dates": (
            minimum_of(p.d, p.e),
            ends(
                "2020-02-29 2020-02-29 2020-01-31 2020-01-01 2020-06-15 2020-06-14 "
                "2020-01-01 2020-01-01"
            ),
        ),
        "SEM-06 maximum_of dates": (
            maximum_of(p.d, p.e, "2020-03-01"),
            ends(
                "2021-02-28 2021-03-01 2020-03-01 2020-12-31 2020-06-15 2020-06-15 "
                "2020-03-01 2020-03-01"
            ),
        ),
        "a later date of two": (
            case(when(p.e.is_after(p.d)).then(p.e), otherwise=p.d),
            ends("2021-02-28 2021-03-01 2020-02-29 2020-12-31 2020-06-15 2020-06-15 - 2020-01-01"),
        ),
    },
)
CASES = [*ADDING, *COMPARING]
