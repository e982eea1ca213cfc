"""Reads one action of a project.yaml."""

from __future__ import annotations

import json
import re
from typing import Any

from sallyport_common.outputs import PrivacyLevel
from sallyport_study import extraction, images, patterns
from sallyport_study.errors import suggestion
from sallyport_study.project import Action

_KEYS = ("run", "outputs", "needs", "config", "dummy_data_file")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_LEVELS = [level.value for level in PrivacyLevel]


class ActionReader:
    """Turns the mapping under an action's name into an Action, or into problems."""

    def __init__(self, version: float, problems: list[str], warnings: list[str]) -> None:
        self._version = version
        self._problems = problems
        self._warnings = warnings

    def read(self, name: Any, body: Any) -> Action | None:
        """Return the action; None when a problem was added instead."""
        before = len(self._problems)
        self._check_name(name)
        if not isinstance(body, dict):
            self._problems.append(
                f"The action '{name}' must be a mapping with 'run' and 'outputs'."
            )
            return None
        self._check_keys(name, body)
        action = Action(
            name=str(name),
            run=self._run(name, body.get("run")),
            outputs=self._outputs(name, body.get("outputs")),
            needs=self._needs(name, body.get("needs")),
            config=self._config(name, body.get("config")),
            dummy_data_file=self._dummy_data_file(name, body.get("dummy_data_file")),
        )
        if len(self._problems) > before:
            return None
        errors, warnings = extraction.check(action, self._version)
        self._problems += errors
        self._warnings += warnings
        return action

    def _check_name(self, name: Any) -> None:
        if not isinstance(name, str):
            self._problems.append(
                f"The action name {name} is not a string in YAML; put it in quotes: '{name}'."
            )
        elif not _NAME.fullmatch(name):
            self._problems.append(
                f"The action name '{name}' may contain only letters, digits, '_', '-' and, after "
                f"the first character, '.'."
            )

    def _check_keys(self, name: str, body: dict[Any, Any]) -> None:
        for key in body:
            if key not in _KEYS:
                hint = suggestion(str(key), _KEYS)
                self._problems.append(f"The action '{name}' has an unknown key '{key}'{hint}")

    def _run(self, name: str, run: Any) -> str:
        problem = self._run_problem(run)
        if problem:
            self._problems.append(f"The action '{name}' {problem}.")
            return ""
        return str(run)

    def _run_problem(self, run: Any) -> str | None:
        if not isinstance(run, str) or not run.strip():
            return "needs a 'run' with an image and a command, as in 'python:v2 analysis/a.py'"
        try:
            first = images.split_run(run)[0]
        except (ValueError, IndexError):
            return "has a 'run' whose quotes are not closed"
        image, _colon, tag = first.partition(":")
        if not image or not tag:
            return f"must name an image with a tag in 'run', as in '{image or 'python'}:v2'"
        if not images.is_tag(tag):
            return f"has the tag '{tag}' in 'run'; a tag looks like v2, v2.1 or v2-pre"
        if tag == "latest" and self._version >= 5:
            return "uses the tag 'latest' in 'run'; name a version, as in 'v2'"
        if image == "cohortextractor" and self._version >= 4:
            return "uses cohortextractor, which version 4 and later do not allow; use ehrql"
        return None

    def _needs(self, name: str, needs: Any) -> tuple[str, ...]:
        if needs is None:
            return ()
        if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
            self._problems.append(
                f"The 'needs' of the action '{name}' must be a list of action names."
            )
            return ()
        return tuple(dict.fromkeys(needs))

    def _config(self, name: str, config: Any) -> dict[str, Any]:
        if config is None:
            return {}
        if not isinstance(config, dict):
            self._problems.append(f"The 'config' of the action '{name}' must be a mapping.")
            return {}
        try:
            json.dumps(config)
        except TypeError:
            self._problems.append(
                f"The 'config' of the action '{name}' contains a date or another value that JSON "
                f"cannot express; put it in quotes."
            )
        return config

    def _dummy_data_file(self, name: str, path: Any) -> str | None:
        if path is not None and not isinstance(path, str):
            self._problems.append(f"The 'dummy_data_file' of the action '{name}' must be a path.")
            return None
        return path

    def _outputs(self, name: str, outputs: Any) -> dict[PrivacyLevel, dict[str, str]]:
        if isinstance(outputs, dict):
            outputs = {level: named for level, named in outputs.items() if named is not None}
        if not isinstance(outputs, dict) or not outputs:
            self._problems.append(
                f"The action '{name}' needs 'outputs' with at least one of {', '.join(_LEVELS)}."
            )
            return {}
        read = {}
        for level, named in outputs.items():
            if level not in _LEVELS:
                hint = suggestion(str(level), _LEVELS)
                self._problems.append(
                    f"The action '{name}' has an unknown privacy level '{level}'{hint}"
                )
            else:
                read[PrivacyLevel(level)] = self._patterns(name, PrivacyLevel(level), named)
        return read

    def _patterns(self, name: str, level: PrivacyLevel, named: Any) -> dict[str, str]:
        if not isinstance(named, dict) or not named:
            self._problems.append(
                f"The '{level}' outputs of the action '{name}' must map names to file patterns."
            )
            return {}
        read = {}
        for key, pattern in named.items():
            reason = (
                patterns.problem(pattern, level)
                if isinstance(pattern, str) and pattern
                else "it is not a string"
            )
            if reason:
                self._problems.append(
                    f"The action '{name}' has the output '{pattern}', which is not allowed: "
                    f"{reason}."
                )
            read[str(key)] = str(pattern)
        return read
