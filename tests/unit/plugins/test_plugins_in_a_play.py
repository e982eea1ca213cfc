"""Our modules in a play, as roles use them: found by their names, and silent about secrets."""

from __future__ import annotations

import grp
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[3]
OWNER = {"owner": pwd.getpwuid(os.geteuid()).pw_name, "group": grp.getgrgid(os.getegid()).gr_name}
SITE = {
    "site_domain": "tre.test",
    "site_production": False,
    "site_addresses": {"dmz": "198.51.100.10"},
    "ansible_connection": "local",
}


def written(root: Path, text: str, **words: Any) -> dict[str, Any]:
    """Return a task that writes one file."""
    folder = {"root": str(root), "files": {"it": text}} | OWNER
    return {"sallyport.site.managed_files": {"folders": [folder]}} | words


def judged(**words: Any) -> dict[str, Any]:
    """Return a task that judges the inventory, and goes on when there is a fault."""
    return {"sallyport.site.check_inventory": words, "ignore_errors": True}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a play with each of our modules prints, with differences and as much as it can."""
    folder = tmp_path_factory.mktemp("play")
    tasks = [
        written(folder / "open", "visible text"),
        written(folder / "secret", "hunter2", no_log=True, diff=False),
        judged() | {"name": "faults", "register": "faults"},
        {"ansible.builtin.debug": {"msg": "{{ 'said=' ~ faults.msg }}"}},
        judged(value=True) | {"name": "argument"},
    ]
    (folder / "play.yml").write_text(
        yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])
    )
    (folder / "hosts.yml").write_text(yaml.safe_dump({"proxies": {"hosts": {"proxy": SITE}}}))
    answer = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", folder / "hosts.yml", folder / "play.yml", "--diff", "-vvv"),
        ],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = answer.stdout + answer.stderr
    assert answer.returncode == 0, output
    assert (folder / "secret/it").read_text() == "hunter2"
    return output


def test_a_secret_is_in_no_difference_and_in_no_answer(told: str) -> None:
    """The control is the other file, whose task hides nothing."""
    assert "hunter2" not in told
    assert "+visible text" in told


def test_faults_are_printed_once_and_counted_in_the_result(told: str) -> None:
    line = "  site_backend is missing (role site needs it); accepted is 2 to 40 lower-case letters"
    assert told.count(line) == 1
    assert re.search(r'"msg": "said=The inventory has \d+ faults, listed above; nothing was', told)


def test_an_unknown_argument_is_refused(told: str) -> None:
    assert re.search(r"Unsupported parameters for .*check_inventory.*: value", told)
