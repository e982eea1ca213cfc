"""Constants of subclasses are their values; wrong ones are refused with both types named."""

from __future__ import annotations

import datetime
import enum
import operator
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sallyport_data_builder.errors import DefinitionError
from sallyport_data_builder.lang import case, create_dataset, days, table_from_rows, when
from sallyport_data_builder.lang.codelists import codelist_from_csv_lines
from sallyport_data_builder.lang.codes import ICD10Code
from sallyport_data_builder.lang.tables import core, tpp

patients, events, apcs = core.patients, core.clinical_events, tpp.apcs
CODES = codelist_from_csv_lines(["hrg\n", "FD01A\n", "FD01B\n"], "hrg", name="hrg.csv")


class Sex(enum.StrEnum):
    """The value is the text."""

    M = "male"


Older = enum.Enum("Older", {"M": "male"}, type=str)  # as it was written before StrEnum


class Number(enum.IntEnum):
    """The value is the number."""

    TWO = 2


class Colour(enum.Enum):
    """Not a subclass of its value's type."""

    RED = "red"


# Each pair makes one node: the right one is written with a plain constant.
SAME: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "is_in of a codelist": (
        lambda: apcs.spell_core_hrg_sus.is_in(CODES),
        lambda: apcs.spell_core_hrg_sus.is_in(["FD01A", "FD01B"]),
    ),
    "== of a listed code": (
        lambda: apcs.spell_core_hrg_sus == CODES[0],
        lambda: apcs.spell_core_hrg_sus == "FD01A",
    ),
    "contains of a listed code": (
        lambda: apcs.spell_core_hrg_sus.contains(CODES[0]),
        lambda: apcs.spell_core_hrg_sus.contains("FD01A"),
    ),
    "case of a listed code": (
        lambda: case(when(patients.sex == "male").then(CODES[0]), otherwise="x"),
        lambda: case(when(patients.sex == "male").then("FD01A"), otherwise="x"),
    ),
    "StrEnum": (lambda: patients.sex == Sex.M, lambda: patients.sex == "male"),
    "str and Enum": (
        lambda: patients.sex.is_in([Older["M"]]),
        lambda: patients.sex.is_in(["male"]),
    ),
    "mapped": (
        lambda: patients.sex.map_values({Sex.M: Number.TWO}),
        lambda: patients.sex.map_values({"male": 2}),
    ),
    "IntEnum": (
        lambda: events.count_for_patient() > Number.TWO,
        lambda: events.count_for_patient() > 2,
    ),
    "numpy int": (
        lambda: events.count_for_patient() > np.int64(2),
        lambda: events.count_for_patient() > 2,
    ),
    "numpy int beside a float": (
        lambda: events.numeric_value > np.int32(2),
        lambda: events.numeric_value > 2,
    ),
    "numpy float": (
        lambda: events.numeric_value > np.float64(2.5),
        lambda: events.numeric_value > 2.5,
    ),
    "numpy text": (lambda: patients.sex == np.str_("male"), lambda: patients.sex == "male"),
    "numpy bool": (
        lambda: patients.exists_for_patient() & np.bool_(True),
        lambda: patients.exists_for_patient() & True,
    ),
    "numpy date": (
        lambda: events.date > np.datetime64("2020-01-31"),
        lambda: events.date > "2020-01-31",
    ),
    "pandas column": (
        lambda: patients.sex.is_in(pd.Series(["male", "female"])),
        lambda: patients.sex.is_in(["male", "female"]),
    ),
    "days of numpy": (lambda: events.date + days(np.int64(3)), lambda: events.date + days(3)),
    "code on its column": (
        lambda: apcs.primary_diagnosis == ICD10Code("I219"),
        lambda: apcs.primary_diagnosis == "I219",
    ),
    "a code's own text": (
        lambda: apcs.all_diagnoses.contains(ICD10Code("I219")._to_primitive_type()),
        lambda: apcs.all_diagnoses.contains("I219"),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_a_constant_of_a_subclass_is_its_value(name: str) -> None:
    subclass, plain = SAME[name]
    assert subclass()._node is plain()._node


def test_rows_of_numpy_and_pandas_are_plain_rows() -> None:
    frame = pd.DataFrame({"patient_id": [2, 1], "age": [4, 3]})
    columns = {"age": int}
    rows = list(frame.itertuples(index=False, name=None))
    numpy_rows = [(np.int64(1), np.int64(3)), (np.int64(2), np.int64(4))]
    plain = table_from_rows([(1, 3), (2, 4)], columns=columns)._node
    assert table_from_rows(rows, columns=columns)._node is plain
    assert table_from_rows(numpy_rows, columns=columns)._node is plain


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "Enum": (
        lambda: patients.sex == Colour.RED,
        "A series or a constant of type str was expected, not Colour. Use its value.",
    ),
    "Decimal": (
        lambda: events.numeric_value > Decimal(1),
        "A series or a constant of type float was expected, not Decimal.",
    ),
    "bool is not int": (
        lambda: operator.eq(events.count_for_patient(), True),
        "A comparison needs values of one type, these are int and bool. Use int for all of them.",
    ),
    "numpy bool is not int": (
        lambda: events.count_for_patient() == np.bool_(True),
        "A comparison needs values of one type, these are int and bool. Use int for all of them.",
    ),
    "time": (
        lambda: events.date > datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        "A series or a constant of type date was expected, not datetime. Use its date().",
    ),
    "time of pandas": (
        lambda: events.date > pd.Timestamp("2020-01-01"),
        "A series or a constant of type date was expected, not Timestamp. Use its date().",
    ),
    "array": (
        lambda: patients.sex == np.array(["male"]),
        "A series or a constant of type str was expected, not ndarray.",
    ),
    "code of another system": (
        lambda: events.snomedct_code == ICD10Code("I219"),
        "A comparison needs values of one type, these are SNOMED CT code and ICD-10 code. There is "
        "no conversion between coding systems: use codes of the column's own.",
    ),
    "listed code of no code column": (
        lambda: events.snomedct_code == CODES[0],
        "'FD01A' is not a SNOMED CT code (hrg.csv, row 2): that is 6 to 18 digits without a "
        "leading zero.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_constant_is_refused_with_both_types(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(DefinitionError) as caught:
        call()
    assert str(caught.value) == message


ALIVE = (patients.is_alive_on("2024-01-01"),)
MALE = patients.sex == "male"
COMMAS: dict[str, Callable[[], Any]] = {
    "left of &": lambda: ALIVE & MALE,
    "right of |": lambda: MALE | ALIVE,
    "comparison": lambda: patients.sex == (patients.sex,),
    "comparison swapped": lambda: (patients.sex,) == patients.sex,
    "arithmetic": lambda: operator.add(events.numeric_value, (events.numeric_value,)),
    "population": lambda: create_dataset().define_population(ALIVE),
    "column": lambda: setattr(create_dataset(), "x", (patients.date_of_birth,)),
    "add_column": lambda: create_dataset().add_column("x", (patients.date_of_birth,)),
    "event table": lambda: create_dataset().add_event_table("t", date=(events.date,)),
    "where": lambda: events.where((events.numeric_value > 1,)),
    "except_where": lambda: events.except_where((events.numeric_value > 1,)),
    "sort_by": lambda: events.sort_by((events.date,)),
    "when": lambda: when(ALIVE),
    "then": lambda: case(when(MALE).then((patients.sex,)), otherwise="x"),
    "is_before": lambda: patients.date_of_birth.is_before(("2020-01-01",)),
    "is_in": lambda: patients.sex.is_in((patients.sex,)),
    "days": lambda: days((3,)),
    "constraint": lambda: create_dataset().configure_dummy_data(
        additional_population_constraint=ALIVE
    ),
    "contains": lambda: apcs.all_diagnoses.contains(("I21",)),
}


@pytest.mark.parametrize("name", COMMAS)
def test_a_trailing_comma_is_named(name: str) -> None:
    with pytest.raises(DefinitionError, match="There is a comma too many at the end of a line"):
        COMMAS[name]()


def test_a_comma_is_named_only_where_one_made_a_tuple() -> None:
    with pytest.raises(DefinitionError) as caught:
        _ = MALE & "male"
    assert "comma" not in str(caught.value)
    assert "parentheses" in str(caught.value)
    dataset = create_dataset()
    dataset.x = patients.date_of_birth  # the control: the same line without its comma
    assert dataset.x._node is patients.date_of_birth._node


def test_python_messages_about_tuples_name_the_comma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sallyport_data_builder.confine.child import answer
    from sallyport_data_builder.confine.requests import Request

    monkeypatch.chdir(tmp_path)
    study = "from ehrql.tables.core import patients\nsex = patients.sex{}\nsex.is_null()\n"
    for comma, told in ((",", True), ("", False)):
        Path("study.py").write_text(study.format(comma))
        error = answer(Path("study.py"), Request.ANY, [])["error"]
        assert ("There is a comma too many" in error) is told
