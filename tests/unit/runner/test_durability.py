"""Content is on disk before it gets its name, and names are before the record says that all is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.ending import HIGH, MODERATE, Ending

from sallyport_runner.services.outputs import disk


class Witness:
    """Notes in which order inodes are flushed and renamed while a job ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flushed: set[int] = set()
        self.unflushed: list[str] = []
        self.folders: set[int] = set()
        self._fsync, self._rename, self._sync = os.fsync, os.rename, disk.sync_file_system
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "rename", self.rename)
        monkeypatch.setattr(disk, "sync_file_system", self.sync)
        self.everything = 0

    def fsync(self, handle: int) -> None:
        """Flush, and note what."""
        self._fsync(handle)
        self.flushed.add(os.fstat(handle).st_ino)
        self.folders.discard(os.fstat(handle).st_ino)

    def sync(self, path: Path) -> None:
        """Flush a file system, and note all that the tests make."""
        self._sync(path)
        self.everything += 1
        tree = next(parent for parent in path.parents if parent.name in {"high", "medium"})
        for found in tree.rglob("*"):
            self.flushed.add(found.stat().st_ino)
            self.folders.discard(found.stat().st_ino)

    def rename(self, source: str, target: str, **folders: Any) -> None:
        """Rename, and note what was not on disk at this moment."""
        inode = os.stat(source, dir_fd=folders["src_dir_fd"]).st_ino
        if inode not in self.flushed:
            self.unflushed.append(target)
        if target == "metadata.json":
            self.unflushed += [f"folder {folder}" for folder in self.folders]
        self._rename(source, target, **folders)
        self.folders.add(os.fstat(folders["dst_dir_fd"]).st_ino)


@pytest.mark.parametrize("number", [3, disk.MANY + 1])
def test_nothing_gets_a_name_before_its_content_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    ending = Ending(tmp_path)
    job = ending.job(1, {"output/*/m*.csv": MODERATE, "output/*/h*.csv": HIGH})
    for at in range(number):
        ending.write(job, f"output/{at}/h.csv")
        ending.write(job, f"output/{at}/m.csv", "patient_id\n1\n" if at == 1 else "n\n10\n")
    witness = Witness(monkeypatch)
    ending.end(job)
    assert witness.unflushed == []
    assert witness.folders == set()
    assert len(witness.flushed) > 2 * number
    assert bool(witness.everything) == (number > disk.MANY)


def test_a_volume_is_on_disk_before_it_counts_as_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Ending(tmp_path).volumes.of("job1")
    volume.make()
    (volume.workspace / "code").mkdir()
    (volume.workspace / "code/x.py").write_text("x")
    (volume.workspace / "link").symlink_to("code")
    witness = Witness(monkeypatch)
    volume.mark_prepared()
    paths = [volume.workspace, volume.workspace / "code", volume.workspace / "code/x.py"]
    assert {path.stat().st_ino for path in paths} <= witness.flushed


def test_a_plan_is_on_disk_before_it_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Ending(tmp_path).volumes.of("job1")
    volume.make()
    for folder in (volume.plan, volume.execution):
        volume.add(folder)
    (volume.plan / "plan.json").write_text("{}")
    os.mkfifo(volume.plan / "left-by-the-job")
    (volume.execution / "codelist.csv").write_text("code\n")
    witness = Witness(monkeypatch)
    volume.keep_plan()
    files = [volume.plan / "plan.json", volume.execution / "codelist.csv"]
    folders = [volume.plan, volume.execution, volume.root]
    assert {path.stat().st_ino for path in (*files, *folders)} <= witness.flushed
