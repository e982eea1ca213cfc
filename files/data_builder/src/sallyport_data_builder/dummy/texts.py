"""Texts: codes that have the form of their system, and texts of a regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sallyport_data_builder.dummy.chance import Chance
from sallyport_data_builder.schemas.types import CODES, MULTI_CODES

FORMS = {
    "snomedct": "[1-9][0-9]{8}",
    "dmd": "[1-9][0-9]{14}",
    "icd10": "[A-T][0-9]{3}",
    "ctv3": "[A-Z][0-9a-z]{3}[.]",
    "opcs4": "[A-H][0-9]{3}",
    "bnf": "0[1-9][0-9]{5}[A-Z]{2}([A-Z]{2}){3}",
}
DIGITS, LETTERS = "0123456789", "abcdefghijklmnopqrstuvwxyz"
CLASSES = {"d": DIGITS, "w": LETTERS + DIGITS, "s": " "}
ANY = LETTERS + DIGITS
MANY = 3
PART = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]|\(\?:|[()|.]|[^\\\[\]()|.]", re.DOTALL)
TIMES = re.compile(r"\{(\d+)(,?)(\d*)\}|[?*+]")


def code(chance: Chance, system: str) -> str:
    """Return some code of a system."""
    return matching(chance, FORMS[system])


def start_of_code(chance: Chance, system: str, start: str) -> str:
    """Return a code that begins with what is given, itself if it is one."""
    system = MULTI_CODES.get(system, system)
    found = start
    while CODES[system].pattern.fullmatch(found) is None and len(found) < 8:
        found += chance.one_of(DIGITS)
    return found


def matching(chance: Chance, pattern: str) -> str:
    """Return a string of a simple regular expression: classes, groups, choices, repetition."""
    parts = list(_parts(pattern))
    text, rest = _choice(chance, parts, 0)
    del rest
    return text


def _parts(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield each part with how often it is repeated."""
    place = 0
    while place < len(pattern):
        found = PART.match(pattern, place)
        if found is None:
            return
        place = found.end()
        times = TIMES.match(pattern, place)
        place = times.end() if times else place
        if found[0] not in "^$":
            yield found[0], times[0] if times else ""


def _choice(chance: Chance, parts: list[tuple[str, str]], place: int) -> tuple[str, int]:
    """Return one of the alternatives up to the end of a group, and the place behind it."""
    alternatives, text = [], ""
    while place < len(parts) and parts[place][0] != ")":
        part, times = parts[place]
        if part == "|":
            alternatives.append(text)
            text = ""
        elif part in ("(", "(?:"):
            inside, end = _choice(chance, parts, place + 1)
            times = parts[end][1] if end < len(parts) else ""
            for turn in range(_count(chance, times)):
                text += inside if turn == 0 else _choice(chance, parts, place + 1)[0]
            place = end
        else:
            letters = _letters(part)
            text += "".join(chance.one_of(letters) for _ in range(_count(chance, times)))
        place += 1
    return chance.one_of([*alternatives, text]), place


def _count(chance: Chance, times: str) -> int:
    if not times:
        return 1
    if times in "?*+":
        return chance.between(times == "+", 1 if times == "?" else MANY)
    found = TIMES.fullmatch(times)
    low = int(found[1]) if found else 1
    high = int(found[3]) if found and found[3] else low + (MANY if found and found[2] else 0)
    return chance.between(low, high)


def _letters(part: str) -> str:
    """Return the letters that a part may stand for."""
    if part == ".":
        return ANY
    if part.startswith("\\"):
        return CLASSES.get(part[1], part[1])
    if not part.startswith("["):
        return part
    inside = part[1:-1]
    if inside.startswith("^"):
        return "".join(letter for letter in ANY if letter not in inside) or "_"
    inside = re.sub(r"\\([dws])", lambda found: CLASSES[found[1]], inside).replace("\\", "")
    return re.sub(r"(.)-(.)", _range, inside)


def _range(found: re.Match[str]) -> str:
    return "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1)))
