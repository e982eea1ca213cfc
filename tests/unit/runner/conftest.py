"""A runner with the study that most tests use."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.runner.rig import Runner, make, table


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Return a runner whose programs do what the project says."""
    made = Runner(tmp_path)
    made.executor.programs = {"make": make, "table": table}
    return made


@pytest.fixture
def sha(runner: Runner) -> str:
    """Return the commit of the study."""
    return runner.study.git("rev-parse", "HEAD")
