"""Tables that a study writes out itself: one row per patient, beside the tables of the backend."""

from __future__ import annotations

import datetime
from typing import Any

from tests.unit.data_builder.cases.form import (
    cases,
    day,
    days_of,
    event,
    people,
    person,
    rows_of,
)

from sallyport_data_builder.lang import case, days, table_from_rows, when
from sallyport_data_builder.lang.codes import SNOMEDCTCode

T, F, N = True, False, None
p, e = person, event
A, B = "195967001", "38341003"
TABLES = {
    **people("i code", (1, A), (2, B), (N, N)),
    "Event": rows_of("d i", [(1, day("2020-01-01"), 1), (1, day("2020-02-01"), 2), (2, N, 3)]),
}
given: Any = table_from_rows(
    [
        (9, 90, 9.5, T, "nobody", "2020-01-01", A),
        (2, N, N, N, N, N, N),
        (1, 10, 1, F, "it's", "2020-01-15", A),
    ],
    columns={
        "i": int,
        "f": float,
        "b": bool,
        "s": str,
        "d": datetime.date,
        "code": SNOMEDCTCode,
    },
)
empty: Any = table_from_rows([], columns={"i": int})

BESIDE = cases(
    TABLES,
    {
        "FMT-10 an int of a written table": (given.i, [10, N, N]),
        "FMT-10 a float of a written table": (given.f, [1.0, N, N]),
        "FMT-10 a bool of a written table": (given.b, [F, N, N]),
        "FMT-10 text of a written table": (given.s, ["it's", N, N]),
        "SEM-13 text of a written table is compared by code point": (
            given.s == "IT'S",
            [F, N, N],
        ),
        "FMT-10 a missing bool of a written table": (given.b.is_null(), [F, T, T]),
        "FMT-10 a date of a written table": (given.d, days_of("2020-01-15", N, N)),
        "FMT-10 a code of a written table": (given.code == p.code, [T, N, N]),
        "FMT-10 exists in a written table": (given.exists_for_patient(), [T, T, F]),
        "FMT-10 count in a written table": (given.count_for_patient(), [1, 1, 0]),
        "FMT-10 an empty written table": (empty.exists_for_patient(), [F, F, F]),
        "FMT-10 a column of an empty written table": (empty.i, [N, N, N]),
        "DOM-01 a written table beside a table": (given.i + p.i, [11, N, N]),
        "DOM-01 a written table within rows": (
            e.where(e.d < given.d).count_for_patient(),
            [1, 0, 0],
        ),
        "DOM-01 a written table in a case": (
            case(when(given.b.is_null()).then(p.i), otherwise=given.i),
            [10, 2, N],
        ),
        "SEM-17 a written table's date moved": (
            given.d + days(given.i),
            days_of("2020-01-25", N, N),
        ),
    },
)
POPULATION = cases(
    TABLES,
    {"SEM-21 a population of a written table": (given.i, [10, N, 90])},
    given.exists_for_patient(),
)
CASES = [*BESIDE, *POPULATION]
