"""The integrator's own access to their database, and the operator's to the site."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[2]


def query(database: Host, statement: str) -> str:
    """Ask the hospital's database as its administrator."""
    words = "runuser -u postgres -- psql -d hospital -qAt --set=ON_ERROR_STOP=1 -c %s"
    return str(database.check_output(words, statement))


def script(database: Host, text: str) -> None:
    """Run a script on the hospital's database as its administrator."""
    database.check_output(f"runuser -u postgres -- psql -d hospital -qAt <<'END'\n{text}\nEND")


def playbook(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook on the rig under test, the way an operator does."""
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")), *words,
        "-i", "inventories/demo", "-i", "molecule/topology/inventory",
    ]  # fmt: skip
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SALLYPORT_OPEN": "0",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
