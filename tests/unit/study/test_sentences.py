"""Each thing that can be wrong in a project.yaml has one sentence, word for word."""

from __future__ import annotations

import pytest
from tests.unit.study.texts import OUTPUTS, action, problems

from sallyport_study import ProjectError, parse_project

VERSIONS = "is not supported; use a number from 1 to 5, the latest."
LEVELS = "highly_sensitive, moderately_sensitive, minimally_sensitive"
EXAMPLE = "needs a 'run' with an image and a command, as in 'python:v2 analysis/a.py'."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "project.yaml must be a mapping with the keys 'version' and 'actions'."),
        ("- version: 5", "project.yaml must be a mapping with the keys 'version' and 'actions'."),
        ("actions: {}", "The key 'version' is missing; the latest version is 5."),
        ("version:\nactions: {}", "The key 'version' is missing; the latest version is 5."),
        ("version: 6\nactions: {}", f"The version 6 {VERSIONS}"),
        ("version: 0\nactions: {}", f"The version 0 {VERSIONS}"),
        ("version: -1\nactions: {}", f"The version -1 {VERSIONS}"),
        ("version: yes\nactions: {}", f"The version True {VERSIONS}"),
        ("version: five\nactions: {}", f"The version 'five' {VERSIONS}"),
        ("version: .nan\nactions: {}", f"The version nan {VERSIONS}"),
        ("version: .inf\nactions: {}", f"The version inf {VERSIONS}"),
        ("version: [5]\nactions: {}", f"The version [5] {VERSIONS}"),
        (f"version: 1{'0' * 400}\nactions: {{}}", f"The version 1{'0' * 400} {VERSIONS}"),
        (
            "version: 5\naction: {}\nactions: {}",
            "'action' is not a key of project.yaml; did you mean 'actions'?",
        ),
        ("version: 5\nxyz: {}\nactions: {}", "'xyz' is not a key of project.yaml."),
        ("version: 5", "The key 'actions' must be a mapping of names to actions."),
        ("version: 5\nactions: [make]", "The key 'actions' must be a mapping of names to actions."),
        ("version: 3\nactions: {}", "Version 3 needs 'expectations' with a 'population_size'."),
        (
            "version: 3\nexpectations: 9\nactions: {}",
            "Version 3 needs 'expectations' with a 'population_size'.",
        ),
        (
            "version: 3\nexpectations: {}\nactions: {}",
            "'population_size' in 'expectations' must be a whole number.",
        ),
        (
            "version: 3\nexpectations: {population_size: many}\nactions: {}",
            "'population_size' in 'expectations' must be a whole number.",
        ),
        (
            "version: 3\nexpectations: {population_size: .inf}\nactions: {}",
            "'population_size' in 'expectations' must be a whole number.",
        ),
        (
            "version: 3\nexpectations: {population_size: 9, size: 1}\nactions: {}",
            "'size' is not a key of 'expectations'.",
        ),
        (
            "version: 4\nexpectations: {population_size: 9}\nactions: {}",
            "The key 'expectations' is not allowed from version 4 on.",
        ),
    ],
)
def test_the_document(text: str, sentence: str) -> None:
    assert problems(text) == (sentence,)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"run": None}, f"The action 'make' {EXAMPLE}"),
        ({"run": "' '"}, f"The action 'make' {EXAMPLE}"),
        ({"run": "[python]"}, f"The action 'make' {EXAMPLE}"),
        ({"run": "5"}, f"The action 'make' {EXAMPLE}"),
        (
            {"run": "python a.py"},
            "The action 'make' must name an image with a tag in 'run', as in 'python:v2'.",
        ),
        (
            {"run": "'python: a.py'"},
            "The action 'make' must name an image with a tag in 'run', as in 'python:v2'.",
        ),
        (
            {"run": "':v2 a.py'"},
            "The action 'make' must name an image with a tag in 'run', as in 'python:v2'.",
        ),
        (
            {"run": "python:3.11 a.py"},
            "The action 'make' has the tag '3.11' in 'run'; a tag looks like v2, v2.1 or v2-pre.",
        ),
        (
            {"run": "python:v2:v3 a.py"},
            "The action 'make' has the tag 'v2:v3' in 'run'; a tag looks like v2, v2.1 or v2-pre.",
        ),
        (
            {"run": "python:latest a.py"},
            "The action 'make' uses the tag 'latest' in 'run'; name a version, as in 'v2'.",
        ),
        (
            {"run": "cohortextractor:v2 x"},
            "The action 'make' uses cohortextractor, which version 4 and later do not allow; "
            "use ehrql.",
        ),
        (
            {"run": '''"python:v2 'a"'''},
            "The action 'make' has a 'run' whose quotes are not closed.",
        ),
        ({"needs": "other"}, "The 'needs' of the action 'make' must be a list of action names."),
        ({"needs": "[1]"}, "The 'needs' of the action 'make' must be a list of action names."),
        ({"needs": "[a b]"}, "The action 'make' needs 'a b'; separate the names with commas."),
        ({"needs": "[xyz]"}, "The action 'make' needs 'xyz', which is not an action of this file."),
        ({"needs": "[make]"}, "The actions form a cycle: make -> make."),
        ({"config": "[1]"}, "The 'config' of the action 'make' must be a mapping."),
        ({"config": "text"}, "The 'config' of the action 'make' must be a mapping."),
        (
            {"config": "{2026-01-01: 1}"},
            "The 'config' of the action 'make' contains a date or another value that JSON "
            "cannot express; put it in quotes.",
        ),
        ({"dummy_data_file": "[a]"}, "The 'dummy_data_file' of the action 'make' must be a path."),
        ({"outputs": None}, f"The action 'make' needs 'outputs' with at least one of {LEVELS}."),
        ({"outputs": "{}"}, f"The action 'make' needs 'outputs' with at least one of {LEVELS}."),
        (
            {"outputs": "[a.csv]"},
            f"The action 'make' needs 'outputs' with at least one of {LEVELS}.",
        ),
        (
            {"outputs": "{high_sensitive: {a: a.csv}}"},
            "The action 'make' has an unknown privacy level 'high_sensitive'; did you mean "
            "'highly_sensitive'?",
        ),
        ({"outputs": "{zzz: {a: a.csv}}"}, "The action 'make' has an unknown privacy level 'zzz'."),
        (
            {"outputs": "{highly_sensitive: a.csv}"},
            "The 'highly_sensitive' outputs of the action 'make' must map names to file patterns.",
        ),
        (
            {"outputs": "{highly_sensitive: {}}"},
            "The 'highly_sensitive' outputs of the action 'make' must map names to file patterns.",
        ),
        (
            {"outputs": "{highly_sensitive: {a: 5}}"},
            "The action 'make' has the output '5', which is not allowed: it is not a string.",
        ),
        (
            {"outputs": "{highly_sensitive: {a: ''}}"},
            "The action 'make' has the output '', which is not allowed: it is not a string.",
        ),
        (
            {"outputs": "{highly_sensitive: {a: a.csv, b: a.csv}}"},
            "The output 'a.csv' is declared more than once, by 'make'.",
        ),
        ({"output": "1"}, "The action 'make' has an unknown key 'output'; did you mean 'outputs'?"),
        ({"zzz": "1"}, "The action 'make' has an unknown key 'zzz'."),
    ],
)
def test_one_action(keys: dict[str, str | None], sentence: str) -> None:
    assert problems(action(**keys)) == (sentence,)
    assert parse_project(action()).actions  # the control


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("make", True), ("make_2-a", True), ("_", True), ("'1'", True), ("a.b", True),
        ("'a b'", False), (".a", False), ("a/b", False), ("'é'", False), ("''", False),
        ('"a\\n"', False),
    ],
)  # fmt: skip
def test_names_of_actions(name: str, good: bool) -> None:
    if good:
        assert len(parse_project(action(name=name)).actions) == 1
    else:
        (found,) = problems(action(name=name))
        assert found.startswith("The action name '")
        assert "' may contain only letters, digits, '_', '-' and" in found


@pytest.mark.parametrize("name", ["2020", "1.5", "true", "null"])
def test_a_name_that_yaml_reads_as_something_else_is_to_be_quoted(name: str) -> None:
    (found,) = problems(action(name=name))
    assert "is not a string in YAML; put it in quotes" in found
    assert parse_project(action(name=f"'{name}'")).actions


@pytest.mark.parametrize("key", ["needs", "config", "dummy_data_file"])
def test_a_key_without_a_value_counts_as_left_out(key: str) -> None:
    empty = {key: ""}
    assert parse_project(action(**empty)).actions == parse_project(action()).actions


def test_a_level_without_a_value_counts_as_left_out() -> None:
    outputs = "{highly_sensitive: {a: a.csv}, moderately_sensitive: }"
    assert len(parse_project(action(outputs=outputs)).actions["make"].outputs) == 1
    (found,) = problems(action(outputs="{highly_sensitive: }"))
    assert "needs 'outputs' with at least one of" in found


@pytest.mark.parametrize("body", ["1", "[run]", "text", ""])
def test_an_action_is_a_mapping(body: str) -> None:
    found = problems(f"version: 5\nactions:\n  make: {body}\n")
    assert found == ("The action 'make' must be a mapping with 'run' and 'outputs'.",)


@pytest.mark.parametrize("version", ["1", "2", "3", "4", "5"])
def test_run_all_is_a_name_for_all(version: str) -> None:
    text = action(version=version, name="run_all")
    if version == "3":
        text += "expectations: {population_size: 1}\n"
    sentence = "An action may not be named 'run_all': that name means all actions."
    if version == "5":
        assert problems(text) == (sentence,)
    else:
        project = parse_project(text)
        assert sentence in project.warnings
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
    starts = [sentence.split(" ")[:3] for sentence in problems(text)]
    assert starts == [
        ["'title'", "is", "not"],
        ["The", "version", "7"],
        ["The", "action", "'one'"],
        ["The", "actions", "'two',"],
        ["The", "output", "'a.csv'"],
        ["The", "action", "'two'"],
    ]


def test_the_text_of_the_error_is_a_line_for_each_problem() -> None:
    with pytest.raises(ProjectError) as caught:
        parse_project("title: x\nversion: 5\n")
    assert str(caught.value).splitlines() == list(caught.value.problems)
    assert len(caught.value.problems) == 2


def test_a_requested_action_that_is_not_there_is_named_with_the_nearest() -> None:
    project = parse_project(action())
    with pytest.raises(ProjectError) as caught:
        project.expand(["mak", "zzz", "make"])
    assert caught.value.problems == (
        "There is no action 'mak' in project.yaml; did you mean 'make'?",
        "There is no action 'zzz' in project.yaml.",
    )
