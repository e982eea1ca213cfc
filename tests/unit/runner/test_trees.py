"""Trees are walked, read and written without following links."""

from __future__ import annotations

import errno
import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sallyport_common.paths import UnsafePathError
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs import trees
from sallyport_runner.services.outputs.disk import flush
from sallyport_runner.services.outputs.folders import KEPT, Folders
from sallyport_runner.services.outputs.scan import MAX_DEPTH, Scan, shown
from sallyport_runner.services.outputs.trees import SMALL


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
    with pytest.raises(TransientError, match="the disk is bad"):
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


def test_a_scan_skips_links_other_kinds_and_depth(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("x")
    (tmp_path / "new\nline.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to("plain.txt")
    (tmp_path / "twice.txt").write_text("x")
    (tmp_path / "twice.csv").hardlink_to(tmp_path / "twice.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    for depth in (MAX_DEPTH - 1, MAX_DEPTH + 20):
        deep = tmp_path.joinpath(*[f"d{depth}"] * depth)
        deep.mkdir(parents=True)
        (deep / "deep.txt").write_text("x")
    walk = Scan(tmp_path)
    found = {found.path for found in walk}
    reached = "/".join(["d39"] * 39) + "/deep.txt"
    assert found == {"plain.txt", "new\nline.txt", reached}
    assert set(walk.others) == {"link.txt", "twice.txt", "twice.csv", "pipe.txt"}
    assert not walk.complete
    assert list(Scan(tmp_path / "none")) == []


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("output/a b.csv", "output/a b.csv"),
        ("a\u202eb.csv", "a<U+202E>b.csv"),
        ("a\nb/c\\d", "a<U+000A>b/c<U+005C>d"),
        (os.fsdecode(b"r\xe9gion.csv"), "r<0xE9>gion.csv"),
        ("région.csv", "région.csv"),
    ],
)
def test_names_are_shown_without_their_odd_characters(path: str, label: str) -> None:
    assert shown(path) == label
    assert shown(path).isprintable()


def wide(folder: Path) -> None:
    """Make more files than the small way takes."""
    folder.mkdir()
    for number in range(SMALL + 1):
        (folder / str(number)).touch()


def deep(folder: Path) -> None:
    """Make folders deeper than the small way goes, and than Python recurses."""
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)


def linked(folder: Path) -> None:
    """Make links to a folder outside, inside a folder and in place of one."""
    (folder.parent / "outside").mkdir()
    (folder.parent / "outside/kept.txt").touch()
    folder.mkdir()
    (folder / "inner").symlink_to(folder.parent / "outside")
    (folder / "locked").mkdir(mode=0)


@pytest.mark.parametrize("fill", [wide, deep, linked, Path.touch, lambda folder: folder.mkdir()])
def test_a_tree_is_removed_whatever_it_is(tmp_path: Path, fill: Callable[[Path], None]) -> None:
    fill(tmp_path / "tree")
    (tmp_path / "also").symlink_to(tmp_path / "tree")
    for name in ("also", "tree", "none"):
        trees.remove_tree(tmp_path / name)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == ({"outside", "outside/kept.txt"} if fill is linked else set())


@pytest.mark.parametrize("number", [0, 3, SMALL + 1])
def test_a_small_tree_has_the_size_that_du_says(tmp_path: Path, number: int) -> None:
    root = tmp_path / "tree"
    (root / "inner").mkdir(parents=True)
    for name in range(number):
        (root / "inner" / str(name)).write_bytes(b"x" * 5000)
    (root / "link").symlink_to("inner")
    if number:
        (root / "twice").hardlink_to(root / "inner/0")
    done = subprocess.run(["du", "-s", "--block-size=1", root], capture_output=True, check=True)
    assert trees.size_of(root) == int(done.stdout.split()[0])
    assert trees.size_of(tmp_path / "none") == 0


def test_folders_stay_open_and_are_found_again(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Folders(tmp_path) as folders:
        for number in [*range(KEPT + 10), *range(KEPT + 10)]:
            handle = folders.get(("a", str(number)), make=True)
            assert os.fstat(handle).st_ino == (tmp_path / f"a/{number}").stat().st_ino
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + KEPT + 1
        assert len(folders) == 2  # the root and `a` have new entries
        flush(folders)
        assert len(folders) == 0
