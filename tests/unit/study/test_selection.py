"""Which actions run when some are asked for."""

from __future__ import annotations

import pytest

from sallyport_study import ProjectError, parse_project
from sallyport_study.selection import to_run

PROJECT = parse_project(
    """
version: '5'
actions:
  a:
    run: python:v2 python a.py
    outputs: {highly_sensitive: {o: output/a.csv}}
  b:
    run: python:v2 python b.py
    needs: [a]
    outputs: {highly_sensitive: {o: output/b.csv}}
  c:
    run: python:v2 python c.py
    needs: [b]
    outputs: {highly_sensitive: {o: output/c.csv}}
  d:
    run: python:v2 python d.py
    needs: [a]
    outputs: {highly_sensitive: {o: output/d.csv}}
"""
)


@pytest.mark.parametrize(
    ("requested", "succeeded", "active", "force", "run"),
    [
        (["c"], "", "", False, "abc"),
        (["c"], "ab", "", False, "c"),
        (["c"], "abc", "", False, "c"),  # whoever names an action wants it to run again
        (["c"], "ab", "", True, "abc"),
        (["c"], "b", "", False, "c"),  # what is needed only by what does not run is left out
        (["c"], "a", "b", False, "c"),
        (["c"], "", "c", False, ""),
        (["run_all"], "", "", False, "abcd"),
        (["run_all"], "ab", "", False, "cd"),
        (["run_all"], "abcd", "", False, ""),
        (["run_all"], "abcd", "", True, "abcd"),
        (["run_all"], "ab", "d", False, "c"),
        (["d", "c"], "a", "", False, "bcd"),
    ],
)
def test_what_is_named_runs_and_what_is_needed_runs_unless_it_succeeded(
    requested: list[str], succeeded: str, active: str, force: bool, run: str
) -> None:
    found = to_run(PROJECT, requested, succeeded=set(succeeded), active=set(active), force=force)
    assert sorted(found) == list(run)
    assert all(
        found.index(need) < found.index(name)
        for name in found
        for need in PROJECT.needs[name]
        if need in found
    )


def test_an_action_that_the_study_has_not_is_refused() -> None:
    with pytest.raises(ProjectError, match="There is no action 'x'"):
        to_run(PROJECT, ["x"], succeeded=(), active=(), force=False)
