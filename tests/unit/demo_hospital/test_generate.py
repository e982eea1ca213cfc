"""The synthetic hospital: the same rows each time, in the shapes that a backend maps."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "roles/demo_hospital/files/generate.py"
SPEC = importlib.util.spec_from_file_location("generate", SOURCE)
assert SPEC
assert SPEC.loader
generate: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)
PATIENTS = 400


def tables(seed: int = 1) -> dict[str, list[list[str]]]:
    """Return the rows of a small hospital by table."""
    found: dict[str, list[list[str]]] = {}
    table = ""
    for line in generate.script(seed, PATIENTS):
        if line.startswith("copy hosp."):
            table = line.split()[1].removeprefix("hosp.")
            found[table] = []
        elif line == "\\.\n":
            table = ""
        elif table:
            found[table].append(line.rstrip("\n").split("\t"))
    return found


@pytest.fixture(scope="module")
def hospital() -> dict[str, list[list[str]]]:
    """A small hospital."""
    return tables()


def test_a_seed_makes_the_same_rows_again(hospital: dict[str, list[list[str]]]) -> None:
    assert tables() == hospital
    assert tables(seed=2) != hospital


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("person", 4),
        ("registration", 5),
        ("observation", 4),
        ("prescription", 3),
        ("death_certificate", 8),
        ("opt_out", 1),
    ],
)
def test_rows_have_the_columns_of_their_table(
    hospital: dict[str, list[list[str]]], table: str, columns: int
) -> None:
    assert hospital[table]
    assert {len(row) for row in hospital[table]} == {columns}


def test_every_row_belongs_to_a_person(hospital: dict[str, list[list[str]]]) -> None:
    keys = {row[0] for row in hospital["person"]}
    assert len(keys) == PATIENTS
    for table in ("registration", "observation", "prescription", "opt_out"):
        assert {row[0] for row in hospital[table]} <= keys


def test_the_traps_are_there(hospital: dict[str, list[list[str]]]) -> None:
    assert "9999-12-31" in {row[3] for row in hospital["person"]}
    assert "9999-12-31" in {row[3] for row in hospital["registration"]}
    assert {row[1] for row in hospital["registration"]} == {"regular", "temporary"}
    people = [row[1] for row in hospital["death_certificate"]]
    assert len(people) > len(set(people))


def test_nothing_is_recorded_after_death(hospital: dict[str, list[list[str]]]) -> None:
    died = {row[0]: row[3] for row in hospital["person"]}
    assert all(row[1][:10] <= died[row[0]] for row in hospital["observation"])
    assert all(row[1] <= died[row[0]] for row in hospital["prescription"])
    assert all(row[2] <= row[3] for row in hospital["registration"])


def test_the_full_size_has_a_million_events(hospital: dict[str, list[list[str]]]) -> None:
    assert len(hospital["observation"]) / PATIENTS * 50_000 > 1_000_000
