"""What authors write into `run` as if a shell read it, and no shell does."""

from __future__ import annotations

import re

_ANY = re.compile(r"[|&<>;$`]")
_SINGLE = re.compile(r"'[^']*'")
_QUOTED = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_OPERATOR = re.compile(r"(?:^|(?<=\s))(?:\|\|?|&&?|[0-9&]?>>?(?:&[0-9])?|<<?)(?=\s|[\w./~-]|$)")
_END = re.compile(r";(?=\s|$)")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{[^}]*\}?|\([^)]*\)?)|`[^`]*`?")
_SMART = re.compile("[\u201c-\u201f\u2018-\u201b\u00ab\u00bb]")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})


def shell_syntax(run: str, words: list[str]) -> list[str]:
    """Return the parts of a `run` that only a shell would understand, as they are written.

    What is in quotes is meant for the program, and after `sh -c` a shell does read it.
    """
    if _ANY.search(run) is None:
        return []
    bare = _QUOTED.sub("''", run)
    found = [match[0] for match in (*_OPERATOR.finditer(bare), *_END.finditer(bare))]
    if not (_SHELLS & set(words) and "-c" in words):
        found += [match[0] for match in _VARIABLE.finditer(_SINGLE.sub("''", run))]
    return list(dict.fromkeys(found))


def smart_quotes(text: str) -> list[str]:
    """Return the typographic quotation marks in a string: programs expect the plain ones."""
    return [] if text.isascii() else list(dict.fromkeys(_SMART.findall(text)))
