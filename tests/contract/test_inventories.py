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
from site_inventory import edited

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
    """Return the lines in which the gate names faults, without file and line."""
    report = re.search(r"faults?; nothing was changed:\n((?:  .*\n)+)", output)
    lines = report[1].splitlines() if report else []
    return [re.sub(r"^  (?:\S+:\d+: )?", "", line) for line in lines]


def filled(name: str, folder: Path) -> Path:
    """Return a copy of an inventory as an operator leaves it: edited, with secrets."""
    copy = shutil.copytree(INVENTORIES / name, folder / name)
    for path in copy.rglob("*.yml"):
        path.write_text(edited(path.read_text(encoding="utf-8")), encoding="utf-8")
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
    code, output = play("validate", "-i", str(mysite), "-e", "site_domian=tre.hospital.scot")
    assert code != 0
    (told,) = sentences(output)
    assert told == "Unknown variable site_domian, did you mean site_domain? (all hosts)"


def test_a_secret_that_the_vault_lacks_is_named(mysite: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(mysite, tmp_path / "mysite")
    vault = copy / "group_vars/all/vault.yml"
    text = vault.read_text(encoding="utf-8")
    vault.write_text(text.replace("vault_certificate_authority_certificate:", "vault_other:"))
    code, output = play("validate", "-i", str(copy))
    assert code != 0
    (told,) = sentences(output)
    assert told.startswith("vault_certificate_authority_certificate is missing in the vault (site_")


TEN_FAULTS = {
    "site_allowed_organisations": "our-org",
    "site_backend": "test",
    "site_job_server": "mine",
    "site_registry_url": "http://ghcr.io",
    "site_dns_sink": "nowhere",
    "runner_job_memory_limit": "4 GB",
    "runner_max_workers": 0,
    "data_builder_check_schedule": "every sunday",
    "proxy_cache_bytes": "20G",
    "postgresql_port": 70000,
}


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate",),
        ("../site", "--limit", "runner"),
        ("../site", "--tags", "always"),
        ("../site", "--limit", "proxy", "--tags", "always", "--check"),
    ],
    ids=" ".join,
)
def test_ten_faults_are_named_at_once_however_the_run_is_narrowed(
    mysite: Path, arguments: tuple[str, ...]
) -> None:
    told = ("-i", str(mysite), "-e", json.dumps(TEN_FAULTS))
    code, output = play(arguments[0], *arguments[1:], *told)
    assert code != 0
    named = {re.split(r"[ \[]", sentence)[0] for sentence in sentences(output)}
    assert named >= set(TEN_FAULTS)
    assert "unreachable=1" not in output


def test_a_tag_that_does_not_exist_is_refused(mysite: Path) -> None:
    code, output = play("../site", "-i", str(mysite), "--tags", "runner_x")
    assert code != 0
    assert sentences(output)[0].startswith("Unknown tag runner_x")


@pytest.mark.parametrize(
    "option", [("--skip-tags", "always"), ("--start-at-task", "Try the policy"), ("--step",)]
)
@pytest.mark.parametrize("playbook", ["../site", "foundation", "validate"])
def test_an_option_that_would_skip_the_check_is_rejected_before_the_first_task(
    mysite: Path, playbook: str, option: tuple[str, ...]
) -> None:
    code, output = play(playbook, "-i", str(mysite), *option)
    assert code == 5
    told = "--skip-tags always" if option[0] == "--skip-tags" else option[0]
    assert f"{told} would skip the check of the inventory; nothing was changed." in output
    assert "TASK [" not in output


def test_other_tags_may_be_skipped(mysite: Path) -> None:
    """The control of the test before."""
    code, output = play("validate", "-i", str(mysite), "--skip-tags", "runner")
    assert code == 0, output
    assert "TASK [Stop where the inventory has faults]" in output


@pytest.mark.parametrize("playbook", ["runner", "proxy"])
def test_a_playbook_run_alone_checks_the_inventory_without_the_settings_of_this_checkout(
    mysite: Path, tmp_path: Path, playbook: str
) -> None:
    """Where ansible.cfg is not read, the roles still do. No host answers in this test."""
    path = str(ROOT / f"playbooks/{playbook}.yml")
    command = [PLAYBOOK, path, "-i", str(mysite), "--skip-tags", "always"]
    (tmp_path / "ansible.cfg").touch()
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    }
    outputs = [
        subprocess.run(
            [*command, "-e", json.dumps({"ansible_ssh_executable": "/bin/false"} | extra)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for extra in ({"site_domian": "tre.hospital.scot"}, {})
    ]
    assert "Unknown variable site_domian" in outputs[0]
    assert "unreachable=0" in outputs[0]
    assert "fault" not in outputs[1]
    assert "unreachable=1" in outputs[1]


# Stands in for ssh: what Ansible would run on a host runs here.
SSH = """#!/bin/sh
for last; do :; done
exec sh -c "$last"
"""
# Where the test may not become root, it is root already, as far as Ansible knows.
OTHERS = {"__baseline_release": "noble", "ansible_user": "root"}


def on_one_host(name: str, value: str) -> dict[str, str]:
    """Return a variable that the job server's host has otherwise than all others."""
    return {name: f"{{{{ '{value}' if inventory_hostname == 'jobs' else '{OTHERS[name]}' }}}}"}


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (on_one_host("__baseline_release", "jammy"), "; supported are Ubuntu 24.04"),
        ({}, ""),
    ],
    ids=["release", "control"],
)
def test_one_host_that_cannot_be_prepared_stops_the_run_before_any_host_is_changed(
    mysite: Path, tmp_path: Path, extra: dict[str, str], sentence: str
) -> None:
    """The control changes all hosts: the same inventory, without the fault of one host."""
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    (tmp_path / "changed").mkdir()
    dest = f"{tmp_path}/changed/{{{{ inventory_hostname }}}}"
    change = {
        "hosts": "all",
        "gather_facts": False,
        "tags": ["foundation"],
        # Nothing to transfer: that would take sftp, which has no stand-in.
        "tasks": [{"ansible.builtin.file": {"path": dest, "state": "touch", "mode": "0644"}}],
    }
    checked = {"ansible.builtin.import_playbook": str(ROOT / "playbooks/hosts.yml")}
    (tmp_path / "site.yml").write_text(json.dumps([checked, change]))
    reached = {
        "ansible_ssh_executable": str(tmp_path / "ssh"),
        "ansible_become": False,
        "baseline_ssh_hardening": False,
        "ansible_python_interpreter": sys.executable,
    }
    told = json.dumps(reached | OTHERS | extra)
    code, output = play(str(tmp_path / "site"), "-i", str(mysite), "-e", told)
    hosts = {"jobs", "proxy", "runner", "database"}
    changed = {path.name for path in (tmp_path / "changed").iterdir()}
    assert (code == 0, changed) == ((False, set()) if sentence else (True, hosts)), output
    assert sentence in " ".join(output.split())


def test_the_inventory_and_all_hosts_are_checked_before_the_first_playbook_that_changes_one() -> (
    None
):
    first, second, *others = [
        entry["ansible.builtin.import_playbook"] for entry in read(ROOT / "site.yml")
    ]
    assert (first, second) == ("playbooks/validate.yml", "playbooks/hosts.yml")
    assert len(others) > 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "No inventory was given; copy inventories/example to inventories/mysite, "),
        (
            ("-i", "inventories/example"),
            "inventories/example is an example and is never deployed; ",
        ),
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
    (folder / "host_vars/jobs.yml").unlink()
    main = folder / "group_vars/all/main.yml"
    stated = (
        "site_job_server: existing\nsite_job_server_url: https://jobs.opensafely.org:8443\n"
        "site_job_server_address: 10.40.0.80\n"
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
        # By the tag, hundreds of tasks are dropped before the run; by the condition, those are
        # skipped whose own tag is `always`.
        "roles": [
            {"role": role, "when": False, "tags": ["never"]}
            for role in ("firewall", "runner", "release_hatch")
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
    missing = [
        told for told in sentences(output) if told.startswith("vault_backend_token is missing")
    ]
    assert "the operators of the job server give it" in missing[0]
    vault.write_text(f"{vault.read_text()}vault_backend_token: {'5e' * 20}\n")
    code, output = play("validate", "-i", str(copy))
    assert code == 0, output
    seen = seen_by_roles(copy, tmp_path)
    outgoing = {flow["id"]: flow for flow in seen["flows"] if flow["direction"] == "out"}
    for name in ("F1 job requests", "F8 F9 releases"):
        assert (outgoing[name]["addresses"], outgoing[name]["ports"]) == (["10.40.0.80"], [8443])
    assert {"address": "10.40.0.80", "names": ["jobs.opensafely.org"]} in seen["names"]
    assert seen["trusted"] == []
    hatch = seen["hatch"]
    assert {seen["token"], hatch["job_server_token"], hatch["signing_key"]} == {"5e" * 20}


def test_our_own_job_server_is_reached_at_its_host(mysite: Path, tmp_path: Path) -> None:
    """The control of the test before: the same values, of an inventory with a job server."""
    seen = seen_by_roles(mysite, tmp_path)
    outgoing = {flow["id"]: flow for flow in seen["flows"] if flow["direction"] == "out"}
    for name in ("F1 job requests", "F8 F9 releases"):
        assert (outgoing[name]["addresses"], outgoing[name]["ports"]) == (["10.20.0.140"], [443])
    assert "10.40.0.80" not in [entry["address"] for entry in seen["names"]]
    assert len(seen["trusted"]) == 1
    hatch = seen["hatch"]
    assert len({seen["token"], hatch["job_server_token"], hatch["signing_key"]}) == 3


def test_removing_a_component_asks_twice(mysite: Path) -> None:
    code, output = play(
        "operations/remove_component", "-i", str(mysite), "-e", "component=proxy confirm=runner"
    )
    assert code != 0
    (told,) = re.findall(r'fatal: \[localhost\]: FAILED! => .*"msg": "([^"]*)"', output)
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
