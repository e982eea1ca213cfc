"""The suite does not trust what an earlier run, perhaps cut off, left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import suite


def test_a_scenario_begins_without_what_an_earlier_run_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Molecule skips `create` where its state says so, though the hosts are gone."""
    monkeypatch.setattr(suite, "BUILD", tmp_path)
    left = suite.fresh_state("topology") / "state.yml"
    left.write_text("created: true\n", encoding="utf-8")
    other = suite.fresh_state("runner") / "state.yml"
    other.write_text("created: true\n", encoding="utf-8")
    assert list(suite.fresh_state("topology").iterdir()) == []
    assert other.exists()


def test_a_scenario_that_hangs_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "LONGEST", 0.2)
    assert suite.run_limited(["sleep", "60"], {}, tmp_path / "log") == 1
    assert "stopped after" in (tmp_path / "log").read_text(encoding="utf-8")
    assert suite.run_limited(["true"], {}, tmp_path / "log") == 0


def test_a_gap_in_the_covered_code_fails_the_suite(tmp_path: Path) -> None:
    """The control is the same code with a test of both branches."""
    source = "def sign(x):\n    if x:\n        return 1\n    return 0\n"
    (tmp_path / "signs.py").write_text(source, encoding="utf-8")
    settings = Path("pyproject.toml").read_text(encoding="utf-8")
    report = settings.partition("[tool.coverage.report]")[2].partition("\n[")[0]
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.coverage.run]\nbranch = true\n[tool.coverage.report]{report}", encoding="utf-8"
    )

    def covered(calls: str) -> int:
        program = "run", "-m", "test"
        (tmp_path / "test.py").write_text(f"from signs import sign\n{calls}\n", encoding="utf-8")
        for words in (program, ("report",)):
            command = [sys.executable, "-m", "coverage", *words]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        return done.returncode

    assert covered("sign(0)") == 2
    assert covered("sign(0), sign(1)") == 0
