"""True, false and NULL; case, mappings, and what replaces NULL."""

from __future__ import annotations

from tests.unit.data_builder.cases.form import cases, people, person

from sallyport_data_builder.lang import case, when

T, F, N = True, False, None
p = person
TABLES = people("b c", (T, T), (T, F), (T, N), (F, T), (F, F), (F, N), (N, T), (N, F), (N, N))

CASES = cases(
    TABLES,
    {
        "SEM-01 and": (p.b & p.c, [T, F, N, F, F, F, N, F, N]),
        "SEM-01 or": (p.b | p.c, [T, T, T, T, F, N, T, N, N]),
        "SEM-01 not": (~p.b, [F, F, F, T, T, T, N, N, N]),
        "SEM-01 and with a constant true": (p.b & True, [T, T, T, F, F, F, N, N, N]),
        "SEM-01 and with a constant false": (p.b & False, [F] * 9),
        "SEM-01 or with a constant true": (p.b | True, [T] * 9),
        "SEM-01 or with a constant false": (False | p.b, [T, T, T, F, F, F, N, N, N]),
        "SEM-01 and of three": (p.b & p.c & (p.b == p.c), [T, F, N, F, F, F, N, F, N]),
        "SEM-04 None in a case is NULL": (
            case(when(p.b).then(None), when(p.c).then(1), otherwise=2),
            [N, N, N, 1, 2, 2, 1, 2, 2],
        ),
        "SEM-04 None in the last case is NULL": (
            case(when(p.b).then("x"), when(p.c).then(None), otherwise="y"),
            ["x", "x", "x", N, "y", "y", N, "y", "y"],
        ),
        "SEM-04 None with a series is NULL": (
            case(when(p.b).then(p.c), when(p.c).then(None), otherwise=None),
            [T, F, N, N, N, N, N, N, N],
        ),
        "SEM-04 only otherwise is not None": (
            case(when(p.b).then(None), otherwise=1.5),
            [N, N, N, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5],
        ),
        "SEM-04 None in a mapping is NULL": (
            p.b.map_values({True: None, False: "f"}, default="x"),
            [N, N, N, "f", "f", "f", "x", "x", "x"],
        ),
        "SEM-01 or of three": (p.b | p.c | p.b.is_null(), [T, T, T, T, F, N, T, T, T]),
        "SEM-01 and within or": (
            (p.b & p.c) | (~p.b & ~p.c),
            [T, F, N, F, T, N, N, N, N],
        ),
        "SEM-01 not of and": (~(p.b & p.c), [F, T, N, T, T, T, N, T, N]),
        "SEM-01 not of or": (~(p.b | p.c), [F, F, F, F, T, N, F, N, N]),
        "SEM-01 not twice": (~~p.b, [T, T, T, F, F, F, N, N, N]),
        "SEM-01 bool equality": (p.b == p.c, [T, F, N, F, T, N, N, N, N]),
        "SEM-01 bool inequality": (p.b != p.c, [F, T, N, T, F, N, N, N, N]),
        "SEM-01 bool equality with a constant": (p.b == T, [T, T, T, F, F, F, N, N, N]),
        "is_null": (p.b.is_null(), [F, F, F, F, F, F, T, T, T]),
        "is_not_null": (p.b.is_not_null(), [T, T, T, T, T, T, F, F, F]),
        "is_null of a condition": ((p.b & p.c).is_null(), [F, F, T, F, F, F, T, F, T]),
        "SEM-05 when_null_then of a series": (
            p.b.when_null_then(p.c),
            [T, T, T, F, F, F, T, F, N],
        ),
        "SEM-05 when_null_then of a constant": (
            p.b.when_null_then(False),
            [T, T, T, F, F, F, F, F, F],
        ),
        "SEM-05 when_null_then of a condition": (
            (p.b & p.c).when_null_then(True),
            [T, F, T, F, F, F, T, F, T],
        ),
        "SEM-03 is_in of bools": (p.b.is_in([True]), [T, T, T, F, F, F, N, N, N]),
        "SEM-03 is_in of both bools": (p.b.is_in([True, False]), [T] * 6 + [N] * 3),
        "SEM-03 is_not_in of bools": (p.b.is_not_in([True]), [F, F, F, T, T, T, N, N, N]),
        "SEM-03 is_in of nothing": (p.b.is_in([]), [F] * 9),
        "SEM-03 is_not_in of nothing": (p.b.is_not_in([]), [T] * 9),
        "SEM-16 as_int of bool": (p.b.as_int(), [1, 1, 1, 0, 0, 0, N, N, N]),
        "SEM-16 as_int of a condition": ((p.b & p.c).as_int(), [1, 0, N, 0, 0, 0, N, 0, N]),
        "SEM-16 a sum of conditions": (
            p.b.as_int().when_null_then(0) + p.c.as_int().when_null_then(0),
            [2, 1, 1, 1, 0, 0, 1, 0, 0],
        ),
        "SEM-04 map_values of bool": (
            p.b.map_values({True: "yes", False: "no"}),
            ["yes"] * 3 + ["no"] * 3 + [N] * 3,
        ),
        "SEM-04 map_values default takes NULL": (
            p.b.map_values({True: "yes"}, default="other"),
            ["yes"] * 3 + ["other"] * 6,
        ),
        "SEM-04 case first true wins": (
            case(when(p.b).then(1), when(p.c).then(2), otherwise=3),
            [1, 1, 1, 2, 3, 3, 2, 3, 3],
        ),
        "SEM-04 case without otherwise": (
            case(when(p.b).then(1), when(p.c).then(2)),
            [1, 1, 1, 2, N, N, 2, N, N],
        ),
        "SEM-04 NULL does not match": (
            case(when(p.b == p.c).then("same"), otherwise="not same"),
            ["same" if place in (0, 4) else "not same" for place in range(9)],
        ),
        "SEM-04 case of series": (
            case(when(p.b.is_null()).then(p.c), otherwise=p.b),
            [T, T, T, F, F, F, T, F, N],
        ),
        "SEM-04 case of one": (when(p.b).then("x").otherwise("y"), ["x"] * 3 + ["y"] * 6),
        "SEM-04 case in a case": (
            case(when(p.b).then(case(when(p.c).then("both"), otherwise="b")), otherwise="none"),
            ["both", "b", "b"] + ["none"] * 6,
        ),
        "SEM-04 case as a condition": (
            case(when(p.b).then(True), otherwise=False) & p.c,
            [T, F, N, F, F, F, F, F, F],
        ),
        "SEM-04 a condition that is always true": (
            case(when(p.b.is_null() | p.b.is_not_null()).then(7)),
            [7] * 9,
        ),
        "SEM-04 case of numbers and a constant": (
            case(when(p.c).then(p.b.as_int()), otherwise=-1),
            [1, -1, -1, 0, -1, -1, N, -1, -1],
        ),
        "SEM-04 case of floats": (
            case(when(p.b).then(1.5), otherwise=2),
            [1.5] * 3 + [2.0] * 6,
        ),
    },
)
