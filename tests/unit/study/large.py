"""Project files of the size that real studies have, with what makes such files slow to read."""

from __future__ import annotations

ACTIONS = 2_500
SIZE = 2_500_000
"""Characters of the whole file."""


def large_project(actions: int = ACTIONS, size: int = SIZE, needs: int = 4) -> str:
    """Return a valid file: extracts, then analyses that each need some of those before."""
    head = "version: '4.0'\nactions:\n"
    share = (size - len(head)) // actions
    return head + "".join(_action(number, needs, share) for number in range(actions))


def _action(number: int, needs: int, size: int) -> str:
    lines = [f"  analyse_cohort_{number}:"]
    before = range(max(0, number - needs), number)
    if before:
        lines += ["    needs:", *(f"    - analyse_cohort_{other}" for other in before)]
    lines += [
        "    outputs:",
        "      highly_sensitive:",
        f"        model: output/model_{number}/fit-*.rds",
        "      moderately_sensitive:",
        f"        table: output/model_{number}/table.csv",
        f"        plot: output/model_{number}/plot.svg",
    ]
    body = "\n".join(lines) + "\n"
    run = f"    run: r:v2 analysis/model.R --cohort '{number} of many'"
    return f"{body}{run} {_words(size - len(body) - len(run) - 2)}\n"


def _words(length: int) -> str:
    """Return options that fill so many characters."""
    return ("--covariate age;sex;region " * (length // 27 + 1))[: max(length, 0)].strip()
