"""A controller that lacks a collection, or has a foreign ansible-core, is told what to do.

Each message is what ansible-playbook really prints, and docs/operators/troubleshoot.md has it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from repository import ROOT, read
from test_inventories import PLAYBOOK, filled, sentences

from ansible_collections.sallyport.site.plugins.plugin_utils.controller import (
    CURE,
    module_faults,
)

PAGE = (ROOT / "docs/operators/troubleshoot.md").read_text(encoding="utf-8")
REQUIRED = [entry["name"] for entry in read(ROOT / "requirements.yml")["collections"]]
CORE = importlib.metadata.version("ansible-core")
# A run that is not stopped reaches no host either.
ENVIRONMENT = {
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_SSH_EXECUTABLE": "/bin/false",
    "ANSIBLE_SSH_RETRIES": "0",
    "COLUMNS": "500",
}
# Without the collections that the Python package `ansible` has, as ansible-core comes alone.
ALONE = {"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}


@pytest.fixture(scope="module")
def mysite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edited copy of the example."""
    return filled("example", tmp_path_factory.mktemp("inventories"))


def run(
    playbook: str, inventory: Path, settings: dict[str, str] | None = None, folder: Path = ROOT
) -> tuple[int, str]:
    """Run a playbook in a folder, with no settings of Ansible but these; return code and output."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    answer = subprocess.run(
        [PLAYBOOK, playbook, "-i", str(inventory)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=others | ENVIRONMENT | (settings or {}),
    )
    return answer.returncode, answer.stdout + answer.stderr


def has_cure(message: str) -> bool:
    """Return whether the page quotes a message; … in it stands for anything."""
    quoted = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    patterns = [".*".join(map(re.escape, text.split("…"))) for text in quoted]
    return any(re.search(pattern, message) for pattern in patterns if pattern.strip(".*"))


def test_a_message_without_a_row_has_no_cure() -> None:
    assert has_cure("the role 'x' was not found in /roles")
    assert not has_cure("the role 'x' was found")


def test_without_our_collection_the_message_has_a_cure(mysite: Path, tmp_path: Path) -> None:
    """Beside site.yml Ansible finds `collections` by itself; not from the folder of playbooks."""
    playbook = "playbooks/validate.yml"
    code, output = run(playbook, mysite, {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)})
    message = "couldn't resolve module/action 'sallyport.site.check_inventory'"
    assert (code != 0, message in output) == (True, True), output
    assert has_cure(message)
    ours = str(ROOT / "collections")
    code, output = run(playbook, mysite, {"ANSIBLE_COLLECTIONS_PATH": ours})
    assert code == 0, output


def test_outside_of_the_repository_the_message_has_a_cure(mysite: Path, tmp_path: Path) -> None:
    code, output = run(str(ROOT / "site.yml"), mysite, folder=tmp_path)
    (message, *_) = re.findall(r"the role '\w+' was not found in ", output)
    assert code != 0
    assert has_cure(message)


def test_without_the_required_collections_the_messages_have_a_cure(mysite: Path) -> None:
    ours = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")} | ALONE
    code, output = run("site.yml", mysite, ours)
    messages = re.findall(r"(?:couldn't resolve module/action|Error loading plugin) .*", output)
    assert code != 0
    assert len(messages) == 2, output
    assert all(map(has_cure, messages))


def installed(folder: Path, without: str = "", old: str = "") -> Path:
    """Return a folder with the required collections but one, and with another one of long ago."""
    for name in REQUIRED:
        spec = importlib.util.find_spec(f"ansible_collections.{name}")
        assert spec is not None
        origin = next(iter(spec.submodule_search_locations or ()))
        target = folder / "ansible_collections" / name.replace(".", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == old:
            target.mkdir()
            (target / "MANIFEST.json").write_text('{"collection_info": {"version": "0.1.0"}}')
        elif name != without:
            target.symlink_to(origin)
    return folder


def test_the_gate_names_each_collection_that_is_missing_or_too_old(
    mysite: Path, tmp_path: Path
) -> None:
    """The control has the same collections, all of them as they are installed here."""

    def judged(folder: Path) -> tuple[int, str]:
        paths = f"{ROOT / 'collections'}:{folder}"
        return run("playbooks/validate.yml", mysite, ALONE | {"ANSIBLE_COLLECTIONS_PATH": paths})

    code, output = judged(installed(tmp_path / "some", "ansible.posix", "ansible.utils"))
    assert code != 0
    assert sentences(output) == [
        f"The collection ansible.posix is missing (requirements.yml). {CURE}.",
        f"The collection ansible.utils is 0.1.0; accepted is >=5.0.0. {CURE}.",
    ]
    skipped = "Skipping callback plugin 'ansible.posix.profile_tasks', unable to load"
    assert skipped in output
    assert all(map(has_cure, [*sentences(output), skipped]))
    code, output = judged(installed(tmp_path / "all"))
    assert (code, "WARNING" in output) == (0, False), output


def checkout(folder: Path, accepted: str = "") -> Path:
    """Return a copy of what a check needs of this repository, made for another ansible-core."""
    for name in ("ansible.cfg", "requirements.yml", "site.yml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for name in ("roles", "playbooks"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "collections", folder / "collections")
    runtime = folder / "collections/ansible_collections/sallyport/site/meta/runtime.yml"
    if accepted:
        runtime.write_text(json.dumps({"requires_ansible": accepted}))
    return folder


@pytest.mark.parametrize("accepted", [">=2.30.0,<2.31.0", ">=2.14.0,<2.15.0"], ids=["old", "new"])
def test_a_foreign_ansible_core_is_refused_with_messages_that_have_a_cure(
    accepted: str, mysite: Path, tmp_path: Path
) -> None:
    """The one that is installed is foreign to a checkout that wants another one."""
    code, output = run("site.yml", mysite, folder=checkout(tmp_path, accepted))
    assert code != 0
    assert sentences(output) == [f"This is ansible-core {CORE}; accepted is {accepted}. {CURE}."]
    warning = f"Collection sallyport.site does not support Ansible version {CORE}"
    assert warning in output
    assert all(map(has_cure, [*sentences(output), warning]))


def test_the_ansible_core_of_the_repository_is_accepted(mysite: Path, tmp_path: Path) -> None:
    """The control of the test before: the same copy, without the change."""
    code, output = run("playbooks/validate.yml", mysite, folder=checkout(tmp_path))
    assert (code, "does not support" in output) == (0, False), output


def test_a_missing_module_of_python_is_named() -> None:
    assert list(module_faults()) == []
    (told,) = module_faults(["cryptography", "sallyport_absent"])
    assert told == f"The Python module sallyport_absent is missing beside ansible-core. {CURE}."
    assert has_cure(told)
