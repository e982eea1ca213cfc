"""Every rule id of the data builder is explained on its page, and every explained id is used."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from repository import ROOT

HOME = ROOT / "files/data_builder/src/sallyport_data_builder/rules.toml"
KINDS = tomllib.loads(HOME.read_text(encoding="utf-8"))
RULES = {name: text for items in KINDS.values() for name, text in items.items() if name != "title"}
FOLDERS = (
    "files/data_builder/src",
    "tests/unit/data_builder",
    "tests/engines",
    "tests/bench/data_builder",
)
WORDS = "|".join(KINDS)
ID = re.compile(rf"\b((?:{WORDS})-(?:\d\d|[A-Z]\d))\b")
IN_TESTS = re.compile(rf"_({WORDS.lower()})_(\d\d)(?:_and_(\d\d))?_")
OUTSIDE = re.compile(r"\bdata-access\b|[a-z] \(\d{1,2}\.\d\)[.:;]")


def ids(text: str) -> set[str]:
    """Return the rule ids that a file names, also in names of tests such as `test_pln_08_x`."""
    named = {
        f"{kind.upper()}-{number}"
        for kind, *numbers in IN_TESTS.findall(text)
        for number in numbers
        if number
    }
    return named | set(ID.findall(text))


SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def test_ids_are_found_in_texts_and_in_names_of_tests() -> None:
    text = "def test_pln_06_and_07_x() -> None: ...  # CHK-R2, SEM-01; not ICD-10 or UTF-16"
    assert ids(text) == {"PLN-06", "PLN-07", "CHK-R2", "SEM-01"}


@pytest.mark.parametrize("path", [*SOURCES, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_id_that_is_named_is_explained(path: Path) -> None:
    assert ids(path.read_text(encoding="utf-8")) - RULES.keys() == set()


def test_every_id_that_is_explained_is_used() -> None:
    used = {name for path in SOURCES for name in ids(path.read_text(encoding="utf-8"))}
    assert RULES.keys() - used == set()
    assert len(RULES) > 100


def test_a_rule_is_one_or_more_sentences() -> None:
    assert [name for name, text in RULES.items() if not re.match(r"^[A-Z`].{20,}\.$", text)] == []
    assert [name for kind in KINDS for name in KINDS[kind] if not name.startswith(kind)] == [
        "title"
    ] * len(KINDS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_points_to_a_page_outside_the_repository(path: Path) -> None:
    assert OUTSIDE.findall(path.read_text(encoding="utf-8")) == []
