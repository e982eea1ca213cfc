"""What `ansible-doc` shows of our modules is what they take."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
import yaml

from ansible_collections.sallyport.site.plugins.action import check_inventory as check_action
from ansible_collections.sallyport.site.plugins.action import write_secrets as write_action
from ansible_collections.sallyport.site.plugins.filter import flows, host_entries
from ansible_collections.sallyport.site.plugins.modules import (
    check_inventory,
    install_packages,
    managed_files,
    write_secrets,
)

PROSE = {"description", "suboptions"}
# The action checks its only argument itself: a string would be taken letter by letter.
PACKAGES = {"names": {"type": "list", "elements": "str", "required": True}}


def taken(options: dict[str, Any]) -> dict[str, Any]:
    """Return documented options as an argument specification says the same."""
    return {
        name: {
            **{key: value for key, value in option.items() if key not in PROSE},
            **({"options": taken(option["suboptions"])} if "suboptions" in option else {}),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize(
    ("page", "arguments"),
    [
        (check_inventory, check_action.ARGUMENTS),
        (install_packages, PACKAGES),
        (managed_files, managed_files.ARGUMENTS),
        (write_secrets, write_action.ARGUMENTS),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if isinstance(value, ModuleType) else "",
)
def test_a_module_takes_what_is_documented(page: ModuleType, arguments: dict[str, Any]) -> None:
    documented = yaml.safe_load(page.DOCUMENTATION)
    name = page.__name__.rpartition(".")[2]
    assert documented["module"] == name
    assert taken(documented["options"]) == arguments
    for task in yaml.safe_load(page.EXAMPLES):
        given = task[f"sallyport.site.{name}"] or {}
        assert set(given) <= set(arguments)


@pytest.mark.parametrize("page", [flows, host_entries])
def test_a_filter_takes_what_is_documented(page: ModuleType) -> None:
    documented = yaml.safe_load(page.DOCUMENTATION)
    (called,) = page.FilterModule().filters().values()
    code = called.__code__
    names = list(code.co_varnames[: code.co_argcount])
    optional = names[len(names) - len(called.__defaults__ or ()) :]
    positional = re.split(r",\s*", documented["positional"])
    assert positional[0] == "_input"
    assert positional[1:] == names[1:]
    options = documented["options"]
    assert set(options) == set(positional)
    assert {name for name, option in options.items() if not option.get("required")} == set(optional)
