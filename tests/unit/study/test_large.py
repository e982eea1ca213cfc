"""Files of the size of real studies are read quickly, and refused quickly."""

from __future__ import annotations

import random
import shlex
import time
from collections.abc import Callable

import pytest
from tests.unit.study.large import ACTIONS, large_project

from sallyport_study import LARGEST_PROJECT_FILE, ProjectError, parse_project
from sallyport_study.images import split_run

pytestmark = pytest.mark.live


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def _yardstick() -> float:
    """Return what 5 million additions cost now: 0.25 s on a machine that does nothing else."""
    return _seconds(lambda: sum(number * number for number in range(5_000_000)))


@pytest.mark.parametrize("needs", [4, 30])
def test_a_file_of_real_size_is_read_in_the_time_of_a_few_million_additions(needs: int) -> None:
    text = large_project(needs=needs)
    assert len(text) > 2_400_000
    yardstick = _yardstick()
    assert _seconds(lambda: parse_project(text)) < 6 * yardstick  # 1.5 s
    project = parse_project(text)
    assert len(project.actions) == ACTIONS
    assert len(project.order(["run_all"])) == ACTIONS


def test_a_text_is_read_once() -> None:
    text = large_project(actions=300, size=300_000)
    first = _seconds(lambda: parse_project(text))
    assert _seconds(lambda: parse_project(text)) < first / 20
    assert parse_project(text) is parse_project(text)


def test_a_file_above_the_limit_is_refused_and_one_below_is_read() -> None:
    text = large_project(actions=10, size=10_000)
    filled = text + "#" * (LARGEST_PROJECT_FILE - len(text))
    assert parse_project(filled).actions
    with pytest.raises(ProjectError, match=r"larger than 4 MiB\."):
        parse_project(filled + "#")


def test_thousands_of_problems_are_found_quickly_and_told_in_part() -> None:
    text = large_project().replace("- analyse_cohort_", "- analyze_cohort_")
    yardstick = _yardstick()

    def refused() -> None:
        with pytest.raises(ProjectError) as caught:
            parse_project(text)
        assert len(caught.value.problems) == 101

    assert _seconds(refused) < 30 * yardstick
    with pytest.raises(ProjectError) as caught:
        parse_project(large_project().replace("r:v2", "r"))
    assert caught.value.problems[-1] == f"There are {ACTIONS - 100} more problems."


def test_words_are_those_of_the_shell() -> None:
    letters = random.Random(8)
    refused = 0
    for _round in range(3_000):
        text = "".join(letters.choice("ab '\"\\\n\t\u00a0#") for _letter in range(11))
        try:
            words = shlex.split(text)
        except ValueError:
            refused += 1
            with pytest.raises(ValueError, match="quotation"):
                split_run(text)
        else:
            assert split_run(text) == words
    assert 300 < refused < 2_700
