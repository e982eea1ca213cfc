"""Removing a rig says what it did, and nothing else."""

from __future__ import annotations

import pytest

import rig


def test_without_an_engine_nothing_is_called_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rig, "output", lambda _command: None)
    with pytest.raises(SystemExit) as stopped:
        rig.main(["clean", "demo"])
    assert stopped.value.code
    told = capsys.readouterr()
    assert "Docker Engine does not answer, so nothing was removed" in told.err + told.out
    monkeypatch.setattr(rig, "output", lambda _command: "")
    assert rig.main(["clean", "demo"]) == 0
    assert "removed the hosts and networks of the rig demo" in capsys.readouterr().out
