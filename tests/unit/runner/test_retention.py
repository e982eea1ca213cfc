"""What is old goes after it was recorded, what is needed stays, and so does the record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.killed import moments
from tests.unit.runner.rig import Runner, empty_store

from sallyport_common.protocol import StatusCode
from sallyport_runner import cli
from sallyport_runner.models import Job
from sallyport_runner.services.keeping.archives import Archives
from sallyport_runner.services.keeping.retention import Retention
from sallyport_runner.services.outputs import staging

pytestmark = pytest.mark.live
YEAR_2100 = 4_102_444_800.0


@pytest.fixture
def done(runner: Runner, sha: str) -> Runner:
    """Give a runner with limits, which ran `make` twice: only the second has present outputs."""
    runner.settings = replace(runner.settings, log_keep_days=30, archive_keep_days=60)
    runner.restart()
    for name in ("a", "b"):
        runner.request(name, sha, "make")
        runner.passes(6)
    return runner


def jobs(runner: Runner) -> list[Job]:
    """Return both jobs, the older one first."""
    return [runner.store.jobs_of([name.ljust(16, "a")])[0] for name in ("a", "b")]


def retention(runner: Runner, now: float = YEAR_2100) -> Retention:
    """Return the retention of a process that has just started, far in the future."""
    store = empty_store(runner.settings.workdir)
    return Retention(runner.settings, store, Archives(runner.settings, store), lambda: now)


def recorded(runner: Runner) -> list[dict[str, Any]]:
    """Return the lines of the deletion record."""
    path = runner.base / "high/deletions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_an_old_log_goes_and_the_maker_of_an_output_stays(done: Runner) -> None:
    older, newer = jobs(done)
    folder = done.record(older)
    digests = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    assert retention(done, done.now).run("ada") == [], "nothing is old"
    shown = retention(done).run("ada", dry_run=True)
    assert folder.exists()
    assert recorded(done) == []
    assert retention(done).run("ada") == shown == recorded(done)
    (entry,) = shown
    assert (entry["what"], entry["job"], entry["by"]) == ("job_log", older.id, "ada")
    assert (entry["workspace"], entry["action"]) == ("ws", "make")
    assert entry["sha256"] == digests
    assert entry["when"] == "2100-01-01T00:00:00Z"
    assert entry["why"] == "runner_log_keep_days is 30"
    assert not folder.exists()
    assert done.record(newer).exists()
    assert retention(done).run("ada") == []
    assert len(recorded(done)) == 1


def test_by_default_nothing_goes(done: Runner) -> None:
    done.parts.archives.archive("ws", "ada")
    limited = done.settings
    done.settings = replace(limited, log_keep_days=0, archive_keep_days=0)
    assert retention(done).run("ada") == []
    assert done.record(jobs(done)[0]).exists()
    done.settings = limited
    assert len(retention(done).run("ada")) == 2


def test_an_old_archive_goes_and_its_actions_run_again(done: Runner, sha: str) -> None:
    done.parts.archives.archive("ws", "ada")
    newer = jobs(done)[1]
    content = json.loads((done.base / "high/archives/ws/archive.json").read_text())
    what = {entry["what"]: entry for entry in retention(done).run("retention")}
    assert what.keys() == {"job_log", "archive"}
    assert what["archive"]["sha256"].items() >= content["archives"].items()
    assert what["archive"]["archived_at"] == content["archived_at"]
    assert done.record(newer).exists(), "it was needed until now"
    assert list((done.base / "high/archives").iterdir()) == []
    done.request("c", sha, "table")
    done.passes(8)
    assert done.job("table").code is StatusCode.SUCCEEDED
    actions = [spec.labels["action"] for spec in done.executor.started]
    assert actions == ["make", "make", "make", "table"]
    assert len(retention(done).run("ada")) == 1, "its outputs are gone"


def test_the_daemon_looks_once_an_hour(done: Runner) -> None:
    now = [YEAR_2100]
    store = empty_store(done.settings.workdir)
    archives = Archives(done.settings, store)
    daily = Retention(done.settings, store, archives, lambda: now[0])
    daily.step()
    assert [entry["by"] for entry in recorded(done)] == ["retention"]
    archives.archive("ws", "ada")
    daily.step()
    assert len(recorded(done)) == 1
    now[0] += 3600
    daily.step()
    assert len(recorded(done)) == 2


def test_killed_at_any_moment_all_is_there_or_it_is_recorded(done: Runner) -> None:
    folder = done.record(jobs(done)[0])
    before = sorted(path.name for path in folder.iterdir())
    ends = set()
    for _moment in moments(lambda: retention(done).run("ada")):
        staging.sweep(done.base / "high")
        ends.add(folder.exists())
        if folder.exists():
            assert sorted(path.name for path in folder.iterdir()) == before
        else:
            assert len(recorded(done)) == 1
            break
    retention(done).run("ada")
    assert not folder.exists()
    assert len(recorded(done)) == 1
    assert ends == {True, False}


def test_a_line_that_a_power_cut_left_is_not_continued(done: Runner) -> None:
    path = done.base / "high/deletions.jsonl"
    path.write_text('{"what": "job_l')
    retention(done).run("ada")
    first, second = path.read_text().splitlines()
    assert first == '{"what": "job_l'
    assert json.loads(second)["what"] == "job_log"
    assert len(retention(done).deletions.entries()) == 1


def test_an_operator_types_it(done: Runner, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done.now = YEAR_2100
    for words, last in (
        (("--dry-run",), "To be deleted: 1."),
        ((), "Deleted: 1."),
        ((), "Deleted: 0."),
    ):
        assert cli.main(["--socket", str(path), "retention", *words]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == last
    assert cli.main(["--socket", str(path), "retention", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": []}
    assert recorded(done)[0]["by"]
