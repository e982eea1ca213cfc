"""Reads the `needs` of an action."""

from __future__ import annotations

import re

from sallyport_study.document import Part, Report
from sallyport_study.errors import cut


class NeedsReader:
    """Checks the form of `needs`; whether the actions exist is known when all are read."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def read(self, name: str, part: Part | None) -> list[Part]:
        """Return the names that an action needs, in the order of the file."""
        if part is None or part.empty:
            return []
        items = part.items
        if items is None:
            self._report.problem(
                part,
                f"The 'needs' of the action '{name}' must be a list of actions, "
                f"{_as_list(part)}, not {part.shown}.",
            )
            return []
        return [item for item in items if self._is_name(name, item)]

    def _is_name(self, name: str, item: Part) -> bool:
        if item.string is not None:
            return True
        if item.empty:
            text = f"The 'needs' of the action '{name}' has an entry without a name; remove it."
        elif item.written:
            text = (
                f"The 'needs' of the action '{name}' has {item.written}, which would be read as "
                f"{item.read_as}, not as a name; put it in quotes: '{item.written}'."
            )
        elif (entries := item.entries) and len(entries) == 1 and entries[0][1].empty:
            text = (
                f"Write '{cut(entries[0][0].written)}' in the 'needs' of '{name}' without a colon."
            )
        else:
            text = f"The 'needs' of the action '{name}' must be names of actions, not {item.shown}."
        self._report.problem(item, text)
        return False


def _as_list(part: Part) -> str:
    words = re.split(r"[\s,\[\]]+", part.written)
    names = dict.fromkeys(word.removeprefix("-") for word in words if word.strip("-"))
    return f"as in 'needs: [{cut(', '.join(names) or 'make')}]'"
