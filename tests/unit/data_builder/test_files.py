"""File formats: what is written, what is read again, and what is refused (FMT-01 to FMT-11)."""

from __future__ import annotations

import datetime
import gzip
import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sallyport_data_builder.errors import ArgumentsError, DatabaseFailure, DataFileError, Failure
from sallyport_data_builder.io import batches, inputs, outputs
from sallyport_data_builder.io.columns import dataset_table
from sallyport_data_builder.io.tables import OutputTable, RenderedCsv, column
from sallyport_data_builder.io.targets import EXTENSIONS, Target
from sallyport_data_builder.lang import case, create_dataset, maximum_of, when
from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.lang.tables import core, tpp

SEXES = ("female", "male", "intersex", "unknown")
TABLE = OutputTable.of_patients(
    "dataset",
    [
        column("flag", "bool"),
        column("number", "int"),
        column("few", "int", range={"min": 0, "max": 127}),
        column("mean", "float"),
        column("word", "str"),
        column("sex", "str", categories=SEXES),
        column("day", "date"),
        column("code", "snomedct"),
    ],
)
# No control character: carriage returns and NUL are not portable in CSV. Empty text is NULL there.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1
)
ROW = st.tuples(
    st.none() | st.booleans(),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(0, 127),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | TEXT,
    st.none() | st.sampled_from(SEXES),
    st.none() | st.dates(),
    st.none() | st.text(string.digits, min_size=6, max_size=18),
)
FULL = (1, True, -5, 7, 0.1, 'a,"b"\nc', "male", datetime.date(2020, 2, 29), "1234567")
EMPTY = (2, *[None] * 8)


def numbered(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(number, *row) for number, row in enumerate(rows, 1)]


@pytest.mark.parametrize("extension", EXTENSIONS)
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(ROW, max_size=5).map(numbered))
def test_prp_08_what_is_written_is_read_again(
    tmp_path: Path, extension: str, rows: list[tuple[Any, ...]]
) -> None:
    path = tmp_path / f"a{extension}"
    assert outputs.write(str(path), TABLE, iter(rows)) == len(rows)
    assert list(inputs.rows(path, TABLE)) == rows


def test_fmt_01_and_02_what_csv_looks_like(tmp_path: Path) -> None:
    outputs.write(str(tmp_path / "a.csv"), TABLE, [FULL, EMPTY])
    text = (tmp_path / "a.csv").read_text()
    head = "patient_id,flag,number,few,mean,word,sex,day,code\n"
    assert text == f'{head}1,T,-5,7,0.1,"a,""b""\nc",male,2020-02-29,1234567\n2,,,,,,,,\n'


def test_fmt_03_files_are_the_same_by_their_values(tmp_path: Path) -> None:
    """Others end lines with CR LF, and write whole floats with a point."""
    table = OutputTable.of_patients("dataset", [column("mean", "float"), column("word", "str")])
    (tmp_path / "a.csv").write_bytes(b'"patient_id","mean","word"\r\n1,3.0,a\r\n2,3,"b"\r\n')
    assert list(inputs.rows(tmp_path / "a.csv", table)) == [(1, 3.0, "a"), (2, 3.0, "b")]


def test_fmt_02_without_an_output_csv_goes_to_standard_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    outputs.write(None, TABLE, [EMPTY])
    assert capfd.readouterr().out.endswith("\n2,,,,,,,,\n")


def test_fmt_04_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        outputs.write(str(tmp_path / name), TABLE, [FULL])
    first, second = ((tmp_path / name).read_bytes() for name in ("a.csv.gz", "b.csv.gz"))
    assert first == second
    assert first[3:8] == b"\0\0\0\0\0"
    outputs.write(str(tmp_path / "b.csv.gz"), TABLE, [EMPTY])
    assert first != (tmp_path / "b.csv.gz").read_bytes()


SEX = pa.dictionary(pa.int8(), pa.string(), ordered=True)


@pytest.mark.parametrize("extension", [".arrow", ".parquet"])
def test_fmt_05_and_07_types_of_typed_files(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension}"
    outputs.write(str(path), TABLE, [FULL, EMPTY])
    found = pq.read_schema(path) if extension == ".parquet" else pa.ipc.open_file(path).schema
    wanted = [pa.int64(), pa.bool_(), pa.int64(), pa.int8(), pa.float64(), pa.string(), SEX]
    assert found.types == [*wanted, pa.date32(), pa.string()]
    assert [field.nullable for field in found][:2] == [False, True]


def test_fmt_05_and_07_batches_of_64000_compressed(tmp_path: Path) -> None:
    table = OutputTable.of_patients("dataset", [column("number", "int")])
    parts = [pa.record_batch({"a": [i] * 1000, "b": [7] * 1000}) for i in range(130)]
    for name in ("a.arrow", "a.parquet"):
        assert outputs.write(str(tmp_path / name), table, iter(parts)) == 130_000
        assert (tmp_path / name).stat().st_size < 200_000
    reader = pa.ipc.open_file(tmp_path / "a.arrow")
    sizes = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
    file = pq.ParquetFile(tmp_path / "a.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == groups == [64_000, 64_000, 2_000]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_fmt_05_and_06_types_follow_from_the_query() -> None:
    people, dataset = core.patients, create_dataset()
    dataset.define_population(people.exists_for_patient())
    dataset.sex = people.sex
    dataset.sorted_sex = maximum_of(people.sex, "other")
    dataset.band = case(when(people.sex == "male").then("m"), otherwise="other")
    dataset.open = case(when(people.sex == "male").then(people.sex))
    dataset.code = case(when(people.sex == "male").then(core.ons_deaths.underlying_cause_of_death))
    dataset.events = core.clinical_events.count_for_patient()
    dataset.year = people.date_of_birth.year
    dataset.age = people.age_on("2020-01-01")
    dataset.small = case(when(people.sex == "male").then(1), otherwise=200)
    dataset.practice = core.practice_registrations.practice_pseudo_id.maximum_for_patient()
    table = dataset_table(plan_of(dataset).dataset)
    kinds = {c.name: batches.file_type(c) for c in table.columns}
    assert kinds["patient_id"] == pa.int64()
    assert kinds["events"] == pa.int32()
    assert kinds["year"] == kinds["age"] == kinds["small"] == pa.int16()
    assert kinds["practice"] == pa.int64()
    assert kinds["code"] == pa.string()
    dataset.address = (
        tpp.addresses.sort_by(tpp.addresses.start_date).last_for_patient().address_type
    )
    kinds["address"] = batches.file_type(dataset_table(plan_of(dataset).dataset).columns[-1])
    assert kinds["address"] == pa.int8()
    categories = {c.name: c.spec.categories for c in table.columns}
    assert categories["sex"] == categories["open"] == SEXES
    assert categories["sorted_sex"] == (*SEXES, "other")
    assert categories["band"] == ("m", "other")


@pytest.mark.parametrize("extension", [".arrow", ".parquet"])
def test_fmt_08_a_value_outside_its_categories_is_named_by_its_column(
    tmp_path: Path, extension: str
) -> None:
    path = tmp_path / f"a{extension}"
    wrong = (*FULL[:6], "canary", *FULL[7:])
    with pytest.raises(DatabaseFailure, match=r"column sex .* categories, female, male") as error:
        outputs.write(str(path), TABLE, [FULL, wrong])
    assert "canary" not in str(error.value)
    assert error.value.code == 5
    assert list(tmp_path.iterdir()) == []
    outputs.write(str(path), TABLE, [FULL])
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_fmt_05_a_number_outside_its_range_is_an_error(tmp_path: Path) -> None:
    wrong = (*FULL[:3], 4242, *FULL[4:])
    with pytest.raises(DatabaseFailure, match=r"column few has .* range, 0 to 127") as error:
        outputs.write(str(tmp_path / "a.arrow"), TABLE, [wrong])
    assert "4242" not in str(error.value)


def test_fmt_11_lines_of_a_database_are_written_as_they_come(tmp_path: Path) -> None:
    table = OutputTable.of_patients("dataset", [column("number", "int")])
    lines = RenderedCsv([b"1,", b"5\n2,\n"], lambda: 2)
    assert outputs.write(str(tmp_path / "a.csv.gz"), table, lines) == 2
    text = gzip.decompress((tmp_path / "a.csv.gz").read_bytes())
    assert text == b"patient_id,number\n1,5\n2,\n"
    assert Target.of("a.csv.gz").takes_csv
    assert not Target.of("a.arrow").takes_csv
    with pytest.raises(TypeError, match="takes_csv"):
        outputs.write(str(tmp_path / "a.arrow"), table, lines)


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/a.csv"
    outputs.write(str(path), TABLE, [FULL])
    before = path.read_bytes()

    def broken() -> Iterator[tuple[Any, ...]]:
        yield EMPTY
        assert path.read_bytes() == before
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outputs.write(str(path), TABLE, broken())
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["a.csv"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentsError, match="cannot be written: File exists"):
        outputs.write(str(tmp_path / "file/a.csv"), TABLE, [FULL])
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(Failure, match=r"b.csv could not be written: Is a directory"):
        outputs.write(str(tmp_path / "b.csv"), TABLE, [FULL])


@pytest.mark.parametrize(
    ("output", "file"),
    [
        ("a/:csv", "a/dataset.csv"),
        ("a:csv.gz", "a/dataset.csv.gz"),
        ("a/b:arrow", "a/b/dataset.arrow"),
        ("b/x.parquet", "b/x.parquet"),
        ("b:c/x.csv", "b:c/x.csv"),
    ],
)
def test_an_output_is_a_file_or_a_folder_with_an_extension(output: str, file: str) -> None:
    assert Target.of(output).path("dataset") == Path(file)


def test_names_of_tables_are_encoded_and_several_need_a_folder(tmp_path: Path) -> None:
    assert Target.of("a/:csv").path("../b c%") == Path("a/..%2Fb c%25.csv")
    pair: list[tuple[OutputTable, Any]] = [
        (OutputTable("one", TABLE.columns), [FULL]),
        (OutputTable("two", TABLE.columns), [EMPTY]),
    ]
    with pytest.raises(DataFileError, match=r"name a folder instead, --output .*/:csv") as error:
        outputs.write_all(str(tmp_path / "a.csv"), pair)
    assert error.value.code == 11
    assert outputs.write_all(f"{tmp_path}/all/:csv", pair) == [1, 1]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["one.csv", "two.csv"]


@pytest.mark.parametrize("output", ["a.txt", "a/:dta", "a", "a.csv.bz2", "a:", ".feather"])
def test_an_unknown_extension_names_those_that_there_are(output: str) -> None:
    with pytest.raises(ArgumentsError, match=r"must end in one of \.csv, \.csv\.gz, \.arrow"):
        Target.of(output)


NARROW = OutputTable.of_patients(
    "people", [column("day", "date"), column("sex", "str", not_null=True, categories=SEXES)]
)
GOOD = "sex,patient_id,more,day\nmale,1,x,2020-01-01\nfemale,2,y,\n"
BAD_CSV = {
    "no column": (GOOD.replace("day", "dya"), "has no column day. Did you mean dya?"),
    "twice": (GOOD.replace("more", "sex"), "the column sex appears twice"),
    "date": (GOOD.replace("2020-01-01", "01/01/2020"), "row 1, column day: a date of the form"),
    "no such date": (GOOD.replace("2020-01-01", "2021-02-29"), "row 1, column day: a date"),
    "empty": (GOOD.replace("female", ""), "row 2, column sex: a value expected"),
    "category": (GOOD.replace("female", "canary"), "row 2, column sex: one of female, male"),
    "id": (GOOD.replace("1,x", "canary,x"), "row 1, column patient_id: a whole number"),
    "no id": (GOOD.replace("2,y", ",y"), "row 2, column patient_id: a value expected"),
    "large id": (GOOD.replace("2,y", "9223372036854775808,y"), "row 2, column patient_id"),
    "width": (GOOD.replace(",x,", ",x,canary,"), "line 2: 5 values, and the header has 4 columns"),
    "quotes": (GOOD.replace("male", '"canary'), "cannot be read: its content is broken"),
    "nothing": ("", "is empty: a header"),
}


@pytest.mark.parametrize("name", BAD_CSV)
def test_fmt_09_an_error_names_file_row_and_column_and_no_value(tmp_path: Path, name: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\ufeff" + GOOD)
    wanted = [(1, datetime.date(2020, 1, 1), "male"), (2, None, "female")]
    assert list(inputs.rows(path, NARROW)) == wanted
    text, message = BAD_CSV[name]
    path.write_text(text)
    with pytest.raises(DataFileError) as error:
        list(inputs.rows(path, NARROW))
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_fmt_09_a_broken_file_is_said_in_one_sentence(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"people{extension}"
    with pytest.raises(DataFileError, match="There is no file"):
        list(inputs.rows(path, NARROW))
    path.write_bytes(b"\xff\xfecanary")
    with pytest.raises(DataFileError, match=r"is not UTF-8|cannot be read|has no column") as error:
        list(inputs.rows(path, NARROW))
    assert "canary" not in str(error.value)


BAD_TYPES: dict[str, tuple[dict[str, Any], str]] = {
    "type": ({"day": pa.array([1, 2])}, "column day: its type is int64, and date32"),
    "category": ({"sex": pa.array(["male", "canary"])}, "row 2, column sex: one of female"),
    "null": ({"sex": pa.array(["male", None])}, "row 2, column sex: a value expected"),
    "id": ({"patient_id": pa.array([None, 2])}, "row 1, column patient_id: a value expected"),
}


@pytest.mark.parametrize("extension", [".arrow", ".parquet"])
@pytest.mark.parametrize("name", BAD_TYPES)
def test_fmt_09_typed_files_are_checked_too(tmp_path: Path, extension: str, name: str) -> None:
    path = tmp_path / f"people{extension}"
    day = datetime.date(2020, 1, 1)
    good: dict[str, Any] = {
        "sex": pa.array(["male", "female"]).dictionary_encode(),
        "more": pa.array([1.5, 2.5]),
        "patient_id": pa.array([1, 2], pa.uint8()),
        "day": pa.array([day, None]),
    }
    changed, message = BAD_TYPES[name]
    for columns in (good, good | changed):
        whole = pa.table(columns)
        if extension == ".parquet":
            pq.write_table(whole, path)
        else:
            with pa.ipc.new_file(path, whole.schema) as writer:
                writer.write_table(whole)
        if columns is good:
            assert list(inputs.rows(path, NARROW)) == [(1, day, "male"), (2, None, "female")]
    with pytest.raises(DataFileError) as error:
        list(inputs.rows(path, NARROW))
    assert message in str(error.value)
    assert "canary" not in str(error.value)


def test_rows_come_as_tuples_or_lists_alone_or_in_lists(tmp_path: Path) -> None:
    given: list[Any] = [[FULL, EMPTY], [list(FULL), list(EMPTY)], [[FULL], [], [EMPTY]]]
    for rows in given:
        assert outputs.write(str(tmp_path / "a.csv"), TABLE, iter(rows)) == 2
        assert list(inputs.rows(tmp_path / "a.csv", TABLE)) == [FULL, EMPTY]


@pytest.mark.live
@pytest.mark.parametrize("extension", [".csv", ".csv.gz", ".arrow", ".parquet"])
def test_writing_and_reading_hold_a_few_batches_at_a_time(tmp_path: Path, extension: str) -> None:
    table = OutputTable.of_patients("dataset", [column("number", "float")])
    path, before, most = tmp_path / f"a{extension}", pa.total_allocated_bytes(), 0

    def many() -> Iterator[pa.RecordBatch]:
        nonlocal most
        for start in range(0, 1_200_000, 50_000):
            most = max(most, pa.total_allocated_bytes() - before)
            numbers = pa.array(range(start, start + 50_000))
            yield pa.record_batch([numbers, numbers.cast(pa.float64())], names=["a", "b"])

    assert outputs.write(str(path), table, many()) == 1_200_000
    sizes = []
    if not Target.of(str(path)).takes_csv:
        for batch in inputs.read(path, table):
            most = max(most, pa.total_allocated_bytes() - before)
            sizes.append(batch.num_rows)
        assert sizes == [64_000] * 18 + [48_000]
    assert 0 < most < 1_200_000 * 16 * 0.75, most
