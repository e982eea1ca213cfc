"""How much a running job counts when workspaces take turns."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Weight:
    """What the actions of a workspace count whose whole name matches."""

    workspace: str
    actions: re.Pattern[str]
    weight: float


@dataclass(frozen=True)
class Weights:
    """Weights in the order in which they are tried."""

    weights: tuple[Weight, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Weights:
        """Read a JSON list of objects with these three names; raise ValueError for others."""
        given = json.loads(text or "[]")
        if not isinstance(given, list):
            raise ValueError("expected a JSON list of weights")
        return cls(tuple(map(_weight, given)))

    def of(self, workspace: str, action: str) -> float:
        """Return the first weight that fits an action, 1 where none does."""
        for one in self.weights:
            if one.workspace == workspace and one.actions.fullmatch(action):
                return one.weight
        return 1


def _weight(given: Any) -> Weight:
    try:
        workspace, text, weight = given["workspace"], given["actions"], float(given["weight"])
        pattern = re.compile(text)
    except (KeyError, TypeError):
        raise ValueError("a weight has a workspace, actions and a weight") from None
    except re.error:
        raise ValueError(f"{text} is not a regular expression") from None
    if not 0 < weight < math.inf:
        raise ValueError(f"the weight of {text} must be a number above 0")
    return Weight(workspace, pattern, weight)
