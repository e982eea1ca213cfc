"""A layer's tests are divided among processes: every file once, and a failure fails the run."""

from __future__ import annotations

from pathlib import Path

import pytest

import shares

PASSING = "def test_it() -> None:\n    assert True\n"


def tree(folder: Path, sizes: dict[str, int]) -> Path:
    """Write files of tests with that many bytes, by name, and something that is not a test."""
    for name, size in sizes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PASSING + "#" * (size - len(PASSING)))
    (folder / "conftest.py").write_text("#" * 10_000)
    (folder / "data").mkdir()
    return folder


def test_shares_are_about_equal_and_hold_each_entry_once(tmp_path: Path) -> None:
    sizes = {"a/test_x.py": 900, "b/test_x.py": 500, "c/deep/test_y.py": 400, "test_z.py": 100}
    folder = tree(tmp_path, sizes)
    first, second = shares.shares(folder, 2)
    assert [entry.name for entry in first] == ["a", "test_z.py"]
    assert [entry.name for entry in second] == ["b", "c"]
    assert len(shares.shares(folder, 9)) == 4


@pytest.mark.parametrize(("text", "code"), [(PASSING, 0), ("def test_it(): assert False\n", 1)])
def test_one_failing_share_fails_the_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    code: int,
) -> None:
    folder = tree(tmp_path / "layer", {"a/test_x.py": 900, "b/test_y.py": 100})
    (folder / "b/test_y.py").write_text(text)
    monkeypatch.setattr(shares, "ROOT", tmp_path)
    monkeypatch.setattr(shares, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0, 1})
    assert shares.main(["layer", "-m", "not live"]) == code
    assert capsys.readouterr().out.count("1 passed") == 2 - code
    reports = [(tmp_path / f"reports/layer-{number}.xml").read_text() for number in (0, 1)]
    assert all('tests="1"' in report for report in reports)
