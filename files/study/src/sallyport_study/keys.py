"""Names of settings in the file: known ones, misspelt ones, and ones with invisible characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sallyport_study.document import Part, Report
from sallyport_study.errors import nearest, quoted

MOST_SUGGESTED = 300
"""Problems after which no misspelt name is looked for: nobody reads them, and it is slow."""
INVISIBLE = {
    "\u00a0": "a no-break space",
    "\u00ad": "a soft hyphen",
    "\u200b": "a zero-width space",
    "\u202f": "a no-break space",
    "\u3000": "a wide space",
    "\ufeff": "an invisible mark",
}


def invisible(text: str) -> str | None:
    """Return the name of the first character that looks like a space, or like nothing.

    An ordinary space is not one.
    """
    for character in text:
        if character in INVISIBLE:
            return INVISIBLE[character]
        if not character.isascii() and unicodedata.category(character) in {"Zs", "Cf"}:
            return f"the invisible character U+{ord(character):04X}"
    return None


def read_keys(
    report: Report, entries: Sequence[tuple[Part, Part]], known: Sequence[str], kind: str
) -> dict[str, tuple[Part, Part]]:
    """Return the entries by known key, and report the others as what is not a `kind`.

    A misspelt key counts as the known one unless that is there too, so that it hides nothing else.
    """
    written = {key.string for key, _value in entries}
    read: dict[str, tuple[Part, Part]] = {}
    for key, value in entries:
        name = key.string
        if name not in known:
            near = _report(report, key, known, kind)
            name = None if near in written else near
        if name:
            read[name] = (key, value)
    return read


def _report(report: Report, key: Part, known: Sequence[str], kind: str) -> str | None:
    """Report an unknown key; return the known one that was probably meant."""
    character = invisible(key.written)
    if character and (visible := _visible(key.written)) in known:
        report.problem(
            key, f"'{visible}' is written with {character}; type the line again without it."
        )
        return visible
    if key.empty:
        report.problem(key, "There is nothing before the colon; write a name there.")
        return None
    near = nearest(key.written, known) if len(report.problems) < MOST_SUGGESTED else None
    hint = f"; did you mean '{near}'?" if near else f"; possible: {quoted(known)}."
    report.problem(key, f"{key.shown} is not a {kind}{hint}")
    return near


def _visible(text: str) -> str:
    return "".join(letter for letter in text if not invisible(letter)).strip()
