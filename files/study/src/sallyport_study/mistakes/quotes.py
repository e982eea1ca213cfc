"""Quotes that are missing, not closed, or not around the whole value."""

from __future__ import annotations

import re

from sallyport_study.errors import cut
from sallyport_study.mistakes.lines import Broken, Mistake, in_quotes, key_of, value_of

_INDICATORS = "*&!@`%|>"
_CONTEXTS = ("scanning an alias", "scanning an anchor", "a tag", "block scalar")
_ESCAPES = ("unknown escape", "decimal number", "Unicode character escape")


def unclosed(broken: Broken) -> Mistake | None:
    """Explain a quote that is never closed."""
    error = broken.error
    if "quoted scalar" not in error.context or any(word in error.reason for word in _ESCAPES):
        return None
    line, column = error.begin
    return _unclosed(broken, line, column)


def _unclosed(broken: Broken, line: int, column: int) -> Mistake:
    text = broken.text(line)
    mark = text[column - 1 : column]
    sentence = (
        f"The quote {mark} that begins here is not closed; add {mark} at the end of the value."
    )
    return broken.mistake(line, column, sentence, text.rstrip() + mark)


def escape(broken: Broken) -> Mistake | None:
    """Explain a backslash in double quotes."""
    if not any(word in broken.error.reason for word in _ESCAPES):
        return None
    line = broken.text(broken.line)
    at = line.rfind("\\", 0, broken.column + 1)
    if at < 0:
        return None
    sentence = (
        "A backslash in double quotes begins a special character; separate folders with /, or "
        "put the value in single quotes."
    )
    return broken.mistake(broken.line, at + 1, sentence, f"{line[:at]}/{line[at + 1 :]}")


def indicator(broken: Broken) -> Mistake | None:
    """Explain a value that begins with a character that has a meaning of its own."""
    error = broken.error
    number, column = error.begin if error.begin[0] else error.place
    if any(context in error.context for context in _CONTEXTS):
        line = broken.text(number)
    elif "cannot start any token" in error.reason:
        number, column = broken.line, broken.column
        line = broken.text(number)
    else:
        return None
    mark = line[column - 1 : column]
    if mark not in _INDICATORS or not mark:
        return None
    if mark in "|>":
        rest = line[column:].strip()
        sentence = f"Remove the {mark}, after which a value would begin on the next line."
        return broken.mistake(number, column, sentence, f"{line[: column - 1]}{rest}")
    return _to_quote(broken, number, column, _value(line, column), mark)


def _value(line: str, column: int) -> str:
    """Return the value that begins at a column; in brackets it ends at a comma or bracket."""
    rest = re.sub(r"\s+#.*$", "", line[column - 1 :]).rstrip()
    before = line[: column - 1]
    if before.count("[") > before.count("]") or before.count("{") > before.count("}"):
        rest = re.split(r"[,\]}]", rest)[0].rstrip()
    return rest


def _to_quote(broken: Broken, number: int, column: int, value: str, mark: str) -> Mistake:
    line = broken.text(number)
    key = key_of(line)
    if key and key["key"] == "run":
        sentence = f"A 'run' begins with the name of an image, not with {mark}."
        return broken.mistake(number, column, sentence, line[: column - 1] + _bare(value, mark))
    good = in_quotes(value.strip("`"))
    sentence = f"A value that begins with {mark} must be in quotes: {cut(good)}"
    after = line[column - 1 + len(value) :]
    return broken.mistake(number, column, f"{sentence}.", f"{line[: column - 1]}{good}{after}")


def _bare(value: str, mark: str) -> str:
    closing = {"{": "}", "[": "]"}.get(mark, mark)
    return value.removeprefix(mark).replace(closing, "", 1)


def after_value(broken: Broken) -> Mistake | None:
    """Explain text after a closing quote or bracket: only a part of the value is in it."""
    if "did not find expected" not in broken.error.reason or "block" not in broken.error.context:
        return None
    line = broken.text(broken.line)
    column, value = value_of(line)
    if broken.column <= column or not value:
        return None
    mark = value[0]
    if mark in "{[":
        begun = line[column - 1 : broken.column - 1]
        if not line[broken.column - 1 :].strip("}] ") and begun.count(mark) > 0:
            text = f"There is one {broken.character()} too many; remove it."
            return broken.mistake(broken.line, broken.column, text, line[: broken.column - 1])
        return _to_quote(broken, broken.line, column, value, mark)
    before = line[: broken.column - 1]
    if mark in "'\"" and before.count(mark) % 2:
        return _opened_above(broken, mark)
    if mark not in "'\"":
        return None
    good = in_quotes(_without(value, mark))
    sentence = f"There is text after the closing quote; put the whole value in quotes: {cut(good)}"
    after = line[column - 1 + len(value) :]
    corrected = f"{line[: column - 1]}{good}{after}"
    return broken.mistake(broken.line, broken.column, f"{sentence}.", corrected)


def closed_below(broken: Broken) -> Mistake | None:
    """Explain a quote that only the quote of a later value closes."""
    if "did not find expected" not in broken.error.reason:
        return None
    return _opened_above(broken, "'") or _opened_above(broken, '"')


def _without(value: str, mark: str) -> str:
    if value.endswith(mark) and value.count(mark) > 2:
        return value[1:-1]
    return value.replace(mark, "")


def _opened_above(broken: Broken, mark: str) -> Mistake | None:
    """Explain a quote whose partner was found in a later line, where another value begins."""
    for number in range(broken.line - 1, 0, -1):
        line = broken.text(number)
        column, value = value_of(line)
        if value.startswith(mark) and line.count(mark) % 2:
            return _unclosed(broken, number, column)
    return None
