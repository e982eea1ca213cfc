"""The mapping file: hospital.toml is one, and each mistake in it is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sallyport_data_builder.backends import mapping
from sallyport_data_builder.backends.lines import Lines
from sallyport_data_builder.checks.static import problems, static
from sallyport_data_builder.checks.subject import Subject
from sallyport_data_builder.errors import ArgumentsError, MappingError

FOLDER = Path(__file__).parents[3] / "roles/data_builder/files/backends"
HOSPITAL = (FOLDER / "hospital.toml").read_text(encoding="utf-8")


def test_hospital_is_valid_and_names_what_it_lacks() -> None:
    found = mapping.parse("hospital", HOSPITAL)
    assert found.implements == ("core",)
    assert "cause_of_death_04" in found.tables["core", "ons_deaths"].unavailable
    assert [item.name for item in found.exclusions] == ["opted_out"]
    checks = list(static(Subject(found, "postgres")))
    assert [check.id for check in checks if check.status != "ok"] == ["CHK-05"]


SOURCE = 'source = "hosp.person"'
ONS = 'unavailable = ["cause_of_death_04"'
MISTAKES = {
    "format": ("format = 1", "format = 2", 1, "format must be 1"),
    "unknown key": (SOURCE, SOURCE.replace("source", "sorce"), 11, "Did you mean source"),
    "unknown key at the top": ("scratch_schema", "scratch_shema", 4, "Did you mean scratch_schema"),
    "unknown column": ("practice_pseudo_id = ", "practice_id = ", 23, "mean practice_pseudo_id"),
    "unknown table": (
        "[tables.medications]\n",
        '[tables.medication]\nsource = "a"\n[tables.medications]\n',
        32,
        "Did you mean medications",
    ),
    "unmapped table": ('["core"]', '["core", "raw.core"]', 38, "is not mapped; add"),
    "unmapped column": ('date_of_death = { column = "dod"', "#{", 12, "neither mapped nor"),
    "two sources": (SOURCE, 'source = "a"\nquery = "b"', 10, "either source or query"),
    "no source": (SOURCE, "", 10, "either source or query"),
    "no such schema": ('["core"]', '["cor"]', 2, "Did you mean core"),
    "ids of dates": ('type = "int"', 'type = "date"', 3, "must be int or str"),
    "keys of ints": ('type = "int"', 'type = "int", key_table = "k"', 3, "of type str"),
    "no patient id": ('column = "person_key", ', "", 3, "add patient_id"),
    "empty exclusion": ('sql = "select person_key from hosp.opt_out"', "", 6, "needs sql"),
    "exclusion's key": ("unless_permission", "unless_permision", 8, "mean unless_permission"),
    "not TOML": ("format = 1", "format 1", 1, "is not TOML"),
    "column of nothing": ('column = "gender", ', "", 14, "needs either column or sql"),
    "both": ('column = "gender", ', 'column = "gender", sql = "a", ', 14, "either column or sql"),
    "otherwise alone": (
        'null_if = "9999-12-31" }\n\n',
        'otherwise = "2000-01-01" }\n\n',
        15,
        "a map",
    ),
    "no date": ('null_if = "9999-12-31" }\n\n', 'null_if = "never" }\n\n', 15, "YYYY-MM-DD"),
    "text of a number": ('issued"\n', 'issued"\nnull_if = 3\n', 36, "no column null_if"),
    "collation of a date": (
        'null_if = "9999-12-31" }\n\n',
        'collation = "C" }\n\n',
        15,
        "only text",
    ),
    "kind of a value": (SOURCE, f"{SOURCE}\nmaterialise = 1", 12, "must be true/false"),
    "pattern of nothing": (ONS, 'unavailable = ["cause_of_deth_*"', 39, "mean cause_of_death"),
    "no time": ("scratch_schema", "measures_hours = 0\nscratch_schema", 4, "must be 1 or more"),
    "maintenance": ("scratch_schema", "maintenance = {}\nscratch_schema", 4, "needs sql"),
    "scratch column": (
        "scratch_schema",
        "scratch_columns = { a = [] }\nscratch_schema",
        4,
        "plain",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_bk_02_a_mistake_is_named_with_its_line(name: str) -> None:
    old, new, line, message = MISTAKES[name]
    assert old in HOSPITAL
    with pytest.raises(MappingError, match=message) as caught:
        mapping.parse("hospital", HOSPITAL.replace(old, new, 1))
    said = [text for text in str(caught.value).splitlines() if message in text]
    assert said[0].startswith(f"hospital.toml, line {line}: ")


def test_bk_02_all_mistakes_are_named_at_once() -> None:
    text = HOSPITAL.replace('"dmd"', "3").replace("format = 1", "format = 9")
    _none, found = mapping.read("hospital", text)
    assert [(item.check, item.line) for item in found] == [("CHK-01", 1), ("CHK-01", 36)]
    checks = list(problems("hospital", found))
    assert [(check.id, check.status) for check in checks] == [
        ("CHK-01", "fail"), ("CHK-01", "fail"), ("CHK-02", "ok"), ("CHK-03", "skip"),
    ]  # fmt: skip


def test_lines_know_tables_keys_and_what_stands_in_long_texts() -> None:
    lines = Lines('a = 1\n[t.x]\nq = """\nb = 2\n"""\nc = { d = 1, "e" = 2 }\n[t.x.y]\nf.g = 1\n')
    assert lines.of(("t", "x", "q")) == 3
    assert lines.of(("t", "x", "b")) == 2
    assert lines.of(("t", "x", "c", "e")) == 6
    assert lines.of(("t", "x", "y", "f", "g")) == 8
    assert lines.of(("nowhere",)) == 1


def test_chk_04_map_must_close_the_categories() -> None:
    open_map = HOSPITAL.replace(', otherwise = "unknown"', "").replace(
        'F = "female"', 'F = "woman"'
    )
    found = static(Subject(mapping.parse("hospital", open_map), "postgres"))
    failed = [check for check in found if check.status == "fail"]
    assert [(check.id, check.table, check.column) for check in failed] == [
        ("CHK-04", "patients", "sex")
    ] * 2


SQL = {
    "no SELECT": (
        "select person_key from hosp.opt_out",
        "delete from hosp.opt_out",
        "not a SELECT",
    ),
    "two": ("select person_key from hosp.opt_out", "select 1; select 2", "2 statements"),
    "hidden": (
        "select person_key from hosp.opt_out",
        "with a as (delete from b returning 1) select * from a",
        "only reads",
    ),
    "broken query": ("select person_key from hosp.opt_out", "select from where", "its line 1"),
    "clause": ("rtrim(concept)", "concept from t where (true", "write one expression|its line"),
    "list": ("rtrim(concept)", "concept, val", "write one expression"),
}


@pytest.mark.parametrize("name", SQL)
def test_chk_03_sql_is_one_select_or_one_expression(name: str) -> None:
    old, new, message = SQL[name]
    text = HOSPITAL.replace(old, new, 1)
    found = list(static(Subject(mapping.parse("hospital", text), "postgres")))
    failed = [check for check in found if check.status == "fail"]
    assert [check.id for check in failed] == ["CHK-03"]
    assert any(word in failed[0].text for word in message.split("|"))
    assert "(hospital.toml, line " in failed[0].text


def test_a_comment_at_the_end_of_an_expression_hides_nothing() -> None:
    text = HOSPITAL.replace("rtrim(concept)", "rtrim(concept) -- padded")
    found = list(static(Subject(mapping.parse("hospital", text), "postgres")))
    assert not [check for check in found if check.status == "fail"]


def test_a_table_may_be_unavailable_as_a_whole() -> None:
    start, end = HOSPITAL.index("[tables.medications]"), HOSPITAL.index("[tables.ons_deaths]")
    text = HOSPITAL[:start] + '[tables.medications]\nunavailable = ["*"]\n' + HOSPITAL[end:]
    found = mapping.parse("hospital", text)
    assert found.tables["core", "medications"].absent
    warned = [check for check in static(Subject(found)) if check.status == "warn"]
    assert ("medications", "is unavailable: studies see no rows") in [
        (check.table, check.text.partition(" (")[0]) for check in warned
    ]


def test_tables_of_two_schemas_with_one_name_are_one_table() -> None:
    text = HOSPITAL.replace('implements = ["core"]', 'implements = ["core", "smoketest"]')
    found = mapping.parse("hospital", text)
    assert found.tables["core", "patients"] is found.tables["smoketest", "patients"]


def test_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(ArgumentsError, match="Did you mean hospital"):
        mapping.find("hospitl", FOLDER)
    assert mapping.find("hospital", FOLDER).slug == "hospital"
