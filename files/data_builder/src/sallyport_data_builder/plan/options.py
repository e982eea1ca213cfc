"""Which planner rules are on, and how much a statement may hold (PLN-09, PLN-11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sallyport_data_builder.errors import ArgumentsError, nearest

# The rules that can be switched off, each with its id; `no-` and the name is the switch.
SWITCHES = {
    "carry": "PLN-01",
    "restrict": "PLN-02",
    "fusion": "PLN-03",
    "shortcuts": "PLN-04",
    "fused-picks": "PLN-04",
    "literals": "PLN-05",
    "statistics": "PLN-06",
    "unlogged": "PLN-07",
    "shared": "PLN-08",
    "split": "PLN-09",
    "early-drop": "PLN-10",
    "static-columns": "MSR-02",
    "calendar": "MSR-04",
}
SELECTIVE = 0.3
MAX_GRID = 50_000_000


@dataclass(frozen=True)
class Options:
    """What the planner may do."""

    off: frozenset[str] = frozenset()
    max_joins: int = 50
    max_columns: int = 1_000
    max_literals: int = 5_000
    max_grid: int = MAX_GRID
    selective: float = SELECTIVE

    def on(self, rule: str) -> bool:
        """Return whether a rule is on; a misspelt name is a mistake of ours."""
        if rule not in SWITCHES:
            raise KeyError(rule)
        return rule not in self.off

    def without(self, rule: str) -> Options:
        """Return the same with a rule switched off."""
        return replace(self, off=self.off | {rule})


def switched_off(text: str) -> frozenset[str]:
    """Read `no-fusion,no-carry`; raise ArgumentsError naming the switches that there are."""
    known = [f"no-{name}" for name in SWITCHES]
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in known:
            raise ArgumentsError(
                f"DATA_BUILDER_PLANNER: {word} is not a switch.{nearest(word, known)}"
            )
    return frozenset(word.removeprefix("no-") for word in words)


def _bound(environment: Mapping[str, str], name: str, limit: int) -> int:
    text = environment.get(name, "")
    if text and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentsError(f"{name} must be a positive whole number.")
    return min(limit, int(text)) if text else limit


def from_environment(
    environment: Mapping[str, str], joins: int, columns: int, literals: int
) -> Options:
    """Return the options that the environment asks for, within the database's limits."""
    return Options(
        off=switched_off(environment.get("DATA_BUILDER_PLANNER", "")),
        max_joins=_bound(environment, "EHRQL_MAX_JOIN_COUNT", joins),
        max_columns=columns,
        max_literals=_bound(environment, "EHRQL_MAX_MULTIVALUE_PARAM_LENGTH", literals),
    )
