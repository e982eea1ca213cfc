"""A project.yaml is read, or every problem in it is named in one sentence each."""

from __future__ import annotations

import pytest
from tests.unit.study.texts import action, problems

from sallyport_common.outputs import PrivacyLevel
from sallyport_study import ProjectError, parse_project
from sallyport_study.catalogue import DEFAULT

GOOD = """
version: 5
actions:
  extract:
    run: ehrql:v1 generate-dataset analysis/d.py --output output/d.csv.gz
    outputs: {highly_sensitive: {data: output/d.csv.gz}}
  table:
    run: python:v2 analysis/table.py "two words"
    needs: [extract]
    config: {name: it's}
    outputs:
      moderately_sensitive: {table: output/table*.csv}
      highly_sensitive: {raw: output/raw.csv}
"""


def test_a_good_project_tells_what_runs_where() -> None:
    project = parse_project(GOOD)
    extract, table = project.actions["extract"], project.actions["table"]
    assert DEFAULT.queries_database(extract.words)
    assert not DEFAULT.queries_database(table.words)
    assert (table.image, table.tag) == ("python", "v2")
    assert table.arguments[1:] == ["two words", "--config", '{"name": "it\\u0027s"}']
    assert table.patterns == {
        "output/table*.csv": PrivacyLevel.MODERATE,
        "output/raw.csv": PrivacyLevel.HIGH,
    }
    assert project.order(["table"]) == ["extract", "table"]
    assert project.expand(["run_all"]) == ["extract", "table"]
    assert project.warnings == ()


def test_an_unknown_need_names_action_name_and_nearest_match() -> None:
    assert problems(GOOD.replace("[extract]", "[exract]")) == (
        "The action 'table' needs 'exract', which is not an action of this file; "
        "did you mean 'extract'?",
    )


def test_an_unknown_requested_action_names_the_nearest_match() -> None:
    with pytest.raises(ProjectError, match=r"no action 'tabel'.*did you mean 'table'"):
        parse_project(GOOD).order(["tabel"])


def test_every_problem_is_reported_at_once() -> None:
    text = """
version: 9
extra: 1
actions:
  "bad name": {run: "python:v2 a", outputs: {highly_sensitive: {a: a.csv}}}
  one: {run: python, outputs: {highly_sensitive: {a: ../a.csv}}}
  two: {run: "python:v2 b", outputs: {secret: {a: b.csv}}, needs: one}
"""
    found = problems(text)
    for part in (
        "'extra'",
        "version '9'",
        "bad name",
        "action 'one' begins",
        "'../a.csv'",
        "'secret'",
    ):
        assert any(part in problem for problem in found), part
    assert any("'needs' of the action 'two'" in problem for problem in found)


@pytest.mark.parametrize(
    ("run", "part"),
    [
        ("python", "has no version"),
        ("python:3", "'python:v3'"),
        ("python:latest a", "latest"),
        ("""python:v2 "a""", "quotation mark"),
        ("cohortextractor:v1 generate_cohort", "cohortextractor"),
        ("ehrql:v1 generate-dataset d.py", "--output"),
        ("ehrql:v1 generate-dataset d.py --output b.csv", "'b.csv'"),
        ("ehrql:v1 generate-measures d.py --output o:csv", "'o/*.csv'"),
    ],
)
def test_bad_runs_are_refused(run: str, part: str) -> None:
    (found,) = problems(action(run=f"'{run}'"))
    assert part in found


@pytest.mark.parametrize("version", ["1", "2", "3", '"3"', "3.0", "3.5", "4", "5"])
@pytest.mark.parametrize("expectations", [False, True])
def test_expectations_follow_the_version(version: str, expectations: bool) -> None:
    block = "expectations: {population_size: 10}\n" if expectations else ""
    text = f"version: {version}\n{block}actions: {{}}\n"
    number = float(version.strip('"'))
    good = expectations if number == 3 else (not expectations or number < 4)
    if good:
        assert parse_project(text).actions == {}
    else:
        assert "expectations" in problems(text)[0]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty"),
        ("- a", "is a list"),
        ("version: 5\nactions:\n  a: 1\n  a: 2\n", "4, column 3: 'a' appears twice"),
        ("version: 5\nactions: {}\n", ""),
        ("version: [", "line 1, column 10: The bracket [ that begins here"),
        ("a: &a [*a]", "contains it"),
        ("[" * 5000, "nest"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n"
            for n in range(8)
        ), "larger"),
        ("version: 2026-01-01\nactions: {}", "does not exist"),
        ("actions: {}", "'version' is missing"),
        ("version: 5", "'actions:' is missing"),
        ("version: 5\nactions: {}\n<<: 5\n", "line 3, column 5"),
        ("version: 5\nactions: {[a]: 5}\n", "name of an action is missing"),
        (action(config="{a: 2026-01-01}"), "in quotes"),
    ],
)  # fmt: skip
def test_broken_documents_are_answered_with_a_sentence(text: str, part: str) -> None:
    if not part:
        assert parse_project(text)
        return
    with pytest.raises(ProjectError) as caught:
        parse_project(text)
    assert any(part in problem for problem in caught.value.problems), caught.value.problems


def test_duplicates_between_actions() -> None:
    text = """
version: {version}
actions:
  a: {{run: "python:v2 a", outputs: {{highly_sensitive: {{a: a.csv}}}}}}
  b: {{run: "python:v2 {b}", outputs: {{highly_sensitive: {{a: a.csv}}}}}}
"""
    assert "'a' and 'b' have the same 'run'" in problems(text.format(version=1, b="a"))[0]
    assert parse_project(text.format(version=1, b="b"))
    assert "more than once, in 'a' and 'b'" in problems(text.format(version=2, b="b"))[0]


SMALL = (
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
    for at in range(0, len(SMALL), 2):
        try:
            parse_project(SMALL[:at] + part + SMALL[at + 1 :])
        except ProjectError:  # anything else is a fault of ours
            refused += 1
    assert refused
    assert parse_project(SMALL)
