"""Volumes: handed over without following links, and left behind by nobody for long."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sallyport_runner.services.outputs.volumes import Volumes

OTHER = 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="only an administrator can give files away")
def test_all_of_a_folder_is_handed_over_and_nothing_behind_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "file").touch()
    volume = Volumes(tmp_path / "volumes", (OTHER, OTHER)).of("a")
    volume.make()
    (volume.workspace / "code/deep").mkdir(parents=True)
    (volume.workspace / "code/deep/x.py").touch()
    (volume.workspace / "folder").symlink_to(outside)
    (volume.workspace / "code/file").symlink_to(outside / "file")
    volume.hand_over(volume.workspace)
    volume.mark_prepared()
    owned = {path.lstat().st_uid for path in [volume.workspace, *volume.workspace.rglob("*")]}
    assert owned == {OTHER}
    assert {path.stat().st_uid for path in [outside, *outside.rglob("*")]} == {os.geteuid()}
    assert volume.root.stat().st_uid == os.geteuid()
    assert volume.prepared_at is not None


def test_leftovers_are_listed_with_age_and_size_and_removed(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path / "volumes", (os.getuid(), os.getgid()))
    assert volumes.leftovers(set()) == []
    for age, name in enumerate(["new", "old", "active"]):
        volume = volumes.of(name)
        volume.make()
        (volume.workspace / "x").write_bytes(b"x" * 10_000)
        os.utime(volume.root, (1000 - 100 * age, 1000 - 100 * age))
    found = volumes.leftovers({"active"})
    assert [(leftover.job_id, leftover.since) for leftover in found] == [
        ("old", 900),
        ("new", 1000),
    ]
    assert all(10_000 <= leftover.size < 100_000 for leftover in found)
    assert [leftover.job_id for leftover in volumes.leftovers({"active"}, 950)] == ["old"]
