"""Files of the medium tree are checked for size, type and what a table holds."""

from __future__ import annotations

import io

import pytest

from sallyport_runner.services.outputs.level4 import Limits, check
from sallyport_study import LEVEL4_FILE_TYPES

LIMITS = Limits(max_size=200, max_rows=3, forbidden_columns=("patient_id",))


def judge(content: bytes, path: str = "t.csv") -> str:
    return check(io.BytesIO(content), path, len(content), LIMITS).message or ""


def test_a_good_table_passes_with_its_shape() -> None:
    stream = io.BytesIO(b"a,b\n1,2\n3,4\n5,6\n")
    checked = check(stream, "t.csv", 16, LIMITS)
    assert (checked.message, checked.rows, checked.columns) == (None, 3, 2)
    assert stream.tell() == 0


@pytest.mark.parametrize(
    ("content", "path", "part"),
    [
        (b"x" * 201, "t.csv", "201 bytes"),
        (b"x", "t.feather", ".feather"),
        (b"x", "t", "(none)"),
        (b"patient_id,a\n1,2\n", "t.csv", "patient_id"),
        (b"\xef\xbb\xbfpatient_id,a\n1,2\n", "t.csv", "patient_id"),
        (b"\n\r\n\npatient_id,a\n1,2\n", "t.csv", "patient_id"),  # readers skip empty lines
        (b'a,"patient_id"\n1,2\n', "t.csv", "patient_id"),
        (b"a\rpatient_id\r1\r2\r3\r", "t.csv", "4 rows"),
        (b"x", "t.CSV", ".CSV"),
        (b"x", "t.csv.gz", ".gz"),
        (b"a\n1\n2\n3\n4\n", "t.csv", "4 rows"),
        (b'"a\n', "t.csv", "cannot be read"),
        (b"a,\x00\n", "t.csv", "cannot be read"),
        (b"\xff\xfe\n", "t.csv", "cannot be read"),
    ],
)
def test_bad_files_are_withheld_with_the_reason(content: bytes, path: str, part: str) -> None:
    assert part in judge(content, path)


def test_both_reasons_of_a_table_are_given() -> None:
    message = judge(b"patient_id\n1\n2\n3\n4\n")
    assert "patient_id" in message
    assert "4 rows" in message


@pytest.mark.parametrize("extension", LEVEL4_FILE_TYPES)
def test_other_reviewable_types_pass(extension: str) -> None:
    assert judge(b"x", f"t{extension}") == ""


@pytest.mark.parametrize(
    ("content", "rows", "columns"),
    [
        (b"", 0, 0),
        (b"a,b,c\n", 0, 3),
        (b"\na,b\n1,2\n\n3,4\n\n", 2, 2),
        (b'a\n"one\ntwo"\n', 1, 1),
        (b"a\r\n1\r\n", 1, 1),
        (b"patient_id2,Patient_ID\n1,2\n", 1, 2),
        (b"a\n" + b"1\n" * 3, 3, 1),
    ],
)
def test_shapes_of_tables_that_pass(content: bytes, rows: int, columns: int) -> None:
    checked = check(io.BytesIO(content), "t.csv", len(content), LIMITS)
    assert (checked.reasons, checked.rows, checked.columns) == ((), rows, columns)


@pytest.mark.parametrize(("size", "reasons"), [(200, 0), (201, 1)])
def test_the_limit_of_size_is_the_last_that_passes(size: int, reasons: int) -> None:
    assert len(check(io.BytesIO(b""), "t.txt", size, LIMITS).reasons) == reasons
