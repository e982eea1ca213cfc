"""Reads the YAML of a project.yaml; where it is broken, says so and reads on.

The parser of YAML stops at the first fault, and its words are about tokens. Here each fault is
explained by what the author did, the lines are corrected in memory as the author probably meant
them, and reading starts over, so that one report has everything. A corrected file is never run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from sallyport_common.strict_yaml import Document, Finding, YamlError, YamlSyntaxError, compose
from sallyport_study.mistakes import GIVEN_UP, Mistake, explain
from sallyport_study.mistakes.characters import check_characters, check_conflicts
from sallyport_study.reader import read_project

LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line for the parser of YAML, so that line numbers agree."""
MOST_MISTAKES = 30
MOST_READ = 10_000_000
"""Characters that are parsed again because of faults: some seconds at most."""
Shifts = dict[int, list[tuple[int, int]]]


@dataclass
class Source:
    """A file as far as it could be read; `document` is None if it could not be."""

    document: Document | None = None
    findings: list[Finding] = field(default_factory=list)
    shifts: Shifts = field(default_factory=dict)

    def original(self, finding: Finding) -> Finding:
        """Return a finding in the corrected lines with its place in the author's."""
        column = finding.column
        for begin, inserted in reversed(self.shifts.get(finding.line, [])):
            if column > begin:
                column = max(begin, column - inserted)
        return replace(finding, column=column)

    def correct(self, lines: list[str], corrected: dict[int, str]) -> None:
        """Note which columns move where lines are corrected."""
        for line, text in corrected.items():
            before = lines[line - 1]
            shared = next(
                (at for at, (a, b) in enumerate(zip(before, text, strict=False)) if a != b),
                min(len(before), len(text)),
            )
            moved = len(text) - len(before)
            if moved:
                self.shifts.setdefault(line, []).append((shared + 1, moved))


def read(text: str) -> Source:
    """Return the document, corrected where it had to be, and what was wrong with its YAML."""
    source = Source()
    try:
        # Nearly every file is well-formed; only others pay for being looked at line by line.
        source.document = compose(text)
    except YamlSyntaxError as error:
        lines = _prepared(source, LINE_END.split(text))
        _read_on(source, lines, _attempt("\n".join(lines)) if source.findings else error)
    except YamlError as error:
        source.findings += error.findings
    return source


def _prepared(source: Source, lines: list[str]) -> list[str]:
    """Return the lines without what no file may contain; it is reported."""
    for check in (check_characters, check_conflicts):
        findings, lines = check(lines)
        source.findings += findings
    return lines


def _read_on(source: Source, lines: list[str], outcome: Document | YamlError) -> None:
    budget = MOST_READ
    while isinstance(outcome, YamlSyntaxError):
        mistakes = explain(lines, outcome)
        allowed = len(source.findings) < MOST_MISTAKES
        corrected, budget = _first_that_helps(lines, mistakes, outcome, budget * allowed)
        finding = corrected.finding if corrected else mistakes[0].finding
        source.findings.append(source.original(finding))
        if corrected is None:
            break
        outcome = corrected.outcome
        source.correct(lines, corrected.lines)
        lines = _with(lines, corrected.lines)
    if isinstance(outcome, Document):
        source.document = outcome
    elif isinstance(outcome, YamlSyntaxError):
        source.findings.append(Finding(0, 0, GIVEN_UP))
    else:
        source.findings += map(source.original, outcome.findings)


@dataclass
class Corrected:
    """A correction with which more can be read: what is said, its lines, and what is read."""

    finding: Finding
    lines: dict[int, str]
    outcome: Document | YamlError


def _first_that_helps(
    lines: list[str], mistakes: list[Mistake], error: YamlSyntaxError, budget: int
) -> tuple[Corrected | None, int]:
    """Return the best correction of the first mistake that has one, and what is left to parse.

    A correction that does not help is evidence that the author did something else.
    """
    for mistake in mistakes:
        best: tuple[tuple[int, int, int], int, Document | YamlError] | None = None
        for number, corrected in enumerate(mistake.corrections):
            if budget <= 0:
                break
            text = "\n".join(_with(lines, corrected))
            outcome = _attempt(text)
            budget -= _parsed(text, outcome, len(lines))
            rank = _rank(outcome, error)
            if rank is not None and (best is None or rank < best[0]):
                best = rank, number, outcome
        if best:
            _rank_of_best, number, outcome = best
            finding = mistake.finding
            if mistake.sentences:
                finding = replace(finding, text=mistake.sentences[number])
            return Corrected(finding, mistake.corrections[number], outcome), budget
    return None, budget


def _parsed(text: str, outcome: Document | YamlError, lines: int) -> int:
    """Return how many characters were parsed, about: up to the place of the error."""
    if not isinstance(outcome, YamlSyntaxError):
        return len(text)
    return len(text) * min(outcome.place[0], lines) // lines


def _rank(outcome: Document | YamlError, error: YamlSyntaxError) -> tuple[int, int, int] | None:
    """Return how good a correction is, less is better; None if nothing more can be read.

    Of several indentations, the one that the author meant leaves the fewest problems.
    """
    if isinstance(outcome, YamlSyntaxError):
        line, column = outcome.place
        return (1, -line, -column) if outcome.place > error.place else None
    if isinstance(outcome, Document):
        return (0, len(read_project(outcome)[1].problems), 0)
    return (0, len(outcome.findings), 0)


def _attempt(text: str) -> Document | YamlError:
    try:
        return compose(text)
    except YamlError as error:
        return error


def _with(lines: list[str], corrected: dict[int, str]) -> list[str]:
    return [corrected.get(number, line) for number, line in enumerate(lines, start=1)]
