"""Only what the manifest lists can be read, and only as the manifest describes it."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.unit.release_hatch.doubles import CSV, write_workspace

from sallyport_common.problems import NotFoundError, UnavailableError
from sallyport_release_hatch.storage.workspaces import LOG_PART, Log, Workspaces


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    """Return a tree with one workspace of one file."""
    write_workspace(tmp_path, "w1", {"output/t.csv": CSV})
    return Workspaces(tmp_path)


def change(tmp_path: Path, **values: Any) -> None:
    """Change the manifest entry of the one file."""
    path = tmp_path / "w1/metadata/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["outputs"]["output/t.csv"] |= values
    path.write_text(json.dumps(manifest))


def test_a_listed_file_is_read(workspaces: Workspaces) -> None:
    (file,) = workspaces.index("w1")
    assert file.date.startswith("2026-11-23T")
    assert workspaces.find("w1", "output/t.csv") == file
    assert workspaces.read("w1", file) == CSV
    assert workspaces.names() == ["w1"]


@pytest.mark.parametrize(
    "values",
    [
        {"level": "highly_sensitive"},
        {"level": "minimally_sensitive"},
        {"out_of_date_output": True},
    ],
)
def test_what_is_not_for_this_level_is_not_listed(
    workspaces: Workspaces, tmp_path: Path, values: dict[str, Any]
) -> None:
    assert workspaces.index("w1")
    change(tmp_path, **values)
    assert workspaces.index("w1") == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"content_hash": "short"}, r"\['output/t.csv'\].content_hash is not a SHA-256"),
        ({"content_hash": None}, "content_hash is not a string"),
        ({"size": "big"}, "size is not a whole number"),
        ({"timestamp": "odd"}, "timestamp is not a number"),
        ({"level": "secret"}, "level is not one of"),
        ({"note": 1}, "note is not a known key"),
    ],
)
def test_a_manifest_that_is_not_the_runners_is_refused_with_the_reason(
    workspaces: Workspaces, tmp_path: Path, values: dict[str, Any], sentence: str
) -> None:
    assert workspaces.index("w1")
    change(tmp_path, **values)
    with pytest.raises(UnavailableError, match=sentence):
        workspaces.index("w1")


def test_a_refused_file_is_listed_and_not_read(workspaces: Workspaces, tmp_path: Path) -> None:
    change(tmp_path, excluded=True, message="too large", timestamp=-1e12)
    (file,) = workspaces.index("w1")
    assert (file.excluded, file.message) == (True, "too large")
    with pytest.raises(NotFoundError):
        workspaces.find("w1", "output/t.csv")


def test_stale_files_are_marked(workspaces: Workspaces, tmp_path: Path) -> None:
    change(tmp_path, out_of_date_action=True)
    assert workspaces.index("w1")[0].stale


@pytest.mark.parametrize(
    "name",
    [
        "../w2/t.csv",
        "/etc/passwd",
        ".hidden",
        "a/../b",
        "releases/x.csv",
        "metadata/a.log",
        "x\udcff.csv",
    ],
)
def test_names_that_climb_or_hide_are_not_listed(tmp_path: Path, name: str) -> None:
    write_workspace(tmp_path, "w1", {"output/t.csv": CSV})
    path = tmp_path / "w1/metadata/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["outputs"][name] = manifest["outputs"]["output/t.csv"]
    path.write_text(json.dumps(manifest))
    assert [file.name for file in Workspaces(tmp_path).index("w1")] == ["output/t.csv"]


def test_a_file_that_changed_or_became_a_link_is_not_served(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    (file,) = workspaces.index("w1")
    path = tmp_path / "w1/output/t.csv"
    path.write_bytes(b"other\n")
    with pytest.raises(NotFoundError, match="as its manifest describes it"):
        workspaces.read("w1", file)
    path.unlink()
    (tmp_path / "same.csv").write_bytes(CSV)
    path.symlink_to(tmp_path / "same.csv")
    with pytest.raises(NotFoundError):
        workspaces.read("w1", file)


@pytest.mark.parametrize("name", ["nope", "..", "", ".w", "w1/../w1"])
def test_other_workspaces_are_not_found(workspaces: Workspaces, name: str) -> None:
    with pytest.raises(NotFoundError):
        workspaces.index(name)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_broken_manifest_says_so(tmp_path: Path, text: str) -> None:
    write_workspace(tmp_path, "w1", {"output/t.csv": CSV})
    assert Workspaces(tmp_path).index("w1")
    (tmp_path / "w1/metadata/manifest.json").write_text(text)
    with pytest.raises(UnavailableError, match=r"not a JSON object|levels deep"):
        Workspaces(tmp_path).index("w1")


def test_the_end_and_the_beginning_of_a_log_are_read(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    text = "first\n" + "x" * LOG_PART + "\nlast\n"
    (tmp_path / "w1/metadata/make.log").write_text(text)
    assert workspaces.logs("w1") == ["make"]
    end, beginning = (workspaces.log("w1", "make", beginning=value) for value in (False, True))
    assert (end.text, beginning.text) == (text[-LOG_PART:], text[:LOG_PART])
    assert (end.size, end.complete) == (len(text), False)
    (tmp_path / "w1/metadata/make.log").write_text("short")
    assert workspaces.log("w1", "make") == Log("short", 5, complete=True)
    with pytest.raises(NotFoundError):
        workspaces.log("w1", "../../secret")


def test_a_log_of_512_mib_opens_with_little_memory(workspaces: Workspaces, tmp_path: Path) -> None:
    size = 512 * 1024 * 1024
    with (tmp_path / "w1/metadata/make.log").open("wb") as stream:
        stream.truncate(size - 4)
        stream.seek(0, 2)
        stream.write(b"last")
    tracemalloc.start()
    log = workspaces.log("w1", "make")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (log.size, log.text[-4:], log.complete) == (size, "last", False)
    assert peak < 4 * 1024 * 1024
