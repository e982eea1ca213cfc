"""Run the tests of a folder as one pytest per processor at a time, each with its own subfolders.

With thousands of tests of a few milliseconds, workers of pytest-xdist cost a sixth of the time:
each of them collects every test, and reports each step of each test to the process that started it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from console import BUILD, ROOT

REPORTS = BUILD / "reports"
EACH = 3
"""Shares for each processor: their sizes say little of their times."""
MEMORY, ROOM = Path("/dev", "shm"), 2 * 1024**3


def weight(entry: Path) -> int:
    """Return the bytes of the tests in a folder, or of a file of tests."""
    files = entry.rglob("test_*.py") if entry.is_dir() else [entry]
    return sum(file.stat().st_size for file in files if file.match("test_*.py"))


def shares(folder: Path, number: int) -> list[list[Path]]:
    """Divide what a folder holds into lists of about as many bytes of tests, the largest first."""
    weights = {entry: weight(entry) for entry in sorted(folder.iterdir())}
    result: list[list[Path]] = [[] for _ in range(number)]
    for entry in sorted(weights, key=lambda entry: weights[entry], reverse=True):
        if weights[entry]:
            least = min(result, key=lambda share: sum(weights[held] for held in share))
            least.append(entry)
    return [share for share in result if share]


@contextmanager
def in_memory() -> Iterator[dict[str, str]]:
    """Give the environment of tests whose temporary files are in memory, if there is room.

    Small databases that flush to a disk take a sixth of the time of all tests.
    """
    usable = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    if not usable or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="sallyport-tests-", dir=MEMORY) as folder:
        yield {"PYTEST_DEBUG_TEMPROOT": folder}


def run(
    report: Path, share: Sequence[Path], options: Sequence[str], environment: Mapping[str, str]
) -> int:
    """Run pytest on a share, print its output, and return its exit code.

    On standard error are only threads of test servers whose clients have gone, or a crash.
    """
    words = [sys.executable, "-m", "pytest", "-q", *map(str, share)]
    words += [f"--junit-xml={report}", *options]
    answer = subprocess.run(
        words, cwd=ROOT, env=os.environ | environment, capture_output=True, check=False
    )
    output = answer.stdout + answer.stderr if answer.returncode else answer.stdout
    print(output.decode(errors="replace"), end="", flush=True)
    return answer.returncode


def main(arguments: Sequence[str]) -> int:
    """Run the tests of a folder; other options are pytest's. Return 1 if a share fails."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    options, others = parser.parse_known_args(arguments)
    processors = len(os.sched_getaffinity(0))
    parts = shares(ROOT / options.folder, EACH * processors)
    reports = [REPORTS / f"{options.folder.name}-{number}.xml" for number in range(len(parts))]
    with in_memory() as environment, ThreadPoolExecutor(processors) as pool:
        given = [others] * len(parts), [environment] * len(parts)
        codes = list(pool.map(run, reports, parts, *given))
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
