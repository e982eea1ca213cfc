"""The model of a valid project: actions, what they run, what they need, what they make."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sallyport_common.outputs import PrivacyLevel
from sallyport_study import graph, images
from sallyport_study.errors import ProjectError, suggestion

LATEST = 5.0
MOST_UNKNOWN = 20
"""Unknown names that are answered; each is compared with every name there is."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action; `outputs` maps a level to its named patterns, as in the file."""

    name: str
    run: str
    outputs: Mapping[PrivacyLevel, Mapping[str, str]]
    needs: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    dummy_data_file: str | None = None

    @cached_property
    def words(self) -> list[str]:
        """The words of `run`, with `--config` and its JSON where there is a configuration."""
        words = images.split_run(self.run)
        if self.config:
            words += ["--config", json.dumps(self.config).replace("'", "\\u0027")]
        return words

    @property
    def image(self) -> str:
        """The image's name, without tag."""
        return self.words[0].partition(":")[0]

    @property
    def tag(self) -> str:
        """The image's tag."""
        return self.words[0].partition(":")[2]

    @property
    def arguments(self) -> list[str]:
        """The words after the image."""
        return self.words[1:]

    @property
    def run_command(self) -> str:
        """The command as people are shown it, quoted by shell rules."""
        return shlex.join(self.words)

    @property
    def patterns(self) -> dict[str, PrivacyLevel]:
        """Map each output pattern to its level; of two levels the more sensitive one counts."""
        levels: dict[str, PrivacyLevel] = {}
        for level in reversed(PrivacyLevel):
            levels |= dict.fromkeys(self.outputs.get(level, {}).values(), level)
        return levels


@dataclass(frozen=True, kw_only=True)
class Project:
    """A valid project.yaml; `warnings` are sentences for the author."""

    version: float
    actions: Mapping[str, Action]
    population_size: int = 1000
    warnings: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Return what can be asked for: every action, then run_all."""
        return [*self._all(), images.RUN_ALL]

    def _all(self) -> list[str]:
        return [name for name in self.actions if name != images.RUN_ALL]

    def expand(self, requested: Iterable[str]) -> list[str]:
        """Return the actions asked for, run_all written out; raise ProjectError for others."""
        names = list(dict.fromkeys(requested))
        unknown = [name for name in names if name not in self.actions and name != images.RUN_ALL]
        if unknown:
            raise ProjectError(
                [
                    f"There is no action '{name}' in project.yaml{suggestion(name, self.names())}"
                    for name in unknown[:MOST_UNKNOWN]
                ]
            )
        return self._all() if images.RUN_ALL in names else names

    def order(self, requested: Iterable[str]) -> list[str]:
        """Return the requested actions and all they need, each after its needs."""
        return graph.order(self.needs, self.expand(requested))

    @cached_property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """The names that each action needs."""
        return {name: action.needs for name, action in self.actions.items()}
