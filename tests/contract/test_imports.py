"""Imports follow the layers that pyproject.toml declares."""

from __future__ import annotations

import subprocess
import sys

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


WEB = {"cryptography", "flask", "werkzeug", "jinja2", "prometheus_client"}


@pytest.mark.parametrize(
    ("component", "module", "framework"),
    [("client", "cli", False), ("output_publisher", "cli", False), ("job_server", "wsgi", True)],
)
def test_only_services_with_pages_install_and_import_a_web_framework(
    component: str, module: str, framework: bool
) -> None:
    lock = (ROOT / f"files/{component}/requirements.txt").read_text(encoding="utf-8")
    locked = {line.split("==")[0].replace("-", "_") for line in lock.splitlines() if "==" in line}
    assert bool(locked & WEB) == framework
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
