"""YAML from strangers: safe, without surprises, with the line where it is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport_study import ProjectError, parse_project
from sallyport_study.strict_yaml import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: 1", {"a": 1}),
        ("{a: [1, 2.5, yes, null, text]}", {"a": [1, 2.5, True, None, "text"]}),
        ("x: &x {a: 1}\ny: {<<: *x, b: 2}", {"x": {"a": 1}, "y": {"a": 1, "b": 2}}),
        ("x: &x [1]\ny: *x", {"x": [1], "y": [1]}),
        ('a: "\\U0001F600"', {"a": "\U0001f600"}),
        ("a: '1'\nb: 1", {"a": "1", "b": 1}),
    ],
)
def test_what_is_read(text: str, value: Any) -> None:
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "The key 'a' stands twice: on lines 1 and 3."),
        ("x:\n  - {a: 1, a: 2}", "The key 'a' stands twice: on lines 2 and 2."),
        ("a: &a [*a]", "The file holds an alias to something that contains it."),
        ("a: &a {b: *a}", "The file holds an alias to something that contains it."),
        ('a: "\\0"', "The text on line 1 holds a NUL or half of a surrogate pair."),
        ('a: 1\n"\\ud800": 2', "The text on line 2 holds a NUL or half of a surrogate pair."),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "The file is nested too deeply."),
        ("a: " + "x" * MAX_CHARACTERS, f"The file is longer than {MAX_CHARACTERS} characters."),
    ],
)
def test_what_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load(text)
    assert caught.value.problems == (sentence,)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2", "line 1, column 9"),
        ("a: 1\n b: 2", "line 2, column 3"),
        ("a: 1\n\tb: 2", "line 2, column 1"),
        ("a: *unknown", "line 1, column 4"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
        ("a: !!python/object:os.system x", "line 1, column 4"),
        ("a: !custom x", "line 1, column 4"),
        ("{[1]: 2}", "line 1, column 2"),
        ('a: "open', "line 1, column 9"),
        ("a: @x", "line 1, column 4"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load(text)
    (found,) = caught.value.problems
    assert found.startswith(f"The file is not valid YAML on {place}: ")


@pytest.mark.parametrize("text", ["a: 2026-13-45", "a: !!binary é", f"a: {'9' * 5000}", "a: \x07"])
def test_values_that_cannot_be_made_are_refused_too(text: str) -> None:
    with pytest.raises(ProjectError, match="not valid YAML"):
        load(text)


def test_duplicates_are_all_told() -> None:
    with pytest.raises(ProjectError) as caught:
        load("a: 1\na: 2\nb: {c: 1,\n c: 2}\na: 3")
    assert len(caught.value.problems) == 3


def test_the_size_counts_once_aliases_are_followed() -> None:
    few = f"x: &x [{', '.join('1' * 200)}]\ny: [{', '.join(['*x'] * 200)}]"
    assert len(load(few)["y"]) == 200
    many = f"{few}\nz: [{', '.join(['*x'] * 200)}]"
    with pytest.raises(ProjectError, match=f"larger than {MAX_NODES} values"):
        load(many)


def test_depth_below_the_limit_is_read() -> None:
    depth = MAX_DEPTH - 1
    assert load("[" * depth + "]" * depth)


GOOD = (
    "version: 5\nactions:\n  make: &m\n    run: python:v2 a.py\n"
    "    config: {a: [1, 2]}\n    outputs: {highly_sensitive: {a: a.csv}}\n"
)
PARTS = (
    "\n", "", ":", "- ", "{", "]", "*m", "&m ", "!!set ", "<<: ", "'", '"', "\t", "#", "|", "? ",
    "1", ".nan", "2026-01-01", "\\", "%", "@", "null",
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_file_with_one_fault_is_read_or_refused_and_nothing_else(part: str) -> None:
    refused = 0
    for at in range(0, len(GOOD), 2):
        try:
            parse_project(GOOD[:at] + part + GOOD[at + 1 :])
        except ProjectError:  # anything else is a fault of ours
            refused += 1
    assert refused
    assert parse_project(GOOD)
