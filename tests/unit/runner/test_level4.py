"""Files of the medium tree are checked by the rules for outputs, and withheld with the reason."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.unit.runner.made import REQUEST, job
from tests.unit.runner.rig import settings

from sallyport_common.manifests import Output
from sallyport_common.outputs import KINDS, Kind, PrivacyLevel
from sallyport_disclosure.policy import Policy
from sallyport_runner.services.outputs.manifest import Manifest
from sallyport_runner.services.outputs.publish import PrivacyTrees

POLICY = Policy(max_bytes=200, max_rows=3)


def publish(folder: Path, content: bytes, path: str = "t.csv") -> tuple[Path, Output]:
    """Publish one file; return the medium folder and the file's entry in its manifest."""
    volume = folder / "volume"
    volume.mkdir(exist_ok=True)
    (volume / path).write_bytes(content)
    known = settings(folder, output_policy=POLICY)
    PrivacyTrees(known).publish(job(), REQUEST, volume, {path: PrivacyLevel.MODERATE.value})
    medium = known.medium_privacy_storage_base / "workspaces/ws1"
    return medium, Manifest(medium, "ws1").outputs[path]


def test_a_good_table_is_copied_with_its_shape(tmp_path: Path) -> None:
    medium, entry = publish(tmp_path, b"a,b\n1,2\n3,4\n5,6\n")
    assert (medium / "t.csv").read_bytes() == b"a,b\n1,2\n3,4\n5,6\n"
    assert (entry.excluded, entry.message) == (False, None)
    assert (entry.row_count, entry.col_count) == (3, 2)


@pytest.mark.parametrize(
    ("content", "path", "part"),
    [
        (b"x" * 201, "t.csv", "200 bytes"),
        (b"x", "t.feather", ".feather"),
        (b"x", "t", "(none)"),
        (b"patient_id,a\n1,2\n", "t.csv", "patient_id"),
        (b"\xef\xbb\xbfpatient_id,a\n1,2\n", "t.csv", "patient_id"),
        (b"\n\r\n\npatient_id,a\n1,2\n", "t.csv", "patient_id"),  # readers skip empty lines
        (b"Patient ID;a\n1;2\n", "t.csv", "Patient ID"),
        (b"a\rpatient_id\r1\r2\r3\r", "t.csv", "patient_id"),
        (b"x", "t.CSV", ".CSV"),
        (b"x", "t.csv.gz", ".gz"),
        (b"a\n1\n2\n3\n4\n", "t.csv", "3 rows"),
        (b'"a\n', "t.csv", "cannot be read as a table"),
        (b"a,\x00\n", "t.csv", "not what the suffix says"),
        (b"\xff\xfea\x00\n\x00", "t.csv", "UTF-16"),
        (b"r\xe9gion\n", "t.txt", "not in UTF-8"),
    ],
)
def test_bad_files_are_withheld_with_the_reason(
    tmp_path: Path, content: bytes, path: str, part: str
) -> None:
    medium, entry = publish(tmp_path, content, path)
    assert entry.excluded is True
    assert part in str(entry.message)
    assert part in (medium / f"{path}.txt").read_text()
    assert not (medium / path).exists()


def test_a_file_that_was_mended_loses_its_note(tmp_path: Path) -> None:
    medium, entry = publish(tmp_path, b"patient_id\n1\n2\n3\n4\n")
    assert "patient_id" in str(entry.message)
    assert "3 rows" in str(entry.message)
    publish(tmp_path, b"n\n10\n")
    assert sorted(path.name for path in medium.glob("t.csv*")) == ["t.csv"]


@pytest.mark.parametrize(("suffix", "kind"), KINDS.items())
def test_every_reviewable_type_passes(tmp_path: Path, suffix: str, kind: Kind) -> None:
    content = gzip.compress(b"<svg/>") if kind.packed else (kind.magic or b"x")
    medium, entry = publish(tmp_path, content, f"t{suffix}")
    assert entry.excluded is False
    assert (medium / f"t{suffix}").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "rows", "columns"),
    [
        (b"", 0, 0),
        (b"a,b,c\n", 0, 3),
        (b"\na,b\n1,2\n\n3,4\n\n", 2, 2),
        (b'a\n"one\ntwo"\n', 1, 1),
        (b"a\r\n1\r\n", 1, 1),
        (b"a\n" + b"1\n" * 3, 3, 1),
    ],
)
def test_shapes_of_tables_that_pass(
    tmp_path: Path, content: bytes, rows: int, columns: int
) -> None:
    _medium, entry = publish(tmp_path, content)
    assert (entry.excluded, entry.row_count, entry.col_count) == (False, rows, columns)


@pytest.mark.parametrize(("size", "excluded"), [(200, False), (201, True)])
def test_the_limit_of_size_is_the_last_that_passes(
    tmp_path: Path, size: int, *, excluded: bool
) -> None:
    _medium, entry = publish(tmp_path, b"x" * size, "t.txt")
    assert entry.excluded is excluded
