"""Text, codes, and text that holds many codes."""

from __future__ import annotations

from tests.unit.data_builder.cases.form import cases, event, people, person, rows_of

from sallyport_data_builder.lang import case, maximum_of, minimum_of, when
from sallyport_data_builder.lang.codes import ICD10Code, SNOMEDCTCode

T, F, N = True, False, None
p = person
A, B, C = "195967001", "38341003", "44054006"
TEXTS = people(
    "s t",
    ("male", "mal"), ("Male", "male"), ("male ", "male"), ("a%b", "%"), ("a_b", "_"),
    ("aXb", "_"), ("", "x"), ("x", ""), (N, "x"), ("x", N), ("é", "e"), ("Z", "a"), ("it's", "'"),
    ("a\\b", "\\"),
)  # fmt: skip
CODED = {
    **people("code", (A,), (B,), (N,), (C,)),
    "Event": rows_of(
        "code icd many",
        [
            (1, A, "I219", "||I219 ,J180||E110"),
            (1, B, "J18", "||J189||"),
            (2, C, N, N),
            (2, N, "I21", "||I21||"),
            (4, A, "I219", ""),
        ],
    ),
}
i21 = event.where(event.many.contains("I21"))

TEXT = cases(
    TEXTS,
    {
        "SEM-13 contains a series": (
            p.s.contains(p.t),
            [T, F, T, T, T, F, F, T, N, N, F, F, T, T],
        ),
        "SEM-13 contains a constant": (
            p.s.contains("male"),
            [T, F, T, F, F, F, F, F, N, F, F, F, F, F],
        ),
        "SEM-13 contains the empty text": (
            p.s.contains(""),
            [T, T, T, T, T, T, T, T, N, T, T, T, T, T],
        ),
        "SEM-13 a percent sign is ordinary": (
            p.s.contains("%"),
            [F, F, F, T, F, F, F, F, N, F, F, F, F, F],
        ),
        "SEM-13 an underscore is ordinary": (
            p.s.contains("_"),
            [F, F, F, F, T, F, F, F, N, F, F, F, F, F],
        ),
        "SEM-13 a quote is ordinary": (
            p.s.contains("t's"),
            [F, F, F, F, F, F, F, F, N, F, F, F, T, F],
        ),
        "SEM-13 a backslash is ordinary": (
            p.s.contains("\\"),
            [F, F, F, F, F, F, F, F, N, F, F, F, F, T],
        ),
        "SEM-13 case matters": (p.s == "male", [T, F, F, F, F, F, F, F, N, F, F, F, F, F]),
        "SEM-13 trailing spaces matter": (
            p.s == "male ",
            [F, F, T, F, F, F, F, F, N, F, F, F, F, F],
        ),
        "SEM-13 the empty text is a string": (
            p.s == "",
            [F, F, F, F, F, F, T, F, N, F, F, F, F, F],
        ),
        "SEM-13 different texts": (
            p.s != p.t,
            [T, T, T, T, T, T, T, T, N, N, T, T, T, T],
        ),
        "SEM-13 order by code point": (
            p.s < "a",
            [F, T, F, F, F, F, T, F, N, F, F, T, F, F],
        ),
        "SEM-13 an accent comes last": (
            p.s > "z",
            [F, F, F, F, F, F, F, F, N, F, T, F, F, F],
        ),
        "SEM-13 a longer text comes after": (
            p.s > "male",
            [F, F, T, F, F, F, F, T, N, T, T, F, F, F],
        ),
        "SEM-13 order of two series": (
            p.s <= p.t,
            [F, T, F, F, F, F, T, F, N, N, F, T, F, F],
        ),
        "SEM-03 is_in of texts": (
            p.s.is_in(["male", "", "x"]),
            [T, F, F, F, F, F, T, T, N, T, F, F, F, F],
        ),
        "SEM-03 is_not_in of texts": (
            p.s.is_not_in(["male", "it's"]),
            [F, T, T, T, T, T, T, T, N, T, T, T, F, T],
        ),
        "SEM-04 map_values of texts": (
            p.s.map_values({"male": "m", "Male": "M", "it's": "m"}, default="?"),
            ["m", "M", "?", "?", "?", "?", "?", "?", "?", "?", "?", "?", "m", "?"],
        ),
        "SEM-04 map_values to numbers": (
            p.s.map_values({"x": 1, "": 0}),
            [N, N, N, N, N, N, 0, 1, N, 1, N, N, N, N],
        ),
        "SEM-05 when_null_then of texts": (
            p.t.when_null_then("none"),
            ["mal", "male", "male", "%", "_", "_", "x", "", "x", "none", "e", "a", "'", "\\"],
        ),
        "SEM-06 minimum_of texts": (
            minimum_of(p.s, p.t),
            ["mal", "Male", "male", "%", "_", "_", "", "", "x", "x", "e", "Z", "'", "\\"],
        ),
        "SEM-06 maximum_of texts": (
            maximum_of(p.s, "m"),
            ["male", "m", "male ", "m", "m", "m", "m", "x", "m", "x", "é", "m", "m", "m"],
        ),
        "is_null of the empty text": (
            p.s.is_null(),
            [F, F, F, F, F, F, F, F, T, F, F, F, F, F],
        ),
    },
)

CODES = cases(
    CODED,
    {
        "a code equal to text": (p.code == A, [T, F, N, F]),
        "a code equal to a code": (p.code == SNOMEDCTCode(B), [F, T, N, F]),
        "a code different from another": (p.code != A, [F, T, N, T]),
        "SEM-03 is_in of codes": (p.code.is_in([A, C]), [T, F, N, T]),
        "SEM-03 is_in of a codelist of categories": (p.code.is_in({A: "x", B: "y"}), [T, T, N, F]),
        "SEM-03 is_in of no codes": (p.code.is_in([]), [F, F, F, F]),
        "SEM-04 to_category": (p.code.to_category({A: "x", B: "y"}), ["x", "y", N, N]),
        "SEM-04 to_category with a default": (
            p.code.to_category({A: "x", B: "y"}, default="z"),
            ["x", "y", "z", "z"],
        ),
        "SEM-04 to_category twice": (
            p.code.to_category({A: "x", B: "y", C: "x"}).map_values({"x": 1, "y": 2}),
            [1, 2, N, 1],
        ),
        "SEM-05 when_null_then of codes": (p.code.when_null_then(C), [A, B, C, C]),
        "SEM-04 case of codes": (
            case(when(p.code == A).then(p.code), otherwise=SNOMEDCTCode(C)),
            [A, C, C, C],
        ),
        "codes of events": (event.where(event.code == A).count_for_patient(), [1, 0, 0, 1]),
        "codes of another system": (
            event.where(event.icd.is_in([ICD10Code("I219"), "I21"])).count_for_patient(),
            [1, 1, 0, 1],
        ),
        "categories of events": (
            event.where(event.code.to_category({A: "x", B: "x"}) == "x").count_for_patient(),
            [2, 0, 0, 1],
        ),
        "count_distinct of codes": (event.code.count_distinct_for_patient(), [2, 1, 0, 1]),
        "a multi-code string contains a code": (
            event.where(event.many.contains("I219")).count_for_patient(),
            [1, 0, 0, 0],
        ),
        "a multi-code string contains a prefix": (i21.count_for_patient(), [1, 1, 0, 0]),
        "a multi-code string contains a code object": (
            event.where(event.many.contains(ICD10Code("E110"))).exists_for_patient(),
            [T, F, F, F],
        ),
        "contains_any_of": (
            event.where(event.many.contains_any_of(["J189", "E11"])).count_for_patient(),
            [2, 0, 0, 0],
        ),
        "contains_any_of nothing": (
            event.where(event.many.contains_any_of([])).count_for_patient(),
            [0, 0, 0, 0],
        ),
        "a missing multi-code string": (
            event.where(event.many.is_null()).count_for_patient(),
            [0, 1, 0, 0],
        ),
        "an empty multi-code string": (
            event.where(event.many.is_not_null()).count_for_patient(),
            [2, 1, 0, 1],
        ),
        "except_where of a multi-code string": (
            event.except_where(event.many.contains("J18")).count_for_patient(),
            [0, 2, 0, 1],
        ),
    },
)
CASES = [*TEXT, *CODES]
