"""The runner published on PyPI (2.52.4), without docker, takes its work from our job server."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.conformance import peer
from tests.conformance.server import TOKEN, Server, wait_until
from tests.unit.postgres import PostgresServer

from sallyport_common import tokens

NOWHERE = "0" * 40
PROJECT = yaml.safe_load("""
version: '3.0'
expectations: {population_size: 1000}
actions:
  make:
    run: python:v2 sh -c "mkdir -p output; echo 1 > output/highly.csv"
    outputs: {highly_sensitive: {d: output/highly.csv}}
  summarise:
    run: python:v2 sh -c "mkdir -p output; wc -l output/highly.csv > output/summary.txt"
    needs: [make]
    outputs: {moderately_sensitive: {s: output/summary.txt}}
  fails:
    run: python:v2 sh -c "exit 3"
    outputs: {moderately_sensitive: {s: output/never.txt}}
  depfail:
    run: python:v2 sh -c "mkdir -p output; echo y > output/y.txt"
    needs: [fails]
    outputs: {moderately_sensitive: {s: output/y.txt}}
  unmatched:
    run: python:v2 sh -c "mkdir -p output; echo x > output/other.txt"
    outputs: {moderately_sensitive: {s: output/expected.txt}}
  slow:
    run: python:v2 sleep 600
    outputs: {moderately_sensitive: {s: output/slow.txt}}
""")


@dataclass
class Rig:
    """A server, a peer that polls it, and the study's commit."""

    server: Server
    sha: str
    runner: subprocess.Popen[str]
    folder: Path


def repository(
    gitroot: Path, name: str, actions: list[str], organisation: str = "opensafely"
) -> str:
    """Make a repository on the stand-in for the forge and return its commit."""
    folder = gitroot / organisation / name
    folder.mkdir(parents=True)
    project = PROJECT | {"actions": {name: PROJECT["actions"][name] for name in actions}}
    (folder / "project.yaml").write_text(yaml.safe_dump(project))
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "study"]):
        subprocess.run([*git, *words], check=True)
    subprocess.run([*git, "config", "uploadpack.allowAnySHA1InWant", "true"], check=True)
    done = subprocess.run([*git, "rev-parse", "main"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Start our server, on either database, and the peer."""
    url = ""
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create())
    folder = tmp_path_factory.mktemp("conformance")
    gitroot = folder / "gitroot"
    sha = repository(gitroot, "study1", list(PROJECT["actions"]))
    repository(gitroot, "study2", ["make", "summarise"])
    repository(gitroot, "study1", ["make"], "other")
    server = Server(folder, gitroot, database_url=url)
    runner = peer.start(folder, server.url, TOKEN, gitroot, "service")
    yield Rig(server, sha, runner, folder)
    runner.terminate()
    runner.wait(20)
    server.stop()


@pytest.fixture(scope="module")
def first(rig: Rig) -> dict[int, str]:
    """The first ten requests, all of them ended but the slow one."""
    server = rig.server
    for number in (1, 2, 3, 4, 5, 7, 8, 10):
        server.workspace(f"w{number}")
    server.workspace("w6", "other/study1")
    server.workspace("w9", branch="nobranch")
    server.rename("w8", "w 8")
    asked = {1: "summarise", 2: "depfail", 3: "unmatched", 4: "slow"}
    made = {number: server.submit(f"w{number}", action) for number, action in asked.items()}
    made |= {
        5: server.plant("w5", ["nope"], rig.sha),
        6: server.plant("w6", ["make"], rig.sha),
        7: server.plant("w7", ["make"], NOWHERE),
        8: server.plant("w 8", ["make"], rig.sha),
        9: server.plant("w9", ["make"], rig.sha),
        10: server.plant("w10", [], rig.sha),
    }
    finite = [identifier for number, identifier in made.items() if number != 4]
    log = rig.folder / "service.log"
    assert wait_until(lambda: all(map(server.ended, finite)), 90), log.read_text()[-3000:]
    assert wait_until(lambda: "slow" in server.jobs(made[4]), 20)
    return made


@pytest.fixture(scope="module")
def second(rig: Rig, first: dict[int, str]) -> dict[int, str]:
    """The second round, while the slow job still runs."""
    server = rig.server
    server.workspace("w11", "study2")
    made = {
        11: server.submit("w4", "slow"),
        12: server.submit("w1", "summarise"),
        13: server.submit("w2", "depfail"),
        14: server.submit("w11", "run_all"),
    }
    assert first
    assert wait_until(lambda: all(map(server.ended, made.values())), 60)
    made[15] = server.submit("w11", "run_all")
    assert wait_until(lambda: server.ended(made[15]), 30)
    return made


def test_a_request_runs_with_what_it_needs(rig: Rig, first: dict[int, str]) -> None:
    jobs = rig.server.jobs(first[1])
    assert {name: (job["status"], job["status_code"]) for name, job in jobs.items()} == {
        "make": ("succeeded", ""),
        "summarise": ("succeeded", ""),
    }


def test_a_failure_takes_its_dependants_along(rig: Rig, first: dict[int, str]) -> None:
    jobs = rig.server.jobs(first[2])
    assert (jobs["fails"]["status"], jobs["fails"]["status_code"]) == ("failed", "nonzero_exit")
    depfail = jobs["depfail"]
    assert (depfail["status"], depfail["status_code"]) == ("failed", "dependency_failed")
    assert depfail["started_at"] is None
    assert depfail["completed_at"]


def test_a_missing_output_is_named(rig: Rig, first: dict[int, str]) -> None:
    job = rig.server.jobs(first[3])["unmatched"]
    assert (job["status"], job["status_code"]) == ("failed", "")
    assert "output/expected.txt" in job["status_message"]


@pytest.mark.parametrize(
    ("number", "begin"),
    [
        (5, "UnknownActionError:"),
        (6, "GithubValidationError:"),
        (7, "GithubValidationError:"),
        (8, "JobRequestError:"),
        (9, "GitUnknownRefError:"),
        (10, "JobRequestError:"),
    ],
)
def test_a_refused_request_shows_why(
    rig: Rig, first: dict[int, str], number: int, begin: str
) -> None:
    jobs = rig.server.jobs(first[number])
    assert list(jobs) == ["__error__"]
    job = jobs["__error__"]
    assert job["status"] == "failed"
    assert job["status_message"].startswith(begin)
    problem = rig.server.problem(first[number])
    assert f"{begin} {problem}" == job["status_message"]
    assert all(job[f"{name}_at"] for name in ("created", "updated", "started", "completed"))


def test_ended_requests_are_listed_no_more(rig: Rig, first: dict[int, str]) -> None:
    assert first[4] in rig.server.listed()
    assert not set(rig.server.listed()) & {first[number] for number in (1, 2, 3, 5, 6, 7)}


def test_job_identifiers_follow_the_formula(rig: Rig, first: dict[int, str]) -> None:
    for identifier in first.values():
        for action, job in rig.server.jobs(identifier).items():
            if action != "__error__":
                assert job["identifier"] == tokens.job_identifier(identifier, action)


def test_the_second_round(rig: Rig, second: dict[int, str]) -> None:
    jobs = {number: rig.server.jobs(identifier) for number, identifier in second.items()}
    assert "already scheduled to run" in jobs[11]["__error__"]["status_message"]
    assert list(jobs[12]) == ["summarise"]
    assert jobs[12]["summarise"]["status"] == "succeeded"
    assert "fails" in jobs[13]["__error__"]["status_message"]
    assert {job["status"] for job in jobs[14].values()} == {"succeeded"}
    assert set(jobs[14]) == {"make", "summarise"}
    assert jobs[15]["run_all"]["status"] == "succeeded"
    assert jobs[15]["run_all"]["status_message"] == "All actions have already run"


def test_a_running_job_is_cancelled(
    rig: Rig, first: dict[int, str], second: dict[int, str]
) -> None:
    assert second
    assert rig.server.jobs(first[4])["slow"]["status"] == "running"
    rig.server.cancel(first[4])
    assert wait_until(lambda: rig.server.ended(first[4]), 20)
    job = rig.server.jobs(first[4])["slow"]
    assert (job["status"], job["status_code"]) == ("failed", "cancelled_by_user")
    assert wait_until(lambda: rig.server.listed() == [], 10)


def test_the_backend_is_heard_of_and_a_rotated_token_shuts_it_out(
    rig: Rig, first: dict[int, str]
) -> None:
    assert first
    seen = rig.server.last_seen()
    assert wait_until(lambda: rig.server.last_seen() > seen, 15)
    rig.server.token(tokens.new_backend_token(), tokens.new_backend_token())
    silent = rig.server.last_seen()
    time.sleep(7)
    assert rig.server.last_seen() == silent
    assert rig.runner.poll() is None
    rig.server.token(TOKEN)
    assert wait_until(lambda: rig.server.last_seen() > silent, 20)


def test_the_sync_loop_alone_leaves_jobs_pending(
    rig: Rig, first: dict[int, str], tmp_path: Path
) -> None:
    assert first
    rig.runner.terminate()
    rig.runner.wait(20)
    server = rig.server
    server.workspace("w20")
    identifier = server.submit("w20", "make")
    runner = peer.start(tmp_path, server.url, TOKEN, rig.folder / "gitroot", "sync")
    try:
        assert wait_until(lambda: bool(server.jobs(identifier)), 30)
        time.sleep(2)
        assert {job["status"] for job in server.jobs(identifier).values()} == {"pending"}
    finally:
        runner.terminate()
        runner.wait(20)
