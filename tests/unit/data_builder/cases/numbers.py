"""Whole and decimal numbers."""

from __future__ import annotations

from tests.unit.data_builder.cases.form import cases, people, person

from sallyport_data_builder.lang import case, maximum_of, minimum_of, when

T, F, N = True, False, None
p = person
INTS = people(
    "i j", (4, 3), (-4, 3), (4, -3), (-4, -3), (0, 2), (2, 0), (N, 1), (1, N), (N, N), (3, 3)
)
FLOATS = people(
    "f g",
    (2.5, 0.5), (-2.5, 2.0), (2.9, -1.0), (-2.9, 3.0), (0.0, -1.0), (4.0, 0.0), (N, 1.0),
    (1.0, N), (-2.0, 0.5), (-2.0, 3.0),
)  # fmt: skip
LARGE = people("i j", (3_000_000_000, 3), (-3_000_000_000, 3), (2**53 - 1, 1), (N, N))

WHOLE = cases(
    INTS,
    {
        "SEM-01 add ints": (p.i + p.j, [7, -1, 1, -7, 2, 2, N, N, N, 6]),
        "SEM-01 subtract ints": (p.i - p.j, [1, -7, 7, -1, -2, 2, N, N, N, 0]),
        "SEM-01 multiply ints": (p.i * p.j, [12, -12, -12, 12, 0, 0, N, N, N, 9]),
        "SEM-14 divide ints": (
            p.i / p.j,
            [4 / 3, -4 / 3, -4 / 3, 4 / 3, 0.0, N, N, N, N, 1.0],
        ),
        "SEM-14 floor divide ints": (p.i // p.j, [1, -2, -2, 1, 0, N, N, N, N, 1]),
        "SEM-14 divide by a constant": (p.i / 2, [2.0, -2.0, 2.0, -2.0, 0.0, 1.0, N, 0.5, N, 1.5]),
        "SEM-14 divide a constant": (6 / p.j, [2.0, 2.0, -2.0, -2.0, 3.0, N, 6.0, N, N, 2.0]),
        "SEM-14 divide by zero": (p.i / 0, [N] * 10),
        "SEM-14 floor divide by a constant": (p.i // 3, [1, -2, 1, -2, 0, 0, N, 0, N, 1]),
        "SEM-14 floor divide a constant": (7 // p.j, [2, 2, -3, -3, 3, N, 7, N, N, 2]),
        "SEM-14 floor divide by zero": (p.i // 0, [N] * 10),
        "SEM-15 power of ints": (
            p.i**p.j,
            [64.0, -64.0, 0.015625, -0.015625, 0.0, 1.0, N, N, N, 27.0],
        ),
        "SEM-15 square": (p.i**2, [16.0, 16.0, 16.0, 16.0, 0.0, 4.0, N, 1.0, N, 9.0]),
        "SEM-15 power of a constant": (
            2**p.j,
            [8.0, 8.0, 0.125, 0.125, 4.0, 1.0, 2.0, N, N, 8.0],
        ),
        "SEM-15 zero to a negative power": (
            p.i**-1,
            [0.25, -0.25, 0.25, -0.25, N, 0.5, N, 1.0, N, 1 / 3],
        ),
        "SEM-15 to the power of zero": (p.i**0, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, N, 1.0, N, 1.0]),
        "negate ints": (-p.i, [-4, 4, -4, 4, 0, -2, N, -1, N, -3]),
        "absolute ints": (p.i.absolute(), [4, 4, 4, 4, 0, 2, N, 1, N, 3]),
        "add a constant": (p.i + 1, [5, -3, 5, -3, 1, 3, N, 2, N, 4]),
        "add to a constant": (1 + p.i, [5, -3, 5, -3, 1, 3, N, 2, N, 4]),
        "subtract a constant": (p.i - 1, [3, -5, 3, -5, -1, 1, N, 0, N, 2]),
        "subtract from a constant": (10 - p.i, [6, 14, 6, 14, 10, 8, N, 9, N, 7]),
        "multiply by a constant": (2 * p.i, [8, -8, 8, -8, 0, 4, N, 2, N, 6]),
        "multiplication comes before addition": (
            p.i + p.j * 2,
            [10, 2, -2, -10, 4, 2, N, N, N, 9],
        ),
        "parentheses come before multiplication": (
            (p.i + p.j) * 2,
            [14, -2, 2, -14, 4, 4, N, N, N, 12],
        ),
        "minus a difference": (p.i - (p.j - 1), [2, -6, 8, 0, -1, 3, N, N, N, 1]),
        "SEM-01 equal ints": (p.i == p.j, [F, F, F, F, F, F, N, N, N, T]),
        "SEM-01 different ints": (p.i != p.j, [T, T, T, T, T, T, N, N, N, F]),
        "SEM-01 less": (p.i < p.j, [F, T, F, T, T, F, N, N, N, F]),
        "SEM-01 less or equal": (p.i <= p.j, [F, T, F, T, T, F, N, N, N, T]),
        "SEM-01 greater": (p.i > p.j, [T, F, T, F, F, T, N, N, N, F]),
        "SEM-01 greater or equal": (p.i >= p.j, [T, F, T, F, F, T, N, N, N, T]),
        "SEM-01 compare with a constant": (p.i > 2, [T, F, T, F, F, F, N, F, N, T]),
        "SEM-01 compare a constant": (p.i > 2, [T, F, T, F, F, F, N, F, N, T]),
        "two comparisons": ((p.i > 0) & (p.i < 4), [F, F, F, F, F, T, N, T, N, T]),
        "SEM-03 is_in of ints": (p.i.is_in([4, 0]), [T, F, T, F, T, F, N, F, N, F]),
        "SEM-03 is_not_in of ints": (p.i.is_not_in([4, 0]), [F, T, F, T, F, T, N, T, N, T]),
        "SEM-03 is_in of one": (p.i.is_in([2]), [F, F, F, F, F, T, N, F, N, F]),
        "SEM-04 map_values of ints": (
            p.i.map_values({4: "a", 0: "b", 2: "a"}, default="c"),
            ["a", "c", "a", "c", "b", "a", "c", "c", "c", "c"],
        ),
        "SEM-16 as_float of ints": (
            p.i.as_float(),
            [4.0, -4.0, 4.0, -4.0, 0.0, 2.0, N, 1.0, N, 3.0],
        ),
        "SEM-16 as_int of ints": (p.i.as_int(), [4, -4, 4, -4, 0, 2, N, 1, N, 3]),
        "SEM-05 when_null_then of ints": (
            p.i.when_null_then(-1),
            [4, -4, 4, -4, 0, 2, -1, 1, -1, 3],
        ),
        "SEM-06 minimum_of ints": (minimum_of(p.i, p.j), [3, -4, -3, -4, 0, 0, 1, 1, N, 3]),
        "SEM-06 maximum_of ints": (maximum_of(p.i, p.j), [4, 3, 4, -3, 2, 2, 1, 1, N, 3]),
        "SEM-06 minimum_of with a constant": (
            minimum_of(p.i, p.j, 1),
            [1, -4, -3, -4, 0, 0, 1, 1, 1, 1],
        ),
        "SEM-06 maximum_of with a constant first": (
            maximum_of(0, p.i, p.j),
            [4, 3, 4, 0, 2, 2, 1, 1, 0, 3],
        ),
        "SEM-06 minimum_of of maximum_of": (
            minimum_of(maximum_of(p.i, p.j), 3),
            [3, 3, 3, -3, 2, 2, 1, 1, 3, 3],
        ),
        "SEM-06 minimum_of the same twice": (
            minimum_of(p.i, p.i),
            [4, -4, 4, -4, 0, 2, N, 1, N, 3],
        ),
        "arithmetic within case": (
            case(when(p.j != 0).then(p.i // p.j), otherwise=0),
            [1, -2, -2, 1, 0, 0, N, 0, 0, 1],
        ),
    },
)

DECIMAL = cases(
    FLOATS,
    {
        "SEM-01 add floats": (
            p.f + p.g,
            [3.0, -0.5, 2.9 - 1.0, 3.0 - 2.9, -1.0, 4.0, N, N, -1.5, 1.0],
        ),
        "SEM-01 subtract floats": (
            p.f - p.g,
            [2.0, -4.5, 3.9, -5.9, 1.0, 4.0, N, N, -2.5, -5.0],
        ),
        "SEM-01 multiply floats": (
            p.f * p.g,
            [1.25, -5.0, -2.9, -2.9 * 3.0, -0.0, 0.0, N, N, -1.0, -6.0],
        ),
        "SEM-14 divide floats": (
            p.f / p.g,
            [5.0, -1.25, -2.9, -2.9 / 3.0, -0.0, N, N, N, -4.0, -2.0 / 3.0],
        ),
        "SEM-14 floor divide floats": (p.f // p.g, [5, -2, -3, -1, 0, N, N, N, -4, -1]),
        "SEM-15 power of floats": (
            p.f**p.g,
            [2.5**0.5, 6.25, 1 / 2.9, -24.389, N, 1.0, N, N, N, -8.0],
        ),
        "SEM-15 negative base with a fraction": (
            p.f**0.5,
            [2.5**0.5, N, 2.9**0.5, N, 0.0, 2.0, N, 1.0, N, N],
        ),
        "SEM-16 as_int of floats": (p.f.as_int(), [2, -2, 2, -2, 0, 4, N, 1, -2, -2]),
        "SEM-16 as_float of floats": (
            p.f.as_float(),
            [2.5, -2.5, 2.9, -2.9, 0.0, 4.0, N, 1.0, -2.0, -2.0],
        ),
        "negate floats": (-p.g, [-0.5, -2.0, 1.0, -3.0, 1.0, 0.0, -1.0, N, -0.5, -3.0]),
        "absolute floats": (p.f.absolute(), [2.5, 2.5, 2.9, 2.9, 0.0, 4.0, N, 1.0, 2.0, 2.0]),
        "an int constant beside a float": (
            p.f + 1,
            [3.5, -1.5, 3.9, -2.9 + 1, 1.0, 5.0, N, 2.0, -1.0, -1.0],
        ),
        "an int constant before a float": (
            1 - p.g,
            [0.5, -1.0, 2.0, -2.0, 2.0, 1.0, 0.0, N, 0.5, -2.0],
        ),
        "SEM-01 compare floats": (p.f > p.g, [T, F, T, F, T, T, N, N, F, F]),
        "SEM-01 float equality": (p.f == -2, [F, F, F, F, F, F, N, F, T, T]),
        "SEM-01 float inequality": (p.f != 4.0, [T, T, T, T, T, F, N, T, T, T]),
        "SEM-01 compare a float with an int": (p.f <= 0, [F, T, F, T, T, F, N, F, T, T]),
        "SEM-03 is_in of floats": (p.f.is_in([2.5, 4]), [T, F, F, F, F, T, N, F, F, F]),
        "SEM-05 when_null_then of floats": (
            p.g.when_null_then(9),
            [0.5, 2.0, -1.0, 3.0, -1.0, 0.0, 1.0, 9.0, 0.5, 3.0],
        ),
        "SEM-06 minimum_of floats": (
            minimum_of(p.f, p.g, 1.5),
            [0.5, -2.5, -1.0, -2.9, -1.0, 0.0, 1.0, 1.0, -2.0, -2.0],
        ),
        "SEM-06 maximum_of floats with an int": (
            maximum_of(p.f, 2),
            [2.5, 2.0, 2.9, 2.0, 2.0, 4.0, 2.0, 2.0, 2.0, 2.0],
        ),
        "SEM-16 round by adding a half": (
            (p.f.absolute() + 0.5).as_int(),
            [3, 3, 3, 3, 0, 4, N, 1, 2, 2],
        ),
    },
)

BEYOND_32_BITS = cases(
    LARGE,
    {
        "an int beyond 32 bits": (p.i, [3_000_000_000, -3_000_000_000, 2**53 - 1, N]),
        "a product beyond 32 bits": (
            p.i * p.j,
            [9_000_000_000, -9_000_000_000, 2**53 - 1, N],
        ),
        "SEM-14 floor divide beyond 32 bits": (
            p.i // (p.j + 4),
            [428_571_428, -428_571_429, 1801439850948198, N],
        ),
        "SEM-16 beyond 32 bits as float and back": (
            p.i.as_float().as_int(),
            [3_000_000_000, -3_000_000_000, 2**53 - 1, N],
        ),
        "SEM-01 compare with a constant beyond 32 bits": (p.i >= 3_000_000_000, [T, F, T, N]),
        "SEM-03 is_in of large ints": (p.i.is_in([2**53 - 1]), [F, F, T, N]),
    },
)
CASES = [*WHOLE, *DECIMAL, *BEYOND_32_BITS]
