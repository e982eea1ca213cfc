"""The mapping file: hospital.toml is one, and each mistake in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.data_builder.engines import fill
from tests.unit.data_builder.engines import mapping as same

from sallyport_data_builder.backends import checks, mapping
from sallyport_data_builder.errors import ArgumentsError, DatabaseFailure, MappingError
from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.settings import Settings
from sallyport_data_builder.sql.explain import statements
from sallyport_data_builder.sql.run import connect, dialect_of

FOLDER = Path(__file__).parents[3] / "roles/data_builder/files/backends"
HOSPITAL = (FOLDER / "hospital.toml").read_text(encoding="utf-8")


def test_hospital_is_valid_and_names_what_it_lacks() -> None:
    found = mapping.parse("hospital", HOSPITAL)
    assert found.implements == ("core",)
    assert "cause_of_death_04" in found.tables["core", "ons_deaths"].unavailable
    assert [item.name for item in found.exclusions] == ["opted_out"]
    assert {check.status for check in checks.static(found)} == {"ok"}


MISTAKES = {
    "format": ("format = 1", "format = 2", "format must be 1"),
    "unknown key": ('source = "hosp.person"', 'sorce = "hosp.person"', "Did you mean source"),
    "unknown column": (
        "practice_pseudo_id = ",
        "practice_id = ",
        "Did you mean practice_pseudo_id",
    ),
    "unknown table": (
        "[tables.medications]\n",
        '[tables.medication]\nsource = "a"\n[tables.medications]\n',
        "Did you mean medications",
    ),
    "unmapped column": (
        'date_of_death = { column = "dod"',
        "#date_of_death = {",
        "neither mapped nor",
    ),
    "two sources": ('source = "hosp.person"', 'source = "a"\nquery = "b"', "either source or"),
    "no such schema": ('["core"]', '["cor"]', "Did you mean core"),
    "ids of dates": ('type = "int"', 'type = "date"', "must be int or str"),
    "empty exclusion": ('sql = "select person_key from hosp.opt_out"', "", "needs sql"),
    "not TOML": ("format = 1", "format 1", "is not TOML"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_bk_02_a_mistake_is_named(name: str) -> None:
    old, new, message = MISTAKES[name]
    assert old in HOSPITAL
    with pytest.raises(MappingError, match=message):
        mapping.parse("hospital", HOSPITAL.replace(old, new, 1))


def test_chk_04_map_must_close_the_categories() -> None:
    open_map = HOSPITAL.replace(', otherwise = "unknown"', "").replace(
        'F = "female"', 'F = "woman"'
    )
    found = list(checks.static(mapping.parse("hospital", open_map)))
    failed = [check for check in found if check.status == "fail"]
    assert [(check.id, check.table, check.column) for check in failed] == [
        ("CHK-04", "patients", "sex")
    ] * 2


def test_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(ArgumentsError, match="Did you mean hospital"):
        mapping.find("hospitl", FOLDER)
    assert mapping.find("hospital", FOLDER).slug == "hospital"


def settings(permissions: str = "[]") -> Settings:
    """Return settings with permissions."""
    return Settings.from_env({"EHRQL_PERMISSIONS": permissions})


def hospital_sql(permissions: str = "[]") -> str:
    """Return the SQL of a small dataset on the hospital."""
    dataset = create_dataset()
    dataset.define_population(core.patients.exists_for_patient())
    dataset.sex = core.patients.sex
    dataset.cause = core.ons_deaths.cause_of_death_04
    found = mapping.parse("hospital", HOSPITAL)
    return statements(plan_of(dataset), found, "postgresql", settings(permissions))


def test_the_hospital_s_traps_are_mapped() -> None:
    sql = hospital_sql()
    assert "WHEN (CAST(hosp.person.gender AS TEXT) = 'F') THEN CAST('female' AS TEXT)" in sql
    assert "CREATE UNLOGGED TABLE scratch.sp_local_1" in sql
    assert "CAST(NULL AS TEXT) AS cause_of_death_04" in sql


def test_bk_01_a_study_cannot_undo_an_exclusion_without_its_permission() -> None:
    assert "hosp.opt_out" in hospital_sql()
    assert "hosp.opt_out" not in hospital_sql('["include_opted_out"]')


def test_exclusions_apply_to_the_rows(tmp_path: Path) -> None:
    from sallyport_data_builder.sql.run import run_steps
    from sallyport_data_builder.sql.steps import Planner

    path = tmp_path / "a.sqlite3"
    fill(path, {"patients": [(1, None, "male"), (2, None, "female"), (3, None, "male")]})
    dataset = create_dataset()
    dataset.define_population(core.patients.exists_for_patient())
    plan, url = plan_of(dataset), f"sqlite:///{path}"
    rules = {
        "": [1, 2, 3],
        "[exclude_patients.a]\nsql = \"select patient_id from patients where sex = 'male'\"": [2],
        "[only_patients.a]\nsql = \"select patient_id from patients where sex = 'male'\"": [1, 3],
    }
    for rule, expected in rules.items():
        backend, dialect = same(rule), dialect_of(url)
        steps = Planner(dialect, backend, "unit").dataset(plan.dataset)
        with connect(dialect, url, backend, "unit") as database:
            assert [row[0] for row in run_steps(database, steps, [])] == expected


def test_maintenance_and_missing_tables_are_code_4(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    fill(path, {})
    backend = same('[maintenance]\nsql = "select 1"')
    url = f"sqlite:///{path}"
    with connect(dialect_of(url), url, backend, "unit") as database:
        with pytest.raises(DatabaseFailure, match="being loaded") as caught:
            database.check_maintenance()
        assert caught.value.code == 4
        found = list(checks.live(backend, database))
    assert {check.status for check in found} == {"ok"}
    (tmp_path / "empty.sqlite3").touch()
    empty = f"sqlite:///{tmp_path}/empty.sqlite3"
    with connect(dialect_of(empty), empty, backend, "unit") as database:
        failed = [check for check in checks.live(backend, database) if check.status == "fail"]
    assert {check.id for check in failed} == {"CHK-07"}
    assert len(failed) == 5
