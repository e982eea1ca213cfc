"""The command `dump-example-data`, and what its tables hold."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.unit.data_builder.studies import DEFINITION

from sallyport_data_builder import cli, local, schemas
from sallyport_data_builder.model.tables import schema_table

pytestmark = pytest.mark.live

DATASET = Path("analysis/dataset.py")
CORE = schemas.load("core").tables


@pytest.mark.usefixtures("study")
def test_example_data_is_written_with_a_file_per_table_of_the_core_schema() -> None:
    assert cli.main(["dump-example-data"]) == 0
    assert cli.main(["dump_example_data", "-d", "some/where"]) == 0
    for folder in ("example-data", "some/where"):
        names = sorted(path.name for path in Path(folder).iterdir())
        assert names == sorted(f"{name}.csv" for name in CORE)
    for path in Path("example-data").iterdir():
        assert path.read_bytes() == Path("some/where", path.name).read_bytes()
        assert path.read_bytes().count(b"\n") < 60


@pytest.mark.usefixtures("study")
def test_example_data_is_not_written_over_a_file(capfd: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("")
    assert cli.main(["dump-example-data", "-d", "taken"]) == 2
    assert "-d taken: there is a file of that name; name a folder." in capfd.readouterr().err
    Path("taken").unlink()
    assert cli.main(["dump-example-data", "-d", "taken"]) == 0


@pytest.mark.usefixtures("study")
def test_example_data_keeps_the_rules_of_the_schema() -> None:
    assert cli.main(["dump-example-data"]) == 0
    read, everybody = local.of_folder(Path("example-data")), set[int]()
    for name, spec in CORE.items():
        table = local.table_of(schema_table("core", name), list(spec.columns))
        rows = [row for batch in read(table) for row in batch.to_pylist()]
        found = [row["patient_id"] for row in rows]
        everybody |= set(found) if name == "patients" else set()
        assert set(found) <= everybody
        assert spec.rows == "many" or len(set(found)) == len(found)
        assert any(None in row.values() for row in rows)
        for column, rule in spec.columns.items():
            values = [row[column] for row in rows]
            assert set(rule.categories) <= set(values)
            assert not (rule.not_null and None in values)
            assert not rule.first_of_month or {value.day for value in values} == {1}
            for earlier in rule.after:
                assert all(row[column] is None or row[earlier] <= row[column] for row in rows)
    assert len(everybody) == 20


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("option", ["--dummy-tables", "--dsn"])
def test_example_data_is_taken_in_place_of_a_database(option: str) -> None:
    more = (
        "from ehrql.tables.core import medications\ndataset.n = medications.count_for_patient()\n"
    )
    DATASET.write_text(DEFINITION + more)
    assert cli.main(["dump-example-data"]) == 0
    words = ["generate-dataset", str(DATASET), "--output", "a.csv", option, "example-data"]
    assert cli.main(words) == 0
    with Path("a.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["n"] for row in rows[:4]] == ["0", "0", "5", "0"]
    assert rows[0]["died"] == "2021-01-17"


@pytest.mark.usefixtures("study")
def test_example_data_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    DATASET.write_text(f"{DEFINITION}from ehrql import show\nshow(patients, head=1)\n")
    assert cli.main(["dump-example-data"]) == 0
    assert cli.main(["debug", str(DATASET), "--dummy-tables", "example-data"]) == 0
    assert "1          | 1931-05-01    | female | 2021-01-17\n" in capfd.readouterr().out
