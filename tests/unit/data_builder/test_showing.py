"""What `show(...)` shows of small tables, and how it is printed."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data_builder.showing import (
    by_date,
    called,
    events,
    measures,
    medications,
    patients,
    printed,
    recent,
    small,
    with_number,
)
from tests.unit.data_builder.showing import folder as folder

from sallyport_data_builder import debugging
from sallyport_data_builder.errors import DataFileError, DefinitionError
from sallyport_data_builder.io.displays import DISPLAYS, cells
from sallyport_data_builder.lang import (
    INTERVAL,
    create_dataset,
    days,
    show,
    table_from_file,
    table_from_rows,
    years,
)
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.debug import debug, recording
from sallyport_data_builder.lang.frames import Series
from sallyport_data_builder.lang.tables import core
from sallyport_data_builder.model.shown import Shown


def test_show_records_only_while_a_study_is_debugged() -> None:
    show(patients.sex, head=3)
    with recording() as calls:
        assert calls == []
        show(patients.sex, head=3)
        debug(patients)
    show(patients.sex)
    assert [call.head for call in calls] == [3, None]


def test_a_call_tells_its_file_and_line_and_is_told_by_its_text_or_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    with recording() as calls:
        show(patients.sex, label="sexes")
        show(
            patients.sex,
            patients.date_of_birth,
        )
    first, second = calls
    assert first.place == f"test_showing.py, line {second.line - 1}"
    assert [first.title, second.title] == [
        "sexes",
        "show( patients.sex, patients.date_of_birth, )",
    ]


def event_table() -> Any:
    dataset = small()
    dataset.add_event_table("rows", day=events.date, sex=patients.sex)
    return dataset.rows


SHOWN: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "one value per patient of any table": (
        lambda: (patients.sex, events.count_for_patient(), events.count_for_patient() > 1),
        [
            "patient_id | sex    | value | value_2",
            "-----------+--------+-------+--------",
            "1          | female | 0     | F",
            "2          | male   | 3     | T",
            "3          | NULL   | 1     | F",
        ],
    ),
    "a frame of one row, for those who have one": (
        lambda: (patients,),
        [
            "patient_id | date_of_birth | sex    | date_of_death",
            "-----------+---------------+--------+--------------",
            "1          | 1980-01-01    | female | NULL",
            "2          | 1990-05-01    | male   | 2020-02-29",
        ],
    ),
    "many values, each with the place of its row": (
        lambda: (events.date, events.numeric_value > 2, patients.sex),
        [
            "patient_id | row_id | date       | value | sex",
            "-----------+--------+------------+-------+-----",
            "2          | 1      | 2020-03-01 | T     | male",
            "2          | 2      | 2019-01-01 | NULL  | male",
            "2          | 3      | 2020-03-01 | F     | male",
            "3          | 4      | NULL       | T     | NULL",
        ],
    ),
    "a filtered frame": (
        lambda: (recent,),
        [
            "patient_id | row_id | date       | snomedct_code | numeric_value",
            "-----------+--------+------------+---------------+--------------",
            "2          | 1      | 2020-03-01 | 195967001     | 9.0",
            "2          | 3      | 2020-03-01 | 38341003      | 1.5",
        ],
    ),
    "a sorted frame, in its order": (
        lambda: (by_date.where(by_date.numeric_value.is_not_null() | events.date.is_not_null()),),
        [
            "patient_id | row_id | date       | snomedct_code | numeric_value",
            "-----------+--------+------------+---------------+--------------",
            "2          | 2      | 2019-01-01 | 38341003      | NULL",
            "2          | 1      | 2020-03-01 | 195967001     | 9.0",
            "2          | 3      | 2020-03-01 | 38341003      | 1.5",
            "3          | 4      | NULL       | 195967001     | 7.0",
        ],
    ),
    "the first row of each patient": (
        lambda: (by_date.first_for_patient(),),
        [
            "patient_id | date       | snomedct_code | numeric_value",
            "-----------+------------+---------------+--------------",
            "2          | 2019-01-01 | 38341003      | NULL",
            "3          | NULL       | 195967001     | 7.0",
        ],
    ),
    "a whole frame, with the columns that its file has": (
        lambda: (medications,),
        [
            "patient_id | row_id | date",
            "-----------+--------+-----------",
            "1          | 1      | 2021-01-01",
        ],
    ),
    "series of different rows, each in a table": (
        lambda: (medications.date, recent.numeric_value),
        [
            "patient_id | row_id | date",
            "-----------+--------+-----------",
            "1          | 1      | 2021-01-01",
            "",
            "patient_id | row_id | numeric_value",
            "-----------+--------+--------------",
            "2          | 1      | 9.0",
            "2          | 3      | 1.5",
        ],
    ),
    "a dataset, of its population": (
        lambda: (with_number(),),
        [
            "patient_id | sex  | number",
            "-----------+------+-------",
            "2          | male | 9.0",
            "3          | NULL | 7.0",
        ],
    ),
    "an event table": (
        lambda: (event_table(),),
        [
            "patient_id | row_id | day        | sex",
            "-----------+--------+------------+-----",
            "2          | 1      | 2020-03-01 | male",
            "2          | 2      | 2019-01-01 | male",
            "2          | 3      | 2020-03-01 | male",
            "3          | 4      | NULL       | NULL",
        ],
    ),
    "a table that the study writes out": (
        lambda: (table_from_rows([(2, "b"), (9, None)], columns={"word": str}), patients.sex),
        [
            "patient_id | word",
            "-----------+-----",
            "2          | b",
            "9          | NULL",
            "",
            "patient_id | sex",
            "-----------+-------",
            "1          | female",
            "2          | male",
            "9          | NULL",
        ],
    ),
    "nobody": (
        lambda: (recent.where(recent.numeric_value > 99).date,),
        ["patient_id | row_id | date", "-----------+--------+-----"],
    ),
    "plain values": (
        lambda: (["195967001"], datetime.date(2020, 1, 1), years(2)),
        [
            "['195967001']",
            "",
            "datetime.date(2020, 1, 1)",
            "",
            "Duration(value=2, unit='years')",
        ],
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown(folder: str, name: str) -> None:
    values, lines = SHOWN[name]
    assert printed(called(*values()), folder) == lines


def test_a_table_of_a_file_of_the_study_is_shown(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("more.csv").write_text("patient_id,word\n4,a\n")
    more = table_from_file("more.csv", columns={"word": str})
    assert printed(called(more), folder)[2:] == ["4          | a"]


def test_a_file_that_is_declared_twice_with_other_columns(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("more.csv").write_text("patient_id,word,score\n4,a,7\n")
    word = table_from_file("more.csv", columns={"word": str}).word
    score = table_from_file("more.csv", columns={"score": int}).score
    assert printed(called(word, score), folder)[-1].split()[2::2] == ["a", "7"]


ROWS = [(n,) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("head", "tail", "told"),
    [
        (None, None, "1 2 3 4 5"),
        (2, None, "1 2 ..."),
        (None, 2, "... 4 5"),
        (1, 1, "1 ... 5"),
        (2, 3, "1 2 3 4 5"),
        (4, 4, "1 2 3 4 5"),
        (9, None, "1 2 3 4 5"),
    ],
)
def test_head_and_tail_leave_out_what_is_between(
    head: int | None, tail: int | None, told: str
) -> None:
    assert " ".join(row[0] for row in cells(ROWS, head, tail)) == told
    assert cells([], head, tail) == []


born: Any = patients.date_of_birth
MISTAKES: dict[str, tuple[Callable[[], Shown], Callable[[], Shown], str]] = {
    "no row": (
        lambda: called(born, head=0),
        lambda: called(born, head=1),
        "head must be a positive whole number of rows, not 0",
    ),
    "true rows": (
        lambda: called(born, tail=True),
        lambda: called(born, tail=1),
        "tail must be a positive whole number of rows, not True",
    ),
    "label of no text": (
        lambda: called(born, label=1),
        lambda: called(born, label="1"),
        "label must be text, int was given",
    ),
    "nothing": (called, lambda: called(None), "datasets and plain values; nothing was given"),
    "a difference of dates": (
        lambda: called(born - "2020-01-01"),
        lambda: called((born - "2020-01-01").days),
        "DateDifference was given. Ask it for a number",
    ),
    "measures": (
        lambda: called(measures()),
        lambda: called(measures()._root().measures[0].name),
        "Measures was given",
    ),
    "a declaration": (lambda: called(Series(int)), lambda: called(int), "Series was given"),
    "an interval": (
        lambda: called(born.is_during(INTERVAL)),
        lambda: called(born.is_during(("2020-01-01", "2020-12-31"))),
        "INTERVAL has a value within measures only",
    ),
    "no population": (
        lambda: called(create_dataset()),
        lambda: called(small()),
        "The dataset has no population",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_cannot_be_shown_is_refused(name: str) -> None:
    wrong, right, message = MISTAKES[name]
    assert len(right().calls) == 1
    with pytest.raises(DefinitionError, match=message):
        wrong()


def test_a_number_that_is_too_large_is_told_with_its_line(folder: str) -> None:
    assert printed(called(born + days(10)), folder)[2] == "1          | 1980-01-11"
    shown = called(born + days(10**9), label="far away")
    with pytest.raises(DefinitionError, match=r"line \d+: far away\nIt computes with") as told:
        printed(shown, folder)
    assert shown.calls[0].place in str(told.value)


def test_sem_11_a_pick_is_the_one_that_the_definition_makes(folder: str) -> None:
    """Alone, the whole pick is decided by its number, which comes before its code."""
    dataset = small()
    dataset.code = by_date.last_for_patient().snomedct_code
    shown = called(by_date.last_for_patient(), label="last")
    ends = [printed(shown, folder, plan)[2].split()[-1] for plan in (plan_of(dataset), None)]
    assert ends == ["1.5", "9.0"]


def test_a_missing_file_or_column_of_a_value_is_an_error(folder: str) -> None:
    assert printed(called(medications), folder)
    with pytest.raises(DataFileError, match="has no column dmd_code"):
        printed(called(medications.dmd_code), folder)
    with pytest.raises(DataFileError, match="has no file for the table ons_deaths: "):
        printed(called(core.ons_deaths), folder)


@pytest.mark.parametrize("extension", [".csv.gz", ".arrow", ".parquet"])
def test_dummy_tables_have_any_format(tmp_path: Path, folder: str, extension: str) -> None:
    from sallyport_data_builder import local
    from sallyport_data_builder.io import outputs

    table = local.table_of(events._node, list(events._node.columns))
    rows = local.of_folder(Path(folder))(table)
    outputs.write(str(tmp_path / f"other/clinical_events{extension}"), table, rows)
    shown = called(events)
    assert printed(shown, str(tmp_path / "other")) == printed(shown, folder)


def test_html_is_escaped_and_no_text_ends_a_line(folder: str) -> None:
    words = table_from_rows([(1, "<i>&\x1b[2J\n")], columns={"<b>": str})
    shown = called(words, ["<u>"], label="<script>")
    lines = list(debugging.lines(shown, None, folder, DISPLAYS["html"]))
    place = shown.calls[0].place
    assert lines == [
        f"<h2>{place}: &lt;script&gt;</h2>",
        "<table>",
        "<thead><tr><th>patient_id</th><th>&lt;b&gt;</th></tr></thead>",
        "<tbody>",
        "<tr><td>1</td><td>&lt;i&gt;&amp;\\x1b[2J\\n</td></tr>",
        "</tbody>",
        "</table>",
        "<p>[&#x27;&lt;u&gt;&#x27;]</p>",
    ]
    lines = list(debugging.lines(shown, None, folder, DISPLAYS["ascii"]))
    assert lines[0] == f"{place}: <script>"
    assert lines[3] == "1          | <i>&\\x1b[2J\\n"
