"""Asking for jobs: what is offered, what is signed, what is shown, how it is stopped."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import null, update
from tests.unit.job_server.rig import PRIVATE_PEM, PROJECT, PUBLIC_PEM, Rig, job

from sallyport_common.problems import ForbiddenError, NotFoundError, Problem
from sallyport_common.protocol import ENVELOPE_TYPE
from sallyport_job_server.storage import tables
from sallyport_records import dsse, keys

RUN = "/workspaces/heart/run/"


def form(rig: Rig, **changes: object) -> dict[str, object]:
    """Return what the run page sends."""
    return {"actions": ["summarise"], "backend": "hospital", "sha": rig.study.sha} | changes


def test_the_run_page_offers_the_actions_at_the_head_of_the_branch(rig: Rig) -> None:
    page = rig.browser("rita").get(RUN).text
    assert 'value="summarise"' in page
    assert "needs make" in page
    assert rig.study.sha[:7] in page
    assert "The Hospital" in page


def test_every_problem_of_project_yaml_is_shown_on_the_run_page(rig: Rig) -> None:
    broken = PROJECT.replace("needs: [make]", "needs: [mkae]").replace(
        "python:v2 python make.py", ""
    )
    rig.study.commit(broken)
    page = rig.browser("rita").get(RUN).text
    assert "mkae" in page
    assert "did you mean &#39;make&#39;?" in page
    assert "line 5, column 9: The action &#39;make&#39; has a &#39;run&#39; without" in page
    rig.study.commit(PROJECT)
    assert 'role="alert"' not in rig.browser("rita").get(RUN).text


def test_a_project_that_is_not_utf_8_is_refused_everywhere(rig: Rig) -> None:
    rig.study.commit(f"# größe\n{PROJECT}".encode("latin-1"))
    sentence = "line 1, column 5: project.yaml is not text in UTF-8; save it again with the"
    page = rig.browser("rita").get(RUN).text
    assert "project.yaml has 1 problem<" in page
    assert sentence in page
    body = {"workspace": "heart", "backend": "hospital", "requested_actions": ["make"]}
    answer = rig.api("POST", "/job-requests", "rita", body)
    assert answer.status_code == 400
    assert (answer.json or {})["detail"].startswith(sentence)
    rig.study.commit(f"# größe\n{PROJECT}")
    assert rig.api("POST", "/job-requests", "rita", body).status_code == 201


def test_what_is_accepted_but_unusual_is_shown_before_and_after_submitting(rig: Rig) -> None:
    body = {"workspace": "heart", "backend": "hospital", "requested_actions": ["make"]}
    assert (rig.api("POST", "/job-requests", "rita", body).json or {})["warnings"] == []
    rig.study.commit(PROJECT.replace("python make.py", "python make.py | tee log.txt"))
    page = rig.browser("rita").get(RUN).text
    assert "contains &#39;|&#39;. No shell reads a" in page
    (warning,) = (rig.api("POST", "/job-requests", "rita", body).json or {})["warnings"]
    assert "contains '|'. No shell reads a 'run'" in warning


def test_a_submitted_request_is_shown_and_signed(rig: Rig) -> None:
    browser = rig.browser("rita")
    answer = browser.post(RUN, form(rig, force="true"), RUN)
    identifier = answer.headers["Location"].split("/")[2]
    page = browser.get(answer.headers["Location"]).text
    assert "The backend has not reported on this request yet" in page
    row = (rig.call("GET", "/job-requests/").json or {})["results"][0]
    payload = json.loads(
        dsse.verify(row["envelope"], ENVELOPE_TYPE, [keys.load_public(PUBLIC_PEM)])
    )
    assert payload.pop("created_at") == row["created_at"]
    assert payload.pop("expires_at") > row["created_at"]
    assert payload == {
        "identifier": identifier,
        "backend": "hospital",
        "workspace": "heart",
        "repo": "https://github.com/demo-org/study",
        "branch": "main",
        "sha": rig.study.sha,
        "requested_actions": ["summarise"],
        "force_run_dependencies": True,
        "database_name": "default",
        "permissions": {},
        "codelists_ok": True,
        "created_by": "rita",
    }
    assert keys.load_private(PRIVATE_PEM)


def test_a_branch_that_moved_is_looked_at_again(rig: Rig) -> None:
    old = rig.study.sha
    rig.study.commit(PROJECT)
    browser = rig.browser("rita")
    answer = browser.post(RUN, form(rig, sha=old), RUN)
    assert answer.status_code == 400
    assert "moved from" in answer.text
    assert browser.post(RUN, form(rig), RUN).status_code == 302


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"actions": []}, "Select at least one action."),
        ({"actions": ["sumarise"]}, "did you mean &#39;summarise&#39;?"),
        (
            {"backend": "clinic"},
            "You do not have access to the backend &#39;clinic&#39;. You can use: hospital.",
        ),
    ],
)
def test_a_bad_submission_is_explained_on_the_page(
    rig: Rig, changes: dict[str, object], sentence: str
) -> None:
    browser = rig.browser("rita")
    answer = browser.post(RUN, form(rig, **changes), RUN)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert browser.post(RUN, form(rig), RUN).status_code == 302


def test_only_researchers_run_jobs_and_nothing_runs_in_an_archive(rig: Rig) -> None:
    assert rig.submit(username="rita")
    with pytest.raises(ForbiddenError, match="job_run"):
        rig.submit(username="cora")
    with pytest.raises(NotFoundError):
        rig.submit(username="mallory")
    rig.services.directory.archive(rig.people["rita"], "heart", archived=True)
    with pytest.raises(ForbiddenError, match="archived"):
        rig.submit(username="rita")


def test_a_request_is_cancelled_once_and_the_runner_is_told(rig: Rig) -> None:
    identifier, other = rig.submit(), rig.submit("make")
    browser = rig.browser("rita")
    page = f"/job-requests/{identifier}/"
    for _ in range(2):
        assert browser.post(f"{page}cancel/", {}, page).status_code == 302
    rows = {
        row["identifier"]: row for row in (rig.call("GET", "/job-requests/").json or {})["results"]
    }
    assert rows[identifier]["cancelled_actions"] == ["make", "summarise"]
    assert rows[other]["cancelled_actions"] == []
    audit = rig.browser("ada").get("/staff/audit/?event=job_request.cancel").text
    assert audit.count("job_request.cancel<") == 1


def test_one_action_is_cancelled_alone(rig: Rig) -> None:
    identifier, cancel = rig.submit("run_all"), rig.services.job_requests.cancel
    for action in ("make", "summarise"):
        rig.report(identifier, action, "running")
    view = cancel(rig.people["rita"], identifier, ["make"])
    assert view.request.cancelled_actions == ["make"]
    assert not view.cancelling
    with pytest.raises(Problem, match="no action 'nope'"):
        cancel(rig.people["rita"], identifier, ["nope"])
    with pytest.raises(ForbiddenError):
        cancel(rig.people["cora"], identifier, None)


def test_the_page_renews_itself_until_all_jobs_have_ended(rig: Rig) -> None:
    identifier = rig.submit()
    browser = rig.browser("rita")
    page, source = f"/job-requests/{identifier}/", f"/job-requests/{identifier}/status.json"
    rig.report(identifier, "summarise", "running", status_message="Executing job on the backend")
    assert 'http-equiv="refresh"' in browser.get(page).text
    news = browser.get(source).json or {}
    assert (news["status"], news["final"]) == ("running", False)
    assert "Executing job on the backend" in news["html"]
    rig.report(identifier, "summarise", "succeeded")
    assert 'http-equiv="refresh"' not in browser.get(page).text
    assert (browser.get(source).json or {})["final"] is True
    assert rig.browser("mallory").get(source).status_code == 404


def test_a_request_with_many_jobs_is_read_in_pages_and_by_state(rig: Rig) -> None:
    identifier = rig.submit("make")
    browser, path = rig.browser("rita"), f"/job-requests/{identifier}/"
    rig.report(identifier, "make", "pending")
    assert 'aria-label="States"' not in browser.get(path).text
    states = {"a001": "failed", "a002": "running"}
    names = ["make", *(f"a{number:03}" for number in range(1, 250))]
    jobs = [job(identifier, name, states.get(name, "pending")) for name in names]
    assert rig.call("POST", "/jobs/", json=jobs).status_code == 200

    def shown(query: str, part: str = "") -> list[str]:
        answer = browser.get(path + part + query)
        html = (answer.json or {})["html"] if part else answer.text
        return re.findall(r"/\">(\w+)</a></th>", html)

    assert shown("") == names[:200]
    assert shown("?page=2") == shown("?page=2", "status.json") == names[200:]
    assert shown("?state=failed") == shown("?state=failed", "status.json") == ["a001"]
    assert shown("?state=pending&page=2") == names[202:]
    page = browser.get(f"{path}?state=pending&page=2").text
    assert [text in page for text in ("failed 1<", "running 1<", "pending 248<")] == [True] * 3
    assert f"{path}status.json?state=pending&amp;page=2" in page
    assert "No job is in this state." in browser.get(f"{path}?state=succeeded").text
    assert "There are no more jobs." in browser.get(f"{path}?page=3").text


def test_run_again_asks_for_the_same_of_what_is_there_now(rig: Rig) -> None:
    identifier = rig.submit("make")
    sha = rig.study.commit(PROJECT + "# changed\n")
    browser, page = rig.browser("rita"), f"/job-requests/{identifier}/"
    answer = browser.post(f"{page}rerun/", {}, page)
    again = rig.services.history.look(
        rig.people["rita"], answer.headers["Location"].split("/")[2]
    ).request
    assert (again.requested_actions, again.sha) == (["make"], sha)
    assert again.identifier != identifier


def test_the_history_is_searched_and_paged(rig: Rig) -> None:
    first, second = rig.submit("make"), rig.submit("summarise")
    rig.report(second, "summarise", "failed", status_code="nonzero_exit")
    browser = rig.browser("rita")
    page = browser.get("/workspaces/heart/").text
    assert page.index(second) < page.index(first)
    assert "failed" in page
    found = browser.get("/workspaces/heart/?search=summar").text
    assert second in found
    assert first not in found
    assert first in browser.get(f"/workspaces/heart/?search={first}").text
    assert first not in browser.get("/workspaces/heart/?page=2").text


@pytest.mark.parametrize(
    ("repo", "sentence"),
    [
        ("https://github.com/other-org/study", "The organisation 'other-org' is not allowed here"),
        ("https://evil.example/demo-org/study", "'evil.example' is not a declared forge"),
        ("git@github.com:demo-org/study", "A repository looks like"),
        ("https://github.com/demo-org/../x", "A repository looks like"),
        ("--upload-pack=x", "A repository looks like"),
    ],
)
def test_a_repository_that_is_not_allowed_is_refused(rig: Rig, repo: str, sentence: str) -> None:
    create = rig.services.directory.create_workspace
    rita = rig.people["rita"]
    with pytest.raises(Problem, match=sentence):
        create(rita, name="two", project="cardiology", repo=repo, branch="main")
    create(
        rita, name="two", project="cardiology", repo="https://github.com/demo-org/study/",
        branch="main",
    )  # fmt: skip
    assert rig.services.directory.workspace(rita, "two").repo == "https://github.com/demo-org/study"


@pytest.mark.parametrize("branch", ["-x", "a..b", "a b", "", "/a", "a/", "x.lock", "a@{1}"])
def test_a_branch_that_git_might_misread_is_refused(rig: Rig, branch: str) -> None:
    create = rig.services.directory.create_workspace
    repo = "https://github.com/demo-org/study"
    with pytest.raises(Problem, match="not the name of a branch"):
        create(rig.people["rita"], name="two", project="cardiology", repo=repo, branch=branch)
    create(rig.people["rita"], name="two", project="cardiology", repo=repo, branch="main")


def test_a_missing_branch_repository_or_file_is_said(rig: Rig) -> None:
    create = rig.services.directory.create_workspace
    repo = "https://github.com/demo-org/study"
    names = {"project": "cardiology", "branch": "main"}
    with pytest.raises(Problem, match="The forge has no such repository"):
        create(rig.people["rita"], name="b", repo=f"{repo}x", **names)
    create(rig.people["rita"], name="b", repo=repo, **names)
    browser = rig.browser("rita")
    rig.study.rename_branch("trunk")
    assert "has no branch &#39;main&#39;. Push it" in browser.get(RUN).text
    rig.study.rename_branch("main")
    assert "has no project.yaml" not in browser.get(RUN).text
    rig.study.remove_project()
    assert "has no project.yaml" in browser.get(RUN).text


def test_a_request_without_stored_actions_is_cancelled_by_its_file(rig: Rig) -> None:
    identifier = rig.submit("run_all")
    with rig.services.database.change("test") as change:
        older = update(tables.job_requests).values(planned_actions=null())
        change.connection.execute(older)
    view = rig.services.job_requests.cancel(rig.people["rita"], identifier, None)
    assert view.request.planned_actions is None
    assert view.request.cancelled_actions == ["make", "summarise"]
