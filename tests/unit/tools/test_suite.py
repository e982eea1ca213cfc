"""The suite does not trust what an earlier run, perhaps cut off, left behind."""

from __future__ import annotations

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
