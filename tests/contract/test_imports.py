"""Imports follow the layers that pyproject.toml declares."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from repository import ROOT


def test_import_contracts_are_kept() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as f; f()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in answer.stdout, answer.stderr
    assert answer.returncode == 0, answer.stdout


KEYRING = {"cryptography"}
"""What a Linux keyring needs (SecretStorage), and pages need too."""
WEB = {"cryptography", "flask", "werkzeug", "jinja2", "prometheus_client"}


@pytest.mark.parametrize(
    ("component", "module", "framework"),
    [("client", "cli", False), ("output_publisher", "cli", False), ("job_server", "asgi", True)],
)
def test_only_services_with_pages_install_and_import_a_web_framework(
    component: str, module: str, framework: bool
) -> None:
    lock = (ROOT / f"files/{component}/requirements.txt").read_text(encoding="utf-8")
    locked = {line.split("==")[0].replace("-", "_") for line in lock.splitlines() if "==" in line}
    assert bool(locked & (WEB - KEYRING if component == "client" else WEB)) == framework
    source = (ROOT / f"files/{component}/src/sallyport_{component}/{module}.py").as_posix()
    program = (
        "import ast, importlib, pathlib, sys\n"
        f"tree = ast.parse(pathlib.Path({source!r}).read_text())\n"
        "for node in ast.walk(tree):\n"
        "    if isinstance(node, ast.ImportFrom) and node.module and 'sallyport' in node.module:\n"
        "        importlib.import_module(node.module)\n"
        f"print(sorted({WEB!r} & set(sys.modules)))\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert (loaded.strip() != "[]") == framework


def run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements that run as a module is imported; those for type checkers do not."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from run_at_import(statement.orelse)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody", "handlers"):
                yield from run_at_import(getattr(statement, part, []))


def names_of(statement: ast.stmt) -> list[str]:
    """Return what a statement imports, by its longest name; a module's or that of its part."""
    if isinstance(statement, ast.ImportFrom):
        return [f"{statement.module}.{alias.name}" for alias in statement.names]
    return [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []


def modules_of(folder: Path) -> dict[str, set[str]]:
    """Return the modules below a folder with the modules there that each of them imports."""
    paths = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path
        for path in folder.rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        statements = run_at_import(ast.parse(path.read_text(encoding="utf-8")).body)
        names = [name for statement in statements for name in names_of(statement)]
        imported = {name if name in paths else name.rpartition(".")[0] for name in names}
        graph[module] = imported & paths.keys()
    return graph


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import each other in a cycle, if there are any."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


FOLDERS = [path for path in sorted(ROOT.glob("files/*/src")) if len(modules_of(path)) > 1]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
def test_no_modules_import_each_other_in_a_cycle(folder: Path) -> None:
    """Import-linter judges packages of the first level; this is about the modules in them."""
    graph = modules_of(folder)
    assert sum(map(len, graph.values())) > 0
    assert cycle(graph) == []


def test_a_cycle_of_modules_is_found(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    sources = {
        "a/b/__init__.py": "",
        "a/b/one.py": "try:\n    from a.b import two\nfinally:\n    pass",
        "a/b/two.py": "from a.b.three import name\n",
        "a/b/three.py": "def name():\n    import a.b.one\n",
    }
    for path, text in sources.items():
        (tmp_path / path).write_text(text)
    assert cycle(modules_of(tmp_path)) == []
    (tmp_path / "a/b/three.py").write_text("import a.b.one\n")
    assert set(cycle(modules_of(tmp_path))) == {"a.b.one", "a.b.two", "a.b.three"}
    hidden = "if TYPE_CHECKING:\n    import a.b.one\n"
    (tmp_path / "a/b/three.py").write_text(hidden)
    assert cycle(modules_of(tmp_path)) == []
