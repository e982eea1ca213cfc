"""From the text of a project.yaml to a Project; every problem is found before one is reported."""

from __future__ import annotations

import math
from typing import Any

from sallyport_study import graph, strict_yaml
from sallyport_study.actions import ActionReader
from sallyport_study.errors import ProjectError, quoted, suggestion
from sallyport_study.images import RUN_ALL
from sallyport_study.project import LATEST, Action, Project

_KEYS = ("version", "expectations", "actions")


def parse_project(text: str) -> Project:
    """Return the project that a text describes; raise ProjectError listing every problem."""
    document = strict_yaml.load(text)
    if not isinstance(document, dict):
        raise ProjectError(
            ["project.yaml must be a mapping with the keys 'version' and 'actions'."]
        )
    return _Reader(document).read()


class _Reader:
    """Reads one document, collecting problems and warnings."""

    def __init__(self, document: dict[Any, Any]) -> None:
        self._document = document
        self._problems: list[str] = []
        self._warnings: list[str] = []

    def read(self) -> Project:
        self._check_keys()
        version = self._version()
        population = self._population(version)
        actions = self._actions(version)
        if self._problems:
            raise ProjectError(self._problems)
        return Project(
            version=version,
            actions=actions,
            population_size=population,
            warnings=tuple(self._warnings),
        )

    def _check_keys(self) -> None:
        for key in self._document:
            if key not in _KEYS:
                hint = suggestion(str(key), _KEYS)
                self._problems.append(f"'{key}' is not a key of project.yaml{hint}")

    def _version(self) -> float:
        given = self._document.get("version")
        if given is None:
            self._problems.append(
                f"The key 'version' is missing; the latest version is {LATEST:g}."
            )
            return LATEST
        try:
            number = math.nan if isinstance(given, bool) else float(given)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not 1 <= number <= LATEST:
            self._problems.append(
                f"The version {given!r} is not supported; use a number from 1 to {LATEST:g}, "
                f"the latest."
            )
            return LATEST
        if number != LATEST:
            self._warnings.append(
                f"This project uses version {number:g}; the latest is {LATEST:g}."
            )
        return number

    def _population(self, version: float) -> int:
        if version >= 4 and "expectations" in self._document:
            self._problems.append("The key 'expectations' is not allowed from version 4 on.")
        if version >= 4 or (version != 3 and "expectations" not in self._document):
            return 1000
        given = self._document.get("expectations")
        if not isinstance(given, dict):
            self._problems.append("Version 3 needs 'expectations' with a 'population_size'.")
            return 1000
        if version >= 3:
            for key in sorted(map(str, set(given) - {"population_size"})):
                self._problems.append(f"'{key}' is not a key of 'expectations'.")
        return self._population_size(given.get("population_size", 1000 if version < 3 else None))

    def _population_size(self, given: Any) -> int:
        try:
            return int(given)
        except (TypeError, ValueError, OverflowError):
            self._problems.append("'population_size' in 'expectations' must be a whole number.")
            return 1000

    def _actions(self, version: float) -> dict[str, Action]:
        given = self._document.get("actions")
        if not isinstance(given, dict):
            self._problems.append("The key 'actions' must be a mapping of names to actions.")
            return {}
        reader = ActionReader(version, self._problems, self._warnings)
        actions = {}
        for name, body in given.items():
            action = reader.read(name, body)
            if action:
                actions[action.name] = action
        self._check_run_all(version, actions)
        self._check_duplicates(version, actions)
        known = [str(name) for name in given]
        self._problems += graph.unknown_needs(actions, known) or graph.cycles(actions)
        return actions

    def _check_run_all(self, version: float, actions: dict[str, Action]) -> None:
        if RUN_ALL in actions:
            text = f"An action may not be named '{RUN_ALL}': the name stands for all actions."
            (self._problems if version >= 5 else self._warnings).append(text)

    def _check_duplicates(self, version: float, actions: dict[str, Action]) -> None:
        for run, names in _groups([(action.run, name) for name, action in actions.items()]):
            self._problems.append(f"The actions {quoted(names)} have the same 'run': {run}")
        pairs = [
            (pattern, name)
            for name, action in actions.items()
            for patterns in action.outputs.values()
            for pattern in patterns.values()
        ]
        for pattern, names in _groups(pairs) if version >= 2 else []:
            self._problems.append(
                f"The output '{pattern}' is declared more than once, by {quoted(names)}."
            )


def _groups(pairs: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Return the keys that stand in more than one pair, with the values they stand with."""
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return [(key, list(dict.fromkeys(v))) for key, v in found.items() if len(v) > 1]
