"""A full disk is a fault of the backend: the job waits, nothing is half, and it ends later."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.runner.ending import GOOD, HIGH, MODERATE, Ending
from tests.unit.runner.rig import Container, Runner

from sallyport_common.protocol import StatusCode
from sallyport_runner.services.executor import TransientError
from sallyport_runner.services.outputs import trees

LIMIT = 2 * 1024**2


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Give a folder whose two trees are file systems of their own, of 2 MiB each."""
    trees = [tmp_path / "high", tmp_path / "medium"]
    mounted = []
    try:
        for tree in trees:
            tree.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={LIMIT}", "small", str(tree)]
            if subprocess.run(command, check=False).returncode:
                pytest.skip("only an administrator can mount a small file system")
            mounted.append(tree)
        yield tmp_path
    finally:
        for tree in mounted:
            subprocess.run(["umount", "--lazy", str(tree)], check=True)


def fill(path: Path) -> None:
    """Write a file until nothing more fits on its file system."""
    with path.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"x" * 4096)


@pytest.mark.parametrize("full", ["high", "medium"])
def test_a_job_on_a_full_disk_changes_nothing_and_ends_when_there_is_room(
    small: Path, full: str
) -> None:
    ending = Ending(small)
    outputs = {"output/*.csv": MODERATE, "output/*.bin": HIGH}
    for number, content in ((1, GOOD), (2, "age,n\n50,20\n")):
        job = ending.job(number, outputs)
        ending.write(job, "output/a.csv", content)
        ending.write(job, "output/b.bin", content.encode() * 20_000)
        if number == 1:
            ending.end(job)
            ending.volumes.of(job.id).remove()
    before = ending.files()
    ballast = small / full / "ballast"
    fill(ballast)
    expected = {path: digest for path, digest in ending.files().items() if "ballast" not in path}
    assert expected == before
    for _attempt in range(2):
        with pytest.raises(TransientError, match="space"):
            ending.end(job)
        after = {path: digest for path, digest in ending.files().items() if "ballast" not in path}
        assert after == before
    ballast.unlink()
    assert ending.end(job).code is StatusCode.SUCCEEDED
    assert ending.high("output/b.bin").stat().st_size == 20_000 * 12
    assert ending.medium("output/a.csv").read_text() == "age,n\n50,20\n"
    assert {entry.job_id for entry in ending.manifest().values()} == {"job2"}


def test_a_volume_on_a_full_disk_is_filled_when_there_is_room(small: Path) -> None:
    volume = Ending(small).volumes.of("job1")
    volume.make()
    fill(small / "high/ballast")
    with pytest.raises(TransientError, match="space"):
        trees.write_beneath(volume.workspace, "a", io.BytesIO(b"x" * 5000))
    with pytest.raises(TransientError, match="space"):
        volume.mark_prepared()
    assert [path.name for path in volume.root.rglob("*")] == ["workspace"]
    (small / "high/ballast").unlink()
    trees.write_beneath(volume.workspace, "a", io.BytesIO(b"x" * 5000))
    volume.mark_prepared()
    assert volume.prepared_at is not None


@pytest.mark.live
def test_a_job_waits_in_its_state_while_the_disk_is_full(small: Path) -> None:
    runner = Runner(small)

    def program(container: Container) -> int:
        fill(small / "medium/ballast")
        return container.write("output/table.csv", GOOD * 1000)

    runner.executor.programs = {
        "make": lambda container: container.write("output/raw.csv", "x"),
        "table": program,
    }
    runner.request("a", runner.study.head, "table")
    runner.passes(8)
    assert runner.job("table").code is StatusCode.FINALIZING
    assert not runner.medium("output/table.csv").exists()
    runner.passes(20, seconds=100)
    assert runner.job("table").code is StatusCode.FINALIZING
    (small / "medium/ballast").unlink()
    runner.passes(3, seconds=100)
    assert runner.job("table").code is StatusCode.SUCCEEDED
    assert runner.medium("output/table.csv").exists()
