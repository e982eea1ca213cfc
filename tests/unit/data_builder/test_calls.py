"""Calls of the language with arguments that it does not take, and names of ehrQL's early days."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sallyport_data_builder.confine.child import Stopped, compile_file
from sallyport_data_builder.confine.requests import Request

HEAD = """\
from ehrql import *
from ehrql.tables.tpp import *
dataset = create_dataset()
dataset.define_population(patients.exists_for_patient())
male = patients.sex == "male"
"""
CASE = "It is called as case(*cases, otherwise=...)."
CALLS = {
    "case(when(male).then(1), default=2)": (
        f"case got an unexpected keyword argument 'default'. {CASE}"
    ),
    "minimum_of(patients.date_of_birth)": (
        "minimum_of missing 1 required positional argument: 'other'. "
        "It is called as minimum_of(value, other, *others)."
    ),
    "patients.age_on(index_date='2020-01-01')": (
        "age_on got an unexpected keyword argument 'index_date'. It is called as age_on(date)."
    ),
    "patients.sex.is_in('male', 'female')": (
        "is_in got more arguments than it takes. It is called as is_in(other)."
    ),
    "codelist_from_csv('a.csv', column='code', system='snomed')": (
        "codelist_from_csv got an unexpected keyword argument 'system'. It is called as "
        "codelist_from_csv(filename, *, column, category_column=...)."
    ),
}
HELPERS = """\
def days(n):
    return n
def case(x):
    return x
def minimum_of(a, b):
    return a
class Dataset:
    def define_population(self):
        pass
"""
OF_ITS_MODULES = {
    "import helpers\nhelpers.days(1, unit='x')": "days() got an unexpected keyword argument 'unit'",
    "from helpers import case as mine\nmine(1, 2)": (
        "case() takes 1 positional argument but 2 were given"
    ),
    "import helpers\n[helpers][0].minimum_of(1)": (
        "minimum_of() missing 1 required positional argument: 'b'"
    ),
    "import helpers\nhelpers.Dataset().define_population(1)": (
        "Dataset.define_population() takes 1 positional argument but 2 were given"
    ),
    "import typing\ntyping.cast(1)": "cast() missing 1 required positional argument: 'val'",
}
OF_THE_LANGUAGE = {
    "import ehrql\nehrql.minimum_of(1)": (
        "minimum_of missing 1 required positional argument: 'other'. "
        "It is called as minimum_of(value, other, *others)."
    ),
    "from ehrql import case as choose\nchoose(1, default=2)": (
        f"case got an unexpected keyword argument 'default'. {CASE}"
    ),
    "when(male).then(1, 2)": (
        "then got more arguments than it takes. It is called as then(value)."
    ),
    "from ehrql.tables import Series\nSeries()": (
        "Series missing 1 required positional argument: 'type_'. "
        "It is called as Series(type_, description=..., constraints=..., **_notes)."
    ),
    "days(1, unit='x')": (
        "days got an unexpected keyword argument 'unit'. It is called as days(value)."
    ),
}
OF_THE_STUDY = "def case(x):\n    return x\ncase(1, default=2)"
EARLIER = {
    "from databuilder.codes import ICD10Code": (
        "There is no databuilder here. It is the first name of ehrQL: write ehrql."
    ),
    "from cohortextractor import codelist_from_csv": (
        "There is no cohortextractor here. It is the language before ehrQL. Write "
        "`from ehrql import codelist_from_csv`, leave out system=, and combine codelists with +."
    ),
    "import ehrql.tables.beta.core": (
        "There is no tables.beta in this data builder. Its tables are in ehrql.tables without "
        "beta: write ehrql.tables.tpp."
    ),
    "from ehrql.tables.tpp import hospital_admissions": (
        "The schema tpp has no table hospital_admissions. It is called apcs now."
    ),
}


def told(lines: str, folder: Path) -> str:
    """Return what is said of a study that ends with some lines."""
    file = folder / "study.py"
    file.write_text(f"{HEAD}{lines}\n")
    with pytest.raises(Stopped) as caught:
        compile_file(file, Request.ANY, [])
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of a study."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [])
    monkeypatch.setattr("sys.path", sys.path[:])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("databuilder", "helpers"))]:
        del sys.modules[name]


@pytest.mark.parametrize("line", CALLS)
def test_a_wrong_call_is_told_with_how_it_is_called(line: str, folder: Path) -> None:
    assert told(line, folder) == f"  study.py, line 6: {line}\n{CALLS[line]}"


def test_of_functions_of_the_study_python_tells(folder: Path) -> None:
    assert told(OF_THE_STUDY, folder) == (
        "  study.py, line 8: case(1, default=2)\n"
        "TypeError: case() got an unexpected keyword argument 'default'"
    )


@pytest.mark.parametrize("lines", OF_ITS_MODULES)
def test_of_functions_of_other_modules_python_tells(lines: str, folder: Path) -> None:
    (folder / "helpers.py").write_text(HELPERS)
    assert told(lines, folder).endswith(f"\nTypeError: {OF_ITS_MODULES[lines]}")


@pytest.mark.parametrize("lines", OF_THE_LANGUAGE)
def test_a_function_of_the_language_is_known_by_any_name(lines: str, folder: Path) -> None:
    (folder / "helpers.py").write_text(HELPERS)
    assert told(f"import helpers\n{lines}", folder).endswith(f"\n{OF_THE_LANGUAGE[lines]}")


@pytest.mark.parametrize("line", EARLIER)
def test_names_of_early_days_are_told_with_those_of_today(line: str, folder: Path) -> None:
    assert told(line, folder) == f"  study.py, line 6: {line}\n{EARLIER[line]}"


def test_a_folder_of_the_study_may_have_an_earlier_name(folder: Path) -> None:
    (folder / "databuilder").mkdir()
    (folder / "databuilder" / "codes.py").write_text("mine = 1\n")
    file = folder / "study.py"
    file.write_text(f"{HEAD}from databuilder.codes import mine\n")
    assert "plan" in compile_file(file, Request.ANY, [])
