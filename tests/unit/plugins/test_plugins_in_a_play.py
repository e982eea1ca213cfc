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
        judged(values=False) | {"name": "names"},
        {"ansible.builtin.debug": {"msg": "checked={{ ansible_facts.__site_checked }}"}},
        judged() | {"name": "values"},
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


def test_names_alone_are_judged_when_values_are_off(told: str) -> None:
    assert '"msg": "checked=True"' in told


def test_the_first_fault_of_a_value_ends_the_run_in_one_sentence(told: str) -> None:
    assert (
        "site_backend is missing for host proxy (role site); accepted is str, Name of this" in told
    )


def test_an_unknown_argument_is_refused(told: str) -> None:
    assert re.search(r"value\. Supported parameters include: values", told)
