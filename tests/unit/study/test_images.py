"""What a `run` string asks for: words, tags, access to the database."""

from __future__ import annotations

import itertools
import json
import shlex

import pytest
from tests.unit.study.texts import OUTPUTS, action, problems

from sallyport_common.outputs import PrivacyLevel
from sallyport_study import Action, parse_project
from sallyport_study.catalogue import DEFAULT
from sallyport_study.images import is_tag, option_value, queries_database


def only(text: str) -> Action:
    """Return the one action of a file."""
    (found,) = parse_project(text).actions.values()
    return found


@pytest.mark.parametrize(
    ("tag", "good"),
    [
        ("v1", True), ("v1.2.3", True), ("v2-pre", True), ("v1.0-pre", True), ("dev", True),
        ("latest", True), ("1", False), ("v", False), ("v2-rc", False), ("v2-prerelease", False),
        ("devel", False), ("V2", False), ("v2 ", False), ("v2\n", False), ("main", False),
        ("v2@sha256:00", False),
    ],
)  # fmt: skip
def test_tags(tag: str, good: bool) -> None:
    assert is_tag(tag) == good


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("ehrql:v1 generate-dataset d.py --output a.csv", True),
        ("ehrql:v1 generate_dataset d.py --output a.csv", True),
        ("ehrql:v1 generate-measures m.py --output a.csv", True),
        ("ehrql:v1 create-dummy-tables d.py", False),
        ("ehrql:v1", False),
        ("databuilder:v1 generate-dataset d.py --output a.csv", True),
        ("databuilder:v1 generate-measures d.py --output a.csv", True),
        ("sqlrunner:v1 q.sql", True),
        ("sqlrunner:v1", True),
        ("cohortextractor-v2:v1 generate_cohort", True),
        ("cohortextractor-v2:v1 generate_dataset", True),
        ("cohortextractor-v2:v1 generate-dataset", False),
        ("python:v2 generate-dataset", False),
        ("python:v2 sqlrunner", False),
        ("r:v1 x.R", False),
        ("jupyter:v1", False),
        ("stata-mp:v1 x.do", False),
        ("my-action:v1 generate-dataset", False),
    ],
)
def test_who_may_query_the_database(run: str, expected: bool) -> None:
    found = only(action(run=run))
    assert DEFAULT.queries_database(found.words) == expected


@pytest.mark.parametrize("command", ["generate_cohort", "generate_codelist_report", "measures"])
def test_the_old_extractor_queries_too_where_it_is_allowed(command: str) -> None:
    assert queries_database("cohortextractor", [command]) == (command != "measures")
    text = action(version="2", run=f"cohortextractor:v1 {command}")
    assert DEFAULT.queries_database(only(text).words) == (command != "measures")
    assert "use ehrql" in problems(text.replace("version: 2", "version: 5"))[0]


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--output", "a"], "a"),
        (["--output=a"], "a"),
        (["--output=a=b"], "a=b"),
        (["--output="], ""),
        (["--output"], None),
        (["--outputs", "a"], None),
        (["--out", "a"], None),
        ([], None),
        (["x", "--output", "a", "--output", "b"], "a"),
    ],
)
def test_values_of_options(words: list[str], value: str | None) -> None:
    assert option_value(words, "--output") == value


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("{a: 1}", '{"a": 1}'),
        ("{a: [1, two], b: null}", '{"a": [1, "two"], "b": null}'),
        ('{name: "it\'s"}', '{"name": "it\\u0027s"}'),
        ("{a: ä}", '{"a": "\\u00e4"}'),
    ],
)
def test_a_configuration_is_handed_over_as_json(config: str, text: str) -> None:
    found = only(action(config=config))
    assert found.words == ["python:v2", "a.py", "--config", text]
    assert json.loads(found.words[-1]) == found.config
    assert shlex.split(found.run_command) == found.words
    assert only(action(config="{}")).words == ["python:v2", "a.py"]


def test_of_two_levels_the_more_sensitive_one_counts() -> None:
    text = action(
        version="1",
        outputs="{minimally_sensitive: {a: a.csv, b: b.csv}, moderately_sensitive: {a: a.csv, "
        "c: c.csv}, highly_sensitive: {c: c.csv}}",
    )
    assert only(text).patterns == {
        "a.csv": PrivacyLevel.MODERATE,
        "b.csv": PrivacyLevel.MINIMAL,
        "c.csv": PrivacyLevel.HIGH,
    }


def test_commands_survive_being_shown_and_read_again() -> None:
    for letters in itertools.product("a \"'$`|\\é{#", repeat=2):
        words = ["".join(letters), *letters, ""]
        run = shlex.join(["python:v2", *words])
        found = only(action(run=json.dumps(run, ensure_ascii=False), outputs=OUTPUTS))
        assert found.words == ["python:v2", *words]
        assert shlex.split(found.run_command) == found.words
