"""Each kind of failure: it really happens in a runner, and a person reads about it on the page.

The rows that the runner posts are posted to a job server, and its page and API are looked at.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.job_server.rig import Browser, Rig
from tests.unit.proxy.doubles import Forge, Reply
from tests.unit.runner.rig import PROJECT, Container, Runner, make

from sallyport_job_server.services.repositories import Repositories
from sallyport_runner.services.running.retries import MAX_TRIES

pytestmark = pytest.mark.live
OURS = re.compile(r"__error__|\b[A-Z]\w*(?:Error|Exception)\b")
"""What nobody should read: the name of a row on the wire, and names of Python classes."""
FAULT = re.compile(r"internal.error|fault of the backend", re.IGNORECASE)
"""What is said of faults of the platform only."""


def shown(rig: Rig, runner: Runner, identifier: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Post what a runner has to say; return the page, what the API answers, and the last row."""
    runner.reporter.step()
    for body in runner.server.bodies:
        assert rig.call("POST", "/jobs/", json=body).status_code == 200
    page = rig.browser("rita").get(f"/job-requests/{identifier}/").text
    state = page[page.index('id="state"') : page.index("<h2>Requested")]
    answer = rig.api("GET", f"/job-requests/{identifier}", "rita").json or {}
    assert not OURS.search(state)
    assert not OURS.search(str(answer))
    return " ".join(html.unescape(state).split()), answer, runner.server.bodies[-1][-1]


def asked(rig: Rig, runner: Runner, sha: str = "", *actions: str) -> str:
    """Submit a request and hand it to the runner; return its identifier."""
    identifier = rig.submit("make")
    runner.request(identifier, sha or runner.study.head, *(actions or ("make",)))
    return identifier


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Give a runner with small limits."""
    (tmp_path / "runner").mkdir()
    made = Runner(tmp_path / "runner", job_time_limit=100, job_disk_limit=1024**2)
    made.executor.programs = {"make": make}
    return made


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """Give a proxy that answers as a test says."""
    made = Forge(tmp_path / "forge")
    yield made
    made.close()


def force_push(runner: Runner) -> str:
    """Rewrite the branch after a commit was looked at; return that commit."""
    sha = runner.study.head
    runner.study.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "rewritten")
    return sha


def delete_branch(runner: Runner) -> str:
    """Let the branch go."""
    runner.study.git("branch", "--move", "main", "other")
    return runner.study.git("rev-parse", "other")


def misspell_image(runner: Runner) -> str:
    """Commit a study whose image nobody has."""
    return runner.study.commit({"project.yaml": PROJECT.replace("python:v2 make", "pyhton:v2 m")})


def two_faults(runner: Runner) -> str:
    """Commit a study with two faults."""
    text = PROJECT.replace("[make]", "[mkae]").replace("output/raw.csv", "../raw.csv")
    return runner.study.commit({"project.yaml": text})


@pytest.mark.parametrize(
    ("arrange", "sentences"),
    [
        (force_push, ["a force push has rewritten the branch's history", "Submit again"]),
        (delete_branch, ["does not have this branch: it was deleted or renamed", "Push the"]),
        (misspell_image, ["'pyhton:v2', which this backend does not have; did you mean 'python'"]),
        (two_faults, ["'mkae'", "did you mean 'make'", "'../raw.csv'"]),
    ],
)
def test_a_mistake_in_the_study_ends_the_request_with_advice(
    rig: Rig, runner: Runner, arrange: Callable[[Runner], str], sentences: list[str]
) -> None:
    identifier = asked(rig, runner, arrange(runner))
    runner.passes(2)
    page, answer, row = shown(rig, runner, identifier)
    assert (row["action"], row["status_code"]) == ("__error__", "invalid_request")
    assert "This request could not be run:" in page
    assert not FAULT.search(page)
    assert "0 of" not in page
    for sentence in sentences:
        assert sentence in row["status_message"]
        assert sentence in page
        assert sentence in answer["problem"]
    assert (answer["status"], answer["final"], answer["jobs"]) == ("failed", True, [])


PRIVATE = "the repository is private and this site has no valid credential for it"
RENAMED = b"Sallyport proxy: it has moved: https://code.example/new-org/study (moved)\n"


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(401, {"WWW-Authenticate": "Basic"}), PRIVATE),
        (Reply(404), "The forge has no such repository (404), or does not show it to this site."),
        (Reply(403), "The forge denies access to the repository (403). Ask an administrator"),
        (
            Reply(410, {"Content-Type": "text/plain"}, RENAMED),
            "has moved to https://code.example/new-org/study. Use the new URL.",
        ),
    ],
)
def test_a_repository_that_cannot_be_read_is_said_with_advice(
    rig: Rig, tmp_path: Path, forge: Forge, reply: Reply, sentence: str
) -> None:
    forge.answer = reply
    (tmp_path / "runner").mkdir()
    runner = Runner(tmp_path / "runner", github_proxy=forge.origin)
    identifier = asked(rig, runner)
    runner.passes(2)
    page, answer, row = shown(rig, runner, identifier)
    assert (row["action"], row["status_code"]) == ("__error__", "invalid_request")
    assert sentence in row["status_message"]
    assert f"This request could not be run: {row['status_message']}" in page
    assert answer["problem"] == row["status_message"]
    assert not FAULT.search(page)


def test_a_forge_that_stays_out_of_reach_is_named(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    runner = Runner(tmp_path / "runner", github_proxy="http://127.0.0.1:9")
    identifier = asked(rig, runner)
    runner.passes(MAX_TRIES, seconds=100)
    page, _answer, row = shown(rig, runner, identifier)
    assert row["status_code"] == "internal_error"
    assert "The forge could not be reached. Try again later." in page


REFUSED = {"WWW-Authenticate": "Basic"}
ELSEWHERE = {"Location": "https://github.com/new-org/study/info/refs?service=git-upload-pack"}


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(401, REFUSED), "the repository is private and this site has no valid credential"),
        (Reply(404), "The forge has no such repository (404)"),
        (Reply(301, ELSEWHERE), "has moved to https://github.com/new-org/study. Use the new URL."),
    ],
)
def test_a_repository_that_cannot_be_read_is_refused_at_submission(
    rig: Rig, forge: Forge, monkeypatch: pytest.MonkeyPatch, reply: Reply, sentence: str
) -> None:
    browser, form, body = submissions(rig)
    ca_file = Path("/etc/ssl/certs/ca-certificates.crt")
    over_http = Repositories({"github.com": forge.origin}, ("demo-org",), ca_file, 20)
    with monkeypatch.context() as patch:
        patch.setattr(rig.services.job_requests, "_repositories", over_http)
        forge.answer = reply
        page = browser.post(RUN, form, "/settings/")
        answer = rig.api("POST", "/job-requests", "rita", body)
    assert (page.status_code, answer.status_code) == (400, 400)
    detail = (answer.json or {})["detail"]
    assert sentence in detail
    assert html.unescape(page.text).count(detail) == 1
    assert rig.api("POST", "/job-requests", "rita", body).status_code == 201  # the control


def too_long(runner: Runner, _name: str) -> None:
    runner.now += 101


def too_large(runner: Runner, name: str) -> None:
    runner.executor.containers[name].write("output/raw.csv", "x" * 2_000_000)


def out_of_memory(runner: Runner, name: str) -> None:
    runner.executor.end(name, 137, out_of_memory=True)


def child_out_of_memory(runner: Runner, name: str) -> None:
    """Let a child be killed; its parent notices and fails."""
    runner.executor.end(name, 1, out_of_memory=True)


def unnoticed(runner: Runner, name: str) -> None:
    """Let a child be killed; its parent goes on as if nothing had happened."""
    make(runner.executor.containers[name])
    runner.executor.end(name, 0, out_of_memory=True)


def nothing_written(runner: Runner, name: str) -> None:
    runner.executor.containers[name].write("output/canary.csv", "x")
    runner.executor.end(name, 0)


def error(runner: Runner, name: str) -> None:
    runner.executor.end(name, 1)


LIMITS = {
    "too_long": "1.7 min", "too_large": "1 MiB", "out_of_memory": "4 GiB",
    "child_out_of_memory": "4 GiB",
}  # fmt: skip


@pytest.mark.parametrize(
    ("happen", "status", "code", "sentence"),
    [
        (too_long, "failed", "nonzero_exit", "at its time limit; split the action"),
        (too_large, "failed", "nonzero_exit", "its files exceeded the disk limit; write less"),
        (out_of_memory, "failed", "nonzero_exit", "ran out of memory; process the data in smaller"),
        (child_out_of_memory, "failed", "nonzero_exit", "ran out of memory; process the data in"),
        (unnoticed, "succeeded", "succeeded", "A process of the job was killed because memory ran"),
        (
            nothing_written,
            "failed",
            "unmatched_patterns",
            "what was written): output/raw.csv",
        ),
        (error, "failed", "nonzero_exit", "ended with an error; read the log in the workspace"),
    ],
)
def test_how_a_job_ended_is_said_with_advice(
    rig: Rig,
    runner: Runner,
    happen: Callable[[Runner, str], None],
    status: str,
    code: str,
    sentence: str,
) -> None:
    runner.executor.held = True
    identifier = asked(rig, runner)
    runner.passes(3)
    happen(runner, runner.job("make").container)
    runner.passes(5)
    page, answer, row = shown(rig, runner, identifier)
    assert (row["action"], row["status"], row["status_code"]) == ("make", status, code)
    assert sentence in row["status_message"]
    limit = LIMITS.get(happen.__name__)
    assert row["status_message"].endswith(f"to raise the limit ({limit})") is (limit is not None)
    assert row["status_message"] in page
    assert answer["jobs"][0]["status_message"] == row["status_message"]
    assert answer["problem"] == ""
    assert "could not be run" not in page
    assert "canary" not in page
    assert not FAULT.search(page)


def test_a_tag_that_the_registry_lacks_is_said_of_the_job(rig: Rig, runner: Runner) -> None:
    text = PROJECT.replace("python:v2 make.py", "python:v9 make.py")
    identifier = asked(rig, runner, runner.study.commit({"project.yaml": text}), "table")
    runner.passes(4)
    page, answer, _row = shown(rig, runner, identifier)
    assert "check its name and tag in project.yaml: python:v9" in page
    assert "Not started because 'make' failed" in page
    assert not FAULT.search(page)
    codes = {job["action"]: job["status_code"] for job in answer["jobs"]}
    assert codes == {"make": "job_error", "table": "dependency_failed"}


def test_a_fault_of_the_platform_says_so(rig: Rig, runner: Runner) -> None:
    """The control of all others: only this is called a fault of the backend."""

    def broken(_container: Container) -> int:
        raise RuntimeError("canary")

    runner.executor.programs["make"] = broken
    identifier = asked(rig, runner)
    runner.passes(4)
    page, _answer, row = shown(rig, runner, identifier)
    assert row["status_code"] == "internal_error"
    assert FAULT.search(page)
    assert "canary" not in page


@pytest.mark.parametrize("name", ["ProjectError: ", "NothingToDoError: ", ""])
def test_the_class_with_which_an_older_runner_begins_is_not_shown(rig: Rig, name: str) -> None:
    identifier = rig.submit("make")
    message = f"{name}no such action: x"
    values = {"status_code": "internal_error", "status_message": message}
    rig.report(identifier, "__error__", "failed", **values)
    page = rig.browser("rita").get(f"/job-requests/{identifier}/").text
    assert "This request could not be run: no such action: x" in " ".join(page.split())
    assert not OURS.search(page)
    (row,) = (rig.call("GET", f"/jobs/?job_request_id={identifier}").json or {})["results"]
    assert (row["action"], row["status_message"]) == ("__error__", message)  # on the wire it stays


RUN = "/workspaces/heart/run/"
IMAGES = '{"images": {"v": "ehrql python", "ts": null}}'


def submissions(rig: Rig) -> tuple[Browser, dict[str, object], dict[str, object]]:
    """Return a browser, the form and the body of one request."""
    form = {"actions": ["summarise"], "backend": "hospital", "sha": rig.study.sha, "force": "true"}
    body = {"workspace": "heart", "backend": "hospital", "requested_actions": ["summarise"]}
    return rig.browser("rita"), dict(form), dict(body)


@pytest.mark.parametrize("flags", [IMAGES, "{}"])
def test_an_image_that_the_backend_lacks_is_refused_where_that_is_known(
    rig: Rig, flags: str
) -> None:
    text = (rig.study.folder / "project.yaml").read_text()
    rig.study.commit(text.replace("python:v2", "pyhton:v2"))
    rig.call("GET", "/job-requests/?backend=hospital", Flags=flags)
    browser, form, body = submissions(rig)
    page = browser.post(RUN, form, RUN)
    answer = rig.api("POST", "/job-requests", "rita", body)
    if flags == "{}":  # a runner that does not say which images it has
        assert (page.status_code, answer.status_code) == (302, 201)
        return
    assert (page.status_code, answer.status_code) == (400, 400)
    lines = (answer.json or {})["detail"].splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "The action 'make' uses the image 'pyhton:v2'",
        "The action 'summarise' uses the image 'pyhton:v2'",
    ]
    assert "did you mean 'python'? Its images are ehrql, python." in lines[0]
    for line in lines:
        assert line in html.unescape(page.text)
    assert 'name="force" value="true" checked' in page.text
    assert re.search(r'value="summarise"\s+checked', page.text)


def test_an_action_that_is_done_may_have_an_image_that_is_gone(rig: Rig) -> None:
    text = (rig.study.folder / "project.yaml").read_text()
    rig.study.commit(text.replace("python:v2 python make", "oldpy:v2 python make"))
    first = rig.submit("make")
    rig.report(first, "make", "succeeded")
    rig.call("GET", "/job-requests/?backend=hospital", Flags=IMAGES)
    _browser, _form, body = submissions(rig)
    assert rig.api("POST", "/job-requests", "rita", body).status_code == 201
    body["force_run_dependencies"] = True
    answer = rig.api("POST", "/job-requests", "rita", body)
    assert answer.status_code == 400
    assert "'oldpy:v2'" in (answer.json or {})["detail"]
