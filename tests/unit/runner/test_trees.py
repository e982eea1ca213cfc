"""Trees are walked, read and written without following links."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from sallyport_common.paths import UnsafePathError
from sallyport_runner.services.outputs import trees


def test_writing_makes_folders_and_replaces(tmp_path: Path) -> None:
    for text in (b"one", b"two"):
        copied = trees.write_beneath(tmp_path, "a/b/c.txt", io.BytesIO(text))
        assert copied.size == 3
    assert (tmp_path / "a/b/c.txt").read_bytes() == b"two"
    assert (tmp_path / "a/b/c.txt").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["c.txt"]


def test_a_file_that_cannot_be_read_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        """Gives some bytes, then fails as a bad disk does."""

        def read(self, size: int | None = -1) -> bytes:
            if found := super().read(size):
                return found
            raise OSError(errno.EIO, "the disk is bad")

    trees.write_beneath(tmp_path, "a.txt", io.BytesIO(b"old"))
    with pytest.raises(OSError, match="the disk is bad"):
        trees.write_beneath(tmp_path, "a.txt", Broken(b"new"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"old"


def test_writing_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafePathError):
        trees.write_beneath(root, "a/b.txt", io.BytesIO(b"x"))
    assert list((tmp_path / "outside").iterdir()) == []
    trees.write_beneath(root, "b/b.txt", io.BytesIO(b"x"))


def test_a_scan_skips_links_odd_names_and_depth(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("x")
    (tmp_path / "new\nline.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to("plain.txt")
    deep = tmp_path.joinpath(*["d"] * 60)
    deep.mkdir(parents=True)
    (deep / "deep.txt").write_text("x")
    assert [found.path for found in trees.scan(tmp_path)] == ["plain.txt"]


def test_removing_is_content_with_nothing(tmp_path: Path) -> None:
    trees.remove_beneath(tmp_path, "none/none.txt")
    trees.remove_tree(tmp_path / "none")
