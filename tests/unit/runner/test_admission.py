"""Requests become jobs, or one job that says why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.runner.rig import PROJECT, Runner, make

from sallyport_common.protocol import ERROR_ACTION, StatusCode
from sallyport_runner.services.requests.outgoing import job_row
from sallyport_study import ProjectError, decode_project
from sallyport_study.names import LONGEST_ACTION_NAME


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (
            {"repo": "https://github.com/other-org/study"},
            "does not run repositories of this organisation",
        ),
        ({"repo": "https://github.com/demo-org/../x"}, "The URL needs https"),
        ({"repo": "git@github.com:demo-org/study"}, "The URL needs https"),
        ({"repo": "https://github.com/demo-org/none"}, "has no such repository"),
        ({"branch": "none"}, "does not have this branch"),
        ({"branch": "--upload-pack=x"}, "must not start with '-'"),
        ({"sha": "0" * 40}, "does not have this commit"),
        ({"sha": "main"}, "40 hexadecimal"),
        ({"workspace": "../x"}, "workspace's name"),
        ({"requested_actions": []}, "no action"),
        ({"requested_actions": ["mkae"]}, "did you mean 'make'"),
        ({"database_name": "other"}, "'other' is not known"),
        ({"expired": True}, "older than its signature"),
    ],
)
def test_bad_requests_are_answered_with_a_sentence(
    runner: Runner, sha: str, values: dict[str, Any], part: str
) -> None:
    given = {"sha": sha} | values
    runner.request("a", given.pop("sha"), *given.pop("requested_actions", ["make"]), **given)
    runner.passes(1)
    job = runner.job(ERROR_ACTION)
    assert job.code is StatusCode.INVALID_REQUEST
    assert part in job.problem
    good = runner.request("b", sha, "make")  # the control: the same request, unchanged
    runner.passes(1)
    assert runner.job("make", good)


@pytest.mark.parametrize("branches", [["main"], ["ma*"], ["x", "*"]])
def test_a_branch_runs_where_a_pattern_of_the_backend_has_it(
    runner: Runner, sha: str, branches: list[str]
) -> None:
    runner.settings = replace(runner.settings, allowed_branches=tuple(branches))
    runner.restart()
    good = runner.request("a", sha, "make")
    runner.passes(1)
    assert runner.job("make", good)
    for number, others in enumerate([(), ("release/*",), ("Main",), ("mai",)]):
        runner.settings = replace(runner.settings, allowed_branches=others)
        runner.restart()
        refused = runner.request(f"b{number}", sha, "make")
        runner.passes(1)
        problem = runner.job(ERROR_ACTION, refused).problem
        assert problem == (
            "The branch 'main' may not run on this backend; use another one, or ask the "
            "backend's administrators."
        )


def test_only_some_workspaces_may_use_the_database(runner: Runner, sha: str) -> None:
    runner.settings = replace(runner.settings, database_workspaces=("registry-*",))
    runner.restart()
    runner.request("a", sha, "extract")
    runner.passes(1)
    problem = runner.job(ERROR_ACTION).problem
    assert problem == (
        "The workspace 'ws' may not use the database of this backend; ask the backend's "
        "administrators."
    )
    others = runner.request("b", sha, "make")
    allowed = runner.request("c", sha, "extract", workspace="registry-1")
    runner.passes(1)
    assert runner.job("make", others)
    assert runner.job("extract", allowed)


def test_every_problem_of_the_project_is_reported(runner: Runner) -> None:
    text = PROJECT.replace("[make]", "[mkae]").replace("output/raw.csv", "../raw.csv")
    runner.request("a", runner.study.commit({"project.yaml": text}), "make")
    runner.passes(1)
    problem = runner.job(ERROR_ACTION).problem
    assert "Error" not in problem
    assert "'mkae'" in problem
    assert "'../raw.csv'" in problem


def test_a_project_that_is_not_utf_8_is_refused_with_the_sentence_of_the_job_server(
    runner: Runner, sha: str
) -> None:
    content = f"# größe\n{PROJECT}".encode("latin-1")
    (runner.study.path / "project.yaml").write_bytes(content)
    runner.request("a", runner.study.commit({"other.txt": "x"}), "make")
    good = runner.request("b", sha, "make")
    runner.passes(1)
    with pytest.raises(ProjectError) as caught:
        decode_project(content)
    assert runner.job(ERROR_ACTION).problem == str(caught.value)
    assert runner.job("make", good)


def test_a_long_report_ends_at_a_line_with_the_number_of_the_others(runner: Runner) -> None:
    text = PROJECT + "".join(f"  a{number}: {{run: python}}\n" for number in range(90))
    runner.request("a", runner.study.commit({"project.yaml": text}), "make")
    runner.passes(1)
    job = runner.job(ERROR_ACTION)
    message = job_row(job)["status_message"]
    *lines, last = message.splitlines()
    assert 3000 < len(message) <= 4000 < len(job.problem)
    assert lines == job.problem.splitlines()[: len(lines)]
    assert last == f"and {len(job.problem.splitlines()) - len(lines)} more"


def test_a_commit_that_left_its_branch_is_refused(runner: Runner, sha: str) -> None:
    runner.study.git("checkout", "--quiet", "-b", "side")
    aside = runner.study.commit({"side.txt": "x"})
    runner.study.git("checkout", "--quiet", "main")
    for number in range(3):
        runner.study.commit({"main.txt": str(number)})
    runner.request("a", aside, "make")
    old = runner.request("b", sha, "make")
    runner.passes(1)
    assert "not on the branch" in runner.job(ERROR_ACTION).problem
    assert runner.job("make", old)


def test_old_codelists_stop_extraction_only(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "extract", codelists_ok=False)
    good = runner.request("b", sha, "make", codelists_ok=False)
    runner.passes(1)
    assert runner.job(ERROR_ACTION).code is StatusCode.STALE_CODELISTS
    assert runner.job("make", good)


@pytest.mark.parametrize(
    ("image", "part"),
    [
        ("cohort-joiner:v1", "'cohort-joiner:v1', which this backend does not have. Its images"),
        ("pyhton:v2", "'pyhton:v2', which this backend does not have; did you mean 'python'?"),
    ],
)
def test_an_unknown_image_is_named_with_a_suggestion(runner: Runner, image: str, part: str) -> None:
    text = PROJECT.replace("python:v2 make.py", f"{image} x")
    runner.request("a", runner.study.commit({"project.yaml": text}), "make")
    runner.passes(1)
    problem = runner.job(ERROR_ACTION).problem
    assert part in problem
    assert "cohortextractor, " in problem


@pytest.mark.parametrize("name", ["größe.表", "n" * LONGEST_ACTION_NAME])
def test_the_log_of_every_accepted_name_has_that_name(runner: Runner, name: str) -> None:
    text = PROJECT.replace("  make:", f"  {name}:").replace("[make]", f"[{name}]")
    runner.executor.programs[name] = make
    runner.request("a", runner.study.commit({"project.yaml": text}), name)
    runner.passes(6)
    assert runner.job(name).code is StatusCode.SUCCEEDED
    for tree in (runner.high, runner.medium):
        assert tree(f"metadata/{name}.log").stat().st_size
    assert job_row(runner.job(name))["action"] == name
