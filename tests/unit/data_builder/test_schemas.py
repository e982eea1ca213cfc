"""Schemas are data: every table and column of every schema can be imported and asked for."""

from __future__ import annotations

import datetime
import importlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data_builder.engines import Ask

from sallyport_data_builder import schemas
from sallyport_data_builder.confine.parent import compile_definition
from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang import tables as language
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.methods import METHODS
from sallyport_data_builder.model.plan import dumps, loads
from sallyport_data_builder.schemas.types import SORTABLE

SHIPPED = ["core", "emis", "emisv2", "raw.core", "raw.tpp", "smoketest", "tpp"]
TABLES = [(name, table) for name in SHIPPED for table in schemas.load(name).tables]
COUNTS = {
    "core": (5, 28), "emis": (6, 35), "emisv2": (5, 14), "raw.core": (1, 17),
    "raw.tpp": (8, 114), "smoketest": (1, 1), "tpp": (29, 205),
}  # fmt: skip
SAMPLES: dict[str, Any] = {
    "bool": True, "date": datetime.date(2020, 5, 1), "int": 4, "float": 1.5,
    "snomedct": "195967001", "dmd": "10514511000001106",
    "icd10": "I219", "ctv3": "H33..", "opcs4": "K40", "icd10_multi": "||I219 ,J18||",
    "opcs4_multi": "||K401||",
}  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_every_schema_ships_whole(name: str) -> None:
    found = schemas.load(name).tables
    assert (len(found), sum(len(spec.columns) for spec in found.values())) == COUNTS[name]
    assert all(spec.description for spec in found.values())
    assert all(column.description for spec in found.values() for column in spec.columns.values())


def sample(schema: str, table: str) -> dict[str, Any]:
    """Return a row of a table that keeps its constraints."""
    row: dict[str, Any] = {"patient_id": 1}
    for name, column in schemas.load(schema).tables[table].columns.items():
        known = SAMPLES.get(column.type, "text")
        row[name] = column.categories[0] if column.categories else known
    return row


@pytest.mark.parametrize(("schema", "table"), TABLES)
def test_every_table_and_column_is_imported_and_queried(
    schema: str, table: str, engine: Ask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = getattr(importlib.import_module(f"ehrql.tables.{schema}"), table)
    spec = schemas.load(schema).tables[table]
    dataset = create_dataset()
    dataset.define_population(frame.exists_for_patient())
    rows = frame
    if spec.rows == "many":
        sortable = (name for name, kind in spec.types if kind in SORTABLE)
        key = getattr(frame, next(sortable, ""), None)
        rows = frame.sort_by(frame.is_healthcare_worker.as_int() if key is None else key)
        rows = rows.first_for_patient()
    row = sample(schema, table)
    for name in spec.columns:
        dataset.add_column(name, getattr(rows, name))
    plan = plan_of(dataset)
    assert loads(dumps(plan)) == plan
    tables = {f"{schema}.{table}": [tuple(row.values())]}
    assert engine(dataset, tables, tmp_path_factory.getbasetemp()) == [tuple(row.values())]


def test_all_of_a_schema_can_be_imported_at_once() -> None:
    module = importlib.import_module("ehrql.tables.tpp")
    assert set(module.__all__) == set(schemas.load("tpp").tables)
    assert dir(module) == sorted(module.__all__)
    assert module is language.tpp
    assert module.patients is module.patients
    with pytest.raises(DefinitionError, match=r"has no table addresses_\. Did you mean addresses"):
        _ = module.addresses_
    with pytest.raises(DefinitionError, match=r"no schema tppp\. Did you mean tpp"):
        _ = language.tppp


def test_permissions_and_physical_names_are_those_of_the_files() -> None:
    tpp, raw = schemas.load("tpp").tables, schemas.load("raw.tpp").tables
    needed = {name: spec.permission for name, spec in tpp.items() if spec.permission}
    assert needed == {
        "appointments": "appointments",
        "covid_therapeutics": "covid_therapeutics",
        "occupation_on_covid_vaccine_record": "occupation_on_covid_vaccine_record",
        "open_prompt": "open_prompt",
        "sgss_covid_all_tests": "sgss_covid_all_tests",
        "ukrr": "ukrr",
        "wl_clockstops": "waiting_list",
        "wl_openpathways": "waiting_list",
    }
    assert raw["isaric"].permission == "isaric"
    assert raw["ons_deaths"].physical_name == "ons_deaths_raw"
    assert tpp["appointments"].activation_date == "booked_date"
    shared = set(tpp) & {spec.physical_name for spec in raw.values()}
    assert shared == set()


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_belongs_to_a_table(name: str) -> None:
    users = [
        table
        for schema in SHIPPED
        for table, spec in schemas.load(schema).tables.items()
        if spec.methods == name
    ]
    assert users


SITE = """
name = "registry"
version = 3
[tables.visits]
rows = "many"
methods = "addresses"
permission = "visits"
[tables.visits.columns]
start_date = { type = "date" }
end_date = { type = "date", after = ["start_date"] }
ward = { type = "str", categories = ["north", "south"] }
"""


def test_a_site_adds_a_schema_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "registry.toml").write_text(SITE)
    (tmp_path / "core.toml").write_text(SITE)
    monkeypatch.setenv("DATA_BUILDER_SCHEMAS", str(tmp_path))
    assert set(schemas.names()) == {*SHIPPED, "registry"}
    assert "patients" in schemas.load("core").tables  # a site changes none of ours
    language.install()
    visits = importlib.import_module("sallyport_data_builder.lang.tables.registry").visits
    dataset = create_dataset()
    dataset.define_population(visits.exists_for_patient())
    dataset.ward = visits.for_patient_on("2020-01-01").ward
    plan = plan_of(dataset)
    assert loads(dumps(plan)) == plan
    assert plan.permissions() == [("registry.visits", "visits")]


STUDY = """
from ehrql import create_dataset
from ehrql.tables.registry import visits
dataset = create_dataset()
dataset.define_population(visits.exists_for_patient())
dataset.ward = visits.for_patient_on("2020-01-01").ward
"""


def test_a_confined_study_reads_a_schema_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "study.py").write_text(STUDY)
    monkeypatch.chdir(tmp_path / "job")
    monkeypatch.setenv("DATA_BUILDER_SCHEMAS", str(tmp_path / "site"))
    with pytest.raises(DefinitionError, match=r"There is no tables\.registry"):
        compile_definition(Path("study.py"), [])
    (tmp_path / "site" / "registry.toml").write_text(SITE)
    plan = compile_definition(Path("study.py"), [])
    assert [table.schema for table in plan.tables()] == ["registry"]
    (tmp_path / "site" / "registry.toml").write_text(SITE.replace('"many"', '"some"'))
    with pytest.raises(schemas.SchemaError, match="rows must be one or many"):
        compile_definition(Path("study.py"), [])


MISTAKES = {
    "no TOML": ("[", "not TOML"),
    "no name": ('name = "Registry"', "lower-case letters"),
    "no version": (SITE.replace("3", "0"), "version must be"),
    "unknown key": (SITE.replace("permission", "permission_"), "Did you mean permission"),
    "unknown type": (SITE.replace('"str"', '"string"'), "string is not a valid type"),
    "rows": (SITE.replace('"many"', '"some"'), "rows must be one or many"),
    "key of a column": (SITE.replace("categories", "categorys"), "Did you mean categories"),
    "type of categories": (SITE.replace('"north"', "1"), "categories must be a list of str"),
    "category twice": (SITE.replace('"north"', '"south"'), "a category twice"),
    "after nothing": (SITE.replace('after = ["start', 'after = ["begin'), "after names begin_date"),
    "range of text": (SITE.replace("categories = ", "range = { min = 1 }, x = "), "x is not a key"),
    "range for numbers": (
        SITE.replace('categories = ["north", "south"]', "range = { min = 1 }"),
        "range is for numbers",
    ),
    "range backwards": (
        SITE.replace(
            'type = "str", categories = ["north", "south"]',
            'type = "int", range = { min = 2, max = 1 }',
        ),
        "min of range is above max",
    ),
    "regex": (SITE.replace('categories = ["north", "south"]', 'regex = "["'), "not a regular"),
    "patient_id": (SITE.replace("ward", "patient_id"), "leave it out"),
    "no columns": ('name = "a"\nversion = 1\n[tables.t]\nrows = "one"', "there is no column"),
    "no tables": ('name = "a"\nversion = 1\n', "there is no table"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_schema_is_named(name: str) -> None:
    text, message = MISTAKES[name]
    assert schemas.parse(SITE).version == 3
    with pytest.raises(schemas.SchemaError, match=message):
        schemas.parse(text)


def test_unknown_methods_and_another_name_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_BUILDER_SCHEMAS", str(tmp_path))
    (tmp_path / "other.toml").write_text(SITE)
    with pytest.raises(schemas.SchemaError, match="the names must agree"):
        schemas.load("other")
    (tmp_path / "registry.toml").write_text(SITE.replace('"addresses"', '"addresses_"'))
    language.install()
    module = importlib.import_module("sallyport_data_builder.lang.tables.registry")
    with pytest.raises(schemas.SchemaError, match="Did you mean addresses"):
        _ = module.visits


def test_the_files_are_what_the_package_ships() -> None:
    assert sorted(path.stem for path in schemas.FOLDER.glob("*.toml")) == SHIPPED
    for path in schemas.FOLDER.glob("*.toml"):
        assert tomllib.loads(path.read_text())["name"] == path.stem
