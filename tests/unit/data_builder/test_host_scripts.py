"""The scripts that the role installs: a container as jobs have it, metrics, leftovers."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "roles/data_builder/files"
SANDBOX = json.loads((ROOT / "files/runner/src/sallyport_runner/sandbox.json").read_text("utf-8"))


def load(name: str) -> Any:
    """Import a script under its own name, as the others on its host do."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert isinstance(spec, importlib.machinery.ModuleSpec)
    assert spec.loader
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


container, check, clean = load("container"), load("check"), load("clean")
REPORT = {"checks": [{"id": "CHK-07", "status": "fail"}, {"id": "CHK-07", "status": "ok"}]}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """What the role writes down, for a database on this machine."""
    url = tmp_path / "url"
    url.write_text("postgresql://jobs:secret@127.0.0.1/hospital\n", encoding="utf-8")
    return {
        "backend": "hospital", "image": "proxy/databuilder:v1", "sandbox": SANDBOX,
        "seccomp": "/opt/seccomp.json", "dns": "10.0.0.9", "backends": "/etc/b",
        "database_url_file": str(url),
        "logs": str(tmp_path / "logs"), "state": "/var/s", "metrics": "/var/m", "time_limit": 9,
    }  # fmt: skip


def test_the_container_has_one_network_one_name_and_no_rights(config: dict[str, Any]) -> None:
    words = container.command(config, "a-name", ["check-backend", "x"], Path("/var/s/x"))
    assert words[-3:] == ["data-builder", "check-backend", "x"]
    for word in (
        "--read-only=true", "--init=true", "--cap-drop=ALL", "--ipc=private", "--ulimit=core=0:0",
        "--security-opt=seccomp=/opt/seccomp.json", "--oom-score-adj=500",
        "--security-opt=no-new-privileges:true",
        "--env=HOME=/tmp", "--env=USER=sallyport-job",
        "--user=10000:10000", "--network=jobrunner-db", "--dns=10.0.0.9", "--name=a-name",
        "--add-host=127.0.0.1:127.0.0.1", "--volume=/etc/b:/backends:ro",
        f"--volume={config['database_url_file']}:/run/database_url:ro",
        "--volume=/var/s/x:/reports",
    ):  # fmt: skip
        assert word in words
    assert "secret" not in " ".join(words)
    assert not any("/reports" in word for word in container.command(config, "a-name", []))


def test_a_host_that_does_not_know_the_database_says_so(config: dict[str, Any]) -> None:
    Path(config["database_url_file"]).write_text("postgresql://j:s@nowhere.invalid/h")
    with pytest.raises(container.NotStartedError, match=r"the name nowhere\.invalid") as raised:
        container.command(config, "a-name", [])
    assert raised.value.code == 3


TOLD = """left over: sp_0a1b_1
left over: sp_0a1b_2
left over: sp_gone_1
left over: sp_running_7
4 tables found
"""


class Machine:
    """Stands for the container engine: what was started, and what it answers."""

    def __init__(self, told: str, code: int = 0) -> None:
        self.told, self.code, self.ran = told, code, list[list[str]]()

    def run(
        self, _config: Any, _name: str, words: list[str], **_options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Note a run of the data builder."""
        self.ran.append(words[3:])
        return subprocess.CompletedProcess([], self.code, "", self.told)


@pytest.mark.parametrize(
    ("told", "dropped"),
    [(TOLD, [["--job=0a1b", "--job=gone"]]), ("left over: sp_running_1\n", []), ("", [])],
)
def test_tables_go_whose_job_ended_here_and_no_others(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, told: str, dropped: list[list[str]]
) -> None:
    machine = Machine(told)
    monkeypatch.setattr(container, "run", machine.run)
    for job in ("0A1B", "gone", "another"):
        record = Path(config["logs"]) / f"2026-11/os-job-{job}/metadata.json"
        record.parent.mkdir(parents=True)
        record.write_text("{}", encoding="utf-8")
    (Path(config["logs"]) / "2026-11/os-job-running").mkdir()
    assert clean.clean(config) == 0
    assert machine.ran == [["--all", "--dry-run"], *dropped]


@pytest.mark.parametrize(("code", "ends"), [(3, 0), (5, 5)])
def test_a_database_that_is_away_is_no_failure_of_the_cleaning(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, code: int, ends: int
) -> None:
    monkeypatch.setattr(container, "configuration", lambda: config)
    monkeypatch.setattr(container, "run", Machine("", code).run)
    assert clean.main() == ends


def test_chk_r5_metrics_count_findings_and_remember_the_last_good_run(tmp_path: Path) -> None:
    text = check.metrics("hospital", REPORT, 1700000000.4)
    assert 'sallyport_data_builder_check{backend="hospital",id="CHK-07",status="fail"} 1\n' in text
    assert 'id="CHK-07",status="warn"} 0\n' in text
    file = tmp_path / "a.prom"
    assert check.last_good(file) == 0
    check.write(file, text, 0o644)
    assert check.last_good(file) == 1700000000
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_a_report_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_text('{"checks": []}', encoding="utf-8")
    (tmp_path / "report.json").symlink_to(tmp_path / "real")
    assert check.read_report(tmp_path / "real") == {"checks": []}
    with pytest.raises(OSError, match=r"report\.json"):
        check.read_report(tmp_path / "report.json")
