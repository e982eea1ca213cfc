"""The page of the query language: its tables are current, and every test that it names exists."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from tests.unit.data_builder.cases.constructs import LEVELS, LISTS, PAGE, RULES, rendered
from tests.unit.data_builder.cases.every import BY_NAME, CASES

import sallyport_data_builder.lang as language
from sallyport_data_builder.lang import tables
from sallyport_data_builder.lang.methods import METHODS
from sallyport_data_builder.schemas import reader
from sallyport_data_builder.schemas.types import ALL_TYPES

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
FUNCTIONS = set(
    re.findall(
        r"^def (test_\w+)",
        "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py")),
        re.MULTILINE,
    )
)
NAMED = sorted(
    {name for listed in LEVELS.values() for names in listed.values() for name in names}
    | {name for names in RULES.values() for name in names}
)


def test_the_tables_are_current() -> None:
    assert rendered(TEXT) == TEXT, "run python -m tests.unit.data_builder.cases.constructs"


@pytest.mark.parametrize("name", NAMED)
def test_every_named_test_exists(name: str) -> None:
    assert name in FUNCTIONS or any(name in listed for listed in LISTS.values())


def test_every_rule_has_a_case() -> None:
    lacking = [
        rule
        for rule in (f"SEM-{number:02}" for number in range(1, 23))
        if rule not in RULES and not any(name.startswith(rule) for name in BY_NAME)
    ]
    assert lacking == []
    assert len(BY_NAME) == len(CASES) >= 250


def test_every_name_of_the_language_is_on_the_page() -> None:
    for name in (*language.__all__, *tables.__all__):
        assert f"`{name}`" in TEXT


def test_every_key_of_a_schema_is_on_the_page() -> None:
    keys = reader.TABLE_KEYS | {field.name for field in dataclasses.fields(reader.ColumnSpec)}
    for name in (*keys, *reader.RANGE_KEYS, *ALL_TYPES, *METHODS):
        assert f"`{name}`" in TEXT
