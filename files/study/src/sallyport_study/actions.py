"""Reads one action of a project.yaml."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sallyport_common.outputs import PrivacyLevel
from sallyport_common.strict_yaml import YamlError
from sallyport_study import misplaced
from sallyport_study.document import Part, Report
from sallyport_study.errors import cut, nearest
from sallyport_study.keys import read_keys
from sallyport_study.misplaced import KEYS
from sallyport_study.names import name_problem
from sallyport_study.needs import NeedsReader
from sallyport_study.outputs import Output, OutputsReader
from sallyport_study.project import Action
from sallyport_study.runs import RunReader


@dataclass
class Draft:
    """What could be read of an action, whether or not something in it is wrong."""

    part: Part
    name: str
    run: Part | None = None
    words: list[str] = field(default_factory=list)
    needs: list[Part] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    outputs_part: Part | None = None
    config: dict[str, Any] = field(default_factory=dict)
    dummy_data_file: str | None = None

    def action(self) -> Action:
        """Return the action; for a file in which nothing is wrong."""
        levels: dict[PrivacyLevel, dict[str, str]] = {}
        for output in self.outputs:
            levels.setdefault(output.level, {})[output.key] = output.pattern
        return Action(
            name=self.name,
            run=self.run.written if self.run else "",
            outputs=levels,
            needs=tuple(dict.fromkeys(need.written for need in self.needs)),
            config=self.config,
            dummy_data_file=self.dummy_data_file,
        )


class ActionReader:
    """Turns the settings below an action's name into a draft, and reports what is wrong.

    `version` is None where the file's own could not be read: rules of one version do not apply.
    """

    def __init__(self, version: float | None, report: Report) -> None:
        self._report = report
        self._runs = RunReader(version, report)
        self._outputs = OutputsReader(report)
        self._needs = NeedsReader(report)

    def read(self, part: Part, body: Part, entries: list[tuple[Part, Part]] | None) -> Draft:
        """Return what could be read of an action; `entries` are its settings, None if none are."""
        problem = name_problem(part)
        if problem:
            self._report.problem(part, problem)
        draft = Draft(part, part.written)
        if entries is None:
            self._report.problem(part if body.empty else body, _no_settings(draft.name, body))
            return draft
        entries, levels = misplaced.levels(self._report, entries, draft.name)
        found = read_keys(self._report, entries, KEYS, f"setting of the action '{cut(draft.name)}'")
        self._fill(draft, found, levels)
        return draft

    def _fill(
        self, draft: Draft, found: dict[str, tuple[Part, Part]], levels: list[tuple[Part, Part]]
    ) -> None:
        name = cut(draft.name)
        values = {key: value for key, (_key, value) in found.items()}
        draft.run, draft.words = self._runs.read(name, draft.part, values.get("run"))
        draft.outputs_part = found["outputs"][0] if "outputs" in found else draft.part
        draft.outputs = self._outputs.read(name, draft.outputs_part, values.get("outputs"), levels)
        draft.needs = self._needs.read(name, values.get("needs"))
        draft.config = self._config(name, values.get("config"))
        draft.dummy_data_file = self._dummy_data_file(name, values.get("dummy_data_file"))

    def _config(self, name: str, part: Part | None) -> dict[str, Any]:
        if part is None or part.empty:
            return {}
        if part.entries is None:
            self._report.problem(
                part,
                f"The 'config' of the action '{name}' must be names with values, as in "
                f"'config: {{limit: 5}}', not {part.shown}.",
            )
            return {}
        try:
            config: dict[str, Any] = part.value()
            json.dumps(config)
        except (TypeError, ValueError, YamlError):
            self._report.problem(
                part,
                f"The 'config' of the action '{name}' contains a date or another value that JSON "
                f"cannot express; put it in quotes.",
            )
            return {}
        return config

    def _dummy_data_file(self, name: str, part: Part | None) -> str | None:
        if part is None or part.empty:
            return None
        if part.string is None:
            self._report.problem(
                part,
                f"The 'dummy_data_file' of the action '{name}' must be the path of a file, not "
                f"{part.shown}.",
            )
        return part.string


def _no_settings(name: str, body: Part) -> str:
    name = cut(name)
    if body.empty:
        return (
            f"The action '{name}' is empty: it needs 'run' and 'outputs' on lines below its name, "
            f"each indented further."
        )
    if body.items is not None:
        return f"The settings of the action '{name}' form a list; write them without '- '."
    key, colon, value = body.written.partition(":")
    key = key.strip()
    if colon and value.strip() and (key in KEYS or nearest(key, KEYS)):
        return (
            f"In the action '{name}', write a space after the colon: '{key}: {cut(value.strip())}'."
        )
    return (
        f"The action '{name}' must have 'run' and 'outputs' on lines below its name, each "
        f"indented further, not {body.shown}."
    )
