"""Imports follow the layers that pyproject.toml declares."""

from __future__ import annotations

import subprocess
import sys

from repository import ROOT


def test_import_contracts_are_kept() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as f; f()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in answer.stdout, answer.stderr
    assert answer.returncode == 0, answer.stdout
