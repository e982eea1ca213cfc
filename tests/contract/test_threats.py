"""README's threat section: each claim names a test that exists and a mutant that breaks it."""

from __future__ import annotations

import re
import tomllib

import pytest
from repository import ROOT

ROW = re.compile(
    r"^\| (?P<claim>[^|]+) \| `(?P<test>[^`|]+)` \| (?P<broken>[^|]+) \|$", re.MULTILINE
)
MUTANTS = tomllib.loads((ROOT / "tests/mutants.toml").read_text())["mutant"]


def rows() -> list[dict[str, str]]:
    """Return the rows of the threat table."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Threats")[2]
    return [match.groupdict() for match in ROW.finditer(section.partition("\n## ")[0])]


def test_the_table_is_found() -> None:
    assert len(rows()) >= 5


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
