"""A dry run on the deployed site finds nothing to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RECAP = re.compile(r"^(\w+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.M)


def test_check_with_diff_is_clean_on_every_host() -> None:
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")), "site.yml", "--check", "--diff",
        "-i", "inventories/demo", "-i", "molecule/topology/inventory",
    ]  # fmt: skip
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SALLYPORT_OPEN": "0",
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    found = {host: numbers for host, *numbers in RECAP.findall(done.stdout)}
    assert set(found) == {"localhost", "forge", "jobs", "proxy", "runner", "database"}, done.stdout
    changed = {host: numbers for host, numbers in found.items() if numbers != ["0", "0", "0"]}
    assert not changed, done.stdout[-6000:]
    assert done.returncode == 0
