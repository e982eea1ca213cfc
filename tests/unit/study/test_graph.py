"""Dependencies of actions: order, cycles, what follows from a request."""

from __future__ import annotations

import itertools

import pytest
from tests.unit.study.texts import chain, problems

from sallyport_study import parse_project


def test_needs_come_first_and_once() -> None:
    project = parse_project(chain(d=["b", "c"], c=["a"], b=["a"], a=[]))
    assert project.order(["d"]) == ["a", "b", "c", "d"]
    assert project.order(["c", "b", "c"]) == ["a", "c", "b"]
    assert project.order([]) == []
    assert project.expand(["b", "run_all"]) == ["d", "c", "b", "a"]
    assert project.names() == ["d", "c", "b", "a", "run_all"]


def test_a_need_that_stands_twice_counts_once() -> None:
    assert parse_project(chain(a=[], b=["a", "a"])).actions["b"].needs == ("a",)


@pytest.mark.parametrize(
    ("needs", "ways"),
    [
        ({"a": ["a"]}, ["a -> a"]),
        ({"a": ["b"], "b": ["a"]}, ["a -> b -> a"]),
        ({"x": ["a"], "a": ["b"], "b": ["a"]}, ["a -> b -> a"]),
        ({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}, ["a -> b -> a", "c -> d -> c"]),
        ({"a": ["b", "c"], "b": ["a"], "c": ["a"]}, ["a -> b -> a", "a -> c -> a"]),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, []),
    ],
)
def test_circles(needs: dict[str, list[str]], ways: list[str]) -> None:
    text = chain(**needs)
    if ways:
        found = problems(text)
        assert sorted(found) == sorted(map(sentence, ways))
    else:
        assert parse_project(text)


def sentence(way: str) -> str:
    """Return the sentence about a cycle."""
    names = way.split(" -> ")
    if len(names) == 2:
        return f"The action '{names[0]}' needs itself; remove this need."
    return f"The actions form a cycle, so none can be first: {way}."


def test_unknown_needs_and_cycles_are_reported_together() -> None:
    assert problems(chain(a=["b"], b=["a"], c=["aa"])) == (
        sentence("a -> b -> a"),
        "The action 'c' needs 'aa', which is not an action of this file; did you mean 'a'?",
    )


def test_the_needs_of_an_action_with_other_faults_are_checked() -> None:
    text = chain(a=["zz"], b=["a"], c=["b"]).replace("python:v2 b,", "python b,")
    found = problems(text)
    assert len(found) == 2
    assert found[0] == "The action 'a' needs 'zz', which is not an action of this file."
    assert found[1].startswith("The 'run' of the action 'b' begins with 'python', which has no")


def test_a_need_with_problems_of_its_own_is_not_called_unknown() -> None:
    text = chain(a=[], b=["a"]).replace("python:v2 a,", "python a,")
    (found,) = problems(text)
    assert found.startswith("The 'run' of the action 'a' begins with 'python', which has no")


def test_a_long_chain_is_no_trouble() -> None:
    names = [f"a{number}" for number in range(1200)]
    needs = {name: names[:1] and names[at - 1 : at] for at, name in enumerate(names)}
    project = parse_project(chain(**needs))
    assert project.order([names[-1]]) == names


def ways_of(problem: str) -> list[str]:
    """Return the names of a cycle."""
    if "needs itself" in problem:
        return [problem.split("'")[1]] * 2
    return problem.removesuffix(".").rpartition(": ")[2].split(" -> ")


ARROWS = [(name, need) for name in "abc" for need in "abc"]


@pytest.mark.parametrize("count", range(5))
def test_of_three_actions_every_project_is_ordered_or_has_its_circles_named(count: int) -> None:
    for arrows in itertools.combinations(ARROWS, count):
        needs = {name: [need for other, need in arrows if other == name] for name in "abc"}
        if _sortable(needs):
            _check_order(needs)
            continue
        found = problems(chain(**needs))
        assert found
        for problem in found:
            way = ways_of(problem)
            assert way[0] == way[-1]
            assert set(itertools.pairwise(way)) <= set(arrows)


def _check_order(needs: dict[str, list[str]]) -> None:
    project = parse_project(chain(**needs))
    order = project.order(["run_all"])
    assert sorted(order) == sorted(needs)
    for name in needs:
        assert all(order.index(need) < order.index(name) for need in needs[name])
        assert set(project.order([name])) == _closure(name, needs)


def _closure(name: str, needs: dict[str, list[str]]) -> set[str]:
    return {name}.union(*(_closure(need, needs) for need in needs[name]))


def _sortable(needs: dict[str, list[str]]) -> bool:
    """Return whether there is no cycle, by removing what needs nothing."""
    left = dict(needs)
    while free := [name for name in left if not set(left[name]) & set(left)]:
        for name in free:
            del left[name]
    return not left
