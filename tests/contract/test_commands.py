"""Every command that a page names is run by a test, and those of the controller here as well."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import commands, on_hosts, on_the_controller
from repository import ROOT
from test_inventories import filled
from walkthrough import installation

from sallyport_client import cli

SITE = "ansible-playbook -i inventories/mysite"
OPERATIONS = f"{SITE} playbooks/operations"
TOPOLOGY = "molecule/topology/molecule.yml"
HERE = "tests/contract/test_commands.py::test_an_operator_walks_through_the_pages"
CLONED = "tests/contract/test_commands.py::test_a_clone_has_what_the_next_commands_need"
LINTED = "tests/contract/test_commands.py::test_a_broken_file_of_the_inventory_is_named"
JOURNEY = "tests/e2e/test_journey.py"
INSTALL = "tests/infra/install/test_install.py"
WALKED = {line for step in installation() if step.kind == "sh" for line in step.text.splitlines()}
"""What the scenario `install` types, from the first line of install.md to a published table."""

# What really runs a command: a test, a scenario, or the suite itself. Those with HERE are run as
# written; of the others this module checks the options, the playbook or the recipe.
RUN_BY = {
    "git clone <this repository> sallyport": CLONED,
    "cd sallyport": HERE,
    "cp -r inventories/example inventories/mysite": HERE,
    "export ANSIBLE_VAULT_PASSWORD_FILE=~/.sallyport-vault": HERE,
    f"{OPERATIONS}/generate_secrets.yml": HERE,
    f"{SITE} playbooks/validate.yml": HERE,
    f"{OPERATIONS}/rotate_secrets.yml -e names=vault_runner_job_server_token": HERE,
    f"{OPERATIONS}/rotate_secrets.yml -e forget=true": HERE,
    "ansible localhost -i inventories/mysite -e @inventories/mysite/group_vars/all/vault.yml"
    " -m ansible.builtin.debug -a var=vault_job_server_admin_password": HERE,
    ". .venv/bin/activate": HERE,
    "python3 tools/bootstrap.py tools": f"{INSTALL}::test_the_controller_needed_no_root",
    f"{SITE} site.yml": TOPOLOGY,
    f"{SITE} site.yml --ask-become-pass": "molecule/single_host/molecule.yml",
    f"{SITE} site.yml --check --diff --ask-become-pass": "molecule/single_host/molecule.yml",
    f"{SITE} site.yml --tags runner --ask-become-pass": (
        f"{INSTALL}::test_a_tag_deploys_its_component_and_nothing_else"
    ),
    f"{SITE} playbooks/proxy.yml": TOPOLOGY,
    "make images PUSH=registry.example.org/northmoor": (
        f"{INSTALL}::test_job_images_are_pushed_to_a_registry"
    ),
    f"{OPERATIONS}/remove_component.yml -e component=proxy -e confirm=proxy": (
        "tests/infra/single_host/test_way_back.py::test_a_component_is_removed_and_its_state_stays"
    ),
    "yamllint -d relaxed inventories/mysite": LINTED,
    "make demo": JOURNEY,
    "make test": ".ci/run",
    "make docs": "tests/contract/test_docs.py::test_generated_pages_are_current",
    "make mutants": "tools/suite.py",
    "make clean": "tools/suite.py",
    "make secrets": "tools/suite.py",
    "sallyport run-local": "tests/unit/runner/local/test_runs.py",
    "sallyport login": "tests/unit/client/test_login.py",
    "sallyport run": "tests/unit/client/test_cli.py",
    "sallyport list": "tests/unit/client/test_cli.py",
    "sallyport releases": "tests/unit/client/test_cli.py",
    "sallyport download": "tests/unit/client/test_cli.py",
}
DEPLOYING = [command for command in RUN_BY if command.startswith(SITE) and RUN_BY[command] != HERE]
# A command whose words are all part of another is checked with that one.
PLAYS = [
    command
    for command in DEPLOYING
    if not any(set(command.split()) < set(other.split()) for other in DEPLOYING)
]
RECIPES = [command for command in RUN_BY if command.startswith("make ")]


def test_each_command_is_run_by_a_test_that_is_there() -> None:
    """What is typed on hosts is run verbatim, by the test that this one looks for."""
    assert set(on_the_controller()) - WALKED == set(RUN_BY) - WALKED
    follows = (ROOT / INSTALL).with_name("conftest.py").read_text()
    assert "for step in installation():" in follows
    assert on_hosts()
    tests = ROOT / "tests/infra/single_host/test_commands.py"
    assert 'parametrize("command", on_hosts())' in tests.read_text()
    for proof in RUN_BY.values():
        path, _, name = proof.partition("::")
        assert (ROOT / path).exists(), proof
        assert f"def {name}(" in (ROOT / path).read_text() or not name, proof


def test_a_command_that_nobody_runs_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nmake demo\n# no command\nmake tea\n```\nor `make\ncoffee`, or `tea`\n")
    monkeypatch.setattr("commands.PAGES", [page])
    assert [command for command in commands() if command not in RUN_BY] == [
        "make tea",
        "make coffee",
    ]


def checkout(folder: Path) -> Path:
    """Return a folder that looks like a clone of the working tree, with inventories of its own."""
    clone = folder / "sallyport"
    for path in ROOT.iterdir():
        if path.name not in {"inventories", ".git"} and not (clone / path.name).exists():
            clone.mkdir(exist_ok=True)
            (clone / path.name).symlink_to(path)
    shutil.copytree(ROOT / "inventories/example", clone / "inventories/example")
    return clone


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run lines as a person types them, whose home is that folder."""
    return subprocess.run(
        ["sh", "-eux", "-c", script],
        cwd=folder,
        env=os.environ | {"HOME": str(folder), "ANSIBLE_NOCOLOR": "1", "PS1": ""},
        input="a password for sudo\n",
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_operator_walks_through_the_pages(tmp_path: Path) -> None:
    """The commands verbatim, in the order of the table, after the edit that pages ask for."""
    clone = checkout(tmp_path)
    (clone / ".sallyport-vault").write_text("the vault's password")
    steps = [command for command, proof in RUN_BY.items() if proof == HERE]
    copied = shell("\n".join(steps[:2]), tmp_path)
    assert copied.returncode == 0, copied.stderr
    shutil.rmtree(clone / "inventories/mysite")
    filled("example", tmp_path).rename(clone / "inventories/mysite")
    (clone / "inventories/mysite/group_vars/all/vault.yml").unlink()
    steps = [command for command in steps if command.startswith(("export", "ansible", ". "))]
    answer = shell("\n".join([". .venv/bin/activate", *steps]), clone)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert '"vault_job_server_admin_password": "' in answer.stdout
    assert (
        "changed vault_runner_job_server_token, vault_runner_job_server_token_pr" in answer.stdout
    )
    vault = clone / "inventories/mysite/group_vars/all/vault.yml"
    assert vault.read_text().startswith("$ANSIBLE_VAULT;")


def test_a_clone_has_what_the_next_commands_need(tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", ROOT, "sallyport"], cwd=tmp_path, check=True)
    assert (tmp_path / "sallyport/tools/bootstrap.py").exists()
    assert (tmp_path / "sallyport/inventories/example/hosts.yml").exists()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with an edited copy of the example."""
    folder = tmp_path_factory.mktemp("clone")
    clone = checkout(folder)
    filled("example", folder).rename(clone / "inventories/mysite")
    return clone


def test_plays_that_reach_hosts_have_right_options_and_tasks(clone: Path) -> None:
    """With a misspelt option the same command is refused."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    lines = [f"{command} --syntax-check" for command in PLAYS]
    script = "\n".join(lines).replace("ansible-playbook", program)
    answer = shell(script, clone)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("playbook: ") == len(PLAYS)
    assert shell(f"{program} {PLAYS[0].partition(' ')[2]} --chekc", clone).returncode != 0


def test_recipes_of_make_are_there() -> None:
    answer = shell("\n".join(f"{command} -n" for command in RECIPES), ROOT)
    assert answer.returncode == 0, answer.stderr
    assert "tools/demo.py" in answer.stdout
    assert shell("make -n tea", ROOT).returncode != 0


@pytest.mark.parametrize("command", [name for name in RUN_BY if name.startswith("sallyport ")])
def test_verbs_of_the_client_explain_themselves(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split()[1:], "--help"])
    assert ended.value.code == 0
    assert f"usage: {command}" in capsys.readouterr().out


def test_a_broken_file_of_the_inventory_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mysite"
    shutil.copytree(ROOT / "inventories/example", folder)
    words = [str(Path(sys.executable).parent / "yamllint"), "-d", "relaxed", str(folder)]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 0
    file = folder / "group_vars/all/main.yml"
    file.write_text(f"{file.read_text()}\nsite_name: a: b\n")
    answer = subprocess.run(words, check=False, capture_output=True, text=True)
    assert answer.returncode == 1
    assert str(file) in answer.stdout
