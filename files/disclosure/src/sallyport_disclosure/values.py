"""One cell of a table: is it a count, another number, a mark of redaction, or text?"""

from __future__ import annotations

import enum
import re
import unicodedata
from typing import NamedTuple

from sallyport_disclosure.names import vocabulary


class Form(enum.IntEnum):
    """What a cell holds."""

    EMPTY = 0
    MARK = 1
    """Something that stands for a value which is not shown."""
    WHOLE = 2
    """A whole number, which is a count if its column is one of counts."""
    COUNT = 3
    """A whole number that says itself that it is a count, such as `3 (1.2%)` or `n=3`."""
    OTHER = 4
    """A number that cannot be a count: a fraction, negative, or an interval."""
    DOTTED = 5
    """Digits such as `1.204`: 1204 or a fraction, which its column decides."""
    TEXT = 6


class Value(NamedTuple):
    """What a cell holds, and the number if it is a whole one."""

    form: Form
    number: int = 0


EMPTY, MARK, OTHER, TEXT = (Value(form) for form in (Form.EMPTY, Form.MARK, Form.OTHER, Form.TEXT))
LONGEST_NUMBER = 15
LONGEST_TEXT = 120
"""Longer cells are text, whatever is in them."""

_MARKS = vocabulary(
    "na n/a n.a. nan nat null none inf -inf #n/a missing redacted suppressed hidden low - -- "
    "* ** *** . .. … ... : x c s z † ‡ # ? na% nan% <na> .a"
)
_PLAIN = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-") | {0x2019: "'"}
_BRACKETED = re.compile(r"[\[(<{][a-z #*.-]{1,30}[\])>}]%?")
_LESS_THAN = re.compile(r"(<|>|≤|≥|<=|>=|less than|under|fewer than|up to) ?\d[\d,. ]*%?")
_INTEGER = r"\d{1,3}(?:[, '_]\d{3})+|\d{1,15}"
_WHOLE = re.compile(rf"\+?({_INTEGER})(?:[.,]0*)?")
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{3})+")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d*,\d+|\d{1,3}(?:\.\d{3})+,\d+)%?")
_SYMBOLS = r"[*†‡§#^~a-d¹²³]{0,4}"
_WITH_SYMBOL = re.compile(rf"[~≈(]? ?({_INTEGER})(?:\.0+)? ?(?:{_SYMBOLS}|\))")
_WITH_SHARE = re.compile(
    rf"({_INTEGER})(?:\.0+)? ?{_SYMBOLS}(?: ?[(\[{{/|;] ?|,? )"
    rf"[<>≤≥~]?\d[\d.,]* ?% ?[)\]}}]? ?{_SYMBOLS}"
)
_WITH_NUMBER = re.compile(rf"({_INTEGER})(?:\.0+)? ?\(-?\d*[.,]?\d+\) ?{_SYMBOLS}")
_SHARE_FIRST = re.compile(
    rf"\d*[.,]?\d+ ?% ?[(\[] ?(?:n ?[=:] ?)?({_INTEGER})(?: ?/ ?\d[\d,]*)? ?[)\]] ?{_SYMBOLS}"
)
_OF = re.compile(rf"({_INTEGER}) ?(?:/|of|out of) ?(?:{_INTEGER})(?: ?[(\[].*[)\]])?")
_PEOPLE = re.compile(
    rf"({_INTEGER}) (?:patients?|people|persons?|events?|cases?|deaths?|individuals?|participants?)"
    r"\b.*"
)
_SPELT = re.compile(rf"(?:^|[^a-z])(?:n|no\.?|count|total|freq) ?[=:] ?({_INTEGER})(?![\d.,]*\d|%)")
_NUMERIC = re.compile(r"[\d\s.,:;/()\[\]%+-]+(?:e[+-]?\d+)?[\d\s.,:;/()\[\]%+to-]*")
_FORMS = (
    (Form.WHOLE, _WHOLE),
    (Form.OTHER, _DECIMAL_COMMA),
    (Form.COUNT, _WITH_SHARE),
    (Form.COUNT, _SHARE_FIRST),
    (Form.COUNT, _OF),
    (Form.COUNT, _PEOPLE),
    (Form.WHOLE, _WITH_SYMBOL),
    (Form.WHOLE, _WITH_NUMBER),
)
"""Patterns in order; one without a group is a number that is not a count."""


def count_of(cell: str) -> int | None:
    """Return the count of a cell such as `12 (3.4%)`, the form that most tables have; else None."""
    number, _, share = cell.partition(" (")
    plain = share[:-2].replace(".", "", 1)
    if share[-2:] == "%)" and plain.isdecimal() and share[0] != "." and number.isdecimal():
        return int(number) if len(number) <= LONGEST_NUMBER else None
    return None


def is_fraction(cell: str) -> bool:
    """Return whether a cell is digits, a dot and digits, and neither `3.0` nor `1.204`."""
    before, dot, behind = cell.partition(".")
    digits = dot and before.isdecimal() and behind.isdecimal()
    return bool(digits) and len(behind) != 3 and len(cell) <= 24 and bool(behind.strip("0"))


def classify(cell: str) -> Value:
    """Return what a cell holds; cheap tests come first because tables have many numbers."""
    if cell.isdecimal() and len(cell) <= LONGEST_NUMBER:
        return Value(Form.WHOLE, int(cell))
    if (count := count_of(cell)) is not None:
        return Value(Form.COUNT, count)
    if "." in cell and len(cell) <= 24 and "_" not in cell:
        try:
            number = float(cell)
        except ValueError:
            return _classify(cell)
        if cell[-4:-3] != "." or not _DOTTED.fullmatch(cell):
            return _number(number)
    return _classify(cell)


def _number(number: float) -> Value:
    whole = number.is_integer() and 0 <= number < 10**LONGEST_NUMBER
    return Value(Form.WHOLE, int(number)) if whole else OTHER


def _classify(cell: str) -> Value:
    if len(cell) > LONGEST_TEXT:
        return TEXT
    text = cell.strip() if cell.isascii() else unicodedata.normalize("NFKC", cell).strip()
    # A spreadsheet's formula of one constant, or a quoted number, is that number.
    text = " ".join(text.translate(_PLAIN).lower().split()).removeprefix("=").strip("\"'`")
    if not text:
        return EMPTY
    if text in _MARKS or _BRACKETED.fullmatch(text) or _LESS_THAN.fullmatch(text):
        return MARK
    if not any(character.isdecimal() for character in text):
        return TEXT
    return _with_digits(text)


def _with_digits(text: str) -> Value:
    if text[0].isalpha():  # the one form of a count that begins with a letter
        match = _SPELT.search(text) if "=" in text or ":" in text else None
        return _whole(Form.COUNT, match) if match else TEXT
    for form, pattern in _FORMS:
        if match := pattern.fullmatch(text):
            return _whole(form, match) if pattern.groups else OTHER
    if _DOTTED.fullmatch(text):
        return OTHER if text[0] == "0" else Value(Form.DOTTED, int(text.replace(".", "")))
    if match := _SPELT.search(text):
        return _whole(Form.COUNT, match)
    try:
        return _number(float(text))
    except ValueError:
        return OTHER if _NUMERIC.fullmatch(text) else TEXT


def _whole(form: Form, match: re.Match[str]) -> Value:
    return Value(form, int("".join(filter(str.isdecimal, match[1]))))
