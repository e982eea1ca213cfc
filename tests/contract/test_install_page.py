"""docs/operators/install.md can be followed by a program: see tests/infra/install."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.template import Templar
from repository import ROOT, read
from site_inventory import loader
from walkthrough import ALTERNATIVES, LAST, Step, installation, merged, steps

from controller import own


def test_the_page_has_both_kinds_of_blocks_in_its_order() -> None:
    walk = installation()
    assert {step.kind for step in walk} == {"sh", "yaml"}
    assert walk[0].text.startswith("git clone ")
    assert "login-tokens" in walk[-1].text


def test_sections_that_are_left_out_are_there() -> None:
    """A renamed section would be followed; the control is one that is followed."""
    sections = {step.section for step in steps()}
    page = (ROOT / "docs/operators/install.md").read_text(encoding="utf-8")
    assert all(f"### {name}\n" in page for name in ALTERNATIVES)
    assert f"## {LAST}\n" in page
    assert "Without internet" in sections - set(ALTERNATIVES)


def test_blocks_of_values_name_a_file_of_the_new_inventory() -> None:
    blocks = [step for step in steps() if step.kind == "yaml"]
    assert len(blocks) >= 6
    for step in blocks:
        assert step.file.startswith("inventories/mysite/"), step
        assert step.file.endswith(".yml"), step
        assert step.values


def test_a_block_is_read_from_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    blocks = ["## 1. A", "```sh", "ls", "```", "text", "### B"]
    blocks += ["```yaml", "# x.yml", "a: 1", "```", "```", "no", "```", ""]
    page.write_text("\n".join(blocks))
    shell, values, other = steps(page)
    assert (shell.section, shell.kind, shell.text) == ("1. A", "sh", "ls")
    assert (values.section, values.file, values.values) == ("B", "x.yml", {"a": 1})
    assert other == Step("B", "", "no")


def test_values_are_put_over_those_that_are_there() -> None:
    old = {"all": {"hosts": {"a": {}}, "children": {"g": {"hosts": {}}}}, "list": [1]}
    new = {"all": {"hosts": {"b": {}}}, "list": [2]}
    assert merged(old, new) == {
        "all": {"hosts": {"a": {}, "b": {}}, "children": {"g": {"hosts": {}}}},
        "list": [2],
    }


ROW = re.compile(r"^\| `(https://[\w.-]+)`[^|]* \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
KNOWN = read(ROOT / "roles/proxy/vars/main.yml")["__proxy_public_registries"]


def origins(cell: str) -> list[str]:
    """Return the URLs of a cell of the table of registries."""
    return re.findall(r"`(https://[^`]+)`", cell)


def test_registries_of_the_page_are_those_that_the_proxy_knows() -> None:
    page = (ROOT / "docs/operators/install.md").read_text(encoding="utf-8")
    told = {
        registry: {"bytes": origins(layers), "tokens": origins(tokens)}
        for registry, layers, tokens in ROW.findall(page)
    }
    assert told == {
        registry: {kind: hosts.get(kind, []) for kind in ("bytes", "tokens")}
        for registry, hosts in KNOWN.items()
    }
    assert read(ROOT / "roles/site/defaults/main.yml")["site_registry_url"] in KNOWN


@pytest.mark.parametrize(
    ("registry", "layers", "tokens"),
    [
        (None, ["https://pkg-containers.githubusercontent.com"], []),
        ("https://registry-1.docker.io", ["https://production.cloudflare.docker.com"],
         ["https://auth.docker.io"]),
        ("https://registry.example.org", [], []),
    ],
)  # fmt: skip
def test_the_proxy_follows_the_redirects_of_known_registries(
    registry: str | None, layers: list[str], tokens: list[str]
) -> None:
    """Without a value the site's default registry is meant, with every default of the roles."""
    values: dict[str, Any] = {}
    for name in ("site/defaults", "proxy/defaults", "proxy/vars"):
        file = str(ROOT / f"roles/{name}/main.yml")
        values |= loader().load_from_file(file, trusted_as_template=True)
    if registry:
        values["site_registry_url"] = registry
    templar = Templar(loader=loader(), variables=values)
    names = ("proxy_registry_redirect_origins", "proxy_registry_token_origins")
    assert [templar.template(values[name]) for name in names] == [layers, tokens]


def test_the_test_has_a_value_of_its_own_for_every_example_of_the_page() -> None:
    """Otherwise the walk of tests/infra/install fails after many minutes, at the one left over."""
    example = re.compile(r"\btre\.example\.org\b|\b(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+")
    inventory = ROOT / "inventories/example"
    texts = [step.text for step in installation()]
    texts += [path.read_text(encoding="utf-8") for path in inventory.rglob("*.yml")]
    assert sum(bool(example.search(text)) for text in texts) >= 10
    assert [found for text in texts for found in example.findall(own(text))] == []
