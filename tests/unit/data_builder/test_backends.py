"""Backends on a small SQLite file: what a mapping says is what a study sees."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sallyport_data_builder.backends import python, usage
from sallyport_data_builder.backends.mapping import find, parse
from sallyport_data_builder.backends.parts import BackendMapping, Exclusion, TableSource
from sallyport_data_builder.backends.python import Backend
from sallyport_data_builder.cli import main
from sallyport_data_builder.errors import ArgumentsError, MappingError
from sallyport_data_builder.lang import create_dataset
from sallyport_data_builder.lang.datasets import Dataset, plan_of
from sallyport_data_builder.lang.tables import EventFrame, PatientFrame, Series, table
from sallyport_data_builder.model.nodes import topological
from sallyport_data_builder.sql import keys
from sallyport_data_builder.sql.connectors import dialect_of
from sallyport_data_builder.sql.implied import ColumnTest
from sallyport_data_builder.sql.run import connect, run_steps
from sallyport_data_builder.sql.stage import Step
from sallyport_data_builder.sql.standard import Standard
from sallyport_data_builder.sql.steps import Planner

Rows = list[tuple[Any, ...]]
ROWS = """
create table person (id text, born text, sex int, died text);
insert into person values ('b', '1980-05-01', 1, '9999-12-31'),
  ('a', '1990-01-01', 2, '2020-02-02'), ('c', null, 7, null);
create table event (id text, day text, code text, value real);
insert into event values ('a', '2020-01-01', 'X1', 1.5), ('a', '2011-01-01', 'X1', 2.5),
  ('b', '2020-06-01', 'X1', null), ('z', '2020-06-01', 'Y1', 9);
create table opted (id text);
insert into opted values ('c');
"""
TEXT = """
format = 1
implements = []
patient_id = { column = "id", type = "str" }

[exclude_patients.opted]
sql = "select id from opted"
unless_permission = "include_opted"

[extra_tables.People]
source = "person"
[extra_tables.People.columns]
born = { type = "date" }
sex = { type = "str", column = "sex", map = { 1 = "male", 2 = "female" }, otherwise = "unknown" }
died = { type = "date", column = "died", null_if = "9999-12-31" }

[extra_tables.Events]
source = "event"
where = "day > '2019'  -- what came before is elsewhere"
materialise = true
unavailable = ["note"]
[extra_tables.Events.columns]
day = { type = "date" }
code = { type = "str" }
value = { type = "float" }
note = { type = "str" }
"""


class People(PatientFrame):
    """People of the site."""

    born = Series(datetime.date)
    sex = Series(str)
    died = Series(datetime.date)


class Events(EventFrame):
    """Events of the site."""

    day = Series(datetime.date)
    code = Series(str)
    value = Series(float)
    note = Series(str)


people, events = table(People), table(Events)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of the database."""
    connection = sqlite3.connect(tmp_path / "site.sqlite3")
    connection.executescript(ROWS)
    connection.close()
    return f"sqlite:///{tmp_path}/site.sqlite3"


def dataset() -> Dataset:
    """Return a dataset of both tables."""
    found = create_dataset()
    found.define_population(people.exists_for_patient())
    found.sex = people.sex
    found.died = people.died
    found.seen = events.where(events.code == "X1").count_for_patient()
    found.note = events.sort_by(events.day).first_for_patient().note
    return found


def rows(url: str, backend: BackendMapping, permissions: Sequence[str] = ()) -> Rows:
    """Return what the dataset gives on a backend."""
    root, dialect = plan_of(dataset()).dataset, dialect_of(url)
    steps = Planner(dialect, backend, "unit", permissions).dataset(root).steps
    with connect(dialect, url, backend, "unit") as database:
        keys.refresh(database, backend, topological([root]))
        columns = [name for name, _series in root.columns]
        return [tuple(row) for row in run_steps(database, steps, columns)]


SEEN = [(1, "female", datetime.date(2020, 2, 2), 1, None), (2, "male", None, 1, None)]


def test_bk_07_text_ids_become_ints_and_mapped_columns_standard_ones(url: str) -> None:
    assert rows(url, parse("site", TEXT)) == SEEN


def test_bk_01_an_exclusion_is_lifted_by_its_permission_alone(url: str) -> None:
    backend = parse("site", TEXT)
    assert rows(url, backend, ["other"]) == SEEN
    everybody = rows(url, backend, ["include_opted"])
    assert [row[:2] for row in everybody] == [(1, "female"), (2, "male"), (3, "unknown")]


def test_bk_01_only_the_listed_patients_are_seen(url: str) -> None:
    text = TEXT.replace("exclude_patients", "only_patients")
    assert [row[1] for row in rows(url, parse("site", text))] == ["unknown"]


def test_scratch_columns_are_in_every_stored_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMIS_ORGANISATION_HASH", "abc")
    line = 'scratch_columns = { organisation = { env = "EMIS_ORGANISATION_HASH" }, v = 1 }\n'
    backend = parse("site", TEXT.replace("implements", line + "implements", 1))
    steps = Planner(dialect_of("sqlite"), backend, "unit").dataset(plan_of(dataset()).dataset).steps
    for step in steps:
        assert isinstance(step, Step)
        assert {"organisation", "v"} <= {*step.select.selected_columns.keys()}
    assert len(steps) > 2


def test_bk_03_unavailable_columns_are_named() -> None:
    nodes = list(topological([plan_of(dataset()).dataset]))
    assert usage.warnings(nodes, parse("site", TEXT)) == [
        "Events.note is not available on site: it is NULL for everybody"
    ]
    available = TEXT.replace('unavailable = ["note"]\n', "")
    assert usage.warnings(nodes, parse("site", available)) == []


def test_a_table_that_is_unavailable_has_no_rows(url: str) -> None:
    start, end = TEXT.index('source = "event"'), TEXT.index("[extra_tables.Events.columns]")
    columns = TEXT[end:].replace('code = { type = "str" }', "")
    backend = parse("site", f'{TEXT[:start]}unavailable = ["*"]\n{columns}')
    standard = Standard(backend, dialect_of(url), own_ids=True)
    with connect(dialect_of(url), url, backend, "unit") as database:
        assert database.execute("test", standard.table("", "Events")).all() == []
        assert len(database.execute("test", standard.table("", "People")).all()) == 3


class Site(Backend):
    """A backend that overrides each method once, around its mapping file."""

    def tables(self, environ: Mapping[str, str]) -> Mapping[str, TableSource]:
        """Read another table where the environment says so."""
        found = dict(super().tables(environ))
        if "HALF" in environ:
            found["People"] = TableSource(
                "People", found["People"].columns, found["People"].types, frozenset(), "id",
                query="select * from person where id < 'b'",
            )  # fmt: skip
        return found

    def exclusions(self, permissions: Sequence[str]) -> Sequence[Exclusion]:
        """Exclude nobody from those who may audit."""
        return [] if "audit" in permissions else super().exclusions(permissions)

    def classify_error(self, exc: Exception) -> int | None:
        """Call a missing table transient."""
        return 3 if "no such table" in str(exc) else None

    def decorate_scratch(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """Add a column of the site."""
        return super().decorate_scratch(select).add_columns(sa.literal(1).label("site"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the mapping of an installed backend."""
    (tmp_path / "site.toml").write_text(TEXT, encoding="utf-8")
    point = EntryPoint("site", f"{__name__}:Site", python.GROUP)
    alone = EntryPoint("alone", f"{__name__}:Alone", python.GROUP)
    monkeypatch.setattr(python, "entry_points", lambda **_group: [point, alone])
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[self.attr])
    return tmp_path


def test_a_class_overrides_what_the_mapping_file_says(folder: Path, url: str) -> None:
    backend = find("site", folder, {"HALF": "1"})
    assert rows(url, backend) == SEEN[:1]
    assert len(rows(url, find("site", folder, {}), ["audit"])) == 3
    steps = Planner(dialect_of(url), backend, "unit").dataset(plan_of(dataset()).dataset).steps
    stored = [step.select for step in steps if isinstance(step, Step)]
    assert all("site" in select.selected_columns for select in stored)
    with (
        connect(dialect_of(url), url, backend, "unit") as database,
        pytest.raises(Exception, match="retry later") as caught,
    ):
        database.execute("test", sa.text("select * from nowhere"))
    assert getattr(caught.value, "code", 0) == 3


class Alone(Backend):
    """A backend without a mapping file."""

    implements = ("smoketest",)
    patient_id = "id"

    def tables(self, environ: Mapping[str, str]) -> Mapping[str, TableSource]:
        """Have no patients table if the environment says so."""
        del environ
        return {}


def test_a_class_alone_must_give_every_table(folder: Path) -> None:
    with pytest.raises(MappingError, match=r"alone: tables\(\) gives no patients"):
        find("alone", folder, {})


def test_a_dotted_path_must_lead_to_a_backend(folder: Path) -> None:
    with pytest.raises(ArgumentsError, match="cannot be imported"):
        find("nowhere.Backend", folder, {})
    with pytest.raises(ArgumentsError, match="is not a subclass"):
        find("pathlib.Path", folder, {})
    with pytest.raises(ArgumentsError, match="Did you mean alone"):
        find("alonee", folder, {})


def test_bk_06_map_null_if_and_collation_reach_the_physical_column() -> None:
    hospital = Path(__file__).parents[3] / "roles/data_builder/files/backends/hospital.toml"
    found = parse("hospital", hospital.read_text(encoding="utf-8"))
    standard = Standard(found, dialect_of("postgresql"))

    def implied(schema_table: str, *tests: ColumnTest) -> str:
        condition = standard.implied("core", schema_table, tests)
        words = {"literal_binds": True}
        return "" if condition is None else str(condition.compile(compile_kwargs=words))

    assert (
        implied("patients", ColumnTest("sex", "eq", ("female",))) == "hosp.person.gender IN ('F')"
    )
    assert implied("patients", ColumnTest("sex", "eq", ("unknown",))) == ""
    day = datetime.date(2020, 1, 1)
    assert "hosp.person.dod > " in implied("patients", ColumnTest("date_of_death", "gt", (day,)))
    assert implied("medications", ColumnTest("dmd_code", "in", ("1",))) == ""


def test_permissions_are_named_with_their_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study.py"
    study.write_text(
        "from sallyport_data_builder.lang import create_dataset\n"
        "from sallyport_data_builder.lang.tables.tpp import appointments, patients\n"
        "dataset = create_dataset()\n"
        "dataset.define_population(patients.exists_for_patient())\n"
        "dataset.seen = appointments.count_for_patient()\n",
        encoding="utf-8",
    )
    plan = tmp_path / "plan.json"
    assert main(["compile", str(study), "--plan", str(plan)]) == 0
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    monkeypatch.setenv("EHRQL_PERMISSIONS", '["other"]')
    assert main(["execute", str(plan)]) == 12
    assert "tpp.appointments needs appointments" in capsys.readouterr().err
    monkeypatch.setenv("EHRQL_PERMISSIONS", '["appointments"]')
    monkeypatch.setenv("DATA_BUILDER_BACKENDS", str(tmp_path))
    assert main(["execute", str(plan)]) == 2
