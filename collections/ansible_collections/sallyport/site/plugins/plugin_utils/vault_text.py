"""The text of a vault file: read by a parser, and edited so that all else in it stays.

Round-trip editing keeps comments, order and quotes of what a person wrote.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import yaml

try:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import CommentMark, YAMLError
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString
    from ruamel.yaml.tokens import CommentToken
except ImportError as error:  # the controller runs another Python than the repository's
    raise ImportError(
        "ruamel.yaml is not installed beside this ansible-core; run python3 tools/bootstrap.py "
        "tools, then . .venv/bin/activate"
    ) from error

HEADER = "# Secrets of this inventory, made by playbooks/operations/generate_secrets.yml.\n"


def values(text: str) -> dict[str, str]:
    """Return what a vault's text holds; raise ValueError unless it is a mapping."""
    held = yaml.safe_load(text) or {}
    if not isinstance(held, dict):
        raise ValueError("the vault file must be a mapping of names to values")
    return {str(name): str(value) for name, value in held.items()}


def editor() -> YAML:
    """Return a parser that writes back what it does not change."""
    parser = YAML()
    parser.preserve_quotes = True
    parser.width = 1_000_000
    return parser


def without(text: str, names: Iterable[str]) -> str:
    """Return the text without the entries of these names; a comment before the next one stays."""
    data = loaded(text)
    for name in [name for name in names if data is not None and name in data]:
        remove(data, name)
    return text if data is None else dumped(data)


def with_entries(text: str, entries: dict[str, str]) -> str:
    """Return the text with these entries, in the place of former ones or else at its end."""
    data = loaded(text)
    if data is None:
        start = text or HEADER
        return f"{start.rstrip()}\n{dumped(styled(entries))}"
    data.update(styled(entries))
    return dumped(data)


def loaded(text: str) -> Any:
    """Return the text as editable data, None without entries; raise ValueError on bad YAML.

    The parser's own message may quote the text, which is secret.
    """
    try:
        data = editor().load(text)
    except YAMLError:
        raise ValueError("the vault file is not valid YAML, or has a name twice") from None
    if isinstance(data, CommentedMap):
        # A mapping in braces, as JSON is written, has no room for keys of several lines.
        data.fa.set_block_style()
    return data


def dumped(data: Any) -> str:
    """Return data as text."""
    stream = io.StringIO()
    editor().dump(data, stream)
    return stream.getvalue()


def styled(entries: dict[str, str]) -> dict[str, Any]:
    """Return entries by name: text of several lines as a block, all else in quotes."""
    return {
        name: LiteralScalarString(f"{value.rstrip()}\n")
        if "\n" in value.rstrip()
        else DoubleQuotedScalarString(value)
        for name, value in sorted(entries.items())
    }


def remove(data: Any, name: str) -> None:
    """Remove an entry and the comment beside it; lines after it pass to the entry before."""
    names = list(data)
    before = names[names.index(name) - 1] if names[0] != name else None
    token = (data.ca.items.pop(name, None) or [None, None, None])[2]
    del data[name]
    if token is None:
        return
    beside = token.value.startswith("#") and token.start_mark.column > 0
    rest = token.value.partition("\n")[2] if beside else token.value
    if rest.strip():
        hand_over(data, before, rest)


def hand_over(data: Any, before: str | None, rest: str) -> None:
    """Put comment lines after an entry, or at the beginning of the file."""
    if before is None:
        start = data.ca.comment or [None, []]
        data.ca.comment = [start[0], [*(start[1] or []), CommentToken(rest, CommentMark(0))]]
        return
    held = data.ca.items.setdefault(before, [None, None, None, None])
    former = held[2].value if held[2] is not None else "\n"
    mark = held[2].start_mark if held[2] is not None else CommentMark(0)
    held[2] = CommentToken(f"{former.rstrip()}\n{rest.lstrip()}", mark)
