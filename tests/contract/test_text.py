"""The text of the repository: nothing secret, nothing personal, exceptions counted."""

from __future__ import annotations

import ast
import re

import pytest
from repository import ROOT, tracked

# Counted exceptions; each has its reason beside it, and these numbers may only fall.
CEILINGS = {
    r"#\s*noqa": 9,
    r"#\s*type:\s*ignore": 1,
    r"pragma:\s*no cover": 2,
    r"^\s*ignore_errors:": 0,
    r"failed_when:\s*false": 2,
    r"#\s*nosec\b": 0,
}
SOURCES = {".py", ".yml", ".j2", ".sh", ".toml", ".cfg"}
PRIVATE_KEY = re.compile("BEGIN (?:[A-Z]+ )?PRIVATE " + "KEY")


def sources() -> dict[str, str]:
    """Return the text of every tracked source file but this one."""
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in tracked()
        if path.suffix in SOURCES and path.name != "test_text.py" and path.exists()
    }


@pytest.mark.parametrize(("pattern", "ceiling"), CEILINGS.items())
def test_exceptions_do_not_multiply(pattern: str, ceiling: int) -> None:
    expression = re.compile(pattern, re.MULTILINE)
    found = [name for name, text in sources().items() for _ in expression.findall(text)]
    assert len(found) <= ceiling, found


@pytest.mark.parametrize("pattern", [r"#\s*noqa[^\n]*", r"#\s*type:\s*ignore[^\n]*"])
def test_each_exception_has_its_reason_beside_it(pattern: str) -> None:
    bare = re.compile(r"#\s*(noqa(:\s*[\w,\[\]-]+)?|type:\s*ignore(\[[\w,-]+\])?)\s*$")
    for name, text in sources().items():
        for match in re.findall(pattern, text):
            assert not bare.fullmatch(match), f"{name}: {match}"


def test_no_private_key_is_tracked() -> None:
    assert PRIVATE_KEY.search("BEGIN RSA PRIVATE " + "KEY")
    assert not [name for name, text in sources().items() if PRIVATE_KEY.search(text)]


def test_every_module_says_what_it_is_for() -> None:
    bare = [
        name
        for name, text in sources().items()
        if name.startswith("files/") and name.endswith(".py")
        if not ast.get_docstring(ast.parse(text))
    ]
    assert not bare


def test_no_file_grows_beyond_the_house_limit() -> None:
    long = [
        name for name, text in sources().items() if name.endswith(".py") and text.count("\n") > 400
    ]
    assert not long
