"""Names that climb and files that link are refused; ordinary ones pass."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from sallyport_common.paths import (
    UnsafePathError,
    check_relative,
    open_beneath,
    sha256_file,
    write_atomic,
)


@pytest.mark.parametrize("name", ["a.csv", "output/a b.csv", "metadata/x.log", "a/é.txt"])
def test_ordinary_names_pass(name: str) -> None:
    assert str(check_relative(name)) == name


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\\b", "a\0b", ".x", "a/.b/c"],
)
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(UnsafePathError):
        check_relative(name)


def test_hidden_names_pass_where_they_are_wanted() -> None:
    assert str(check_relative(".x/y", hidden=True)) == ".x/y"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with one honest file and several traps."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "good.txt").write_bytes(b"good")
    (tmp_path / "outside.txt").write_bytes(b"outside")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "linked").symlink_to(root / "sub")
    os.link(tmp_path / "outside.txt", root / "hard.txt")
    os.mkfifo(root / "pipe")
    return root


def test_a_regular_file_below_the_root_opens(tree: Path) -> None:
    with open_beneath(tree, "sub/good.txt") as stream:
        assert stream.read() == b"good"


@pytest.mark.parametrize("name", ["link.txt", "linked/good.txt", "hard.txt", "pipe", "sub"])
def test_links_and_other_kinds_are_refused(tree: Path, name: str) -> None:
    with pytest.raises(UnsafePathError):
        open_beneath(tree, name)


def test_a_missing_file_is_reported_as_missing(tree: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_beneath(tree, "sub/none.txt")


def test_no_descriptor_is_left_open(tree: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("link.txt", "hard.txt", "pipe"):
        with pytest.raises(UnsafePathError):
            open_beneath(tree, name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_hashing_reads_from_the_start_and_rewinds(tree: Path) -> None:
    with open_beneath(tree, "sub/good.txt") as stream:
        stream.read(2)
        assert sha256_file(stream) == hashlib.sha256(b"good").hexdigest()
        assert stream.read() == b"good"


def test_write_atomic_replaces_and_sets_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_atomic(path, b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
