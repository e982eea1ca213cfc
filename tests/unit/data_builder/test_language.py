"""The study language beside its queries: constants, codelists, parameters, names, the alias."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import pytest

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import (
    claim_permissions,
    codelist_from_csv,
    create_dataset,
    days,
    get_parameter,
    months,
    weeks,
    years,
)
from sallyport_data_builder.lang.codes import SNOMEDCTCode
from sallyport_data_builder.lang.datasets import CLAIMED
from sallyport_data_builder.lang.tables import EventFrame, Series, core, table

patients, events, medications = core.patients, core.clinical_events, core.medications
filtered = events.where(events.numeric_value > 1)


def test_the_same_without_the_mistake() -> None:
    number = events.count_for_patient()
    assert ((number > 1) & (number < 3)) is not None
    assert (
        events.where(events.numeric_value > 2).sort_by(events.date).first_for_patient() is not None
    )
    assert events.where(events.date.is_not_null()).where(events.numeric_value > 2) is not None
    create_dataset().define_population(patients.exists_for_patient())


def test_codelist_remembers_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("code,group\n195967001,a\n wrong ,b\n,c\n")
    assert codelist_from_csv(path, column="code") == ["195967001", "wrong"]
    categories = codelist_from_csv(path, column="code", category_column="group")
    assert categories == {"195967001": "a", "wrong": "b"}
    with pytest.raises(DefinitionError, match=r"list\.csv, row 3"):
        events.snomedct_code.is_in(codelist_from_csv(path, column="code"))
    with pytest.raises(DefinitionError, match="its columns are code, group"):
        codelist_from_csv(path, column="codes")
    with pytest.raises(DefinitionError, match="Use forward slashes"):
        codelist_from_csv("lists\\list.csv", column="code")


def test_constants_compute_at_once() -> None:
    assert "2023-01-31" + months(1) == datetime.date(2023, 3, 1)
    assert "2023-03-10" - weeks(1) == datetime.date(2023, 3, 3)
    with pytest.raises(DefinitionError, match="2023-03-10 and 8000 years give no date"):
        "2023-03-10" + years(8000)
    assert weeks(1) != days(7)
    assert weeks(1) == weeks(1)


def test_sem_20_intervals_count_from_the_start() -> None:
    first, second = months(2).starting_on("2023-01-31")
    assert first == (datetime.date(2023, 1, 31), datetime.date(2023, 2, 28))
    assert second == (datetime.date(2023, 3, 1), datetime.date(2023, 3, 30))
    assert years(2).ending_on("2022-12-31") == [
        (datetime.date(2021, 1, 1), datetime.date(2021, 12, 31)),
        (datetime.date(2022, 1, 1), datetime.date(2022, 12, 31)),
    ]
    assert months(2).ending_on("2023-02-28") == [
        (datetime.date(2022, 12, 29), datetime.date(2023, 1, 28)),
        (datetime.date(2023, 1, 29), datetime.date(2023, 2, 28)),
    ]
    assert weeks(1).ending_on("2023-01-07") == weeks(1).starting_on(datetime.date(2023, 1, 1))
    with pytest.raises(DefinitionError, match="positive whole number"):
        weeks(0).starting_on("2023-01-01")


def test_a_study_declares_a_table_of_its_own() -> None:
    class Visits(EventFrame):
        date = Series(datetime.date)
        code = Series(SNOMEDCTCode)

    visits = table(Visits)
    assert visits.where(visits.code == "195967001").date.maximum_for_patient()._node.type == "date"


def test_parameters_come_after_two_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["study.py", "--size", "3", "--name=x"])
    assert get_parameter("size", type=int) == 3
    assert get_parameter("name") == "x"
    assert get_parameter("other", default="y") == "y"
    with pytest.raises(DefinitionError, match="-- --missing VALUE"):
        get_parameter("missing")


def test_permissions_are_claimed_by_name() -> None:
    claim_permissions("event_level_data")
    assert sorted(CLAIMED) == ["event_level_data"]
    mistake: Any = ["event_level_data"]
    with pytest.raises(DefinitionError, match="takes names as text, list was given"):
        claim_permissions(mistake)


def test_legacy_dummy_data_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    create_dataset().configure_dummy_data(population_size=5)
    assert capsys.readouterr().err == ""
    create_dataset().configure_dummy_data(population_size=5, legacy=True)
    assert capsys.readouterr().err.startswith("warning: legacy=True is ignored")


def test_show_and_debug_do_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    import importlib

    module = importlib.import_module("ehrql.debug")
    module.show(patients.sex, head=3)
    module.debug(patients)
    module.stop()
    assert capsys.readouterr() == ("", "")


def test_what_is_not_here_says_so() -> None:
    import sallyport_data_builder.lang as language

    with pytest.raises(DefinitionError, match="There is no Parameters in this data builder"):
        _ = language.Parameters
    with pytest.raises(DefinitionError, match="Did you mean create_dataset"):
        _ = language.create_dataste


def test_ehrql_serves_the_same_objects() -> None:
    import importlib

    import sallyport_data_builder.lang as language

    assert importlib.import_module("ehrql") is language
    assert importlib.import_module("ehrql.tables.core") is core
    assert importlib.import_module("ehrql.codes").SNOMEDCTCode is SNOMEDCTCode
    assert importlib.import_module("ehrql.measures").INTERVAL is language.INTERVAL
    names = [name for name in sys.modules if name.startswith("ehrql.")]
    own = "sallyport_data_builder.lang."
    assert all(sys.modules[name].__name__ == own + name.removeprefix("ehrql.") for name in names)


def test_the_alias_refuses_another_of_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import importlib

    importlib.import_module("ehrql")
    monkeypatch.delitem(sys.modules, "ehrql")
    monkeypatch.syspath_prepend(str(tmp_path / "later"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (tmp_path / "ehrql.py").write_text("")
    with pytest.raises(ImportError, match=r"ehrql\.py offers the same name"):
        importlib.import_module("ehrql")
    (tmp_path / "ehrql.py").unlink()
    assert importlib.import_module("ehrql").INTERVAL


def test_the_alias_refuses_to_stand_beside_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import importlib.metadata
    import sys

    importlib.import_module("ehrql")
    monkeypatch.delitem(sys.modules, "ehrql")
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: object())
    with pytest.raises(ImportError, match="pip uninstall opensafely-ehrql"):
        importlib.import_module("ehrql")
