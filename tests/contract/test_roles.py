"""Roles keep the house rules: inputs declared twice, tasks guarded, names their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import ROLES, ROOT, defaults_of, options_of, read, tasks_in

WORD = re.compile(r"\b[a-z_][a-z0-9_]*\b")
role_parameter = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


@role_parameter
def test_defaults_and_argument_spec_agree(role: Path) -> None:
    options, defaults = options_of(role), defaults_of(role)
    optional = {name: option for name, option in options.items() if not option.get("required")}
    assert set(defaults) == set(optional)
    stated = {name: option["default"] for name, option in optional.items() if "default" in option}
    assert stated == {name: defaults[name] for name in stated}


@role_parameter
def test_every_input_has_type_and_description(role: Path) -> None:
    for name, option in options_of(role).items():
        assert option.get("type"), name
        assert option.get("description"), name


@role_parameter
def test_inputs_and_internals_carry_the_name_of_the_role(role: Path) -> None:
    assert all(name.startswith(f"{role.name}_") for name in options_of(role))
    for path in role.glob("vars/*.yml"):
        assert all(name.startswith(f"__{role.name}_") for name in read(path) or {}), path


@role_parameter
def test_every_role_has_a_scenario_and_host_tests(role: Path) -> None:
    assert (ROOT / "molecule" / role.name / "molecule.yml").exists()
    assert list((ROOT / "tests/infra" / role.name).glob("test_*.py"))


@role_parameter
def test_no_role_reads_the_variables_of_another(role: Path) -> None:
    others = {
        name: other.name
        for other in ROLES
        if other != role and other.name not in {"site", "python_service"}
        for name in options_of(other)
    }
    for path in sorted(role.rglob("*")):
        if path.suffix in {".yml", ".j2"} and path.name != "README.md":
            # The call of another role hands over its inputs by name: `vars:` of import_role.
            text = path.read_text(encoding="utf-8")
            called = set(re.findall(r"name: ([a-z_]+)$", text, re.MULTILINE))
            used = {word for word in WORD.findall(text) if word in others}
            strangers = {word for word in used if others[word] not in called}
            assert not strangers, f"{path}: {strangers}"


@role_parameter
def test_commands_say_when_they_change_something(role: Path) -> None:
    for path in [*role.glob("tasks/*.yml"), *role.glob("handlers/*.yml")]:
        for task in tasks_in(read(path)):
            for module in ("ansible.builtin.command", "ansible.builtin.shell"):
                if module in task:
                    arguments = task.get("args", {}) | (
                        task[module] if isinstance(task[module], dict) else {}
                    )
                    guards = {"creates", "removes"} & set(arguments)
                    assert "changed_when" in task or guards, f"{path}: {task.get('name')}"


@role_parameter
def test_task_names_start_with_their_file(role: Path) -> None:
    for path in role.glob("tasks/*.yml"):
        if path.stem == "main":
            continue
        for task in tasks_in(read(path)):
            name = str(task.get("name", ""))
            assert name.startswith(f"{path.stem} | "), f"{path}: {name}"


@role_parameter
def test_secret_inputs_have_no_default(role: Path) -> None:
    defaults = defaults_of(role)
    for name, option in options_of(role).items():
        if option.get("no_log"):
            assert defaults.get(name, "") in ("", [], {}), name


@role_parameter
def test_a_change_whose_handler_never_ran_is_pending_for_the_next_run(role: Path) -> None:
    """Each `pending` has the handler that forgets it, and every role with handlers has one."""
    handlers = tasks_in(read(role / "handlers/main.yml")) if (role / "handlers").exists() else []
    tasks = [task for path in role.glob("tasks/*.yml") for task in tasks_in(read(path))]
    files = "sallyport.site.managed_files"
    remembered = {task[files]["pending"] for task in tasks if "pending" in task.get(files, {})}
    forgotten = {task[files]["applied"] for task in handlers if files in task}
    assert remembered == forgotten
    assert bool(remembered) == bool(handlers)


def test_tasks_on_the_controller_run_without_mitogen() -> None:
    """It takes over `local`, and has hung where several such tasks began at once (ADR 0024)."""
    places = ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "molecule/*/*.yml")
    texts = {path: path.read_text() for glob in places for path in ROOT.glob(glob)}
    taken = [path for path, text in texts.items() if re.search(r"connection: +local\b", text)]
    assert taken == []
    assert any("connection: ansible.builtin.local" in text for text in texts.values())
