"""Every component can be taken away: code, settings, certificate and units go, its state stays.

Runs after the other tests of this scenario, in the opposite order of site.yml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from testinfra.host import Host

import distributions

HOSTS = ["sallyport"]
ROOT = Path(__file__).resolve().parents[3]
IMPORTED = re.findall(r"playbooks/(\w+)\.yml", (ROOT / "site.yml").read_text(encoding="utf-8"))
COMPONENTS = [name for name in reversed(IMPORTED) if name in distributions.deployed()]
CERTIFIED = {"job_server", "proxy", "release_hatch"}
KEPT = ["/var/lib/sallyport/job_server", "/srv/high_privacy/workspaces", "/var/lib/sallyport/proxy"]


def remove(component: str, confirmation: str) -> tuple[int, str]:
    """Run the playbook that removes a component; return its exit code and output."""
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "playbooks/operations/remove_component.yml",
        "-i", "inventories/single-host", "-i", "molecule/single_host/inventory",
        "-e", f"component={component} confirm={confirmation}",
    ]  # fmt: skip
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_nothing_goes_without_its_confirmation(host: Host) -> None:
    """The control is the next test: confirmed, it goes."""
    code, output = remove("proxy", "runner")
    assert code != 0
    assert "Nothing was removed" in output
    assert host.service("sallyport-proxy").is_running


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_is_removed_and_its_state_stays(host: Host, component: str) -> None:
    pair = [host.file(f"/etc/sallyport/tls/{component}.{kind}") for kind in ("crt", "key")]
    assert [file.exists for file in pair] == [component in CERTIFIED] * 2
    assert host.file(f"/etc/sallyport/{component}").exists
    code, output = remove(component, component)
    assert code == 0, output[-4000:]
    for place in (f"/opt/sallyport/{component}", f"/etc/sallyport/{component}"):
        assert not host.file(place).exists
    assert not any(file.exists for file in pair)
    unit = f"sallyport-{component.replace('_', '-')}"
    assert host.run("systemctl list-unit-files --no-legend '%s*'", unit).stdout.strip() == ""
    assert all(host.file(place).is_directory for place in KEPT)


def test_a_second_removal_changes_nothing(host: Host) -> None:
    assert host.file("/var/lib/sallyport/job_server").is_directory
    code, output = remove(COMPONENTS[-1], COMPONENTS[-1])
    assert code == 0
    assert re.findall(r"^sallyport\s.*changed=(\d+)", output, re.MULTILINE) == ["0"]
