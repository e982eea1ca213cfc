"""Colons: without a space after them, missing, or one too many."""

from __future__ import annotations

import re

from sallyport_study.errors import cut
from sallyport_study.mistakes.lines import Broken, Mistake, in_quotes, indent_of, key_of, value_of

_GLUED = re.compile(r"(?P<head>\s*(?:- +)?(?P<key>[A-Za-z_][\w.-]*)):(?P<value>[^\s:/].*)$")
_NO_COLON = re.compile(r"(?P<head>\s*(?:- +)?(?P<key>[\w.-]+))(?: *=)?(?: +(?P<value>[^\s=].*))?$")
_WIDE = re.compile(
    r"(?P<head>\s*(?:- +)?[\w.-]+)\s*(?P<colon>[\uff1a\ufe55\u2236\ua789])\s*(?P<value>.*)$"
)
_VALUES = ("mapping values", "could not find expected ':'")


def _suspects(broken: Broken) -> list[int]:
    """Return the lines that may be the cause: where the context began, above, and this one."""
    numbers = (broken.error.begin[0], broken.content_before(broken.line), broken.line)
    return list(dict.fromkeys(number for number in numbers if number))


def _about_colons(broken: Broken) -> bool:
    return any(words in broken.error.reason for words in _VALUES)


def no_space(broken: Broken) -> Mistake | None:
    """Explain `run:python`."""
    if not _about_colons(broken):
        return None
    for number in _suspects(broken):
        line = broken.text(number)
        match = _GLUED.match(line)
        if match and not key_of(line):
            good = f"{match['key']}: {match['value']}"
            return broken.mistake(
                number,
                match.end("key") + 1,
                f"Write a space after the colon: '{cut(good)}'.",
                f"{match['head']}: {match['value']}",
            )
    return None


def nameless(broken: Broken) -> Mistake | None:
    """Explain a line that begins with its colon."""
    line = broken.text(broken.line)
    begin = indent_of(line)
    if not line[begin:].startswith((": ", ":\n")) and line.strip() != ":":
        return None
    text = "There is nothing before the colon; write a name there."
    return broken.mistake(broken.line, begin + 1, text, f"{line[:begin]}name{line[begin:]}")


def wide(broken: Broken) -> Mistake | None:
    """Explain a character that looks like a colon."""
    for number in _suspects(broken) if _about_colons(broken) else ():
        match = _WIDE.match(broken.text(number))
        if match:
            return broken.mistake(
                number,
                match.start("colon") + 1,
                f"'{match['colon']}' is not the ordinary colon; type ':' and a space instead.",
                f"{match['head']}: {match['value']}",
            )
    return None


def missing(broken: Broken) -> Mistake | None:
    """Explain a name without its colon."""
    if not _about_colons(broken):
        return None
    for number in _suspects(broken):
        line = broken.text(number)
        match = _NO_COLON.match(line.rstrip())
        if match is None or key_of(line) or _is_item(broken, number):
            continue
        value = f" {match['value']}" if match["value"] else ""
        good = f"{match['key']}:{value}"
        return broken.mistake(
            number,
            match.end("key") + 1,
            f"There is no colon after '{match['key']}': write '{cut(good)}'.",
            f"{match['head']}:{value}",
        )
    return None


def _is_item(broken: Broken, number: int) -> bool:
    """Return whether a line continues a list: it begins with a dash, or the line above does."""
    line = broken.text(number).lstrip()
    before = broken.content_before(number)
    listed = before is not None and broken.text(before).lstrip().startswith("-")
    return line.startswith("-") or (listed and " " not in line)


def second(broken: Broken) -> Mistake | None:
    """Explain a colon within a value, or a line that is indented below a value."""
    if "mapping values" not in broken.error.reason:
        return None
    number = broken.line
    line = broken.text(number)
    match = key_of(line)
    if match and match.end() < broken.column:
        column, value = value_of(line)
        if inner := key_of(value):
            return _two_names(broken, number, match["key"], inner)
        good = in_quotes(value)
        after = line[column - 1 + len(value) :]
        return broken.mistake(
            number,
            broken.column,
            f"A value with a colon and a space in it must be in quotes: {cut(good)}. If it is two "
            f"settings, give each a line of its own.",
            f"{line[: column - 1]}{good}{after}",
        )
    return _below_value(broken, number)


def _two_names(broken: Broken, number: int, key: str, inner: re.Match[str]) -> Mistake:
    """Explain `make: run: python`."""
    line = broken.text(number)
    column, value = value_of(line)
    rest = value[inner.end() :].strip()
    return broken.mistake(
        number,
        column,
        f"'{inner['key']}:' must be on a line of its own below '{key}:', indented further.",
        f"{line[: column - 1]}{{{inner['key']}: {in_quotes(rest) if rest else ''}}}",
    )


def _below_value(broken: Broken, number: int) -> Mistake | None:
    line, before = broken.text(number), broken.content_before(number)
    while before is not None and not key_of(broken.text(before)):
        before = broken.content_before(before)
    if before is None:
        return None
    above = broken.text(before)
    indent, wanted = indent_of(line), indent_of(above)
    match = key_of(above)
    if match is None or indent <= wanted:
        return None
    name = match["key"]
    return broken.mistake(
        number,
        indent + 1,
        f"The line is indented below '{name}' (line {before}), which already has a value; indent "
        f"it with {wanted or 'no'} spaces, as '{name}' is.",
        " " * wanted + line.lstrip(" "),
    )
