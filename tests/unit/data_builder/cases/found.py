"""What random graphs have found: each was an engine that once gave something else."""

from __future__ import annotations

from typing import Any

from tests.unit.data_builder.cases.form import cases, day, event, people, person, rows_of

from sallyport_data_builder.lang import case, when, years

A, B = "195967001", "38341003"
LATER: Any = person.d + years(person.i) + years(person.i)
PEOPLE = people("b i s", (True, 1, "a"), (False, 2, "B"), (None, 3, None))
WORD = case(when(person.i > 0).then("b "), otherwise="x")

CASES = [
    *cases(
        PEOPLE,
        {
            "SEM-01 a negation keeps together before IS NULL": (
                (~person.b).is_null(),
                [False, False, True],
            ),
            "SEM-01 a negation keeps together before =": (
                ~person.b == person.b.is_null(),
                [True, False, None],
            ),
            "SEM-08 a negated constant stays an int": (
                -case(when(person.i > 0).then(-1), otherwise=-1),
                [1, 1, 1],
            ),
            "SEM-13 constants are compared by code point": (
                WORD.contains("B"),
                [False, False, False],
            ),
            "SEM-13 trailing spaces of constants count": (WORD == "b", [False, False, False]),
        },
    ),
    *cases(
        PEOPLE,
        {"SEM-21 nobody is in the population": (person.i, [])},
        person.exists_for_patient() & (person.i > 5),
    ),
    *cases(
        {
            **people("d i code", (day("2000-01-31"), 1, A)),
            "Event": rows_of(
                "d b code", [(1, day("2020-01-01"), True, A), (1, day("2021-01-01"), True, B)]
            ),
        },
        {
            "SEM-21 a patient is there once beside a collected series": (
                event.sort_by(event.d).last_for_patient().d
                != case(
                    when(person.code.is_in(event.code)).then(LATER),
                    when(event.sort_by(event.code).first_for_patient().b).then("2020-03-01"),
                ),
                [True],
            ),
        },
    ),
]
