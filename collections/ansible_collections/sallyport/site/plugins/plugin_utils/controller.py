"""What this controller must have before an inventory can be judged: versions and collections.

Nothing here imports what may be missing.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT

RUNTIME = Path(__file__).parents[2] / "meta/runtime.yml"
# What filters and this check import on the controller.
MODULES = ("cryptography", "netaddr")
CURE = "Run python3 tools/bootstrap.py tools, then . .venv/bin/activate"


def version_faults(version: str) -> Iterator[str]:
    """Give a sentence when this ansible-core is older or newer than what is tested."""
    accepted = yaml.safe_load(RUNTIME.read_text(encoding="utf-8"))["requires_ansible"]
    if not SpecifierSet(accepted).contains(version, prereleases=True):
        yield f"This is ansible-core {version}; accepted is {accepted}. {CURE}."


def module_faults(names: Iterable[str] = MODULES) -> Iterator[str]:
    """Give a sentence for each Python module that is missing."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            yield f"The Python module {name} is missing beside ansible-core. {CURE}."


def collection_faults() -> Iterator[str]:
    """Give a sentence for each collection of requirements.yml that is missing or too old."""
    file = ROOT / "requirements.yml"
    for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["collections"]:
        name, accepted = entry["name"], entry["version"]
        folder = folder_of(name)
        if folder is None:
            yield f"The collection {name} is missing (requirements.yml). {CURE}."
        elif not SpecifierSet(accepted).contains(version_of(folder), prereleases=True):
            yield f"The collection {name} is {version_of(folder)}; accepted is {accepted}. {CURE}."


def folder_of(collection: str) -> Path | None:
    """Return the folder of a collection as Ansible finds it, or None."""
    try:
        found = importlib.util.find_spec(f"ansible_collections.{collection}")
    except ImportError:
        return None
    return Path(next(iter(found.submodule_search_locations or ()))) if found else None


def version_of(folder: Path) -> str:
    """Return the version of an installed collection; one without a manifest is a developer's."""
    manifest = folder / "MANIFEST.json"
    if not manifest.exists():
        return "9999"
    return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
