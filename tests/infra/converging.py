"""Converge the scenario under test again, with other values, as an operator who repeats a run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def converge(**values: Any) -> tuple[int, int, str]:
    """Run the scenario's playbook; return its exit code, the number of changes, and its output."""
    playbook = ROOT / "molecule" / os.environ["MOLECULE_SCENARIO_NAME"] / "converge.yml"
    answer = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", ROOT / "inventories/demo", playbook, "-e", json.dumps(values)),
        ],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = answer.stdout + answer.stderr
    return answer.returncode, sum(map(int, re.findall(r"changed=(\d+)", output))), output
