"""A dry run on the deployed site finds nothing to change."""

from __future__ import annotations

import re

from hospital import playbook

RECAP = re.compile(r"^(\w+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.M)


def test_check_with_diff_is_clean_on_every_host() -> None:
    done = playbook("site.yml", "--check", "--diff")
    found = {host: numbers for host, *numbers in RECAP.findall(done.stdout)}
    assert set(found) == {"localhost", "forge", "jobs", "proxy", "runner", "database"}, done.stdout
    changed = {host: numbers for host, numbers in found.items() if numbers != ["0", "0", "0"]}
    assert not changed, done.stdout[-6000:]
    assert done.returncode == 0
