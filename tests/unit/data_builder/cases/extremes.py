"""The least and greatest of many values, nested and with every mixture of NULL (SEM-06)."""

from __future__ import annotations

import datetime
from typing import Any

from tests.unit.data_builder.cases.form import cases, day, people, person

from sallyport_data_builder.lang import maximum_of, minimum_of

SMALLEST, LARGEST = -(2**63), 2**63 - 1
FIRST, LAST = datetime.date(1, 1, 1), datetime.date(9999, 12, 31)
PEOPLE = people(
    "i f s t d e b",
    (None, None, None, None, None, None, True),
    (SMALLEST, -1.5, "", None, FIRST, None, True),
    (LARGEST, 1.0e300, "B", "a", LAST, day("2020-02-29"), False),
    (0, 0.0, "10", "9", day("1960-01-01"), FIRST, None),
    (7, -1.0e300, "2", "0", day("0999-12-31"), LAST, None),
)


def nested(depth: int) -> Any:
    """Return calls of calls, whose answer is that of the innermost date or 2020-01-15."""
    found: Any = person.d
    for number in range(depth):
        found = minimum_of(maximum_of(found, person.e), f"2020-01-{15 + number % 10:02}")
    return found


CASES = [
    *cases(
        PEOPLE,
        {
            "SEM-06 the least of ints at the ends of their range": (
                minimum_of(person.i, LARGEST),
                [LARGEST, SMALLEST, LARGEST, 0, 7],
            ),
            "SEM-06 the greatest of ints at the ends of their range": (
                maximum_of(person.i, SMALLEST + 1),
                [SMALLEST + 1, SMALLEST + 1, LARGEST, 0, 7],
            ),
            "SEM-06 the least of floats": (
                minimum_of(person.f, person.f),
                [None, -1.5, 1.0e300, 0.0, -1.0e300],
            ),
            "SEM-06 the greatest of floats": (
                maximum_of(person.f, -1.0e300),
                [-1.0e300, -1.5, 1.0e300, 0.0, -1.0e300],
            ),
            "SEM-06 the least of texts, an empty one too": (
                minimum_of(person.s, person.t),
                [None, "", "B", "10", "0"],
            ),
            "SEM-06 the greatest of texts": (
                maximum_of(person.s, person.t),
                [None, "", "a", "9", "2"],
            ),
            "SEM-06 the least of the first and the last date": (
                minimum_of(person.d, person.e),
                [None, FIRST, day("2020-02-29"), FIRST, day("0999-12-31")],
            ),
            "SEM-06 the greatest of the first and the last date": (
                maximum_of(person.d, person.e),
                [None, FIRST, LAST, day("1960-01-01"), LAST],
            ),
        },
    ),
    *cases(
        people(
            "i d e",
            (0, None, None),
            (100, day("1990-01-01"), None),
            (None, None, day("2021-05-05")),
        ),
        {
            "SEM-06 sixty operands": (
                minimum_of(*(person.i + number for number in range(-59, 1))),
                [-59, 41, None],
            ),
            "SEM-06 sixty operands of which one is never NULL": (
                maximum_of(1000, *(person.i * number for number in range(59))),
                [1000, 5800, 1000],
            ),
            "SEM-06 calls of calls of calls": (
                nested(6),
                [day("2020-01-15"), day("1990-01-01"), day("2020-01-20")],
            ),
        },
    ),
]
