"""The core tables: a little of everything, as studies write it."""

from __future__ import annotations

from typing import Any

from tests.unit.data_builder.cases.form import cases, day
from tests.unit.data_builder.engines import Tables

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
from sallyport_data_builder.lang.tables import core

patients: Any = core.patients
events: Any = core.clinical_events
A, B = "195967001", "38341003"
PEOPLE = [
    (1, day("1980-01-01"), "female", None),
    (2, day("1990-05-01"), "male", day("2020-02-29")),
    (3, day("2000-12-01"), "unknown", day("2023-01-31")),
]
EVENTS = [
    (1, day("2020-01-31"), A, 1.5),
    (1, day("2020-02-29"), B, -2.5),
    (1, None, A, 7.0),
    (1, day("2021-03-01"), None, None),
    (2, day("2020-01-31"), B, None),
    (2, day("2020-01-31"), A, 3.0),
]
TABLES: Tables = {"patients": PEOPLE, "clinical_events": EVENTS}
NUMBER = events.where(events.snomedct_code.is_in([A])).count_for_patient()  # 2, 1, 0
MEAN = events.numeric_value.mean_for_patient()  # 2.0, 3.0, NULL
DEATH = patients.date_of_death


def by_date(frame: Any = events) -> Any:
    """Sort events by date."""
    return frame.sort_by(events.date)


LISTED: dict[str, tuple[Any, list[Any]]] = {
    "SEM-01 core: comparison with NULL": (DEATH > "2021-01-01", [None, False, True]),
    "SEM-01 core: and": ((DEATH > "2021-01-01") & (patients.sex == "male"), [False, False, False]),
    "SEM-01 core: or": ((DEATH > "2021-01-01") | (patients.sex == "female"), [True, False, True]),
    "SEM-01 core: not": (~(DEATH > "2021-01-01"), [None, True, False]),
    "SEM-02 core: where": (events.where(events.numeric_value > 2).count_for_patient(), [1, 1, 0]),
    "SEM-02 core: except_where keeps NULL": (
        events.except_where(events.numeric_value > 2).count_for_patient(),
        [3, 1, 0],
    ),
    "SEM-03 core: is_in": (patients.sex.is_in(["male", "female"]), [True, True, False]),
    "SEM-03 core: is_in of NULL": (DEATH.is_in(["2023-01-31"]), [None, False, True]),
    "SEM-03 core: nothing holds NULL": (DEATH.is_in([]), [False, False, False]),
    "SEM-03 core: is_not_in": (patients.sex.is_not_in(["male"]), [True, False, True]),
    "SEM-03 core: of a series": (MEAN.is_in(events.numeric_value), [False, True, False]),
    "SEM-04 core: case": (
        case(when(NUMBER > 1).then("many"), when(NUMBER == 1).then("one")),
        ["many", "one", None],
    ),
    "SEM-04 core: a NULL predicate does not match": (
        case(when(DEATH > "2021-01-01").then(1), otherwise=2),
        [2, 2, 1],
    ),
    "SEM-04 core: map_values": (
        patients.sex.map_values({"female": 1, "male": 1}, default=0),
        [1, 1, 0],
    ),
    "SEM-04 core: to_category": (
        by_date().first_for_patient().snomedct_code.to_category({A: "x", B: "y"}),
        ["x", "x", None],
    ),
    "SEM-05 core: when_null_then": (
        DEATH.when_null_then("1900-01-01"),
        [day("1900-01-01"), day("2020-02-29"), day("2023-01-31")],
    ),
    "SEM-06 core: minimum_of": (
        minimum_of(DEATH, "2021-01-01"),
        [day("2021-01-01"), day("2020-02-29"), day("2021-01-01")],
    ),
    "SEM-06 core: maximum_of": (maximum_of(MEAN, 2.5), [2.5, 3.0, 2.5]),
    "SEM-06 core: of three": (minimum_of(MEAN, 2.5, 9.0), [2.0, 2.5, 2.5]),
    "SEM-07 core: exists": (events.exists_for_patient(), [True, True, False]),
    "SEM-07 core: exists of a patient frame": (patients.exists_for_patient(), [True, True, True]),
    "SEM-07 core: count": (events.count_for_patient(), [4, 2, 0]),
    "SEM-07 core: count of a patient frame": (core.ons_deaths.count_for_patient(), [0, 0, 0]),
    "SEM-07 core: count distinct": (events.snomedct_code.count_distinct_for_patient(), [2, 2, 0]),
    "SEM-07 core: minimum": (events.numeric_value.minimum_for_patient(), [-2.5, 3.0, None]),
    "SEM-07 core: maximum of dates": (
        events.date.maximum_for_patient(),
        [day("2021-03-01"), day("2020-01-31"), None],
    ),
    "SEM-08 core: sum": (events.numeric_value.sum_for_patient(), [6.0, 3.0, None]),
    "SEM-08 core: mean": (MEAN, [2.0, 3.0, None]),
    "SEM-08 core: sum of ints": (
        (events.numeric_value > 0).as_int().sum_for_patient(),
        [2, 1, None],
    ),
    "SEM-09 core: episodes": (events.date.count_episodes_for_patient(days(29)), [2, 1, 0]),
    "SEM-09 core: episodes of a smaller gap": (
        events.date.count_episodes_for_patient(days(28)),
        [3, 1, 0],
    ),
    "SEM-10 core: first has NULL smallest": (
        by_date().first_for_patient().numeric_value,
        [7.0, None, None],
    ),
    "SEM-10 core: last": (
        by_date(events.where(events.snomedct_code.is_not_null())).last_for_patient().numeric_value,
        [-2.5, 3.0, None],
    ),
    "SEM-10 core: two keys": (
        events.sort_by(events.snomedct_code, events.numeric_value).last_for_patient().date,
        [day("2020-02-29"), day("2020-01-31"), None],
    ),
    "SEM-10 core: a later sort outranks": (
        events.sort_by(events.numeric_value).sort_by(events.snomedct_code).last_for_patient().date,
        [day("2020-02-29"), day("2020-01-31"), None],
    ),
    "SEM-11 core: ties go by the columns used": (
        by_date().last_for_patient().snomedct_code,
        [None, B, None],
    ),
    "SEM-12 core: no pick": (
        by_date().first_for_patient().exists_for_patient(),
        [True, True, False],
    ),
    "SEM-13 core: contains": (patients.sex.contains("male"), [True, True, False]),
    "SEM-13 core: no pattern": (patients.sex.contains("%"), [False, False, False]),
    "SEM-13 core: case matters": (patients.sex.contains("Male"), [False, False, False]),
    "SEM-14 core: division": (NUMBER / 2, [1.0, 0.5, 0.0]),
    "SEM-14 core: by zero": (1 / NUMBER, [0.5, 1.0, None]),
    "SEM-14 core: floor": ((NUMBER - 3) // 2, [-1, -1, -2]),
    "SEM-14 core: floor by zero": (5 // NUMBER, [2, 5, None]),
    "SEM-14 core: floor of floats": (-MEAN // 1.5, [-2, -2, None]),
    "SEM-15 core: power": (NUMBER**2, [4.0, 1.0, 0.0]),
    "SEM-15 core: no answer": (NUMBER**-1, [0.5, 1.0, None]),
    "SEM-16 core: as_int": ((MEAN * -0.9).as_int(), [-1, -2, None]),
    "SEM-16 core: bool": ((DEATH > "2021-01-01").as_int(), [None, 0, 1]),
    "SEM-16 core: as_float": (NUMBER.as_float(), [2.0, 1.0, 0.0]),
    "core: arithmetic": (-(NUMBER * 3) + 10 - NUMBER.absolute(), [2, 6, 10]),
    "SEM-17 core: months": (DEATH + months(1), [None, day("2020-03-29"), day("2023-03-01")]),
    "SEM-17 core: years": (DEATH + years(1), [None, day("2021-03-01"), day("2024-01-31")]),
    "SEM-17 core: back": (DEATH - months(2), [None, day("2019-12-29"), day("2022-12-01")]),
    "SEM-17 core: days and weeks": (
        DEATH + weeks(1) - days(1),
        [None, day("2020-03-06"), day("2023-02-06")],
    ),
    "SEM-17 core: by a series": (
        DEATH + days(NUMBER),
        [None, day("2020-03-01"), day("2023-01-31")],
    ),
    "SEM-18 core: years": (("2021-02-28" - DEATH).years, [None, 0, -2]),
    "SEM-18 core: months back": ((DEATH - "2021-03-01").months, [None, -13, 22]),
    "SEM-18 core: years back": ((DEATH - "2021-03-01").years, [None, -2, 1]),
    "SEM-18 core: weeks": ((DEATH - "2020-03-01").weeks, [None, -1, 152]),
    "SEM-18 core: days": ((DEATH - "2020-02-28").days, [None, 1, 1068]),
    "SEM-19 core: both ends": (
        DEATH.is_on_or_between("2020-02-29", "2023-01-30"),
        [None, True, False],
    ),
    "SEM-19 core: neither end": (
        DEATH.is_between_but_not_on("2020-02-29", "2023-02-01"),
        [None, False, True],
    ),
    "SEM-19 core: interval": (DEATH.is_during(("2023-01-01", "2023-01-31")), [None, False, True]),
    "core: parts of a date": (
        DEATH.year * 10000 + DEATH.month * 100 + DEATH.day,
        [None, 20200229, 20230131],
    ),
    "core: first of month": (
        DEATH.to_first_of_month(),
        [None, day("2020-02-01"), day("2023-01-01")],
    ),
    "core: first of year": (DEATH.to_first_of_year(), [None, day("2020-01-01"), day("2023-01-01")]),
    "core: text order": (patients.sex < "male", [True, False, False]),
    "core: age_on": (patients.age_on("2020-04-30"), [40, 29, 19]),
    "core: age before birth": (patients.age_on("1990-04-30"), [10, -1, -11]),
    "core: is_alive_on": (patients.is_alive_on("2020-02-29"), [True, False, True]),
    "core: is_dead_on": (patients.is_dead_on("2020-03-01"), [False, True, False]),
    "core: a patient's value within rows": (
        events.where(events.date > patients.date_of_birth + years(30)).count_for_patient(),
        [3, 0, 0],
    ),
    "core: a pick within rows": (
        events.where(events.date > by_date().first_for_patient().date).count_for_patient(),
        [0, 0, 0],
    ),
    "core: an aggregate within rows of the same table": (
        (events.numeric_value - MEAN).maximum_for_patient(),
        [5.0, 0.0, None],
    ),
    "core: a filter of a filter": (
        events.where(events.numeric_value > 0).where(events.snomedct_code == A).count_for_patient(),
        [2, 1, 0],
    ),
    "core: except and where with a sorted frame between": (
        by_date().where(events.snomedct_code == A).last_for_patient().numeric_value,
        [1.5, 3.0, None],
    ),
}
TIES = {name: LISTED.pop(name) for name in list(LISTED) if name.startswith("SEM-11")}
EVERYBODY = patients.exists_for_patient()
CASES = [*cases(TABLES, LISTED, EVERYBODY), *cases(TABLES, TIES, EVERYBODY, alone=True)]
