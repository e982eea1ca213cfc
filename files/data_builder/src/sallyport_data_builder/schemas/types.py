"""Types of series: five scalars, one type per coding system, multi-code strings."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from typing import cast

from sallyport_data_builder.errors import DefinitionError

Value = bool | int | float | str | datetime.date


@dataclass(frozen=True)
class CodeSystem:
    """A coding system: its title, the form that its codes have, and that form in words."""

    title: str
    pattern: re.Pattern[str]
    form: str


def _system(title: str, pattern: str, form: str) -> CodeSystem:
    return CodeSystem(title, re.compile(pattern), form)


DIGITS = "6 to 18 digits without a leading zero"
CODES = {
    "snomedct": _system("SNOMED CT", r"[1-9][0-9]{5,17}", DIGITS),
    "dmd": _system("dm+d", r"[1-9][0-9]{5,17}", DIGITS),
    "icd10": _system(
        "ICD-10",
        r"[A-Z][0-9]{2}([0-9]{1,2}|X[0-9]?)?",
        "a capital letter and two to four digits without a dot, or X in place of the third",
    ),
    "ctv3": _system(
        "CTV3", r"[0-9A-Za-z]{2}[0-9A-Za-z.]{3}", "five letters, digits or, at the end, dots"
    ),
    "opcs4": _system(
        "OPCS-4", r"[A-HJ-Z][0-9]{2,3}", "a capital letter and two or three digits without a dot"
    ),
    "bnf": _system(
        "BNF",
        r"[0-9]{7}[0-9A-Z]{2}([A-Z][0-9A-Z]){3}|[0-9]{11}",
        "15 characters for a medicine, 11 digits for an appliance",
    ),
}
MULTI_CODES = {"icd10_multi": "icd10", "opcs4_multi": "opcs4"}
SCALARS: dict[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "date": datetime.date,
}
TEXTS = ("str", *CODES, *MULTI_CODES)
ALL_TYPES = (*SCALARS, *CODES, *MULTI_CODES)
NUMBERS = ("int", "float")
ORDERED = ("int", "float", "str", "date")
SORTABLE = (*ORDERED, *CODES)
INT64 = 2**63


def title(name: str) -> str:
    """Return how errors call a type."""
    if name in CODES:
        return f"{CODES[name].title} code"
    if name in MULTI_CODES:
        return f"text of many {CODES[MULTI_CODES[name]].title} codes"
    return name


def place_of(value: object) -> str:
    """Return where a code is in a codelist, to go into an error."""
    origin = getattr(value, "origin", "")
    return f" ({origin})" if origin else ""


def check_code(system: str, value: str) -> None:
    """Raise DefinitionError unless a code has the form of its system."""
    if not CODES[system].pattern.fullmatch(value):
        told = f"{str(value)!r} is not a {title(system)}{place_of(value)}"
        raise DefinitionError(f"{told}: that is {CODES[system].form}.")


def check_value(name: str, value: object) -> None:
    """Raise DefinitionError unless a constant is of the type, strictly: True is not an int."""
    expected = SCALARS.get(name, str)
    if type(value) is not expected and not (expected is str and isinstance(value, str)):
        given = type(value).__name__
        raise DefinitionError(f"A constant of type {title(name)} was expected, {given} was given.")
    if name in CODES:
        check_code(name, cast(str, value))
    elif isinstance(value, float) and not math.isfinite(value):
        raise DefinitionError("A float must be finite.")
    elif name == "int" and isinstance(value, int) and not -INT64 <= value < INT64:
        raise DefinitionError("An int must fit 64 bits.")


def parse_date(text: str) -> datetime.date:
    """Read YYYY-MM-DD and nothing else."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise DefinitionError(
            f"{text!r} is not a date: write a day that exists in the form YYYY-MM-DD."
        ) from None
