"""Every value that an operator may set has a declared form, and placeholders one meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from repository import ROOT, read

from ansible_collections.sallyport.site.plugins.plugin_utils.formats import FORMATS
from ansible_collections.sallyport.site.plugins.plugin_utils.placeholders import PLACEHOLDER
from sallyport_common.settings import is_placeholder

ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
# Mappings and lists whose content another program judges: nginx, daemon.json, postgresql.conf.
OPEN = ("dict", "raw", "list")


def options(role: str) -> dict[str, Any]:
    """Return the options of a role."""
    entry = read(ROOT / f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]
    return dict(entry.get("options") or {})


def leaves(key: str, option: dict[str, Any]) -> Iterator[str]:
    """Give the path of every string and number below an option that has no choices."""
    kind = option.get("type", "str")
    if option.get("options"):
        path = f"{key}[]" if kind == "list" else key
        for name, part in option["options"].items():
            yield from leaves(f"{path}.{name}", part)
    elif kind == "list" and option.get("elements") not in (None, *OPEN):
        yield f"{key}[]"
    elif kind not in (*OPEN, "bool") and not option.get("choices"):
        yield key


def formats(role: str) -> dict[str, str]:
    """Return the forms that a role declares."""
    return read(ROOT / f"roles/{role}/meta/formats.yml") or {}


@pytest.mark.parametrize("role", ROLES)
def test_each_value_of_a_role_has_a_form(role: str) -> None:
    needed = {path for name, option in options(role).items() for path in leaves(name, option)}
    declared = formats(role)
    assert needed - set(declared) == set(), f"add them to roles/{role}/meta/formats.yml"
    assert {name.removesuffix("?") for name in declared.values()} <= set(FORMATS)
    roots = {key.split(".")[0].split("[")[0] for key in declared}
    assert roots <= set(options(role))


@pytest.mark.parametrize("text", ["CHANGE_ME", "change_me_too", "<a secret>", " CHANGE_ME"])
def test_what_the_gate_calls_a_placeholder_no_service_accepts(text: str) -> None:
    assert PLACEHOLDER.match(text)
    assert is_placeholder(text)
    assert not PLACEHOLDER.match("x" + text)
