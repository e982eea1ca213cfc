"""One column of a table: whether its numbers are counts, and which of them need a second look."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sallyport_disclosure import names
from sallyport_disclosure.findings import MAX_CELLS, Finding, Severity
from sallyport_disclosure.names import Meaning
from sallyport_disclosure.policy import Policy
from sallyport_disclosure.values import Form, Value

ROW_NUMBERS = names.vocabulary(
    "x x1 unnamed0 index row rows rownumber rownum rowname rownames rowid 1 level0"
) | {""}
"""Names, without case and marks, that programs give to the row numbers which they write."""
ENOUGH_MIDPOINTS = 3
"""Counts from which on it is hardly chance that all are midpoints of six: one in 216."""

Position = tuple[int, int]


@dataclass
class _Flagged:
    """Numbers that need a second look: how many, and where the first are."""

    number: int = 0
    cells: list[Position] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.cells) >= MAX_CELLS

    def locate(self, cells: Sequence[str], wanted: set[str], first: int, column: int) -> None:
        """Add the positions of some cells of a block that begins with row `first`."""
        rows = (row for row, cell in enumerate(cells, first) if cell in wanted)
        self.cells += [(row, column) for row in islice(rows, MAX_CELLS - len(self.cells))]


Lacking = tuple[_Flagged, set[str]]


class Tally:
    """Whole numbers that may be counts, against the rules for counts."""

    def __init__(self, policy: Policy, meaning: Meaning) -> None:
        self._threshold, self._base = policy.threshold, policy.rounding_base
        self._meaning, self.filled = meaning, 0
        self.small, self.odd, self.off_six, self.off_three = (_Flagged() for _kind in range(4))
        self.flagged = (self.small, self.odd, self.off_six, self.off_three)

    def add(self, numbers: Mapping[str, int], times: Mapping[str, int]) -> list[Lacking]:
        """Count the numbers of distinct cells; return which cells' positions are still needed."""
        zeros = [cell for cell, number in numbers.items() if not number]
        self.filled += _appear(numbers, times) - _appear(zeros, times)
        lacking = []
        for kind, cells in self._broken(numbers):
            kind.number += _appear(cells, times)
            if cells and not kind.full:
                lacking.append((kind, cells))
        return lacking

    def _broken(self, numbers: Mapping[str, int]) -> Iterator[Lacking]:
        """Yield the cells that break each rule which holds for counts of this meaning."""
        threshold, base = self._threshold, self._base
        if self._meaning is Meaning.DERIVED:
            yield self.off_three, {cell for cell, number in numbers.items() if number % 3}
            return
        # Counts whose name promises no midpoints need only one number that is not a midpoint.
        if self._meaning is Meaning.MIDPOINT or not self.off_six.number:
            off = {cell for cell, number in numbers.items() if number and (number - 3) % 6}
            yield self.off_six, off
        if self._meaning is not Meaning.MIDPOINT:
            yield self.small, {cell for cell, number in numbers.items() if 0 < number <= threshold}
            yield self.odd, {cell for cell, number in numbers.items() if number % base}

    def findings(self, name: str) -> Iterator[Finding]:
        """Yield what the numbers break."""
        meaning = self._meaning
        if meaning is Meaning.MIDPOINT:
            message = "the name promises midpoints of six, which these are not:"
            yield from _finding("NOT_ROUNDED", message, self.off_six, name)
        elif meaning is Meaning.DERIVED:
            message = "the name promises multiples of three, which these are not:"
            yield from _finding("NOT_ROUNDED", message, self.off_three, name)
        else:
            message = f"counts from 1 to {self._threshold} in"
            yield from _finding("SMALL_COUNT", message, self.small, name)
            if self.off_six.number or self.filled < ENOUGH_MIDPOINTS:
                message = f"counts not rounded to {self._base} in"
                yield from _finding("NOT_ROUNDED", message, self.odd, name)


def _appear(cells: Collection[str], times: Mapping[str, int]) -> int:
    """Return how often distinct cells appear."""
    return sum(map(times.__getitem__, cells))


def _finding(code: str, message: str, flagged: _Flagged, name: str) -> Iterator[Finding]:
    if flagged.number:
        cells = tuple(sorted(flagged.cells))
        where = "1 cell" if flagged.number == 1 else f"{flagged.number} cells"
        text = f"{message} {where}"
        yield Finding(code, Severity.WARN, text, cells[0][0], name, cells)


class Column:
    """What is known of a column after some of its rows."""

    def __init__(self, name: str, index: int, policy: Policy) -> None:
        self.name, self.index = name, index
        self._meaning = names.meaning(name)
        self._forms = [0] * len(Form)
        forms = (Form.WHOLE, Form.COUNT, Form.DOTTED)
        self._tallies = {form: Tally(policy, self._meaning) for form in forms}
        self._labelled: dict[Meaning, Tally] = {}
        self._policy = policy
        self._numbers: set[int] | None = (
            set() if index == 0 and names.compact(name) in ROW_NUMBERS else None
        )

    def add(
        self,
        cells: Sequence[str],
        times: Mapping[str, int],
        numbers: dict[Form, dict[str, int]],
        values: Mapping[str, Value],
        first: int,
    ) -> None:
        """Take in a block of cells from row `first` on.

        `times` has how often each distinct cell appears; `numbers` has the numbers of some, by
        form, and `values` what the others hold.
        """
        for form, of_form in numbers.items():
            self._forms[form] += _appear(of_form, times)
        for cell, (form, number) in values.items():
            self._forms[form] += times[cell]
            if form in numbers:
                numbers[form][cell] = number
        if self._numbers is not None:
            self._numbers.update(numbers[Form.WHOLE].values())
        for form, of_form in numbers.items():
            for kind, lacking in self._tallies[form].add(of_form, times):
                kind.locate(cells, lacking, first, self.index + 1)

    def add_labelled(self, row: int, number: int, meaning: Meaning) -> None:
        """Take in a number whose row has a label that promises counts."""
        tally = self._labelled.setdefault(meaning, Tally(self._policy, meaning))
        for kind, _cells in tally.add({"": number}, {"": 1}):
            kind.cells.append((row, self.index + 1))

    def numbers_rows(self, rows: int) -> bool:
        """Return whether the column only numbers the rows, from 0 or 1, in any order."""
        numbers = self._numbers
        if numbers is None or len(numbers) != rows or not rows:
            return False
        return min(numbers) in (0, 1) and max(numbers) - min(numbers) == rows - 1

    def findings(self, *, dotted_is_whole: bool) -> Iterator[Finding]:
        """Yield what the column's counts break; `1.204` is 1204 where `dotted_is_whole`."""
        meaning = self._meaning
        if self._are_counts(dotted_is_whole=dotted_is_whole):
            forms = [Form.WHOLE, Form.COUNT] + [Form.DOTTED] * dotted_is_whole
            tallies = [self._tallies[form] for form in forms]
            yield from _merged(tallies, Tally(self._policy, meaning)).findings(self.name)
            return
        yield from self._tallies[Form.COUNT].findings(self.name)
        if meaning is not Meaning.QUANTITY:
            for tally in self._labelled.values():
                yield from tally.findings(self.name)

    def _are_counts(self, *, dotted_is_whole: bool) -> bool:
        """Return whether the column's whole numbers are counts, by its name or by all its cells.

        Marks of redaction say nothing; text may be a second header or a footnote.
        """
        if self._meaning in (Meaning.COUNT, Meaning.MIDPOINT, Meaning.DERIVED):
            return True
        forms = self._forms
        whole = forms[Form.WHOLE] + forms[Form.COUNT] + forms[Form.DOTTED] * dotted_is_whole
        quantity = self._meaning is Meaning.QUANTITY
        return not quantity and not forms[Form.OTHER] and whole > 0 and whole >= forms[Form.TEXT]


def _merged(tallies: list[Tally], result: Tally) -> Tally:
    for tally in tallies:
        result.filled += tally.filled
        for target, source in zip(result.flagged, tally.flagged, strict=True):
            target.number += source.number
            target.cells = sorted([*target.cells, *source.cells])[:MAX_CELLS]
    return result
