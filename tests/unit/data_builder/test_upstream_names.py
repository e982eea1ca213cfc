"""Every public name of ehrQL's modules works here, or is refused with a sentence of ours."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sallyport_data_builder import schemas
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import case, query_language, when
from sallyport_data_builder.lang.codes import ICD10Code, ICD10MultiCodeString
from sallyport_data_builder.lang.tables import SHARED, core, tpp

RECORDED = tomllib.loads(Path(__file__).with_name("upstream_names.toml").read_text())
NAMES = {
    kind: [(module, name) for module, item in RECORDED.items() for name in item.get(kind, ())]
    for kind in ("works", "answered")
}


def imported(folder: Path, module: str, name: str) -> Any:
    """Import a name as a study does."""
    (folder / "study.py").write_text(f"from {module} import {name}\n")
    return runpy.run_path(str(folder / "study.py"))[name]


@pytest.mark.parametrize(("module", "name"), NAMES["works"])
def test_a_name_that_studies_import_is_there(module: str, name: str, tmp_path: Path) -> None:
    assert imported(tmp_path, module, name) is not None


@pytest.mark.parametrize(("module", "name"), NAMES["answered"])
def test_any_other_name_is_refused_with_a_sentence(module: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        imported(tmp_path, module, name)
    message = str(caught.value)
    assert message.endswith(("?", ".", "`"))
    assert "in this data builder" in message or "has no table" in message
    assert "sallyport" not in message


@pytest.mark.parametrize("schema", schemas.names())
def test_every_table_of_a_schema_is_recorded(schema: str) -> None:
    recorded = RECORDED[f"ehrql.tables.{schema}"]["works"]
    assert set(schemas.load(schema).tables) <= set(recorded)
    shared = set(recorded) - set(schemas.load(schema).tables)
    assert shared <= set(SHARED)


SERIES: dict[str, tuple[Any, str]] = {
    "bool of patients": (core.patients.sex == "male", "Bool Patient"),
    "bool of rows": (core.clinical_events.numeric_value > 1, "Bool Event Functions"),
    "text": (core.patients.sex, "Str Patient"),
    "int": (core.clinical_events.count_for_patient(), "Int Patient"),
    "float": (core.clinical_events.numeric_value, "Float Event"),
    "date": (core.clinical_events.date, "Date Event"),
    "code": (core.clinical_events.snomedct_code, "Code Event"),
    "many codes": (tpp.apcs.all_diagnoses, "MultiCodeString Event"),
}


@pytest.mark.parametrize("name", SERIES)
def test_classes_of_series_tell_them_apart(name: str) -> None:
    series, words = SERIES[name]
    kind, rows, *_more = words.split()
    others = {"Bool", "Str", "Int", "Float", "Date", "Code", "MultiCodeString"} - {kind}
    other_rows = "Event" if rows == "Patient" else "Patient"
    assert isinstance(series, getattr(query_language, f"{kind}{rows}Series"))
    assert isinstance(series, getattr(query_language, f"{rows}Series"))
    assert isinstance(series, getattr(query_language, f"{kind}Functions"))
    assert not isinstance(series, getattr(query_language, f"{kind}{other_rows}Series"))
    assert not any(isinstance(series, getattr(query_language, f"{o}{rows}Series")) for o in others)
    assert not isinstance(1, getattr(query_language, f"{kind}{rows}Series"))


def test_a_class_of_series_cannot_be_created() -> None:
    with pytest.raises(DefinitionError, match="BoolPatientSeries cannot be created; series come"):
        query_language.BoolPatientSeries(1)


def test_what_is_shared_by_modules_of_tables_is_the_same_thing() -> None:
    assert (tpp.case, core.when, tpp.ICD10Code) == (case, when, ICD10Code)
    found = dict(query_language.get_tables_from_namespace(core))
    assert found["patients"] is core.patients
    assert len(found) == 5


def test_private_idioms_of_published_studies_work() -> None:
    code = ICD10Code("I219")
    assert code._to_primitive_type() == code.value == "I219"
    assert type(code._to_primitive_type()) is str
    assert ICD10Code._primitive_type() is ICD10MultiCodeString._primitive_type() is str
    assert [ICD10MultiCodeString.is_valid(text) for text in ("I21", "21")] == [True, False]


@pytest.mark.parametrize("value", [core.patients, core.patients.sex])
def test_other_private_names_are_answered(value: Any) -> None:
    with pytest.raises(DefinitionError, match="_qm_node is an internal part of ehrQL"):
        _ = value._qm_node
