"""Small project files, and the problems in them."""

from __future__ import annotations

import pytest

from sallyport_study import ProjectError, parse_project

OUTPUTS = "{highly_sensitive: {a: a.csv}}"


def action(**keys: str | None) -> str:
    """Return a file with one action, its keys given as YAML flow text; None leaves a key out.

    `version` is the file's own, `name` the action's.
    """
    given: dict[str, str | None] = {"version": "5", "name": "make"}
    given |= {"run": "python:v2 a.py", "outputs": OUTPUTS}
    given |= keys
    version, name = given.pop("version"), given.pop("name")
    lines = "".join(f"    {key}: {value}\n" for key, value in given.items() if value is not None)
    return f"version: {version}\nactions:\n  {name}:\n{lines}"


def chain(**needs: list[str]) -> str:
    """Return a file whose actions need each other as said."""
    lines = [
        f"  {name}: {{run: python:v2 {name}, needs: [{', '.join(needed)}],"
        f" outputs: {{highly_sensitive: {{a: {name}.csv}}}}}}\n"
        for name, needed in needs.items()
    ]
    return f"version: 5\nactions:\n{''.join(lines)}"


def problems(text: str) -> tuple[str, ...]:
    """Return the sentences that a file is refused with, without their places."""
    with pytest.raises(ProjectError) as caught:
        parse_project(text)
    return tuple(finding.text for finding in caught.value.findings)
