"""Codelist files as people have them, good ones and damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import codelist_from_csv

GOOD: dict[str, bytes] = {
    "plain": b"code,term\n195967001,Asthma\n304527002,Acute asthma\n",
    "byte-order mark": b"\xef\xbb\xbfcode,term\n195967001,Asthma\n304527002,Acute asthma\n",
    "CRLF": b"code,term\r\n195967001,Asthma\r\n304527002,Acute asthma\r\n",
    "CR": b"code,term\r195967001,Asthma\r304527002,Acute asthma\r",
    "blank rows": b"code,term\n\n195967001,Asthma\n,\n  ,  \n304527002,Acute asthma\n\n",
    "blank first row": b"\ncode,term\n195967001,Asthma\n304527002,x\n",
    "spaces": b" code , term\n 195967001 ,Asthma\n304527002,Acute asthma\n",
    "quotes": b'"code","term"\n"195967001","Asthma, ""severe"""\n"304527002","x\ny"\n',
    "short row": b"term,code\nAsthma,195967001\nnothing\nx,304527002\n",
    "a code twice": b"code\n195967001\n304527002\n195967001\n",
    "no newline at the end": b"code\n195967001\n304527002",
}
CURE = 'Save the file as "CSV UTF-8", in a spreadsheet or an editor, and commit it again.'
QUOTES = (
    "a quotation mark is not closed, or is inside a value. Close it; inside a value in quotation "
    "marks, write two of them."
)
BAD: dict[str, tuple[bytes, str]] = {
    "Latin-1": (
        b"code,term\n195967001,Asthma\n304527002,Asth\xe9me\n",
        f"list.csv, row 3: the byte 0xe9 is not UTF-8 text. {CURE}",
    ),
    "UTF-16": (
        "code\n195967001\n".encode("utf-16"),
        f"list.csv is UTF-16 or binary, not UTF-8 text. {CURE}",
    ),
    "UTF-16 without a mark": (
        "code\n195967001\n".encode("utf-16-le"),
        f"list.csv is UTF-16 or binary, not UTF-8 text. {CURE}",
    ),
    "open quote": (
        b'code,term\n195967001,"Asthma\n304527002,x\n271649006,y\n',
        f"list.csv, row 2: {QUOTES}",
    ),
    "open quote at the end": (
        b'code,term\n195967001,x\n304527002,"y',
        f"list.csv, row 3: {QUOTES}",
    ),
    "quote inside": (b'code,term\n195967001,"a"b\n', f"list.csv, row 2: {QUOTES}"),
    "no column": (
        b"id,term\n195967001,Asthma\n",
        "list.csv has no column code; its columns are id, term.",
    ),
    "column twice": (
        b"code,code\n1,2\n",
        "list.csv has several columns named code; rename all but one.",
    ),
    "empty file": (b"", "list.csv has no column code; it is empty."),
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_gives_its_codes(name: str) -> None:
    Path("list.csv").write_bytes(GOOD[name])
    assert codelist_from_csv("list.csv", column="code") == ["195967001", "304527002"]


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_file_is_refused_with_file_row_and_cure(name: str) -> None:
    data, message = BAD[name]
    Path("list.csv").write_bytes(data)
    with pytest.raises(DefinitionError) as caught:
        codelist_from_csv("list.csv", column="code")
    assert str(caught.value) == message


def test_a_code_in_two_categories_names_both_rows() -> None:
    same = "code,cat\n195967001,a\n304527002,b\n195967001,{}\n"
    Path("list.csv").write_text(same.format("b"))
    with pytest.raises(DefinitionError) as caught:
        codelist_from_csv("list.csv", column="code", category_column="cat")
    assert str(caught.value) == (
        "list.csv: the code 195967001 has the category 'a' in row 2 and 'b' in row 4. Delete one "
        "of the rows."
    )
    assert codelist_from_csv("list.csv", column="code") == ["195967001", "304527002"]
    Path("list.csv").write_text(same.format("a"))
    found = codelist_from_csv("list.csv", column="code", category_column="cat")
    assert found == {"195967001": "a", "304527002": "b"}


def test_a_header_alone_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    Path("list.csv").write_text("code\n")
    assert codelist_from_csv("list.csv", column="code") == []
    assert capsys.readouterr().err == "warning: list.csv has no codes in column code\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.csv", "There is no codelist file none.csv."),
        ("a\\none.csv", "There is no codelist file a\\none.csv. Use forward slashes in paths."),
        (".", ". is a folder, not a codelist file."),
    ],
)
def test_a_missing_file_is_named(path: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        codelist_from_csv(path, column="code")
    assert str(caught.value) == message
