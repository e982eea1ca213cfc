"""Tags: every component and every part of the foundation can be deployed alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT, read

import distributions

PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
DOCUMENTED = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ", re.MULTILINE)
TASK = re.compile(r"^      (\S.*?)\tTAGS: \[([^\]]*)\]$", re.MULTILINE)
# Each tag, and the roles of which it runs tasks. `site` is the check of the inventory.
ROLES = {
    "proxy": {"proxy", "python_service", "certificate_authority", "reverse_proxy"},
    "job_server": {"job_server", "python_service", "certificate_authority", "reverse_proxy"},
    "runner": {"container_engine", "runner", "python_service"},
    "data_builder": {"data_builder"},
    "release_hatch": {"release_hatch", "python_service", "certificate_authority", "reverse_proxy"},
    "output_publisher": {"output_publisher", "python_service"},
    "database": {"certificate_authority", "postgresql", "demo_hospital"},
    "forge": {"forge", "certificate_authority", "reverse_proxy"},
    # `baseline` judges every host before these change one.
    "foundation": {"certificate_authority", "baseline", "firewall"},
    "certificates": {"baseline", "certificate_authority", "reverse_proxy", "postgresql"},
    "baseline": {"baseline"},
    "firewall": {"baseline", "firewall"},
    "container_engine": {"container_engine"},
}


@pytest.fixture(scope="module")
def listing() -> list[tuple[str, set[str]]]:
    """Every task of site.yml with its tags, in order, as ansible-playbook lists them."""
    command = [PLAYBOOK, "-i", "inventories/demo", "site.yml", "--list-tasks"]
    environment = os.environ | {"ANSIBLE_NOCOLOR": "1"}
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return [(name, set(tags.split(", "))) for name, tags in TASK.findall(answer.stdout)]


def roles_of(tasks: list[tuple[str, set[str]]], tag: str) -> set[str]:
    """Return the roles of which a tag runs tasks; arguments are validated with every tag."""
    selected = [name for name, tags in tasks if tag in tags]
    return {name.partition(" : ")[0] for name in selected if " : " in name}


def test_every_component_has_a_tag() -> None:
    assert set(distributions.deployed()) <= set(ROLES)


def test_the_page_lists_the_tags_that_there_are() -> None:
    page = (ROOT / "docs/operators/install.md").read_text(encoding="utf-8")
    table = page.partition("### Deploy a part")[2].partition("\n### ")[0]
    documented = {tag for row in DOCUMENTED.findall(table) for tag in re.findall(r"`(\w+)`", row)}
    assert documented == set(ROLES)


def test_every_tag_is_one_of_the_table(listing: list[tuple[str, set[str]]]) -> None:
    assert {tag for _name, tags in listing for tag in tags} == {"always", *ROLES}


@pytest.mark.parametrize("tag", ROLES)
def test_a_tag_runs_the_roles_that_it_names(listing: list[tuple[str, set[str]]], tag: str) -> None:
    assert roles_of(listing, tag) - {"site"} == ROLES[tag]


def test_the_inventory_is_checked_first_with_every_tag(
    listing: list[tuple[str, set[str]]],
) -> None:
    name, tags = listing[0]
    assert "always" in tags
    assert " : " not in name
    assert all("site" in roles_of(listing, tag) for tag in ROLES)


def test_hosts_that_a_tag_does_not_concern_are_not_asked_for_facts() -> None:
    """A play's own tags decide whether its hosts are asked; the foundation asks by a task."""
    for path in (ROOT / "playbooks").glob("*.yml"):
        for play in read(path):
            assert play.get("tags") or play["gather_facts"] is False, path.name
