"""The threat table: each claim names a test that exists and a mutant that breaks it."""

from __future__ import annotations

import re
import tomllib

import pytest
from repository import ROOT

ROW = re.compile(
    r"^\| (?P<claim>[^|]+) \| `(?P<test>[^`|]+)` \| (?P<broken>[^|]+) \|$", re.MULTILINE
)
README_ROW = re.compile(r"^\| (?P<claim>[^|]+) \| `(?P<test>tests/[^`|]+)` \|$", re.MULTILINE)
MUTANTS = tomllib.loads((ROOT / "tests/mutants.toml").read_text())["mutant"]


def rows() -> list[dict[str, str]]:
    """Return the rows of the threat table."""
    page = (ROOT / "docs/threats.md").read_text(encoding="utf-8")
    return [match.groupdict() for match in ROW.finditer(page)]


def test_the_table_is_found() -> None:
    assert len(rows()) >= 5


def test_the_readme_shows_five_rows_of_the_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = README_ROW.findall(readme)
    assert len(shown) == 5
    assert set(shown) <= {(row["claim"], row["test"]) for row in rows()}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["claim"])
def test_each_claim_names_an_existing_test(row: dict[str, str]) -> None:
    path, _, name = row["test"].partition("::")
    assert f"def {name.rpartition('::')[2]}(" in (ROOT / path).read_text(encoding="utf-8")


def test_each_claim_has_its_mutant_and_the_reverse() -> None:
    assert {(row["claim"], row["test"]) for row in rows()} == {
        (mutant["claim"], mutant["test"]) for mutant in MUTANTS
    }


@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if "file" in mutant], ids=lambda mutant: mutant["claim"]
)
def test_what_a_mutant_replaces_is_there_once(mutant: dict[str, str]) -> None:
    assert (ROOT / mutant["file"]).read_text(encoding="utf-8").count(mutant["replace"]) == 1
