"""The script that the role installs: a container as jobs have it, metrics, the report."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "roles/data_builder/files/check.py"
SPEC = importlib.util.spec_from_file_location("check", SOURCE)
assert SPEC
assert SPEC.loader
check: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check)
CONFIG = {
    "backend": "hospital", "image": "proxy/databuilder:v1", "network": "jobrunner-db",
    "dns": "10.0.0.9", "backends": "/etc/b", "database_url_file": "/etc/u", "state": "/var/s",
    "metrics": "/var/m", "time_limit": 9,
}  # fmt: skip
REPORT = {"checks": [{"id": "CHK-07", "status": "fail"}, {"id": "CHK-07", "status": "ok"}]}


def test_the_container_has_one_network_one_name_and_no_rights() -> None:
    words = check.command(CONFIG, "full", "127.0.0.1", Path("/var/s/x"))
    assert words[-1] == "--full"
    assert "--full" not in check.command(CONFIG, "live", "127.0.0.1", Path("/var/s/x"))
    for word in (
        "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true",
        "--user=10000:10000", "--network=jobrunner-db", "--dns=10.0.0.9",
        "--add-host=127.0.0.1:127.0.0.1", "--volume=/etc/b:/backends:ro",
        "--volume=/etc/u:/run/database_url:ro",
    ):  # fmt: skip
        assert word in words


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
