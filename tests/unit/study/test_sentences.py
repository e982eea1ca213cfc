"""What the report of a refused project.yaml is like: its order, places and size."""

from __future__ import annotations

import unicodedata

import pytest
from tests.unit.study.texts import OUTPUTS, action, problems

from sallyport_common.protocol import LONGEST_ACTION
from sallyport_study import ProjectError, decode_project, parse_project
from sallyport_study.names import LONGEST_ACTION_NAME


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("make", True), ("make_2-a", True), ("_", True), ("'1'", True), ("a.b", True),
        ("a..b", True),
        ("-a", True), ("'é'", True), ("größe", True), ("表", True), ("'2020.1'", True),
        (unicodedata.normalize("NFD", "größe"), True),
        ("'a b'", False), (".a", False), ("a/b", False), ("''", False), ('"a\\n"', False),
        ('"a\\0"', False), ("'..'", False), ('"a\\u202eb"', False), ('"a\\u200bb"', False),
        ("a:b", False), ("'a*'", False), ("'a\\b'", False), ("a+b", False), ("'“a”'", False),
    ],
)  # fmt: skip
def test_names_of_actions(name: str, good: bool) -> None:
    text = action(name=name)
    if good:
        assert len(parse_project(text).actions) == 1
    else:
        assert len(problems(text)) == 1
        assert parse_project(action(name="control")).actions


def test_a_name_is_as_long_as_a_log_file_and_the_protocol_can_have_it() -> None:
    longest = LONGEST_ACTION_NAME
    assert longest <= LONGEST_ACTION
    for letter in ("a", "é", "表"):
        size = len(letter.encode())
        assert parse_project(action(name=letter * (longest // size))).actions
        (found,) = problems(action(name=letter * (longest // size + 1)))
        assert "is too long; at most 200 letters" in found
    assert len(f".{'a' * longest}.log.12345678.part") < 255


@pytest.mark.parametrize("name", ["2020", "1.5", "true", "yes", "2020-01-01", "null"])
def test_a_name_that_is_read_as_something_else_is_to_be_quoted(name: str) -> None:
    (found,) = problems(action(name=name))
    assert found.startswith(f"The action name {name} would be read as ")
    assert found.endswith(f"put it in quotes: '{name}'.")
    assert parse_project(action(name=f"'{name}'")).actions


@pytest.mark.parametrize("key", ["needs", "config", "dummy_data_file"])
def test_a_key_without_a_value_counts_as_left_out(key: str) -> None:
    empty = {key: ""}
    assert parse_project(action(**empty)).actions == parse_project(action()).actions


@pytest.mark.parametrize("empty", ["", "{}"])
def test_a_level_without_a_value_counts_as_left_out(empty: str) -> None:
    outputs = f"{{highly_sensitive: {{a: a.csv}}, moderately_sensitive: {empty}}}"
    assert len(parse_project(action(outputs=outputs)).actions["make"].outputs) == 1
    (found,) = problems(action(outputs=f"{{highly_sensitive: {empty}}}"))
    assert "name no file: add files below at least one of" in found


@pytest.mark.parametrize("version", ["1", "2", "3", "4", "5"])
def test_run_all_is_a_name_for_all(version: str) -> None:
    text = action(version=version, name="run_all")
    if version == "3":
        text += "expectations: {population_size: 1}\n"
    if version == "5":
        (found,) = problems(text)
        assert "may not be called 'run_all'" in found
    else:
        project = parse_project(text)
        assert any("'run_all' is ignored" in warning for warning in project.warnings)
        assert project.names() == ["run_all"]
        assert project.expand(["run_all"]) == []


def test_problems_keep_the_order_of_the_file_and_leave_nothing_out() -> None:
    text = f"""
version: 7
title: x
actions:
  one: {{run: python, outputs: {OUTPUTS}}}
  two: {{run: "python:v2 b", outputs: {OUTPUTS}, needs: [five]}}
  three: {{run: "python:v2 b", outputs: {OUTPUTS}}}
"""
    with pytest.raises(ProjectError) as caught:
        parse_project(text)
    assert [finding.line for finding in caught.value.findings] == [2, 3, 5, 6, 7, 7]
    assert sorted(caught.value.findings) == list(caught.value.findings)


def test_the_text_of_the_error_is_a_line_for_each_problem() -> None:
    with pytest.raises(ProjectError) as caught:
        parse_project("version: 5\ntitle: x\n")
    assert str(caught.value).splitlines() == list(caught.value.problems)
    assert len(caught.value.problems) == 2
    assert caught.value.problems[1].startswith("line 2, column 1: 'title' is not a setting")


def test_places_are_those_of_the_file_although_its_lines_were_corrected() -> None:
    text = "version: 5\nactions:\n  make:\n    run:python analysis/make.py\n    outputs:\n"
    with pytest.raises(ProjectError) as caught:
        parse_project(text + "      moderately_sensitive: {a: *.CSV, b: /b.csv}\n")
    places = [(finding.line, finding.column) for finding in caught.value.findings]
    assert places == [(4, 8), (4, 9), (6, 33), (6, 33), (6, 43)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x85"])
def test_every_end_of_a_line_counts(end: str) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_project(
            end.join(["version: 5", "actions:", "  make:", "    run:python x", "    a: b"])
        )
    assert [finding.line for finding in caught.value.findings] == [3, 4, 4, 5]


def test_a_file_that_is_not_utf_8_is_refused_with_its_place() -> None:
    text = action(run="python:v2 größe.py")
    assert parse_project(decode_project(text.encode())).actions
    with pytest.raises(ProjectError) as caught:
        decode_project(text.encode("latin-1"))
    assert caught.value.problems == (
        "line 4, column 22: project.yaml is not text in UTF-8; save it again with the encoding "
        "UTF-8.",
    )


def test_a_requested_action_that_is_not_there_is_named_with_the_nearest() -> None:
    project = parse_project(action())
    with pytest.raises(ProjectError) as caught:
        project.expand(["mak", "zzz", "make"])
    assert caught.value.problems == (
        "There is no action 'mak' in project.yaml; did you mean 'make'?",
        "There is no action 'zzz' in project.yaml.",
    )
