"""What a study's author is told: the study's own line, and the whole sentence."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from tests.unit.data_builder.cases.mistakes import HEAD, MISTAKES
from tests.unit.data_builder.cases.more_mistakes import MORE

from sallyport_data_builder.confine.child import study_place
from sallyport_data_builder.errors import DefinitionError

ALL = MISTAKES | MORE
CONTROLS = {
    "parentheses": '(patients.sex == "male") | (patients.sex == "female")',
    "conversion": "events.numeric_value > events.count_for_patient().as_float()",
    "one value per patient": "events.where(events.date > medications.date.maximum_for_patient())",
    "sort": "events.sort_by(events.date).first_for_patient()",
    "when and then": 'case(when(patients.sex == "male").then(1), otherwise=2)',
    "population": "dataset.define_population(patients.exists_for_patient())",
    "column": "dataset.a = events.date.maximum_for_patient()",
    "gap": "events.date.count_episodes_for_patient(weeks(2))",
    "codes of a file": 'events.snomedct_code.is_in(codelist_from_csv("good.csv", column="code"))',
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a study whose folder has codelists."""
    (tmp_path / "list.csv").write_text("code,group\n195967001,a\nwrong,b\n")
    (tmp_path / "good.csv").write_text("code\n195967001\n")
    (tmp_path / "empty.csv").write_text("code\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["study.py", "--size", "many"])
    return tmp_path / "study.py"


@pytest.mark.parametrize("name", ALL)
def test_a_mistake_is_told_with_its_line(name: str, study: Path) -> None:
    line, message = ALL[name]
    study.write_text(f"{HEAD}{line}\n")
    with pytest.raises(DefinitionError) as caught:
        runpy.run_path(str(study))
    place = study_place(caught.value, study.parent)
    number = len(HEAD.splitlines()) + 1
    assert place == f"  study.py, line {number}: {line}\n"
    assert str(caught.value) == message


@pytest.mark.parametrize("name", CONTROLS)
def test_the_mended_line_works(name: str, study: Path) -> None:
    study.write_text(f"{HEAD}{CONTROLS[name]}\n")
    assert "dataset" in runpy.run_path(str(study))


def test_a_codelist_without_codes_is_a_warning(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = 'found = events.snomedct_code.is_in(codelist_from_csv("empty.csv", column="code"))'
    study.write_text(f"{HEAD}{line}\n")
    assert "found" in runpy.run_path(str(study))
    assert capsys.readouterr().err == "warning: empty.csv has no codes in column code\n"
