"""Dummy data: what queries and files make of it (DUM-08, DUM-09, DUM-10)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engines.properties import equal
from tests.unit.data_builder.dummy_rig import (
    MEASURES,
    SIZE,
    answer,
    made,
    measured,
    of,
)
from tests.unit.data_builder.dummy_studies import planned
from tests.unit.data_builder.studies import DEFINITION

from sallyport_data_builder import cli, local
from sallyport_data_builder.dummy.generator import Generator
from sallyport_data_builder.io import outputs
from sallyport_data_builder.memory.engine import Engine
from sallyport_data_builder.memory.measures import results as reference_measures
from sallyport_data_builder.model.tables import physical_name

pytestmark = pytest.mark.live


@pytest.mark.parametrize("name", ["outcome", "vaccinated", "waiting"])
def test_dum_08_the_query_answers_as_the_reference_engine_does(name: str) -> None:
    plan = planned(name, SIZE)
    rows = answer(plan, Generator(plan).read)
    expected = Engine(of(plan, made(name)), plan.dataset).results()
    assert len(rows) == len(expected) == SIZE
    assert equal(rows, [tuple(row.values()) for row in expected])


@pytest.mark.parametrize("name", MEASURES)
def test_dum_08_measures_answer_as_the_reference_engine_does(name: str) -> None:
    plan = planned(name, SIZE)
    expected = reference_measures(of(plan, made(name)), plan.measures)
    assert measured(plan) == expected


@pytest.mark.parametrize(("name", "extension"), [("infants", ".csv"), ("vaccinated", ".parquet")])
def test_dum_09_tables_that_are_fed_back_give_the_same_rows(
    name: str, extension: str, tmp_path: Path
) -> None:
    plan = planned(name, 25)
    generator = Generator(plan)
    tables = generator.tables()
    target = f"{tmp_path}:{extension[1:]}"
    outputs.write_all(target, [(table, generator.read(table)) for table in tables])
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == sorted(f"{physical_name(node)}{extension}" for node in plan.tables())
    assert answer(plan, local.of_folder(tmp_path)) == answer(plan, generator.read)


def test_dum_09_a_table_has_the_columns_that_are_used() -> None:
    found = {table.name: table.names for table in Generator(planned("matched", 1)).tables()}
    assert found == {
        "patients": ("patient_id", "date_of_birth"),
        "medications": ("patient_id", "date", "dmd_code"),
    }


@pytest.mark.usefixtures("study")
def test_dum_09_a_table_that_was_changed_is_told_by_file_row_and_column(
    capfd: pytest.CaptureFixture[str],
) -> None:
    words = ["generate-dataset", "analysis/dataset.py", "--dummy-tables", "tables"]
    Path("tables").mkdir()
    for sex, code in (("canary", 11), ("male", 0)):
        Path("tables/patients.csv").write_text(f"patient_id,sex,date_of_death\n1,{sex},\n")
        assert cli.main(words) == code
        assert ("patients.csv, row 1, column sex" in capfd.readouterr().err) is (code == 11)


WRONG_FILES = {
    "patient_id,sexx,died\n1,male,\n": "no column sex",
    "patient_id,sex,died\n1,male,soon\n": "row 1, column died",
    "patient_id,sex,died\n1,other,\n": "row 1, column sex: one of female",
    "patient_id,sex,died\n,male,\n": "row 1, column patient_id",
}


@pytest.mark.usefixtures("study")
def test_dum_10_names_types_and_categories_of_a_file_are_checked(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Values are not: a death long ago, a patient who is in no population."""
    Path("analysis/dataset.py").write_text(DEFINITION)
    words = ["generate-dataset", "analysis/dataset.py", "--dummy-data-file", "dummy.csv"]
    for text, told in WRONG_FILES.items():
        Path("dummy.csv").write_text(text)
        assert cli.main([*words, "--output", "a.arrow"]) == 11
        assert told in capfd.readouterr().err
        assert not Path("a.arrow").exists()
    Path("dummy.csv").write_text("died,sex,patient_id,more\n1066-10-14,intersex,-5,x\n")
    assert cli.main([*words, "--output", "a.arrow"]) == 0
    assert Path("a.arrow").exists()
