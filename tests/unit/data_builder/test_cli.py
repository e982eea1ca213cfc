"""The command: arguments, environment, exit codes, files, and what it must not say."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.data_builder.engines import CORE, fill

from sallyport_data_builder import cli

DEFINITION = """
from ehrql import create_dataset
from ehrql.tables.core import patients
dataset = create_dataset()
dataset.define_population(patients.exists_for_patient())
dataset.sex = patients.sex
dataset.died = patients.date_of_death
"""
PEOPLE = [(1, "1980-01-01", "female", None), (2, "1990-01-01", "male", "2020-02-29")]
Run = Callable[..., int]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a study folder, a backend named same, and a database; work in the folder."""
    for name in [
        name for name in os.environ if name.startswith(("DATABASE", "OPENSAFELY", "EHRQL"))
    ]:
        monkeypatch.delenv(name)
    lines = ["format = 1", 'implements = ["core"]']
    lines += ['patient_id = { column = "patient_id", type = "int" }']
    for name, spec in CORE.items():
        lines += [f"[tables.{name}]", f'source = "{name}"', f"[tables.{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in spec.columns]
    backends = tmp_path / "backends"
    backends.mkdir()
    (backends / "same.toml").write_text("\n".join(lines))
    monkeypatch.setenv("DATA_BUILDER_BACKENDS", str(backends))
    (tmp_path / "study/analysis").mkdir(parents=True)
    (tmp_path / "study/analysis/dataset.py").write_text(DEFINITION)
    fill(tmp_path / "data.sqlite3", {"patients": PEOPLE})
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/data.sqlite3\n")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path


WORDS = ["generate-dataset", "analysis/dataset.py", "--output", "output/dataset.csv.gz"]


def test_two_phases_with_the_words_of_the_action(
    study: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    assert cli.main(["compile", "--plan", str(study / "plan.json"), "--command", *WORDS]) == 0
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    (study / "elsewhere").mkdir()
    monkeypatch.chdir(study / "elsewhere")
    assert cli.main(["execute", str(study / "plan.json"), "--command", *WORDS]) == 0
    text = gzip.decompress(Path("output/dataset.csv.gz").read_bytes()).decode()
    assert text == "patient_id,sex,died\n1,female,\n2,male,2020-02-29\n"
    assert [path.name for path in Path("output").iterdir()] == ["dataset.csv.gz"]
    assert "at most 7 rows" in caplog.text


@pytest.mark.usefixtures("study")
def test_without_a_database_dummy_data_is_the_same_every_time() -> None:
    for name in ("a.csv", "b.csv"):
        assert cli.main(["generate_dataset", "analysis/dataset.py", "--output", name]) == 0
    first = Path("a.csv").read_text()
    assert first == Path("b.csv").read_text()
    assert len(first.splitlines()) == 11


def test_run_09_dummy_backends_need_no_database(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", "expectations")
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    assert cli.main([*WORDS[:3], "a.csv"]) == 0


def test_iso_06_study_code_does_not_run_beside_a_database_url(
    study: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    monkeypatch.setenv("DATABASE_URL", (study / "url").read_text().strip())
    assert cli.main([*WORDS[:3], "a.csv"]) == 2
    assert "use compile" in capfd.readouterr().err
    monkeypatch.setenv("EHRQL_ISOLATE_USER_CODE", "never")
    assert cli.main([*WORDS[:3], "a.csv"]) == 0
    assert Path("a.csv").read_text().count("\n") == 3
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    assert cli.main([*WORDS[:3], "a.csv"]) == 2


WRONG: dict[str, tuple[list[str], int, str]] = {
    "unknown command": (["generate"], 2, "invalid choice"),
    "abbreviation": (["generate-dataset", "analysis/dataset.py", "--out", "a.csv"], 2, "--out"),
    "unknown extension": ([*WORDS[:3], "a.txt"], 2, "must end in one of .csv, .csv.gz"),
    "missing definition": (["generate-dataset", "x.py"], 2, "no definition file x.py"),
    "no database": (["execute", "plan.json"], 2, "needs DATABASE_URL"),
    "measures": (["compile", "--plan", "p", "--command", "generate-measures", "x"], 2, "invalid"),
    "unknown backend": (["check-backend", "sam", "--static"], 2, "Did you mean same"),
    "no plan": (["explain", "nothing.json"], 2, "no plan nothing.json"),
}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_end_with_2(capfd: pytest.CaptureFixture[str], name: str) -> None:
    words, code, message = WRONG[name]
    assert cli.main(words) == code
    assert message in capfd.readouterr().err


BROKEN = {
    "mistake": ("patients.nothing", "analysis/dataset.py, line 8: dataset.more = patients.nothing"),
    "syntax": ("(", "dataset.py, line 8"),
    "exit": ("__import__('sys').exit(3)", "SystemExit: 3"),
    "hard exit": ("__import__('os')._exit(3)", "was stopped (code 3)"),
    "own exception": ("1 / 0", "ZeroDivisionError"),
    "environment": ("__import__('os').environ['OPENSAFELY_BACKEND']", "KeyError"),
    "memory": ("bytearray(5 * 1024 ** 3)", "MemoryError"),
}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_definition_ends_with_10_and_names_the_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    path = Path("analysis/dataset.py")
    assert cli.main(["compile", str(path), "--plan", "plan.json"]) == 0
    code, message = BROKEN[name]
    path.write_text(f"{DEFINITION}dataset.more = {code}\n")
    assert cli.main(["compile", str(path), "--plan", "other.json"]) == 10
    told = capfd.readouterr().err
    assert message in told
    assert "sallyport_data_builder/" not in told
    assert not Path("other.json").exists()


@pytest.mark.usefixtures("study")
def test_a_definition_reads_modules_and_parameters_and_prints_to_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Path("analysis/helper.py").write_text("NAME = 'helped'\n")
    more = "import helper, analysis.helper\nfrom ehrql import get_parameter\nprint('said')\n"
    more += "dataset.add_column(get_parameter('name') + helper.NAME, patients.sex)\n"
    Path("analysis/dataset.py").write_text(DEFINITION + more)
    words = ["generate-dataset", "analysis/dataset.py", "--", "--name", "x"]
    assert cli.main(words) == 0
    told = capfd.readouterr()
    assert told.out.startswith("patient_id,sex,died,xhelped\n")
    assert "said" in told.err


def test_log_01_a_driver_s_message_never_reaches_the_log(
    study: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    mapping = study / "backends/same.toml"
    bad = 'sex = { sql = "json(sex)" }'
    mapping.write_text(mapping.read_text().replace('sex = "sex"', bad))
    monkeypatch.setenv("OPENSAFELY_BACKEND", "same")
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    monkeypatch.setenv("DATA_BUILDER_OPERATOR_LOG", str(study / "operator.log"))
    assert cli.main(["compile", "analysis/dataset.py", "--plan", "plan.json"]) == 0
    assert cli.main(["execute", "plan.json", "--output", "a.csv"]) == 5
    told = capfd.readouterr().err
    assert "malformed" not in told
    assert "The database refused a statement. (population, SQLITE_ERROR)" in told
    assert "malformed JSON" in (study / "operator.log").read_text()
    assert not Path("a.csv").exists()


def test_check_backend_answers_people_and_machines(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(study / "url"))
    assert cli.main(["check-backend", "same", "--json", "report.json"]) == 0
    report = json.loads(Path("report.json").read_text())
    assert report["summary"]["fail"] == 0
    assert "CHK-07  patients can be read" in capsys.readouterr().out
    (study / "data.sqlite3").unlink()
    assert cli.main(["check-backend", "same"]) == 1
    assert cli.main(["check-backend", "same", "--static"]) == 0


def test_start_up_loads_no_database_library() -> None:
    program = (
        "import sys, sallyport_data_builder.cli; raise SystemExit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_demo_study_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3] / "files/demo_study")
    plan = tmp_path / "plan.json"
    assert cli.main(["compile", "analysis/dataset_definition.py", "--plan", str(plan)]) == 0
    assert json.loads(plan.read_text())["columns"][0][0] == "sex"
