"""Inventories are complete, and the gate stops a faulty one before any host is touched."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT, read

from ansible_collections.sallyport.site.plugins.action.write_secrets import (
    complete,
    declared,
    names_of,
    replace,
    wanted,
)

PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
INVENTORIES = ROOT / "inventories"
DECLARED = declared(ROOT / "roles")
SECRETS = {name for entry in DECLARED.values() for name in names_of(entry)}
REPLACED = {
    "site_name: CHANGE_ME": "site_name: Test",
    "site_backend: CHANGE_ME": "site_backend: hospital",
    "[CHANGE_ME]": "[our-org]",
    "ansible_host: CHANGE_ME": "ansible_host: 198.51.100.7",
}


def play(playbook: str, *arguments: str) -> tuple[int, str]:
    """Run a playbook as an operator does; return its code and what it printed."""
    answer = subprocess.run(
        [PLAYBOOK, Path("playbooks") / f"{playbook}.yml", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1"},
    )
    return answer.returncode, answer.stdout + answer.stderr


def sentences(output: str) -> list[str]:
    """Return what the failed tasks of a run said."""
    return re.findall(r'fatal: \[localhost\]: FAILED! => .*"msg": "([^"]*)"', output)


def filled(name: str, folder: Path) -> Path:
    """Return a copy of an inventory as an operator leaves it: edited, with secrets."""
    copy = shutil.copytree(INVENTORIES / name, folder / name)
    for path in copy.rglob("*.yml"):
        text = path.read_text(encoding="utf-8")
        for old, new in REPLACED.items():
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    (copy / "backends").mkdir()
    shutil.copy(ROOT / "roles/data_builder/files/backends/hospital.toml", copy / "backends")
    text, _ = complete("", wanted(DECLARED, "own").values())
    replace(copy / "group_vars/all/vault.yml", text.encode())
    return copy


@pytest.fixture(scope="module")
def mysite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edited copy of the example."""
    return filled("example", tmp_path_factory.mktemp("inventories"))


@pytest.mark.parametrize("name", ["demo", "single-host"])
def test_each_inventory_gives_every_role_what_it_requires(name: str, tmp_path: Path) -> None:
    code, output = play("validate", "-i", str(filled(name, tmp_path)))
    assert code == 0, output


def test_an_edited_copy_of_the_example_passes_and_one_fault_stops_it(mysite: Path) -> None:
    code, output = play("validate", "-i", str(mysite))
    assert code == 0, output
    code, output = play("validate", "-i", str(mysite), "-e", "site_domian=tre.example.org")
    assert code != 0
    (told,) = sentences(output)
    assert told == "Unknown variable site_domian (host jobs), did you mean site_domain?"


def test_a_secret_that_the_vault_lacks_is_named(mysite: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(mysite, tmp_path / "mysite")
    vault = copy / "group_vars/all/vault.yml"
    text = vault.read_text(encoding="utf-8")
    vault.write_text(text.replace("vault_certificate_authority_certificate:", "vault_other:"))
    code, output = play("validate", "-i", str(copy))
    assert code != 0
    (told,) = sentences(output)
    assert told.startswith("vault_certificate_authority_certificate is missing in the vault (site_")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "No inventory is named; copy inventories/example to inventories/mysite, "),
        (("-i", "inventories/example"), "inventories/example is a pattern and is never deployed; "),
    ],
)
def test_an_inventory_must_be_given(arguments: tuple[str, ...], sentence: str) -> None:
    code, output = play("validate", *arguments)
    assert code != 0
    (told,) = sentences(output)
    assert told.startswith(sentence)


def test_secrets_are_rotated_encrypted_and_kept_by_a_second_generation(
    mysite: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(mysite, tmp_path / "mysite")
    vault = copy / "group_vars/all/vault.yml"
    values = [value.split("\n")[1 if "\n" in value else 0] for value in read(vault).values()]
    (tmp_path / "password").write_text("a password of this test")
    told = ("-i", str(copy), "--vault-password-file", str(tmp_path / "password"), "-vv", "--diff")
    name = "vault_runner_job_server_token"
    code, output = play("operations/rotate_secrets", *told, "-e", f"names={name}")
    assert code == 0, output
    assert f"changed {name}, {name}_previous;" in output
    before = vault.read_text(encoding="utf-8")
    assert before.startswith("$ANSIBLE_VAULT;")
    code, again = play("operations/generate_secrets", *told)
    assert code == 0, again
    assert "added nothing" in again
    assert vault.read_text(encoding="utf-8") == before
    assert vault.stat().st_mode & 0o777 == 0o600
    assert not [value for value in values if value in output + again]


def to_existing(folder: Path) -> None:
    """Change an inventory as an operator does who works with an existing job server."""
    hosts = folder / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("    jobs: {}\n", "").replace("{jobs: {}}", "{}"))
    main = folder / "group_vars/all/main.yml"
    stated = (
        "site_job_server: existing\nsite_job_server_url: https://jobs.example.org:8443\n"
        "site_job_server_address: 192.0.2.80\n"
    )
    main.write_text(main.read_text().replace("site_job_server: own\n", stated))
    (folder / "group_vars/all/vault.yml").unlink()


SEEN = {
    "flows": "firewall_flows",
    "names": "site_host_entries",
    "trusted": "runner_trusted_keys",
    "token": "runner_job_server_token",
    "hatch": "__release_hatch_secrets",
}


def seen_by_roles(inventory: Path, folder: Path) -> dict[str, Any]:
    """Return what roles make of an inventory on the runner's host; no task of theirs runs."""
    values = ", ".join(f"'{name}': {value}" for name, value in SEEN.items())
    show = {"dest": str(folder / "seen.json"), "content": f"{{{{ {{{values}}} | to_json }}}}"}
    seen = {
        "hosts": "runner",
        "connection": "local",
        "gather_facts": False,
        "roles": [
            {"role": role, "when": False} for role in ("firewall", "runner", "release_hatch")
        ],
        "post_tasks": [{"ansible.builtin.copy": show}],
    }
    (folder / "seen.yml").write_text(json.dumps([seen]))
    code, output = play(str(folder / "seen"), "-i", str(inventory))
    assert code == 0, output
    return dict(json.loads((folder / "seen.json").read_text()))


def test_an_existing_job_server_needs_its_place_and_one_token(mysite: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(mysite, tmp_path / "mysite")
    to_existing(copy)
    code, output = play("operations/generate_secrets", "-i", str(copy))
    assert code == 0, output
    vault = copy / "group_vars/all/vault.yml"
    needed = wanted(DECLARED, "existing").values()
    assert set(read(vault)) == {name for entry in needed for name in names_of(entry)}
    assert not [name for name in read(vault) if "job_server" in name]
    code, output = play("validate", "-i", str(copy))
    assert sentences(output)[0].startswith("vault_backend_token is missing in the vault (")
    assert "the operators of the job server give it" in sentences(output)[0]
    vault.write_text(f"{vault.read_text()}vault_backend_token: {'5e' * 20}\n")
    code, output = play("validate", "-i", str(copy))
    assert code == 0, output
    seen = seen_by_roles(copy, tmp_path)
    outgoing = {flow["id"]: flow for flow in seen["flows"] if flow["direction"] == "out"}
    for name in ("F1 job requests", "F8 F9 releases"):
        assert (outgoing[name]["addresses"], outgoing[name]["ports"]) == (["192.0.2.80"], [8443])
    assert {"address": "192.0.2.80", "names": ["jobs.example.org"]} in seen["names"]
    assert seen["trusted"] == []
    hatch = seen["hatch"]
    assert {seen["token"], hatch["job_server_token"], hatch["signing_key"]} == {"5e" * 20}


def test_our_own_job_server_is_reached_at_its_host(mysite: Path, tmp_path: Path) -> None:
    """The control of the test before: the same values, of an inventory with a job server."""
    seen = seen_by_roles(mysite, tmp_path)
    outgoing = {flow["id"]: flow for flow in seen["flows"] if flow["direction"] == "out"}
    for name in ("F1 job requests", "F8 F9 releases"):
        assert (outgoing[name]["addresses"], outgoing[name]["ports"]) == (["198.51.100.140"], [443])
    assert "192.0.2.80" not in [entry["address"] for entry in seen["names"]]
    assert len(seen["trusted"]) == 1
    hatch = seen["hatch"]
    assert len({seen["token"], hatch["job_server_token"], hatch["signing_key"]}) == 3


def test_removing_a_component_asks_twice(mysite: Path) -> None:
    code, output = play(
        "operations/remove_component", "-i", str(mysite), "-e", "component=proxy confirm=runner"
    )
    assert code != 0
    (told,) = sentences(output)
    assert told.startswith("Nothing was removed: name one of data_builder, job_server, ")


def test_the_example_lists_every_secret() -> None:
    listed = read(INVENTORIES / "example/group_vars/all/vault.yml.example")
    assert set(listed) == SECRETS


@pytest.mark.parametrize("name", ["demo", "example", "single-host"])
def test_inventories_use_declared_secrets_only(name: str) -> None:
    known = SECRETS | {f"{secret}_previous" for secret in SECRETS}
    for path in (INVENTORIES / name).rglob("*.yml"):
        if path.name != "vault.yml":
            used = set(re.findall(r"\bvault_[a-z0-9_]+\b", path.read_text(encoding="utf-8")))
            assert used <= known, path
