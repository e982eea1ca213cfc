"""The places that a component has beside its own folder, each with a check.

CONTRIBUTING lists them under "Add a component"; `<c>` is the component's name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from repository import ROOT

import distributions

Check = Callable[[Path, str], bool]
GATE = "collections/ansible_collections/sallyport/site/plugins/plugin_utils/site_view.py"
INVENTORIES = ("demo", "example", "single-host")
OWN_FILES = (
    "files/<c>/requirements.txt",
    "files/<c>/src/sallyport_<c>/__init__.py",
    "roles/<c>/defaults/main.yml",
    "roles/<c>/meta/main.yml",
    "roles/<c>/meta/argument_specs.yml",
    "roles/<c>/meta/formats.yml",
    "roles/<c>/tasks/main.yml",
    "roles/<c>/README.md",
    "playbooks/<c>.yml",
    "molecule/<c>/molecule.yml",
    "molecule/<c>/converge.yml",
    "tests/infra/<c>/test_<c>.py",
    "tests/unit/<c>/",
    "docs/reference/<c>.md",
)


def text(root: Path, name: str) -> str:
    """Return the text of a file, empty where there is no such file."""
    path = root / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def exists(name: str) -> Check:
    """Return a check for a file or a folder of the component's own."""
    return lambda root, component: (root / name.replace("<c>", component)).exists()


def holds(name: str, pattern: str) -> Check:
    """Return a check for a pattern in a file that components share."""
    return lambda root, component: bool(
        re.search(pattern.replace("<c>", component), text(root, name), re.MULTILINE)
    )


def tools(root: Path) -> dict[str, Any]:
    """Return the tables of `[tool]` in the root's pyproject.toml."""
    return dict(tomllib.loads(text(root, "pyproject.toml"))["tool"])


def rule(root: Path, name: str) -> dict[str, Any]:
    """Return a contract of import-linter by its name."""
    return next(c for c in tools(root)["importlinter"]["contracts"] if c["name"] == name)


def types(root: Path, component: str) -> bool:
    """Return whether the type checker finds the package."""
    return f"files/{component}/src" in tools(root)["mypy"]["mypy_path"]


def root_package(root: Path, component: str) -> bool:
    """Return whether import-linter reads the package."""
    return f"sallyport_{component}" in tools(root)["importlinter"]["root_packages"]


def independent(root: Path, component: str) -> bool:
    """Return whether other components may not import the package."""
    modules = rule(root, "Components never import each other")["modules"]
    return f"sallyport_{component}" in modules


def above_libraries(root: Path, component: str) -> bool:
    """Return whether libraries may not import the package."""
    modules = rule(root, "Libraries import no component")["forbidden_modules"]
    return f"sallyport_{component}" in modules


def plays(root: Path, component: str) -> list[dict[str, Any]]:
    """Return the plays of the component's playbook."""
    return yaml.safe_load(text(root, f"playbooks/{component}.yml")) or []


def tagged(root: Path, component: str) -> bool:
    """Return whether each play of the playbook has the component's tag."""
    return all(component in play.get("tags", []) for play in plays(root, component))


def groups(root: Path, component: str) -> set[str]:
    """Return the groups whose hosts the playbook deploys."""
    return {name for play in plays(root, component) for name in re.split("[:,]", play["hosts"])}


def in_inventory(inventory: str) -> Check:
    """Return a check for the groups of the playbook in an inventory."""

    def check(root: Path, component: str) -> bool:
        hosts = yaml.safe_load(text(root, f"inventories/{inventory}/hosts.yml"))
        return groups(root, component) <= set(hosts["all"]["children"])

    return check


def in_the_gate(root: Path, component: str) -> bool:
    """Return whether the check of inventories knows the groups of the playbook."""
    known = re.search(r"^GROUPS = (\[.+?\])$", text(root, GATE), re.MULTILINE | re.DOTALL)
    return bool(known) and groups(root, component) <= set(yaml.safe_load(known[1]) if known else [])


def is_service(root: Path, component: str) -> bool:
    """Return whether the role deploys a unit."""
    return "python_service" in text(root, f"roles/{component}/tasks/main.yml")


def exposure(root: Path, component: str) -> bool:
    """Return whether the topology's test limits the exposure of the component's unit."""
    listed = holds("tests/infra/topology/test_services.py", r'^    \("<c>", ')
    return listed(root, component) or not is_service(root, component)


PLACES: dict[str, Check] = {
    **{name: exists(name) for name in OWN_FILES},
    "`mypy_path` in `pyproject.toml`": types,
    "`root_packages` in `pyproject.toml`": root_package,
    "`Components never import each other` in `pyproject.toml`": independent,
    "`Libraries import no component` in `pyproject.toml`": above_libraries,
    "`tags` in `playbooks/<c>.yml`": tagged,
    "`site.yml`": holds("site.yml", r"playbooks/<c>\.yml"),
    "`playbooks/operations/remove_component.yml`": holds(
        "playbooks/operations/remove_component.yml", r"__remove_component_known: \[.*\b<c>\b"
    ),
    "`docs/operators/install.md`": holds("docs/operators/install.md", r"^\| .*`<c>`"),
    "`tests/contract/test_tags.py`": holds("tests/contract/test_tags.py", r'^    "<c>": \{'),
    **{f"`inventories/{name}/hosts.yml`": in_inventory(name) for name in INVENTORIES},
    "`GROUPS` in `site_view.py`": in_the_gate,
    "`tests/infra/topology/test_services.py`": exposure,
    "`docs/README.md`": holds("docs/README.md", r"docs/reference/<c>\.md"),
}


def missing(root: Path = ROOT) -> list[str]:
    """Return a sentence for each place of a tree that lacks one of its components."""
    return [
        f"{component}: add it to {place.replace('<c>', component)} (CONTRIBUTING, Add a component)"
        for component in distributions.deployed(root)
        for place, check in PLACES.items()
        if not check(root, component)
    ]
