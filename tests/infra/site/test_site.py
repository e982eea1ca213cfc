"""The shared values are checked where a role uses them, and nothing is left on the host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]


def converge(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the scenario's playbook once more, with other values."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventories/demo"]
    return subprocess.run(
        [*command, "molecule/site/converge.yml", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wrong_values_stop_the_role_and_right_ones_do_not() -> None:
    refused = converge("-e", "site_job_server=mine")
    assert refused.returncode != 0
    assert "must be one of: own, existing, got: mine" in refused.stdout
    misspelt = converge("-e", "site_domian=tre.example.org")
    assert "Unknown variable site_domian" in misspelt.stdout
    accepted = converge("-e", "site_job_server=own")
    assert accepted.returncode == 0, accepted.stdout


def test_the_role_leaves_nothing_on_the_host(host: Host) -> None:
    assert not host.file("/etc/sallyport").exists
    assert not host.file("/var/lib/sallyport").exists
