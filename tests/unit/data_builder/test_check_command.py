"""The command check-backend: arguments, exit codes, report; on SQLite, where checks can be seen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data_builder.test_backends import ROWS, TEXT, Site

from sallyport_data_builder.backends import python
from sallyport_data_builder.cli import main

Run = Callable[..., tuple[int, str]]
CHECK = {"id", "table", "column", "status", "rows", "of", "text"}
REPORT = {"backend", "engine", "schemas", "server", "level", "started", "seconds", "checks"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that checks the backend `site`; its exit code and all that it printed."""
    connection = sqlite3.connect(tmp_path / "site.sqlite3")
    connection.executescript(ROWS)
    connection.close()
    (tmp_path / "site.toml").write_text(TEXT, encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/site.sqlite3")
    monkeypatch.setenv("DATA_BUILDER_BACKENDS", str(tmp_path))

    def call(*words: str) -> tuple[int, str]:
        code = main(["check-backend", "site", *words])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


def report(run: Run, folder: Path, *words: str) -> dict[str, Any]:
    """Return the report for machines."""
    run("--json", str(folder / "report.json"), *words)
    return dict(json.loads((folder / "report.json").read_text(encoding="utf-8")))


def test_chk_r2_the_report_has_its_fields(run: Run, tmp_path: Path) -> None:
    found = report(run, tmp_path, "--full")
    assert {*found} == REPORT | {"summary"}
    assert all({*check} == CHECK for check in found["checks"])
    assert found["summary"] == {"ok": 14, "warn": 2, "fail": 0, "skip": 5}
    assert found["server"].startswith("sqlite 3.")
    assert found["level"] == "full"


def test_each_level_looks_at_more(run: Run, tmp_path: Path) -> None:
    levels = [("--static",), (), ("--full",)]
    numbers = [{item["id"] for item in report(run, tmp_path, *level)["checks"]} for level in levels]
    assert numbers[0] == {f"CHK-0{number}" for number in (1, 2, 3, 5)}
    assert numbers[0] < numbers[1] < numbers[2]


def test_only_one_table_may_be_asked_for(run: Run, tmp_path: Path) -> None:
    found = report(run, tmp_path, "--full", "--table", "Events")
    assert {item["table"] for item in found["checks"]} == {"", "Events"}
    assert "CHK-10" not in {item["id"] for item in found["checks"]}


def test_wrong_arguments_end_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--table", "Event") == (2, "There is no table Event. Did you mean Events?\n")
    assert run("--static", "--full")[0] == 2
    assert run("--live")[0] == 2
    assert run("--static")[0] == 0
    monkeypatch.delenv("DATABASE_URL")
    assert "use --static" in run()[1]


def test_a_file_that_cannot_be_read_is_a_finding(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(TEXT.replace("where =", "were ="), encoding="utf-8")
    code, text = run()
    assert code == 1
    assert "fail CHK-01  Events extra_tables.Events: were is not a key" in text
    assert "(site.toml, line 19)" in text


def test_chk_03_what_is_no_select_is_not_sent(run: Run, tmp_path: Path) -> None:
    changed = TEXT.replace("select id from opted", "delete from opted")
    (tmp_path / "site.toml").write_text(changed, encoding="utf-8")
    code, text = run()
    assert code == 1
    assert "skip CHK-06" in text
    connection = sqlite3.connect(tmp_path / "site.sqlite3")
    assert connection.execute("select count(*) from opted").fetchone() == (1,)
    connection.close()


def test_a_python_backend_is_checked_like_a_mapping(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python, "find", lambda _slug: Site)
    assert run()[0] == 0
    monkeypatch.setenv("HALF", "1")
    assert "ok   CHK-14  People 1 rows: the schema's constraints hold" in run("--full")[1]
