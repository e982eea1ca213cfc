"""Every component is in all the places that CONTRIBUTING names, and a forgotten one is named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import components
import pytest
from components import GATE, INVENTORIES, OWN_FILES, PLACES
from repository import ROOT

import distributions

NEW = "example"
PLAY = "- name: Deploy\n  hosts: examples\n  tags: [example]\n"
SHARED = [
    "pyproject.toml", "site.yml", "playbooks/operations/remove_component.yml", GATE,
    "docs/operators/install.md", "docs/README.md", "tests/contract/test_tags.py",
    "tests/infra/topology/test_services.py",
    *(f"inventories/{name}/hosts.yml" for name in INVENTORIES),
]  # fmt: skip


def own(name: str) -> Callable[[Path], None]:
    """Return what writes a file of the new component's own, or makes a folder."""

    def write(root: Path) -> None:
        path = root / name.replace("<c>", NEW)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"playbooks": PLAY, "roles": "- import_role: {name: python_service}\n"}
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_text(content.get(path.relative_to(root).parts[0], ""), encoding="utf-8")

    return write


def insert(name: str, after: str, line: str) -> Callable[[Path], None]:
    """Return what inserts text after a pattern of a shared file."""

    def write(root: Path) -> None:
        path = root / name
        text, number = re.subn(
            after, lambda match: match[0] + line, path.read_text(encoding="utf-8"), count=1
        )
        assert number == 1, f"{name} has no {after}"
        path.write_text(text, encoding="utf-8")

    return write


PACKAGE = f'"sallyport_{NEW}", '
STEPS: dict[str, Callable[[Path], None]] = {
    **{name: own(name) for name in OWN_FILES},
    "`mypy_path` in `pyproject.toml`": insert(
        "pyproject.toml", r"mypy_path = \[", f'"files/{NEW}/src", '
    ),
    "`root_packages` in `pyproject.toml`": insert("pyproject.toml", r"root_packages = \[", PACKAGE),
    "`Components never import each other` in `pyproject.toml`": insert(
        "pyproject.toml", r'(?s)each other"\ntype = "independence"\nmodules = \[', PACKAGE
    ),
    "`Libraries import no component` in `pyproject.toml`": insert(
        "pyproject.toml", r'(?s)no component".*?forbidden_modules = \[', PACKAGE
    ),
    "`tags` in `playbooks/<c>.yml`": lambda _root: None,
    "`site.yml`": insert("site.yml", r"(?s)\A.*\Z", f"\n- import_playbook: playbooks/{NEW}.yml\n"),
    "`playbooks/operations/remove_component.yml`": insert(
        "playbooks/operations/remove_component.yml", r"__remove_component_known: \[", f"{NEW}, "
    ),
    "`docs/operators/install.md`": insert(
        "docs/operators/install.md", r"\| tag \| does \|\n\|---\|---\|\n", f"| `{NEW}` | it |\n"
    ),
    "`tests/contract/test_tags.py`": insert(
        "tests/contract/test_tags.py", r"ROLES = \{\n", f'    "{NEW}": {{"{NEW}"}},\n'
    ),
    **{
        f"`inventories/{name}/hosts.yml`": insert(
            f"inventories/{name}/hosts.yml", r"  children:\n", "    examples: {hosts: {}}\n"
        )
        for name in INVENTORIES
    },
    "`GROUPS` in `site_view.py`": insert(GATE, r"GROUPS = \[", '"examples", '),
    "`tests/infra/topology/test_services.py`": insert(
        "tests/infra/topology/test_services.py", r"UNITS = \[\n", f'    ("{NEW}", "jobs", 2.0),\n'
    ),
    "`docs/README.md`": insert(
        "docs/README.md", r"(?s)\A.*\Z", f"\n| it | `docs/reference/{NEW}.md` |\n"
    ),
}
"""What a person does at each place of the list."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what components share, with the distribution of a new one and nothing else."""
    for name in [*SHARED, f"files/{NEW}/pyproject.toml"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / f"files/{NEW}/pyproject.toml").touch()
    return tmp_path


def test_every_component_is_in_its_places() -> None:
    assert len(distributions.deployed()) >= 6
    assert components.missing() == []


def test_contributing_names_every_place() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = text.partition("## Add a component")[2]
    names = {name for place in PLACES for name in (re.findall(r"`(.+?)`", place) or [place])}
    assert sorted(name for name in names if f"`{name}`" not in listed) == []


def test_a_component_is_added_by_the_list(tree: Path) -> None:
    assert set(STEPS) == set(PLACES)
    for step in STEPS.values():
        step(tree)
    assert components.missing(tree) == []


@pytest.mark.parametrize("forgotten", [name for name in STEPS if not name.startswith("`tags`")])
def test_a_forgotten_place_is_named(tree: Path, forgotten: str) -> None:
    for place, step in STEPS.items():
        if place != forgotten:
            step(tree)
    place = forgotten.replace("<c>", NEW)
    sentence = f"{NEW}: add it to {place} (CONTRIBUTING, Add a component)"
    assert components.missing(tree) == [sentence]


def test_a_play_without_the_tag_is_named(tree: Path) -> None:
    for step in STEPS.values():
        step(tree)
    playbook = tree / f"playbooks/{NEW}.yml"
    playbook.write_text(PLAY.replace("[example]", "[other]"), encoding="utf-8")
    (sentence,) = components.missing(tree)
    assert sentence.startswith(f"{NEW}: add it to `tags` in `playbooks/{NEW}.yml`")


def test_site_checks_the_inventory_first() -> None:
    imports = re.findall(r"playbooks/(\w+)\.yml", (ROOT / "site.yml").read_text(encoding="utf-8"))
    assert imports[0] == "validate"


@pytest.mark.parametrize("name", [name for name in distributions.names() if name != "ehrql_alias"])
def test_import_rules_know_the_distribution(name: str) -> None:
    assert f'"sallyport_{name}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
