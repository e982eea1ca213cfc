"""Run every linter and type checker; each runs even when one before it has failed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from console import ROOT

BIN = Path(sys.executable).parent


def shell_scripts() -> list[str]:
    """Return the tracked files that start with a shell's name; a template is not a script."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    present = [name for name in listed if (ROOT / name).is_file() and not name.endswith(".j2")]
    return [
        name for name in present if (ROOT / name).read_bytes()[:9] in (b"#!/bin/sh", b"#!/bin/ba")
    ]


def sources() -> list[str]:
    """Return the folders that the type checker reads, one run for each world of imports."""
    packages = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("files/*/src"))]
    return [
        *packages,
        *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/*.py"))),
        "tests/unit",
        "tests/contract",
        "tests/engines",
        "tests/campaigns",
    ]


def programs() -> list[str]:
    """Return the folders of programs that hosts, images and scenarios run as single files."""
    installed = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("roles/*/files"))]
    return [*installed, "files/images", "molecule"]


def linters() -> dict[str, list[str]]:
    """Return the commands by name."""
    return {
        "ruff": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
        "codespell": ["codespell"],
        "shellcheck": ["shellcheck", *shell_scripts()],
        "import-linter": ["lint-imports"],
        "mypy": ["mypy", *sources()],
        "mypy tools": ["mypy", "tools"],
        "mypy programs": ["mypy", *programs()],
        "mypy hosts": ["mypy", "tests/infra", "tests/e2e"],
        "ansible-lint": ["ansible-lint", "--offline", "-q"],
    }


def failures(names: Sequence[str]) -> list[str]:
    """Run linters one after the other, print what each says, and return those that fail."""
    failed = []
    for name in names:
        started = time.monotonic()
        words = linters()[name]
        answer = subprocess.run(
            [BIN / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        verdict = "FAILED" if answer.returncode else "clean"
        text = answer.stdout + answer.stderr if answer.returncode else ""
        line = f"{name:14} {verdict} {time.monotonic() - started:6.1f} s\n"
        print(line + text, end="", flush=True)
        failed += [name] if answer.returncode else []
    return failed


def main() -> int:
    """Run the type checkers, which share a cache, beside all other linters."""
    names = list(linters())
    checkers = [name for name in names if name.startswith("mypy")]
    with ThreadPoolExecutor(2) as pool:
        sides = pool.map(failures, [checkers, [name for name in names if name not in checkers]])
        return 1 if any(list(sides)) else 0


if __name__ == "__main__":
    sys.exit(main())
