"""Roles set exactly the variables that their component's settings read."""

from __future__ import annotations

import importlib

import pytest
from repository import ROLES, ROOT, read

import distributions
from sallyport_common.settings import environment_names

ENVIRONMENTS = {
    role.name: names
    for role in ROLES
    if (role / "vars/main.yml").exists()
    if (names := (read(role / "vars/main.yml") or {}).get(f"__{role.name}_environment"))
}
SERVICES = {
    name
    for name in distributions.deployed()
    if "python_service" in (ROOT / f"roles/{name}/tasks/main.yml").read_text(encoding="utf-8")
}


def test_services_are_found() -> None:
    assert "runner" in SERVICES
    assert set(ENVIRONMENTS) >= SERVICES


@pytest.mark.parametrize("component", ENVIRONMENTS)
def test_the_role_sets_what_the_settings_read(component: str) -> None:
    settings = importlib.import_module(f"sallyport_{component}.settings").Settings
    assert set(ENVIRONMENTS[component]) == environment_names(settings, f"{component.upper()}_")
