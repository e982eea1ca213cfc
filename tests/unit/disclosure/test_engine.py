"""Checks name what a person must look at, and never repeat a value."""

from __future__ import annotations

import pytest

from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import Finding, Severity, blocking
from sallyport_disclosure.policy import Policy
from sallyport_disclosure.tables import TableError, read_table

POLICY = Policy()
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16


def codes(name: str, data: bytes, policy: Policy = POLICY) -> list[str]:
    """Return the codes of a file's findings."""
    return [finding.code for finding in check_file(name, data, policy)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("output/t.csv", b"group,count\na,10\nb,[REDACTED]\n"),
        ("output/t.csv", b"group,patients_midpoint6\na,3\nb,9\n"),
        ("output/t.csv", b"group,count\na,3\nb,9\nc,0\nd,15\n".replace(b"a,3\n", b"a,9\n")),
        ("output/plot.png", PNG),
        ("output/notes.txt", "näive\n".encode()),
        ("output/year.csv", b"year,rate\n2023,0.5\n2024,0.25\n"),
    ],
)
def test_a_tidy_output_has_no_finding(name: str, data: bytes) -> None:
    assert codes(name, data) == []


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("output/t.rds", b"x", "TYPE_NOT_ALLOWED"),
        ("output/t.CSV", b"a\n", "TYPE_NOT_ALLOWED"),
        ("output/t.png", b"group,count\n", "TYPE_MISMATCH"),
        ("output/t.csv", PNG, "TYPE_MISMATCH"),
        ("output/t.csv", b"PK\x03\x04 zip", "TYPE_MISMATCH"),
        ("output/t.csv", b'a,b\n"x"y,z\n', "TYPE_MISMATCH"),
        ("output/t.txt", b"a\0b", "TYPE_MISMATCH"),
        ("../t.csv", b"a\n", "BAD_NAME"),
        ("output/.t.csv", b"a\n", "BAD_NAME"),
        ("output/t.csv", b"Patient ID,age\n1,2\n", "PATIENT_ID_COLUMN"),
    ],
)
def test_what_must_not_leave_blocks(name: str, data: bytes, code: str) -> None:
    found = check_file(name, data, POLICY)
    assert code in [finding.code for finding in blocking(found)]


def test_sizes_and_rows_block_just_above_the_limit() -> None:
    policy = Policy(max_bytes=100)
    assert codes("a.txt", b"x" * 100, policy) == []
    assert codes("a.txt", b"x" * 101, policy) == ["TOO_LARGE"]
    rows = b"rate\n" + b"0.5\n" * 5000
    assert codes("a.csv", rows) == []
    assert codes("a.csv", rows + b"0.5\n") == ["TOO_MANY_ROWS"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (b"group,count\na,3\nb,10\n", {"SMALL_COUNT", "NOT_ROUNDED"}),
        (b"group,count\na,5\nb,10\n", {"SMALL_COUNT"}),
        (b"group,count\na,7\nb,10\n", {"SMALL_COUNT", "NOT_ROUNDED"}),
        (b"group,count\na,8\nb,10\n", {"NOT_ROUNDED"}),
        (b"group,count\na,12\nb,10\n", {"NOT_ROUNDED"}),
        (b"group,whatever\na,12\nb,10\n", {"NOT_ROUNDED"}),
        (b"group,n\na,12\nb,na\n", {"NOT_ROUNDED"}),
        (b"practice_id,rate\na,0.1\n", {"PERSONAL_COLUMN"}),
        (b"group,change\na,-3\nb,4\n", set()),
    ],
)
def test_counts_are_looked_at(table: bytes, expected: set[str]) -> None:
    found = check_file("t.csv", table, POLICY)
    assert {finding.code for finding in found} == expected
    assert not blocking(found)


def test_a_finding_says_where_and_not_what() -> None:
    found = check_file("t.csv", b"group,count\na,10\nb,6\n", POLICY)
    assert {(finding.row, finding.column) for finding in found} == {(2, "count")}
    assert not [finding for finding in found if " 6 " in f" {finding.message} "]


@pytest.mark.parametrize("name", ["output/run.log", "output/page.html", "output/plot.svg"])
def test_kinds_that_need_care_warn(name: str) -> None:
    (finding,) = check_file(name, b"<svg/>", POLICY)
    assert finding.severity is Severity.WARN


def test_findings_survive_storage() -> None:
    finding = Finding("SMALL_COUNT", Severity.WARN, "text", 3, "n")
    assert Finding.from_json(finding.to_json()) == finding


def test_the_policy_version_follows_the_rules() -> None:
    assert Policy().version == Policy().version
    assert Policy().version != Policy(threshold=5).version


def test_reading_stops_at_the_rows_asked_for() -> None:
    table = read_table(b"\xef\xbb\xbfa,b\n1\n2,3\n", max_rows=1)
    assert table.header == ["a", "b"]
    assert table.rows == [["1"]]
    assert table.column(1) == [""]


@pytest.mark.parametrize(
    "data", [b",".join([b"a"] * 2001), b"a\n" + b"x" * 40_000, b"a\n\xff\n"], ids=len
)
def test_monstrous_tables_are_refused(data: bytes) -> None:
    assert read_table(b"a\n1\n").rows == [["1"]]
    with pytest.raises(TableError):
        read_table(data)
