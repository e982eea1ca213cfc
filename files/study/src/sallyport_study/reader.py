"""Reads the nodes of a project.yaml: version, expectations, actions, and what spans actions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from sallyport_common.strict_yaml import Document, YamlError
from sallyport_study import extraction, graph, misplaced
from sallyport_study.actions import ActionReader, Draft
from sallyport_study.document import Part, Report
from sallyport_study.errors import cut, quoted, shortened
from sallyport_study.images import RUN_ALL
from sallyport_study.keys import read_keys
from sallyport_study.outputs import Output
from sallyport_study.project import LATEST, Project

KEYS = ("version", "expectations", "actions")
_FORM = f"It begins with 'version: {LATEST:g}', then 'actions:' and the actions below it."


def read_project(document: Document) -> tuple[Project | None, Report]:
    """Return the project, None if anything is wrong with it, and the report about it."""
    report = Report()
    report.problems += document.findings
    root = document.root
    if root is None:
        report.whole(f"project.yaml is empty. {_FORM}")
        return None, report
    try:
        return _Reader(Part(document, root), report).read(), report
    except YamlError as error:
        place = error.findings[0]
        text = "After '<<:' comes the name of settings from above, as in '<<: *base'."
        report.problems.append(replace(place, text=text))
        return None, report


class _Reader:
    """Reads one document, reporting problems and warnings."""

    def __init__(self, root: Part, report: Report) -> None:
        self._root, self._report = root, report

    def read(self) -> Project | None:
        """Return the project; None if anything was reported."""
        entries = self._root.entries
        if entries is None:
            self._report.problem(self._root, f"project.yaml {_state(self._root)}. {_FORM}")
            return None
        settings, stray = misplaced.outside(entries, KEYS)
        known = read_keys(self._report, settings, KEYS, "setting of project.yaml")
        found = {key: value for key, (_key, value) in known.items()}
        version = self._version(found.get("version"))
        population = self._population(version, found.get("expectations"))
        drafts = self._drafts(version, found.get("actions"), stray)
        if self._report.problems or version is None:
            return None
        return Project(
            version=version,
            actions={draft.name: draft.action() for draft in drafts},
            population_size=population,
            warnings=tuple(map(str, shortened(self._report.warnings))),
        )

    def _version(self, part: Part | None) -> float | None:
        if part is None or part.empty:
            missing = "is missing" if part is None else "has no value"
            self._report.problem(
                part or self._root, f"'version' {missing}: write 'version: {LATEST:g}', the latest."
            )
            return None
        number = _number(part)
        if not 1 <= number <= LATEST:
            self._report.problem(
                part,
                f"The version {part.shown} does not exist; write a number from 1 to {LATEST:g}, "
                f"the latest, as in 'version: {LATEST:g}'.",
            )
            return None
        if number != LATEST:
            self._report.warn(
                part, f"This project uses version {number:g}; the latest is {LATEST:g}."
            )
        return number

    def _population(self, version: float | None, part: Part | None) -> int:
        missing = part is None or part.empty
        if version is None or (missing and version != 3):
            return 1000
        if part is None or missing or (version < 4 and part.entries is None):
            self._report.problem(
                part or self._root,
                f"Version {version:g} needs 'expectations', as in 'expectations: "
                f"{{population_size: 1000}}'.",
            )
            return 1000
        if version >= 4:
            self._report.problem(
                part, "'expectations' is not allowed from version 4 on; remove it."
            )
            return 1000
        return self._expectations(version, part)

    def _expectations(self, version: float, part: Part) -> int:
        entries = part.entries or []
        if version >= 3:
            known = read_keys(
                self._report, entries, ("population_size",), "setting of 'expectations'"
            )
        else:
            known = {key.written: (key, value) for key, value in entries}
        if "population_size" not in known:
            if version < 3:
                return 1000
            self._report.problem(part, "'expectations' needs a 'population_size', such as 1000.")
            return 1000
        return self._size(known["population_size"][1])

    def _size(self, part: Part) -> int:
        try:
            return int(part.value())
        except (TypeError, ValueError, OverflowError, YamlError):
            text = f"'population_size' must be a whole number, such as 1000, not {part.shown}."
            self._report.problem(part, text)
            return 1000

    def _drafts(
        self, version: float | None, part: Part | None, stray: list[misplaced.Pair]
    ) -> list[Draft]:
        entries = part.entries if part is not None else None
        empty = part is None or part.empty
        misplaced.report_outside(self._report, stray, below=not empty)
        if entries is None and not (stray and empty):
            self._report.problem(part or self._root, _no_actions(part))
        reader = ActionReader(version, self._report)
        drafts = [
            reader.read(*settings)
            for settings in misplaced.actions(self._report, [*(entries or []), *stray])
        ]
        for draft in drafts:
            extraction.check(draft, version, self._report)
        last = {draft.name: draft for draft in drafts}  # of one name twice, that is reported
        self._check_run_all(version, last)
        self._check_runs(last.values())
        if version is None or version >= 2:
            self._check_outputs(last.values())
        graph.unknown_needs(drafts, self._report)
        graph.report_cycles(last, self._report)
        return drafts

    def _check_run_all(self, version: float | None, drafts: dict[str, Draft]) -> None:
        draft = drafts.get(RUN_ALL)
        if draft and version is not None:
            meaning = f"'{RUN_ALL}' means all actions"
            if version < 5:
                text = f"The action '{RUN_ALL}' is ignored: {meaning}."
                self._report.warn(draft.part, text)
            else:
                text = f"An action may not be called '{RUN_ALL}': {meaning}."
                self._report.problem(draft.part, text)

    def _check_runs(self, drafts: Iterable[Draft]) -> None:
        groups: dict[str, list[Draft]] = {}
        for draft in drafts:
            if draft.run:
                groups.setdefault(draft.run.written, []).append(draft)
        for run, same in groups.items():
            place = same[-1].run
            if len(same) > 1 and place:
                names = quoted(draft.name for draft in same)
                self._report.problem(
                    place,
                    f"The actions {names} have the same 'run': {cut(run)}. Each needs its own.",
                )

    def _check_outputs(self, drafts: Iterable[Draft]) -> None:
        groups: dict[str, list[tuple[str, Output]]] = {}
        for draft in drafts:
            for output in draft.outputs:
                groups.setdefault(output.pattern, []).append((draft.name, output))
        for pattern, same in groups.items():
            if len(same) > 1:
                names = list(dict.fromkeys(name for name, _output in same))
                reason = "only one action can make a file" if names[1:] else "once is enough"
                self._report.problem(
                    same[-1][1].part,
                    f"The output '{cut(pattern)}' appears more than once, in {quoted(names)}; "
                    f"{reason}.",
                )


def _state(root: Part) -> str:
    if root.empty:
        return "is empty"
    return "is a list" if root.items is not None else f"has no settings, only {root.shown}"


def _number(part: Part) -> float:
    try:
        value = part.value()
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError, YamlError):
        return math.nan


def _no_actions(part: Part | None) -> str:
    if part is None:
        return "The line 'actions:' is missing, with the actions below it."
    if part.empty:
        return "'actions' has no action below it; indent each action's name with two spaces."
    if part.items is not None:
        return "'actions' is a list; write each action's name as 'name:', without '- '."
    return f"'actions' must have the actions on lines below it, each as 'name:', not {part.shown}."
