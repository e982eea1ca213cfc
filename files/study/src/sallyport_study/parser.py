"""From the text of a project.yaml to a Project; every problem is found before one is reported."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from sallyport_common import strict_yaml
from sallyport_study import graph
from sallyport_study.actions import ActionReader
from sallyport_study.errors import ProjectError, quoted, suggestion
from sallyport_study.images import RUN_ALL
from sallyport_study.project import LATEST, Action, Project

_KEYS = ("version", "expectations", "actions")
LARGEST_PROJECT_FILE = 4 * 1024 * 1024
"""Bytes of a project.yaml: real ones reach 2.5 MB, and twice that is read in a few seconds."""
KEPT_PROJECTS = 8
MOST_PROBLEMS = 100


def parse_project(text: str) -> Project:
    """Return the project that a string describes; raise ProjectError listing every problem.

    The projects read last are cached: a commit is run many times, and the text decides alone.
    """
    outcome = _outcome(text)
    if isinstance(outcome, Project):
        return outcome
    raise ProjectError(outcome)


@lru_cache(maxsize=KEPT_PROJECTS)
def _outcome(text: str) -> Project | tuple[str, ...]:
    try:
        return _parse(text)
    except ProjectError as error:
        return error.problems


def _parse(text: str) -> Project:
    if len(text) > LARGEST_PROJECT_FILE:
        raise ProjectError([f"The file is longer than {LARGEST_PROJECT_FILE} characters."])
    try:
        document = strict_yaml.load(text)
    except strict_yaml.YamlError as error:
        raise ProjectError(error.problems) from None
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
            raise ProjectError(_shortened(self._problems))
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
        value = self._document.get("version")
        if value is None:
            self._problems.append(
                f"The key 'version' is missing; the latest version is {LATEST:g}."
            )
            return LATEST
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not 1 <= number <= LATEST:
            self._problems.append(
                f"The version {value!r} is not supported; use a number from 1 to {LATEST:g}, "
                f"the latest."
            )
            return LATEST
        if number != LATEST:
            self._warnings.append(
                f"This project uses version {number:g}; the latest is {LATEST:g}."
            )
        return number

    def _population(self, version: float) -> int:
        expectations = self._document.get("expectations")
        if version >= 4 and expectations is not None:
            self._problems.append("The key 'expectations' is not allowed from version 4 on.")
        if version >= 4 or (version != 3 and expectations is None):
            return 1000
        if not isinstance(expectations, dict):
            self._problems.append("Version 3 needs 'expectations' with a 'population_size'.")
            return 1000
        if version >= 3:
            for key in sorted(map(str, set(expectations) - {"population_size"})):
                self._problems.append(f"'{key}' is not a key of 'expectations'.")
        return self._population_size(
            expectations.get("population_size", 1000 if version < 3 else None)
        )

    def _population_size(self, value: Any) -> int:
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            self._problems.append("'population_size' in 'expectations' must be a whole number.")
            return 1000

    def _actions(self, version: float) -> dict[str, Action]:
        bodies = self._document.get("actions")
        if not isinstance(bodies, dict):
            self._problems.append("The key 'actions' must be a mapping of names to actions.")
            return {}
        reader = ActionReader(version, self._problems, self._warnings)
        actions = {}
        for name, body in bodies.items():
            action = reader.read(name, body)
            if action:
                actions[action.name] = action
        self._check_run_all(version, actions)
        self._check_duplicates(version, actions)
        needs = {action.name: action.needs for action in actions.values()}
        self._problems += graph.unknown_needs(needs, map(str, bodies)) or graph.cycles(needs)
        return actions

    def _check_run_all(self, version: float, actions: dict[str, Action]) -> None:
        if RUN_ALL in actions:
            text = f"An action may not be named '{RUN_ALL}': that name means all actions."
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


def _shortened(problems: list[str]) -> list[str]:
    if len(problems) <= MOST_PROBLEMS:
        return problems
    rest = len(problems) - MOST_PROBLEMS
    return [*problems[:MOST_PROBLEMS], f"There are {rest} more problems."]


def _groups(pairs: list[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Return the keys that occur in more than one pair, with the values beside them."""
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return [(key, list(dict.fromkeys(v))) for key, v in groups.items() if len(v) > 1]
