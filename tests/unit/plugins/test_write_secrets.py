"""The vault file: complete after one run, unchanged by the second, and nobody's work is lost."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ansible_collections.sallyport.site.plugins.action import write_secrets as module
from ansible_collections.sallyport.site.plugins.plugin_utils import vault_text
from ansible_collections.sallyport.site.plugins.plugin_utils.checkout import ROOT

DECLARED: dict[str, dict[str, Any]] = {
    "vault_key": {"name": "vault_key", "kind": "random"},
    "vault_word": {"name": "vault_word", "kind": "password", "length": 16},
    "vault_token": {"name": "vault_token", "kind": "token"},
    "vault_pair": {"name": "vault_pair", "kind": "ed25519"},
    "vault_authority": {"name": "vault_authority", "kind": "rsa_ca"},
    "vault_given": {"name": "vault_given", "kind": "given", "job_server": "existing"},
    "vault_theirs": {"name": "vault_theirs", "kind": "token", "job_server": "own"},
    "vault_once": {"name": "vault_once", "kind": "password", "rotate": False},
}
ALL, DECLARED = DECLARED, module.wanted(DECLARED, "own")
QUICK = [entry for entry in DECLARED.values() if entry["kind"] != "rsa_ca"]
NAMES = sorted(name for entry in DECLARED.values() for name in module.names_of(entry))


@pytest.fixture(scope="module")
def text() -> str:
    """A complete vault."""
    return module.complete("", DECLARED.values())[0]


def test_each_kind_has_its_form(text: str) -> None:
    held = vault_text.values(text)
    assert sorted(held) == NAMES
    assert re.fullmatch(r"[0-9a-f]{40}", held["vault_token"])
    assert re.fullmatch(r"[A-Za-z0-9]{64}", held["vault_key"])
    assert re.fullmatch(r"[A-Za-z0-9]{16}", held["vault_word"])


def test_pairs_belong_together(text: str) -> None:
    held = vault_text.values(text)
    private = load_pem_private_key(held["vault_pair"].encode(), None)
    assert private.public_key() == load_pem_public_key(held["vault_pair_public"].encode())
    certificate = x509.load_pem_x509_certificate(held["vault_authority_certificate"].encode())
    authority = load_pem_private_key(held["vault_authority_key"].encode(), None)
    assert certificate.public_key() == authority.public_key()
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_second_run_changes_nothing(text: str) -> None:
    assert module.complete(text, DECLARED.values()) == (text, [])


def test_what_an_operator_wrote_stays(text: str) -> None:
    mine = "# ours since 2024\nvault_token: mine\nother: 5"
    completed, added = module.complete(mine, QUICK)
    assert completed.startswith(f"{mine}\n")
    assert "vault_token" not in added
    assert vault_text.values(completed)["vault_token"] == "mine"
    assert vault_text.values(text)["vault_token"] != "mine"


@pytest.mark.parametrize("placeholder", ["CHANGE_ME", "CHANGE_ME_TOO", "<a secret>", ""])
def test_placeholders_are_replaced(placeholder: str) -> None:
    completed, added = module.complete(f'vault_token: "{placeholder}"\n', QUICK)
    assert "vault_token" in added
    assert completed.count("vault_token:") == 1


def test_a_site_makes_the_secrets_that_its_kind_of_job_server_needs() -> None:
    assert set(ALL) - set(DECLARED) == {"vault_given"}
    assert set(ALL) - set(module.wanted(ALL, "existing")) == {"vault_given", "vault_theirs"}


def test_half_a_pair_is_never_completed_with_a_stranger() -> None:
    with pytest.raises(ValueError, match="vault_authority_key is missing beside its other half"):
        module.complete("vault_authority_certificate: ours\n", DECLARED.values())


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind magic"):
        module.make({"name": "vault_x", "kind": "magic"})


def test_rotation_keeps_what_others_still_hold(text: str) -> None:
    before = vault_text.values(text)
    rotated, names = module.rotate(text, DECLARED, ["vault_token", "vault_pair", "vault_key"])
    after = vault_text.values(rotated)
    assert after["vault_token_previous"] == before["vault_token"] != after["vault_token"]
    assert after["vault_pair_public_previous"] == before["vault_pair_public"]
    assert "vault_key_previous" not in after
    assert after["vault_word"] == before["vault_word"]
    assert "vault_word" not in names
    forgotten, gone = module.forget(rotated, DECLARED)
    assert gone == ["vault_pair_public_previous", "vault_token_previous"]
    assert set(vault_text.values(forgotten)) == set(before)


@pytest.mark.parametrize("wanted", [["vault_authority"], ["vault_once"], ["vault_nix"], []])
def test_what_cannot_be_rotated_is_named_with_what_can(text: str, wanted: list[str]) -> None:
    with pytest.raises(ValueError, match="accepted are vault_key, vault_pair, vault_theirs, "):
        module.rotate(text, DECLARED, wanted)


TEXT = """\
# head
a: "x"  # beside a
# before b
b: |
  one

  two
# before c
c: 'y'

# tail
"""


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["a"], "# head\n# before b\nb: |\n  one\n\n  two\n# before c\nc: 'y'\n\n# tail\n"),
        (["b"], "# head\na: \"x\"  # beside a\n# before b\n# before c\nc: 'y'\n\n# tail\n"),
        (["c", "z"], '# head\na: "x"  # beside a\n# before b\nb: |\n  one\n\n  two\n# before c\n'),
        ([], TEXT),
    ],
)
def test_removing_an_entry_takes_its_block_and_no_more(names: list[str], left: str) -> None:
    result = vault_text.without(TEXT, names)
    assert result.startswith(left)
    assert ("# tail" in result) == ("# tail" in TEXT)
    assert not set(names) & set(vault_text.values(result))


def test_replacing_an_entry_keeps_its_place_and_every_comment() -> None:
    result = vault_text.with_entries(TEXT, {"b": "new\nlines\n", "a": "007", "z": "last"})
    assert [" ".join(line.split()) for line in result.splitlines() if "#" in line] == [
        *("# head", 'a: "007" # beside a', "# before b", "# before c", "# tail"),
    ]
    assert list(vault_text.values(result)) == ["a", "b", "c", "z"]
    assert vault_text.values(result)["a"] == "007"
    assert vault_text.values(result)["b"] == "new\nlines\n"


@pytest.mark.parametrize(
    "text", ['{"vault_own": "a"}', "{vault_own: a}", '{\n  "vault_own": "a"\n}\n']
)
def test_a_vault_in_braces_keeps_its_values_beside_keys_of_several_lines(text: str) -> None:
    added = {"vault_key": "-----BEGIN\nx\n-----END\n", "vault_word": "w"}
    assert vault_text.values(vault_text.with_entries(text, added)) == {"vault_own": "a"} | added


def test_a_vault_that_is_not_a_mapping_is_refused_without_its_text() -> None:
    with pytest.raises(ValueError, match="must be a mapping"):
        vault_text.values("- hunter2\n")
    for text in ("a: [hunter2\n", "a: hunter2\na: 1\n"):
        with pytest.raises(ValueError, match="is not valid YAML, or has a name twice") as caught:
            vault_text.without(text, ["a"])
        assert "hunter2" not in str(caught.value)


def test_a_controller_without_the_parser_is_told_how_to_get_it() -> None:
    program = (
        "import sys; sys.modules['ruamel'] = None; "
        "import ansible_collections.sallyport.site.plugins.plugin_utils.vault_text"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode != 0
    assert "run python3 tools/bootstrap.py tools, then . .venv/bin/activate" in answer.stderr


def test_the_vault_stands_beside_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {}\n")
    expected = tmp_path.resolve() / "group_vars/all/vault.yml"
    assert module.vault_path([str(tmp_path)]) == expected
    assert module.vault_path([str(tmp_path / "hosts.yml")]) == expected
    with pytest.raises(ValueError, match="is an example"):
        module.vault_path([str(ROOT / "inventories/example")])
    with pytest.raises(ValueError, match="name your inventory"):
        module.vault_path(["/etc/ansible/hosts"])


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "group_vars/all/vault.yml"
    module.replace(path, b"a: 1\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["vault.yml"]


def test_a_secret_of_two_roles_stands_once(tmp_path: Path) -> None:
    for role, kind in (("one", "random"), ("two", "random")):
        path = tmp_path / role / "meta/secrets.yml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump([{"name": "vault_shared", "kind": kind}]))
    assert list(module.declared(tmp_path)) == ["vault_shared"]
    (tmp_path / "two/meta/secrets.yml").write_text("- {name: vault_shared, kind: token}\n")
    with pytest.raises(ValueError, match="another kind"):
        module.declared(tmp_path)
