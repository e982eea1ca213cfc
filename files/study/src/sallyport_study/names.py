"""Names of actions: which are accepted, and what is wrong with the others.

The name becomes the file name `metadata/<action>.log`, a part of URLs and a column of the job
server's database.
"""

from __future__ import annotations

import re
import unicodedata

from sallyport_study.document import Part
from sallyport_study.errors import cut
from sallyport_study.keys import invisible

LONGEST_ACTION_NAME = 200
"""Bytes in UTF-8: a file name has at most 255, and temporary names are longer than the log's.

The protocol's LONGEST_ACTION counts characters and is larger, so every such name fits."""
_USUAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_MARKS = "._-"


def name_problem(name: Part) -> str | None:
    """Return the sentence about an action's name, None if it is accepted."""
    if name.string is None:
        return _not_text(name)
    return text_problem(name.string)


def _not_text(name: Part) -> str:
    if not name.written:
        return "The name of an action is missing before the colon."
    return (
        f"The action name {name.written} would be read as {name.read_as}, not as a name; put it "
        f"in quotes: '{name.written}'."
    )


def text_problem(name: str) -> str | None:
    """Return the sentence about the text of an action's name, None if it is accepted."""
    if len(name.encode()) > LONGEST_ACTION_NAME:
        return (
            f"The action name '{cut(name)}' is too long; at most {LONGEST_ACTION_NAME} letters "
            f"are possible, fewer if they are not a to z."
        )
    if _USUAL.fullmatch(name):
        return None
    if not name:
        return "The name of an action is empty."
    if name.startswith("."):
        return f"The action name '{name}' begins with a dot; begin with a letter or a digit."
    bad = next((letter for letter in name if not _allowed(letter)), None)
    if bad is None:
        return None
    advice = "".join(letter if _allowed(letter) else "_" for letter in name).strip("_.") or "name"
    return (
        f"The action name '{cut(_printable(name))}' contains {_called(bad)}; use letters, digits, "
        f"'_', '-' and '.', as in '{cut(advice)}'."
    )


def _allowed(letter: str) -> bool:
    return letter in _MARKS or unicodedata.category(letter)[0] in "LMN"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _called(letter: str) -> str:
    if letter == " ":
        return "a space"
    if hidden := invisible(letter):
        return hidden
    return f"'{letter}'" if letter.isprintable() else f"the character U+{ord(letter):04X}"
