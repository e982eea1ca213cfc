"""Checks name what a person must look at, and never repeat a value."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace

import pytest

from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import Finding, Severity
from sallyport_disclosure.layout import TableError, read_table
from sallyport_disclosure.policy import Policy

POLICY = Policy()
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16


def codes(name: str, data: bytes, policy: Policy = POLICY) -> list[str]:
    """Return the codes of a file's findings."""
    return [finding.code for finding in check_file(name, data, policy).findings]


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
        ("output/t.csv", b'a,b\n"x"y,z\n', "NOT_A_TABLE"),
        ("output/t.txt", b"a\0b", "TYPE_MISMATCH"),
        ("../t.csv", b"a\n", "BAD_NAME"),
        ("output/.t.csv", b"a\n", "BAD_NAME"),
        ('output/t".csv', b"a\n", "BAD_NAME"),
        ("output/t\r\n.csv", b"a\n", "BAD_NAME"),
        ("output/t\udcff.csv", b"a\n", "BAD_NAME"),
        ("output/t.csv", b"Patient ID,age\n1,2\n", "PATIENT_ID_COLUMN"),
    ],
)
def test_what_must_not_leave_blocks(name: str, data: bytes, code: str) -> None:
    blocking = check_file(name, data, POLICY).blocking
    assert code in [finding.code for finding in blocking]


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
    verdict = check_file("t.csv", table, POLICY)
    assert {finding.code for finding in verdict.findings} == expected
    assert not verdict.blocking


def test_a_finding_says_where_and_not_what() -> None:
    found = check_file("t.csv", b"group,count\na,10\nb,6\n", POLICY).findings
    assert {(finding.row, finding.column) for finding in found} == {(2, "count")}
    assert not [finding for finding in found if " 6 " in f" {finding.message} "]


@pytest.mark.parametrize("name", ["output/run.log", "output/page.html", "output/plot.svg"])
def test_kinds_that_need_care_warn(name: str) -> None:
    (finding,) = check_file(name, b"<svg/>", POLICY).findings
    assert finding.severity is Severity.WARN


def test_findings_survive_storage() -> None:
    finding = Finding("SMALL_COUNT", Severity.WARN, "text", 3, "n")
    marked = replace(finding, cells=((3, 1), (4, 1)))
    stored = json.loads(json.dumps([finding.to_json(), marked.to_json()]))
    assert [Finding.from_json(value) for value in stored] == [finding, marked]
    earlier = {key: value for key, value in finding.to_json().items() if key != "cells"}
    assert Finding.from_json(earlier) == finding


def test_the_policy_version_follows_the_rules() -> None:
    assert Policy().version == Policy().version
    assert Policy().version != Policy(threshold=5).version


def test_lines_without_a_number_stay_lines_of_their_own() -> None:
    """They may be header lines or rows; a page shows each as it is in the file."""
    table = read_table("group,estimate\nmale,\nfemale,\nall,0.5\n", max_rows=9)
    lines = [["group", "estimate"], ["male", ""], ["female", ""], ["all", "0.5"]]
    assert [*table.headers, *table.rows] == lines
    assert table.width == 2


def test_reading_stops_at_the_rows_asked_for() -> None:
    table = read_table("Title\n\na,b\n1\n2,3\n", max_rows=1)
    assert (table.titles, table.headers, table.rows) == (("Title",), [["a", "b"]], [["1"]])


@pytest.mark.parametrize(
    "text",
    [",".join(["a"] * 2001), "a\n" + "x" * 140_000, 'a\n"1\n', "a,b\n1,2\n" * 9 + '"'],
    ids=len,
)
def test_monstrous_tables_are_refused(text: str) -> None:
    assert read_table("a\n1\n", 9).rows == [["1"]]
    assert "NOT_A_TABLE" in codes("t.csv", text.encode())
    with pytest.raises(TableError):
        read_table(text, 100)


RULES = {
    "threshold": 7, "rounding_base": 5, "max_bytes": 100, "max_rows": 9,
    "suffixes": [".csv"], "forbidden_columns": ["nhs"],
}  # fmt: skip


def test_a_policy_is_read_as_a_whole() -> None:
    policy = Policy.parse(json.dumps(RULES))
    assert (policy.max_rows, policy.suffixes) == (9, (".csv",))
    assert codes("t.csv", b"NHS,rate\na,0.5\n", policy) == ["PATIENT_ID_COLUMN"]
    assert codes("t.csv", b"nurse,rate\na,0.5\n", policy) == []
    assert codes("t.txt", b"x", policy) == ["TYPE_NOT_ALLOWED"]


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "[" * 100_000, json.dumps({k: v for k, v in RULES.items() if k != "threshold"}),
        json.dumps(RULES | {"other": 1}), json.dumps(RULES | {"threshold": True}),
        json.dumps(RULES | {"threshold": 0}), json.dumps(RULES | {"suffixes": [".exe"]}),
        json.dumps(RULES | {"suffixes": ".csv"}), json.dumps(RULES | {"max_bytes": 2**24 + 1}),
        json.dumps(RULES | {"forbidden_columns": [1]}),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_policy_with_a_fault_is_refused(text: str) -> None:
    assert Policy.parse(json.dumps(RULES)).threshold == 7
    with pytest.raises(ValueError, match=r"expected|must|may"):
        Policy.parse(text)


def test_compressed_markup_is_unpacked_within_bounds() -> None:
    policy = Policy(max_bytes=1000)
    assert codes("p.svgz", gzip.compress(b"<svg/>"), policy) == ["ACTIVE_KIND"]
    assert codes("p.svgz", gzip.compress(b"x" * 1001), policy) == ["TOO_LARGE"]
    assert codes("p.svgz", gzip.compress(b"<svg/>")[:-9], policy) == ["TYPE_MISMATCH"]
    assert codes("p.svgz", gzip.compress(b"<svg/>") + b"more", policy) == ["TYPE_MISMATCH"]
    assert codes("p.svgz", b"\x1f\x8bnothing", policy) == ["TYPE_MISMATCH"]


@pytest.mark.live
def test_what_is_cheap_to_write_is_cheap_to_check() -> None:
    """Memory and time of 16 MiB: blocks are bounded, and equal cells are looked at once."""
    limit = 16 * 1024 * 1024
    for text in (b"\n" * limit, b",\n" * (limit // 2), b"x" * limit, b"n a,n b\n" * (limit // 8)):
        start = time.process_time()
        check_file("t.csv", text, POLICY)
        assert time.process_time() - start < 10
