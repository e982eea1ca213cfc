"""Each exit code has a test that causes it; none of them says a value of the data."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.data_builder.studies import DEFINITION, MEASURES, write_tables

from sallyport_data_builder import cli, commands
from sallyport_data_builder.sql import results
from sallyport_data_builder.sql.progress import Progress

pytestmark = pytest.mark.live

DATASET = Path("analysis/dataset.py")


@pytest.fixture(scope="module")
def kept() -> list[str]:
    """Keep the text of the plan: each test has the same study."""
    return []


@pytest.fixture
def execute(study: Path, kept: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return what runs the study's plan on the small database."""
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    if not kept:
        assert cli.main(["compile", str(DATASET), "--plan", "plan.json"]) == 0
        kept.append(Path("plan.json").read_text())
    Path("plan.json").write_text(kept[0])
    return lambda *words: cli.main(["execute", "plan.json", "--output", "a.csv", *words])


def remap(study: Path, old: str, new: str) -> None:
    """Change the backend's mapping file."""
    mapping = study / "backends/same.toml"
    text = mapping.read_text()
    assert old in text
    mapping.write_text(text.replace(old, new, 1))


def change(study: Path, statement: str) -> None:
    """Change the database."""
    with closing(sqlite3.connect(study / "data.sqlite3")) as database, database:
        database.execute(statement)


def test_0_for_success(execute: Callable[..., int]) -> None:
    assert execute() == 0
    assert Path("a.csv").read_text().count("\n") == 3


def test_1_for_a_bug_without_its_text(
    execute: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def broken(*_arguments: object) -> None:
        try:
            raise KeyError("canary of the cause")
        except KeyError as error:
            raise ValueError("canary") from error

    monkeypatch.setattr(commands, "execute", broken)
    assert execute() == 1
    told = capfd.readouterr().err
    assert "unforeseen: ValueError" in told
    assert "in broken" in told
    assert "canary" not in told


def test_2_for_arguments(execute: Callable[..., int]) -> None:
    assert execute("--output", "a.txt") == 2


def test_3_for_a_database_that_is_not_there_now(
    execute: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute("--dsn", "duckdb:///nowhere/at-all.duckdb") == 3
    assert "retry later" in capfd.readouterr().err


def test_4_for_a_missing_table_or_column(
    execute: Callable[..., int], study: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change(study, "alter table patients rename column sex to gender")
    assert execute() == 4
    assert "does not exist" in capfd.readouterr().err


def test_4_while_data_is_being_loaded(execute: Callable[..., int], study: Path) -> None:
    change(study, "create table loading as select 0 as busy")
    remap(study, "[tables", '[maintenance]\nsql = "select busy from loading"\n[tables')
    assert execute() == 0
    change(study, "update loading set busy = 1")
    assert execute() == 4


@pytest.mark.usefixtures("execute")
def test_whether_data_is_being_loaded_can_be_asked(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    change(study, "create table loading as select 1 as busy")
    for mapped in (False, True):
        if mapped:
            remap(study, "[tables", '[maintenance]\nsql = "select busy from loading"\n[tables')
        assert cli.main(["maintenance"]) == 0
        told.append(capsys.readouterr().out)
    change(study, "update loading set busy = 0")
    assert cli.main(["maintenance"]) == 0
    assert [*told, capsys.readouterr().out] == ["open\n", "db-maintenance\n", "open\n"]
    change(study, "drop table loading")
    assert cli.main(["maintenance"]) == 4


def test_5_for_a_statement_that_the_database_refuses(
    execute: Callable[..., int],
    study: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """LOG-01, LOG-04: the driver's message goes to the operator's log and nowhere else."""
    remap(study, 'sex = "sex"', 'sex = { sql = "json(sex)" }')
    monkeypatch.setenv("DATA_BUILDER_OPERATOR_LOG", str(study / "operator.log"))
    assert execute() == 5
    told = capfd.readouterr().err
    assert "malformed" not in told
    assert "The database rejected a statement. (" in told
    assert "SQLITE_ERROR" in told
    assert "malformed JSON" in (study / "operator.log").read_text()
    assert not Path("a.csv").exists()


def test_5_for_an_invalid_mapping(execute: Callable[..., int], study: Path) -> None:
    remap(study, "format = 1", "form = 1")
    assert execute() == 5


def test_5_for_a_value_outside_its_categories(
    execute: Callable[..., int], study: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute("--output", "a.arrow") == 0
    change(study, "update patients set sex = 'canary'")
    assert execute("--output", "b.arrow") == 5
    told = capfd.readouterr().err
    assert "The column sex has a value outside its categories, female, male" in told
    assert "canary" not in told
    assert not Path("b.arrow").exists()


def test_6_for_a_query_that_is_too_complex(
    execute: Callable[..., int], study: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deep = f"{'coalesce(null, ' * 1200}sex{')' * 1200}"
    remap(study, 'sex = "sex"', f'sex = {{ sql = "{deep}" }}')
    assert execute() == 6
    assert "too complex" in capfd.readouterr().err


BROKEN = {
    "mistake": ("patients.nothing", "analysis/dataset.py, line 8: dataset.more = patients.nothing"),
    "syntax": ("(", "dataset.py, line 8"),
    "exit": ("__import__('sys').exit(3)", "SystemExit: 3"),
    "hard exit": ("__import__('os')._exit(3)", "was stopped (code 3)"),
    "own exception": ("1 / 0", "ZeroDivisionError"),
    "environment": ("__import__('os').environ['OPENSAFELY_BACKEND']", "KeyError"),
}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", BROKEN)
def test_10_for_a_mistake_in_the_definition_with_its_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    code, message = BROKEN[name]
    DATASET.write_text(f"{DEFINITION}dataset.more = {code}\n")
    assert cli.main(["compile", str(DATASET), "--plan", "other.json"]) == 10
    told = capfd.readouterr().err
    assert message in told
    assert "sallyport_data_builder/" not in told
    assert not Path("other.json").exists()


@pytest.mark.usefixtures("execute")
def test_10_for_the_wrong_kind_of_definition(capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(["compile", "--plan", "b.json", "--command", "generate-measures", str(DATASET)])
        == 10
    )
    assert "no variable named measures" in capfd.readouterr().err
    assert cli.main(["execute", "plan.json", "--command", "generate-measures", str(DATASET)]) == 10
    assert "a plan of dataset; the action generates measures" in capfd.readouterr().err


@pytest.mark.usefixtures("study")
def test_11_for_a_data_file_with_its_row_and_column(capfd: pytest.CaptureFixture[str]) -> None:
    words = [
        "generate-dataset",
        str(DATASET),
        "--output",
        "a.csv",
        "--dummy-data-file",
        "dummy.csv",
    ]
    assert cli.main(words) == 11
    Path("dummy.csv").write_text("patient_id,sex,died\n1,canary,2020-01-01\n")
    assert cli.main(words) == 11
    told = capfd.readouterr().err
    assert "dummy.csv, row 1, column sex: one of female, male" in told
    assert "canary" not in told
    Path("dummy.csv").write_text("patient_id,sex,died\n1,male,2020-01-01\n")
    assert cli.main(words) == 0


@pytest.mark.usefixtures("study")
def test_11_for_tables_that_are_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["generate-dataset", str(DATASET), "--output", "a.csv", "--dummy-tables", "tables"]
    assert cli.main(words) == 11
    assert "There is no folder tables" in capfd.readouterr().err
    Path("tables").mkdir()
    assert cli.main(words) == 11
    assert "tables has no file for the table patients: patients.csv" in capfd.readouterr().err
    Path("tables").rmdir()
    write_tables("tables")
    assert cli.main(words) == 0


@pytest.mark.usefixtures("study")
def test_12_for_a_permission_that_dummy_data_needs_too(capfd: pytest.CaptureFixture[str]) -> None:
    """PLAN-05: a study says what it expects to have; dummy data asks no more than that."""
    more = "from ehrql.tables.tpp import appointments\n"
    more += "dataset.seen = appointments.exists_for_patient()\n"
    DATASET.write_text(DEFINITION + more)
    assert cli.main(["generate-dataset", str(DATASET)]) == 12
    assert capfd.readouterr().err.splitlines()[-1] == (
        "A permission is missing: tpp.appointments needs appointments. If your project has it, or "
        'asks for it, write claim_permissions("appointments") in the definition.'
    )
    more += "from ehrql import claim_permissions\nclaim_permissions('appointments')\n"
    DATASET.write_text(DEFINITION + more)
    assert cli.main(["generate-dataset", str(DATASET)]) == 0


ASSURED = """
from datetime import date
from dataset import dataset
from ehrql.tables.core import patients
test_data = {{
    1: {{
        patients: {{"sex": "male", "date_of_birth": date(1990, 1, 1)}},
        "expected_in_population": True,
        "expected_columns": {{"sex": "{sex}", "died": None}},
    }},
    2: {{"expected_in_population": {second}}},
}}
"""


@pytest.mark.usefixtures("study")
def test_13_for_an_assurance_test_that_fails(capfd: pytest.CaptureFixture[str]) -> None:
    test, words = Path("analysis/test_dataset.py"), ["generate-dataset", str(DATASET)]
    test.write_text(ASSURED.format(sex="male", second="False"))
    assert cli.main(["assure", str(test)]) == 0
    assert cli.main([*words, "--output", "a.csv", "--test-data-file", str(test)]) == 0
    test.write_text(ASSURED.format(sex="female", second="True"))
    assert cli.main([*words, "--output", "b.csv", "--test-data-file", str(test)]) == 13
    told = capfd.readouterr().err
    assert "patient 1, sex: 'male', and 'female' was expected" in told
    assert "patient 2 is not in the population, and the opposite was expected" in told
    assert not Path("b.csv").exists()


PUBLISHED = """
from dataset import dataset
test_data = {
    1: {
        "patients": {"sex": "male", "date_of_birth": "1990-01-01"},
        "clinical_events": [{"date": "2020-01-01"}, {"numeric_value": 3}],
        "expected_in_population": True,
        "expected_columns": {"sex": "male", "died": None},
    },
    2: {"medications": [], "expected_in_population": False},
}
"""


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("", "", 0, "assurance: 2 patients as expected"),
        ('"sex": "male", "died"', '"sex": "female", "died"', 13, "'female' was expected"),
        ('"patients"', '"patient"', 10, "'patient' is not a table of the dataset. Did you mean"),
        ('"numeric_value"', '"number"', 10, "clinical_events has no number."),
        ("[]", "3", 10, "medications takes a dictionary, or a list of them"),
        ('"1990-01-01"', '"1990"', 10, "'1990' is not a date"),
    ],
)
def test_an_assurance_test_may_name_tables(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    old: str,
    new: str,
    code: int,
    message: str,
) -> None:
    caplog.set_level("INFO", logger="data_builder")
    Path("analysis/test_dataset.py").write_text(PUBLISHED.replace(old, new, 1))
    assert cli.main(["assure", "analysis/test_dataset.py"]) == code
    assert message in capfd.readouterr().err + caplog.text


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('population": True', 'population": 1', "expected_in_population must be True or False"),
        ('"died"', '"dyed"', "no column dyed. Did you mean died?"),
        ('"date_of_birth"', '"birth"', "patients has no birth."),
        ('"male",', "4,", "of type str was expected, int was given"),
        ("2: {", "'2': {", "patient ids, which are ints"),
    ],
)
def test_10_for_a_test_file_of_the_wrong_form(
    capfd: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    good = ASSURED.format(sex="male", second="False")
    Path("analysis/test_dataset.py").write_text(good.replace(old, new, 1))
    assert cli.main(["assure", "analysis/test_dataset.py"]) == 10
    assert message in capfd.readouterr().err


def test_14_for_measures_that_would_take_too_long(
    study: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("analysis/measures.py").write_text(MEASURES)
    words = ["generate-measures", "analysis/measures.py", "--output", "a/:csv", "--backend", "same"]
    words += ["--dsn", (study / "url").read_text().strip()]
    assert cli.main(words) == 0
    assert Path("a/deaths.csv").read_text().startswith("interval_start,interval_end,ratio,")
    each = [(number, number) for number in range(1, 25)]
    monkeypatch.setattr(results, "batches", lambda *_numbers: each)
    assert cli.main(words) == 0
    monkeypatch.setattr(results, "Progress", lambda count, _hours: Progress(count, 0.0))
    assert cli.main(words) == 14
    assert "hours" in capfd.readouterr().err


def test_130_for_a_signal(
    execute: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "execute", interrupted)
    assert execute() == 130
    assert capfd.readouterr().err == "stopped\n"


@pytest.mark.usefixtures("execute")
def test_log_01_no_value_of_the_data_is_said(
    study: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Values that occur nowhere else, in every text column; logs at debug level, with the SQL."""
    caplog.set_level(logging.DEBUG)
    change(study, "update patients set sex = 'canary1', date_of_birth = '1903-03-01'")
    assert cli.main(["--debug", "execute", "plan.json", "--output", "a.csv"]) == 0
    assert "canary1" in Path("a.csv").read_text()
    change(study, "update patients set date_of_death = 'canary2'")
    assert cli.main(["--debug", "execute", "plan.json", "--output", "b.arrow"]) != 0
    told = capfd.readouterr()
    everything = told.out + told.err + caplog.text
    assert "SELECT" in caplog.text.upper()
    for word in ("canary", "1903"):
        assert word not in everything


def test_log_02_and_03_a_line_per_statement_with_seconds_and_rounded_rows(
    execute: Callable[..., int], study: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(study, "delete from patients")
    numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 43)"
    change(
        study, numbers.join(["insert into patients (patient_id, sex) ", " select i, 'm' from n"])
    )
    assert execute() == 0
    assert "written: about 45 rows" in caplog.text
    assert "population: 0." in caplog.text
    assert "43" not in caplog.text
