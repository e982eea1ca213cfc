"""A study of real size, from the page of its actions to cancelling them: parsed once, quickly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.job_server.rig import Browser, Rig
from tests.unit.study.large import ACTIONS, large_project

from sallyport_study import parser

pytestmark = pytest.mark.live

REQUEST = {"workspace": "heart", "backend": "hospital", "requested_actions": ["run_all"]}


def _yardstick() -> float:
    """Return the CPU time of 5 million additions: 0.25 s on a machine that does nothing else."""
    started = time.process_time()
    sum(number * number for number in range(5_000_000))
    return time.process_time() - started


@pytest.fixture
def browser(rig: Rig) -> Browser:
    """Give a researcher's browser, and a project.yaml of 2.5 MB that nobody has looked at."""
    rig.study.commit(large_project())
    parser._outcome.cache_clear()
    return rig.browser("rita")


def test_looking_submitting_and_cancelling_parse_a_large_project_once(
    rig: Rig, browser: Browser
) -> None:
    answers: dict[str, Any] = {}
    calls: dict[str, Callable[[], Any]] = {
        "first look": lambda: browser.get("/workspaces/heart/run/"),
        "second look": lambda: browser.get("/workspaces/heart/run/"),
        "submit": lambda: rig.api("POST", "/job-requests", "rita", REQUEST),
        "page": lambda: browser.get(f"/job-requests/{answers['submit'].json['identifier']}/"),
        "listing": lambda: rig.call("GET", "/job-requests/"),
        "cancel": lambda: rig.api(
            "POST", f"/job-requests/{answers['submit'].json['identifier']}/cancel", "rita", {}
        ),
        "rerun": lambda: browser.post(
            f"/job-requests/{answers['submit'].json['identifier']}/rerun/"
        ),
    }
    yardstick = _yardstick()
    seconds = {}
    for name, call in calls.items():
        started = time.process_time()
        answers[name] = call()
        seconds[name] = time.process_time() - started
    assert [answer.status_code for answer in answers.values()] == [
        200,
        200,
        201,
        200,
        200,
        200,
        302,
    ]
    assert answers["first look"].text.count('name="actions"') == ACTIONS + 1
    assert len(answers["cancel"].json["cancelled_actions"]) == ACTIONS
    assert parser._outcome.cache_info().misses == 1
    assert seconds.pop("first look") < 6 * yardstick  # 1.5 s
    assert max(seconds.values()) < 2 * yardstick, seconds


def test_another_commit_with_the_same_file_is_not_parsed_again(rig: Rig, browser: Browser) -> None:
    browser.get("/workspaces/heart/run/")
    first = rig.study.sha
    assert rig.study.commit(large_project()) != first
    answer = browser.get("/workspaces/heart/run/")
    assert answer.status_code == 200
    assert parser._outcome.cache_info().misses == 1
    rig.study.commit(large_project() + "# changed\n")
    browser.get("/workspaces/heart/run/")
    assert parser._outcome.cache_info().misses == 2


def test_a_large_project_that_is_refused_is_parsed_once_too(rig: Rig, browser: Browser) -> None:
    rig.study.commit(large_project().replace("r:v2", "r"))
    for _look in range(2):
        assert (
            "begins with &#39;r&#39;, which has no version"
            in browser.get("/workspaces/heart/run/").text
        )
    assert rig.api("POST", "/job-requests", "rita", REQUEST).status_code == 400
    assert parser._outcome.cache_info().misses == 1
