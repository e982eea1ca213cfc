"""A controller is set up by an ordinary user; only an engine needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534
SHIM = """
import sys
sys.path.insert(0, {tools!r})
import bootstrap
bootstrap.make_environment = lambda: print("environment made")
sys.argv[1:] = [{profile!r}]
sys.exit(bootstrap.main())
"""


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of the tools that an ordinary user owns; pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory(prefix="sallyport-test-") as folder:
        Path(folder).chmod(0o755)
        copy = Path(folder) / "sallyport"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "tools", copy / "tools", ignore=ignored)
        for path in [copy, *copy.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        yield copy


def bootstrap(checkout: Path, profile: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up as an ordinary user, without the download of the tools."""
    program = SHIM.format(tools=str(checkout / "tools"), profile=profile)
    return subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
         "/usr/bin/python3", "-B", "-c", program],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_tools_need_no_root_and_an_engine_does(checkout: Path) -> None:
    tools = bootstrap(checkout, "tools")
    assert (tools.returncode, tools.stdout, tools.stderr) == (0, "environment made\n", "")
    engine = bootstrap(checkout, "engine")
    assert engine.returncode == 1
    assert engine.stderr.startswith("sallyport: root is needed to install packages")


@pytest.mark.parametrize("folder", [".venv", "build"])
def test_what_root_has_left_is_named_with_the_command_that_frees_it(
    checkout: Path, folder: str
) -> None:
    left = checkout / folder
    left.mkdir()
    refused = bootstrap(checkout, "tools")
    assert refused.returncode == 1
    assert f"{folder} belongs to another user. Run: sudo chown -R $USER {left}" in refused.stderr
    os.chown(left, NOBODY, NOBODY)
    assert bootstrap(checkout, "tools").returncode == 0
