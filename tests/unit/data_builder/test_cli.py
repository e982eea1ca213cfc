"""The command: arguments, environment and files."""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.data_builder.studies import DEFINITION, MEASURES, write_tables

from sallyport_data_builder import __version__, arguments, cli, operators
from sallyport_data_builder.io import outputs
from sallyport_data_builder.io.tables import OutputTable, column
from sallyport_data_builder.io.targets import EXTENSIONS

pytestmark = pytest.mark.live

DATASET = "analysis/dataset.py"
WORDS = ["generate-dataset", DATASET, "--output", "output/dataset.csv.gz"]
PEOPLE = "patient_id,sex,died\n1,female,\n2,male,2020-02-29\n"


def compile_to(path: Path) -> None:
    assert cli.main(["compile", DATASET, "--plan", str(path)]) == 0


def test_two_phases_with_the_words_of_the_action(
    study: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """RUN-01: the words go to both, unchanged; execute reads --output from them."""
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    words = [*WORDS, "--dummy-data-file", "absent.csv", "--", "--name", "x"]
    assert cli.main(["compile", "--plan", str(study / "plan.json"), "--command", *words]) == 0
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    (study / "elsewhere").mkdir()
    monkeypatch.chdir(study / "elsewhere")
    assert cli.main(["execute", str(study / "plan.json"), "--command", *words]) == 0
    assert gzip.decompress(Path("output/dataset.csv.gz").read_bytes()).decode() == PEOPLE
    assert [path.name for path in Path("output").iterdir()] == ["dataset.csv.gz"]
    assert "at most 7 rows" in caplog.text


@pytest.mark.usefixtures("study")
def test_without_a_database_dummy_data_is_the_same_every_time() -> None:
    for name in ("a.csv", "b.csv"):
        assert cli.main(["generate_dataset", DATASET, "--output", name]) == 0
    first = Path("a.csv").read_text()
    assert first == Path("b.csv").read_text()
    assert len(first.splitlines()) == 11


@pytest.mark.parametrize("backend", ["test", "expectations"])
def test_run_09_dummy_backends_need_no_database(
    study: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", backend)
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    write_tables("tables")
    assert cli.main([*WORDS[:3], "a.csv", "--dummy-tables", "tables"]) == 0
    assert Path("a.csv").read_text() == PEOPLE


def test_a_database_url_without_a_backend_is_no_dummy_run(
    study: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*WORDS[:3], "a.csv", "--dsn", (study / "url").read_text().strip()]) == 2
    assert "no backend" in capfd.readouterr().err
    assert not Path("a.csv").exists()


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("option", ["--dsn", "--dummy-tables"])
def test_a_folder_of_table_files_stands_for_a_database(option: str) -> None:
    write_tables("tables")
    assert cli.main([*WORDS[:3], "a/:arrow", option, "tables"]) == 0
    rows = pa.ipc.open_file("a/dataset.arrow").read_all()
    assert rows["sex"].to_pylist() == ["female", "male"]
    assert rows.schema.field("sex").type.ordered


@pytest.mark.usefixtures("study")
def test_dummy_data_comes_from_the_file_then_the_tables_then_the_generator() -> None:
    write_tables("tables")
    Path("dummy.csv").write_text("died,sex,patient_id\n,intersex,7\n")
    both = ["--dummy-data-file", "dummy.csv", "--dummy-tables", "tables"]
    assert cli.main([*WORDS[:3], "a.parquet", *both]) == 0
    assert cli.main([*WORDS[:3], "b.csv", *both[2:]]) == 0
    assert Path("b.csv").read_text() == PEOPLE
    assert cli.main([*WORDS[:3], "c.csv", "--dsn", "tables", *both]) == 0
    assert Path("c.csv").read_text() == PEOPLE


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("extension", ["", ":parquet"])
def test_dum_09_dummy_tables_give_the_same_output(
    capfd: pytest.CaptureFixture[str], extension: str
) -> None:
    assert cli.main(["create-dummy-tables", DATASET, f"tables{extension}"]) == 0
    assert cli.main(["create-dummy-tables", DATASET]) == 0
    assert capfd.readouterr().out.startswith("patients\npatient_id,sex,date_of_death\n")
    assert cli.main([*WORDS[:3], "a.csv", "--dummy-tables", "tables"]) == 0
    assert cli.main([*WORDS[:3], "b.csv"]) == 0
    assert Path("a.csv").read_text() == Path("b.csv").read_text()


@pytest.mark.usefixtures("study")
def test_measures_from_table_files_and_from_a_dummy_file() -> None:
    Path("analysis/measures.py").write_text(MEASURES)
    write_tables("tables")
    words = ["generate-measures", "analysis/measures.py", "--output"]
    assert cli.main([*words, "a.csv", "--dsn", "tables"]) == 0
    text = Path("a.csv").read_text()
    head = "measure,interval_start,interval_end,ratio,numerator,denominator,sex\n"
    assert text.startswith(f"{head}deaths,2020-01-01,2020-01-31,,0,0,female\n")
    assert cli.main([*words, "b/:csv", "--dummy-data-file", "a.csv"]) == 0
    assert Path("b/deaths.csv").read_text().splitlines()[1] == "2020-01-01,2020-01-31,,0,0,female"


@pytest.mark.usefixtures("study")
def test_the_parameters_after_two_dashes_and_modules_beside_the_definition(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Path("analysis/helper.py").write_text("NAME = 'helped'\n")
    more = "import helper, analysis.helper, argparse\nfrom ehrql import get_parameter\n"
    more += "print('said')\nparser = argparse.ArgumentParser()\nparser.add_argument('--name')\n"
    more += "name = parser.parse_args().name + get_parameter('name') + helper.NAME\n"
    Path(DATASET).write_text(f"{DEFINITION}{more}dataset.add_column(name, patients.sex)\n")
    write_tables("tables")
    assert cli.main(["generate-dataset", DATASET, "--dsn", "tables", "--", "--name", "x"]) == 0
    told = capfd.readouterr()
    assert told.out.startswith("patient_id,sex,died,xxhelped\n")
    assert "said" in told.err


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_fmt_10_a_study_reads_a_file_of_its_own_in_each_format(extension: str) -> None:
    table = OutputTable.of_patients("more", [column("word", "str"), column("day", "date")])
    rows = [(1, "a", datetime.date(2020, 2, 29)), (3, "b", None)]
    outputs.write(f"analysis/more{extension}", table, rows)
    more = f"from ehrql import table_from_file\nmore = table_from_file('analysis/more{extension}',"
    more += "columns={'word': str, 'day': __import__('datetime').date})\n"
    Path(DATASET).write_text(
        f"{DEFINITION}{more}dataset.word = more.word\ndataset.day = more.day\n"
    )
    write_tables("tables")
    assert cli.main([*WORDS[:3], "a.csv", "--dsn", "tables"]) == 0
    lines = Path("a.csv").read_text().splitlines()
    assert lines[1:] == ["1,female,,a,2020-02-29", "2,male,2020-02-29,,"]


def test_dump_sql_writes_what_would_run(study: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dump_dataset_sql", DATASET]) == 0
    assert "FROM core_patients" in capfd.readouterr().out
    words = ["dump-sql", DATASET, "--backend", "same", "--query-engine", "sqlite", "--output", "a"]
    assert cli.main(words) == 0
    assert "CREATE TEMPORARY TABLE" in Path("a").read_text()
    compile_to(study / "plan.json")
    assert cli.main(["explain", str(study / "plan.json"), "--query-engine", "mariadb"]) == 0
    assert "create" in capfd.readouterr().out.lower()


@pytest.mark.usefixtures("study")
def test_temp_database_name_means_something_on_sql_server_alone(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("TEMP_DATABASE_NAME", "tempdata")
    assert cli.main(["dump-sql", DATASET, "--query-engine", "mssql"]) == 0
    assert "INTO tempdata.dbo.sp_local_1 " in capfd.readouterr().out
    assert cli.main(["dump-sql", DATASET, "--query-engine", "trino"]) == 0
    assert "tempdata" not in capfd.readouterr().out
    assert "TEMP_DATABASE_NAME tempdata is ignored on trino" in caplog.text


def test_the_connection_is_tested_with_the_backend_s_settings(
    study: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = (study / "url").read_text().strip()
    assert cli.main(["test-connection", "-b", "same", "-u", url]) == 0
    assert "the database answers" in caplog.text
    assert cli.main(["test-connection", "-b", "same", "-u", f"{url}.missing"]) != 0


def test_a_good_run_on_sqlite_says_nothing_about_scratch_tables(
    study: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    mapping, logged = study / "backends/same.toml", []
    for line in ("", 'scratch_schema = "scratch"\n'):
        mapping.write_text(line + mapping.read_text())
        caplog.clear()
        assert cli.main([*WORDS[:3], "a.csv"]) == 0
        assert {record.levelname for record in caplog.records} == {"INFO"}
        logged.append([text for text in caplog.messages if not text.endswith(" s")])
    assert logged[0] == ["backend: same, permissions: none", "written: at most 7 rows"]
    ignored = "scratch_schema is ignored: scratch tables of sqlite are temporary"
    assert logged[1] == [logged[0][0], ignored, logged[0][1]]


def test_clean_scratch_by_job_and_by_age(
    study: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sallyport_data_builder.sql.sqlite import SQLite

    names, dropped = ["sp_a_1", "sp_b_1"], list[str]()
    monkeypatch.setattr(
        SQLite,
        "scratch_tables",
        lambda _self, _c, _s, prefix: [name for name in names if name.startswith(prefix)],
    )
    monkeypatch.setattr(SQLite, "scratch_ages", lambda *_args: {"sp_a_1": 90_000.0, "sp_b_1": 60.0})
    monkeypatch.setattr(
        "sallyport_data_builder.sql.database.Database.drop",
        lambda _self, given: dropped.extend(given),
    )
    words = ["clean-scratch", "--backend", "same", "--dsn", (study / "url").read_text().strip()]
    assert cli.main([*words, "--job", "A", "--dry-run"]) == 0
    assert "left over: sp_a_1" in caplog.text
    assert dropped == []
    assert cli.main([*words, "--older-than", "24h"]) == 0
    assert dropped == ["sp_a_1"]
    assert cli.main([*words, "--job", "b"]) == 0
    assert dropped == ["sp_a_1", "sp_b_1"]
    dropped.clear()
    assert cli.main([*words, "--job", "b", "--job", "A"]) == 0
    assert dropped == ["sp_b_1", "sp_a_1"]
    assert cli.main([*words, "--all"]) == 0
    assert dropped[2:] == names
    monkeypatch.setattr(SQLite, "scratch_ages", lambda *_args: {"sp_a_1": 90_000.0})
    caplog.clear()
    assert cli.main([*words, "--older-than", "24h", "--dry-run"]) == 0
    assert "does not know the age of sp_b_1" in caplog.text
    for wrong in ([], ["--job", "a", "--older-than", "1h"], ["--older-than", "1 hour"]):
        assert cli.main([*words, *wrong]) == 2


def test_ages() -> None:
    assert [operators.seconds(age) for age in ("90m", "24h", "7d")] == [5400, 86400, 604800]


def test_schema_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "list"]) == 0
    assert "core\n" in capsys.readouterr().out
    assert cli.main(["schema", "show", "core"]) == 0
    out = capsys.readouterr().out
    assert "practice_registrations (many rows per patient)" in out
    assert "  sex: str, not null, one of female, male, intersex, unknown" in out


def test_version_says_engine_plan_format_and_schemas(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"data-builder {__version__}, plan format 1, ")
    assert ", core 1" in told


def test_version_loads_no_database_no_file_format_and_few_modules() -> None:
    program = (
        "import sys; from sallyport_data_builder import cli; cli.main(['--version'])\n"
        "heavy = {'sqlalchemy', 'pyarrow', 'duckdb', 'psycopg', 'sqlglot', 'ctypes'}\n"
        "print(len(sys.modules), sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    count, _, heavy = found.stdout.decode().splitlines()[-1].partition(" ")
    assert heavy == "[]"
    assert int(count) < 250


def test_execute_loads_no_pandas(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow would; a file of a million rows then takes 335 MB instead of 263."""
    compile_to(study / "plan.json")
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    program = "import sys; from sallyport_data_builder import cli; print(cli.main(sys.argv[1:]))"
    words = ["execute", str(study / "plan.json"), "--output", "output/dataset.arrow"]
    for first, loaded in (("import pandas", True), ("", False)):
        code = "\n".join((first, program, "print('pandas' in sys.modules)"))
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=True)
        assert done.stdout.decode().split() == ["0", str(loaded)]


def subcommands() -> dict[str, argparse.ArgumentParser]:
    actions = arguments.build()._actions
    return dict(actions[-1].choices or {})


def test_every_command_and_argument_has_a_help_text() -> None:
    for name, parser in subcommands().items():
        assert parser.description, name
        for action in parser._actions:
            assert action.help, (name, action.dest)
    assert set(cli.COMMANDS) == set(arguments.HELP)


def test_underscores_are_accepted_and_help_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    for name in arguments.HELP:
        for form in (name, name.replace("-", "_")):
            assert cli.main([form, "--help"]) == 0
            assert "usage: data-builder" in capsys.readouterr().out


WRONG: dict[str, tuple[list[str], str]] = {
    "unknown command": (["generate"], "generate is not a command. Did you mean generate-"),
    "no command": ([], "required: COMMAND"),
    "abbreviated command": (["generate-data", DATASET], "Did you mean generate-dataset"),
    "abbreviation": (["generate-dataset", DATASET, "--out", "a.csv"], "--out"),
    "unknown option": (["generate-dataset", DATASET, "--what"], "unrecognized arguments: --what"),
    "test data of measures": (["generate-measures", "x", "--test-data-file", "x"], "unrecognized"),
    "unknown extension": ([*WORDS[:3], "a.txt"], "must end in one of .csv, .csv.gz"),
    "missing definition": (["generate-dataset", "x.py"], "no definition file x.py"),
    "no database": (["test-connection"], "There is no database: set DATABASE_URL"),
    "no url": (["test-connection", "-u", "user:secret@host"], "must look like SCHEME://"),
    "compile what": (["compile", "--plan", "p"], "needs a definition, or --command"),
    "other action": (["compile", "--plan", "p", "--command", "dump-sql", "x"], "not a command"),
    "unknown backend": (["check-backend", "sam", "--static"], "Did you mean same"),
    "two levels": (["check-backend", "same", "--static", "--full"], "not allowed with"),
    "no plan": (["explain", "nothing.json"], "no plan nothing.json"),
    "no schema": (["schema", "show"], "needs the name of a schema"),
    "what schema": (["schema", "lost"], "invalid choice"),
}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_end_with_2(capfd: pytest.CaptureFixture[str], name: str) -> None:
    words, message = WRONG[name]
    assert cli.main(words) == 2
    told = capfd.readouterr().err
    assert message in told
    assert "secret" not in told


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EHRQL_PERMISSIONS", '"all"'),
        ("EHRQL_ISOLATE_USER_CODE", "sometimes"),
        ("DATABASE_URL_FILE", "/nowhere"),
        ("TEMP_DATABASE_NAME", "a; drop"),
    ],
)
def test_a_wrong_environment_ends_with_2_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    assert cli.main(["schema", "list"]) == 0
    monkeypatch.setenv(name, value)
    assert cli.main(["schema", "list"]) == 2
    assert name in capfd.readouterr().err


def test_check_backend_answers_people_and_machines(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    assert cli.main(["check-backend", "same", "--json", "report.json"]) == 0
    report = json.loads(Path("report.json").read_text())
    assert report["summary"]["fail"] == 0
    assert "CHK-07  patients can be read" in capsys.readouterr().out
    (study / "data.sqlite3").unlink()
    assert cli.main(["check-backend", "same"]) == 4
    assert cli.main(["check-backend", "same", "--static"]) == 0


def test_the_demo_study_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3] / "files/demo_study")
    plan = tmp_path / "plan.json"
    assert cli.main(["compile", "analysis/dataset_definition.py", "--plan", str(plan)]) == 0
    document: Any = json.loads(plan.read_text())
    assert document["columns"][0][0] == "sex"
