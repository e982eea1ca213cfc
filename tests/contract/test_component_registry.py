"""Every component is in all the places that CONTRIBUTING names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import DISTRIBUTIONS, LIBRARIES, ROOT

# Distributions without a host of their own, and why.
WITHOUT_HOST = {
    "client": "people install it on their own machines",
    "ehrql_alias": "part of the databuilder image",
}
COMPONENTS = [
    path for path in DISTRIBUTIONS if path.name not in LIBRARIES and path.name not in WITHOUT_HOST
]
component_parameter = pytest.mark.parametrize("component", COMPONENTS, ids=lambda path: path.name)


@component_parameter
@pytest.mark.parametrize(
    "place",
    [
        "files/{c}/requirements.txt",
        "roles/{c}/tasks/main.yml",
        "playbooks/{c}.yml",
        "molecule/{c}/molecule.yml",
        "tests/infra/{c}",
        "tests/unit/{c}",
        "docs/reference/{c}.md",
    ],
)
def test_the_component_is_in_its_places(component: Path, place: str) -> None:
    assert (ROOT / place.format(c=component.name)).exists()


@component_parameter
def test_site_imports_the_playbook(component: Path) -> None:
    imports = re.findall(r"playbooks/(\w+)\.yml", (ROOT / "site.yml").read_text())
    assert component.name in imports


def test_site_checks_the_inventory_first() -> None:
    imports = re.findall(r"playbooks/(\w+)\.yml", (ROOT / "site.yml").read_text())
    assert imports[0] == "validate"


@pytest.mark.parametrize(
    "path",
    [path for path in DISTRIBUTIONS if path.name != "ehrql_alias"],
    ids=lambda path: path.name,
)
def test_import_rules_know_the_distribution(path: Path) -> None:
    assert f'"sallyport_{path.name}"' in (ROOT / "pyproject.toml").read_text()
