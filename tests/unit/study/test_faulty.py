"""Faulty files and the whole message that each gives, word for word, as `faulty.txt` has them.

A file begins after `=== title` and ends before `--- refused` or `--- accepted`; what follows is
the message. Characters that nobody sees are written as the ones in `VISIBLE`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sallyport_study import ProjectError, parse_project

VISIBLE = {"→": "\t", "⍽": "\u00a0", "␀": "\0", "␇": "\x07"}
BLOCK = re.compile(
    r"^=== (?P<title>.+)\n(?P<file>(?:(?!--- (?:refused|accepted)$).*\n)*?)"
    r"--- (?P<verdict>refused|accepted)\n(?P<message>(?:(?!=== ).*\n)*)",
    re.MULTILINE,
)
JARGON = re.compile(
    r"\b(?:mapping|scalar|token|node|alias|sequence|parse|parsing|boolean|string|null pointer|"
    r"NoneType|None|True|False|dict|str|int|float|Error|Exception|YAML|block|flow|context)\b"
)


def cases() -> list[tuple[str, str, str, str]]:
    """Return title, file, verdict and message of each."""
    text = Path(__file__).with_name("faulty.txt").read_text(encoding="utf-8")
    return [
        (match["title"], match["file"], match["verdict"], match["message"])
        for match in BLOCK.finditer(text)
    ]


def actual(file: str) -> tuple[str, str]:
    """Return the verdict of a file, and its message."""
    for shown, character in VISIBLE.items():
        file = file.replace(shown, character)
    try:
        return "accepted", "\n".join(parse_project(file).warnings)
    except ProjectError as error:
        return "refused", str(error)


@pytest.mark.parametrize(
    ("file", "verdict", "message"), [case[1:] for case in cases()], ids=[c[0] for c in cases()]
)
def test_the_whole_message(file: str, verdict: str, message: str) -> None:
    assert actual(file) == (verdict, message.rstrip("\n"))


def test_there_are_many_and_each_is_read() -> None:
    text = Path(__file__).with_name("faulty.txt").read_text(encoding="utf-8")
    assert len(cases()) == text.count("\n=== ") + 1
    assert sum(verdict == "refused" for _title, _file, verdict, _message in cases()) >= 40


def test_a_message_speaks_of_the_file_and_not_of_how_it_is_read() -> None:
    quoted = re.compile(r"'[^']*'")
    for title, _file, _verdict, message in cases():
        assert not JARGON.search(quoted.sub("''", message)), title
    assert JARGON.search("found a tab while scanning for the next token")


@pytest.mark.parametrize("verdict", ["refused", "accepted"])
def test_every_line_of_a_message_has_its_place(verdict: str) -> None:
    for title, file, _verdict, message in (case for case in cases() if case[2] == verdict):
        lines = [""] if not file else file.splitlines()
        for line in filter(None, message.splitlines()):
            place = re.match(r"line (\d+), column (\d+): [A-Z'p]", line)
            if place is None:
                assert line.startswith("What comes after this"), title
                continue
            assert int(place[1]) <= len(lines), title
            assert int(place[2]) <= len(lines[int(place[1]) - 1]) + 1, title
