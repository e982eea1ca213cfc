"""The gate accepts what operators and tests deploy: no rule is stricter than the services."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import ROOT, read
from site_inventory import changed, gate, secrets, write
from test_inventories import filled, play
from test_mistakes import certificate
from walkthrough import installation, merged

from controller import own

SHAPES: list[dict[str, Any]] = read(ROOT / "tests/contract/inventory_shapes.yml")
RIG = {"SALLYPORT_RIG": "test", "SALLYPORT_RIG_NUMBER": "78"}


@pytest.mark.parametrize("scenario", ["topology", "single_host"])
def test_what_a_scenario_puts_beside_an_inventory_is_accepted(
    scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in RIG.items():
        monkeypatch.setenv(name, value)
    base = filled({"topology": "demo", "single_host": "single-host"}[scenario], tmp_path)
    # As far below the folder of the copy as the original is below the root.
    beside = shutil.copytree(
        ROOT / f"molecule/{scenario}/inventory", tmp_path / f"molecule/{scenario}/inventory"
    )
    code, output = play("validate", "-i", str(base), "-i", str(beside))
    assert code == 0, output


def test_the_connection_of_scenarios_is_accepted_where_ansible_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roles' scenarios give hosts a way out; the control does not say where the plugin is."""
    for name, value in (RIG | {"SALLYPORT_CONNECTION": "rig_host", "SALLYPORT_OPEN": "1"}).items():
        monkeypatch.setenv(name, value)
    demo = filled("demo", tmp_path)
    code, output = play("validate", "-i", str(demo))
    assert (code != 0, "ansible_connection is rig_host" in output) == (True, True), output
    monkeypatch.setenv("ANSIBLE_CONNECTION_PLUGINS", str(ROOT / "molecule/resources/connection"))
    code, output = play("validate", "-i", str(demo))
    assert code == 0, output


@pytest.mark.parametrize(
    "connection",
    ["ssh", "smart", "ansible.builtin.ssh", "community.docker.docker", "docker", "mitogen_ssh"],
)
def test_connections_of_ansible_and_its_collections_are_accepted(
    connection: str, tmp_path: Path
) -> None:
    files = changed({"set": {"all": {"ansible_connection": connection}}})
    assert gate(write(files, tmp_path)) == []


@pytest.mark.parametrize(
    "values",
    [
        {
            "databases": {
                "postgresql_settings": {"work_mem": "64MB", "jit": False, "max_wal_size": 5}
            }
        },
        {
            "runners": {
                "runner_job_shm_size": "4G",
                "runner_max_workers": 3,
                "runner_max_db_workers": 3,
            }
        },
        {"runners": {"container_engine_settings": {"labels": ["site=x"], "data-root": "/srv/x"}}},
        {"release_hatches": {"release_hatch_session_idle": 28800, "release_hatch_upload_wait": 59}},
        {"all": {"ansible_python_interpreter": "auto_silent", "ansible_become_method": "su"}},
        {"all": {"ansible_user": "root", "baseline_ssh_hardening": False, "ansible_become": False}},
        {"proxies": {"proxy_images": ["sallyport/python*", "our-org/*"]}},
        {"proxies": {"proxy_client_networks": ["10.0.0.0/8"], "proxy_organisations": ["our-*"]}},
        {
            "all": {
                "site_forge_credentials": {"github.com/Our-Org": "bot:word", "github.com": "a:b"}
            }
        },
        {
            "all": {
                "site_registries": {"quay.io": "https://quay.io"},
                "site_images": [
                    {"name": "rstan", "repository": "quay.io/our-org/rstan", "tags": ["v1"]},
                    {"name": "python", "repository": "our-team/python", "command": ["python"]},
                ],
                "site_action_organisation": "github.com/our-actions",
                "site_action_branch": "release/1",
            },
            "proxies": {"proxy_registry_credentials": {"quay.io": "bot:word"}},
            "runners": {"runner_images": ["ehrql"], "runner_stata_license": "1!2!3!"},
        },
        {"all": {"reverse_proxy_listen": ["443", "[::]:443", "8443"]}},
        {"zone_secure": {"site_apt_url": "https://packages.hospital.scot/ubuntu"}},
        {"proxies": {"site_apt_url": "https://a.hospital.scot", "baseline_resolver": "system"}},
        {"all": {"site_hatch_url": "https://hatch.tre.hospital.scot:443"}},
        {"all": {"ansible_user": "svc-ansible@hospital.scot"}},
        {"jobs": {"ansible_user": "svc@HOSP"}, "runner": {"ansible_user": r"HOSP\svc$"}},
        {"all": {"ansible_user": "HOSP+svc"}, "jobs": {"ansible_host": "fd00::5%eth0"}},
        {"all": {"ansible_python_interpreter": "/usr/bin/env python3"}},
        {"host_vars/localhost.yml": {"site_note": "x"}, "group_vars/README": {"text": "x"}},
        {"host_vars/localhost/main.yml": {"site_note": "x"}, "host_vars/NOTES": {"text": "x"}},
        {"databases": {"postgresql_settings": {"TimeZone": "UTC", "DateStyle": "ISO, DMY"}}},
        {"all": {"reverse_proxy_listen": ["443", "[2001:DB8:1::5]:443"]}},
    ],
    ids=lambda values: " ".join(name for part in values.values() for name in part),
)
def test_a_value_at_its_limit_is_accepted(values: dict[str, Any], tmp_path: Path) -> None:
    """The controls of the table's mistakes."""
    assert gate(write(changed({"set": values}), tmp_path)) == []


def test_groups_of_the_site_may_have_names_of_their_own(tmp_path: Path) -> None:
    names = ("web_servers", "db_servers", "production", "ubuntu", "zones", "london", "servers")
    files = changed({"groups": {name: ["jobs"] for name in names}})
    files["group_vars/london.yml"] = {"baseline_packages": ["vim"]}
    folder = write(files, tmp_path)
    (folder / "group_vars/runner.yml.bak").write_text("runner_max_workers: 2\n")
    assert gate(folder) == []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["shape"])
def test_a_site_of_another_shape_is_accepted(shape: dict[str, Any], tmp_path: Path) -> None:
    assert gate(write(changed(shape), tmp_path)) == []


def installed(home: Path) -> Path:
    """Return the inventory that docs/operators/install.md leads to, with the test's own values."""
    inventory = shutil.copytree(ROOT / "inventories/example", home / "inventories/mysite")
    for path in inventory.rglob("*.yml"):
        path.write_text(own(path.read_text(encoding="utf-8")), encoding="utf-8")
    (home / "roles").symlink_to(ROOT / "roles")
    (home / "database-ca.pem").write_text(certificate())
    for step in installation():
        if step.kind == "yaml":
            path = home / step.file
            present = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
            path.write_text(yaml.safe_dump(merged(present or {}, yaml.safe_load(own(step.text)))))
        elif step.text.startswith(("sed -i", "mkdir -p inventories/")):
            subprocess.run(
                ["bash", "-euc", step.text], cwd=home, env={"HOME": str(home)}, check=True
            )
    (inventory / "group_vars/all/vault.yml").write_text(secrets())
    return inventory


def test_the_inventory_of_the_installation_page_is_accepted(tmp_path: Path) -> None:
    inventory = installed(tmp_path)
    assert not (inventory / "host_vars/database.yml").exists()
    code, output = play("validate", "-i", str(inventory))
    assert code == 0, output
