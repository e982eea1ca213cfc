"""Every Python file of the tree is read by the type checker."""

from __future__ import annotations

from repository import ROOT, tracked

import lint

OTHERS = {
    "collections/": "read where the tests of the plugins import them",
    "files/demo_study/": "a study, written in the query language",
    "tests/bench/": "its peers are studies",
    "tests/conformance/": "its peer is a package that only its own environment has",
}


def checked() -> tuple[str, ...]:
    """Return the folders that mypy reads."""
    commands = [words for words in lint.linters().values() if words[0] == "mypy"]
    return tuple(
        name if name.endswith(".py") else f"{name}/" for words in commands for name in words[1:]
    )


def unchecked() -> list[str]:
    """Return the tracked Python files outside those folders."""
    names = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix == ".py"]
    folders = checked()
    return [name for name in names if not name.startswith(folders)]


def test_every_program_has_checked_types() -> None:
    left = [name for name in unchecked() if not name.startswith(tuple(OTHERS))]
    assert not left
    assert "roles/firewall/files/" in checked()


def test_each_exception_still_has_files() -> None:
    left = unchecked()
    assert not [folder for folder in OTHERS if not any(name.startswith(folder) for name in left)]
