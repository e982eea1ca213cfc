"""What a person wrote is not lost: not by an ended session, and not by a review that is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.unit.release_hatch.doubles import Browser, JobServerDouble

from sallyport_release_hatch.services.hatch import Hatch
from sallyport_release_hatch.storage import tables

Open = Callable[[str], Browser]
TEXT = "Round the second table.\nThen <b>send</b> it again."


def end_sessions(hatch: Hatch) -> None:
    with hatch.database.write() as transaction:
        transaction._connection.execute(tables.sessions.delete())


def kept(page: str) -> str:
    found = re.search(r'name="kept" value="([^"]+)"', page)
    return found[1] if found else ""


def log_in(browser: Browser, double: JobServerDouble, name: str, page: str) -> str:
    """Send the log-in form that a page shows; return the page after it."""
    double.login_tokens[name] = "three short words"
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    data = {"csrf_token": token[1], "user": name, "token": "three short words"}
    return browser.post_raw("/login", data | {"kept": kept(page)}).text


def interrupted(browser: Browser, hatch: Hatch, identifier: str, path: str) -> str:
    """Send a filled-in form of a request after the session has ended; return the log-in page."""
    page = browser.get(f"/requests/{identifier}").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    votes = dict.fromkeys(re.findall(r'name="(vote_\w+)"', page), "CHANGES_REQUESTED")
    end_sessions(hatch)
    fields = {"csrf_token": token[1], "comment": TEXT, "action": "submit"} | votes
    answer = browser.post_raw(f"/requests/{identifier}/{path}", fields)
    assert answer.status_code == 401
    return answer.text


@pytest.mark.parametrize("path", ["votes", "return", "reject"])
def test_a_review_survives_the_end_of_a_session(
    browser: Open, hatch: Hatch, job_server: JobServerDouble, path: str
) -> None:
    identifier = browser("ada").ask("output/table.csv", "output/small.csv")
    cy = browser("cy")
    page = interrupted(cy, hatch, identifier, path)
    assert "Round" not in page
    again = log_in(cy, job_server, "cy", page)
    assert "Round the second table.\nThen &lt;b&gt;send&lt;/b&gt; it again.</textarea>" in again
    assert again.count('value="CHANGES_REQUESTED" checked') == 2
    assert cy.vote(identifier, "CHANGES_REQUESTED", TEXT).status_code == 303


def test_another_person_does_not_get_the_form(
    browser: Open, hatch: Hatch, job_server: JobServerDouble
) -> None:
    identifier = browser("ada").ask("output/table.csv")
    cy = browser("cy")
    page = interrupted(cy, hatch, identifier, "votes")
    assert "Round" not in log_in(cy, job_server, "di", page)


def test_a_request_for_release_survives_too(
    browser: Open, hatch: Hatch, job_server: JobServerDouble
) -> None:
    ada = browser("ada")
    page = ada.get("/workspaces/w1").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    end_sessions(hatch)
    fields = {"csrf_token": token[1], "file": "output/table.csv", "purpose": TEXT}
    again = log_in(ada, job_server, "ada", ada.post_raw("/workspaces/w1/requests", fields).text)
    assert "Round the second table." in again
    assert 'aria-label="Choose output/table.csv" checked' in again


def test_a_forged_form_is_not_kept(browser: Open, hatch: Hatch) -> None:
    identifier = browser("ada").ask("output/table.csv")
    cy = browser("cy")
    end_sessions(hatch)
    answer = cy.post_raw(f"/requests/{identifier}/votes", {"comment": TEXT})
    assert (answer.status_code, kept(answer.text)) == (403, "")


def test_a_refused_review_keeps_votes_and_comment(browser: Open) -> None:
    identifier = browser("ada").ask("output/table.csv", "output/small.csv")
    cy = browser("cy")
    refused = cy.vote(identifier, "CHANGES_REQUESTED")
    assert refused.status_code == 400
    assert "Say in a comment which changes are needed." in refused.text
    assert refused.text.count('value="CHANGES_REQUESTED" checked') == 2
    page = cy.get(f"/requests/{identifier}").text
    first = re.findall(r'name="(vote_\w+)"', page)[0]
    partly = {first: "APPROVED", "comment": TEXT, "action": "submit"}
    answer = cy.post(f"/requests/{identifier}/votes", **partly)
    assert answer.status_code == 400
    assert "Round the second table." in answer.text
    assert answer.text.count('value="APPROVED" checked') == 1


def test_a_text_that_is_too_long_is_refused_whole_and_shown_again(browser: Open) -> None:
    identifier = browser("ada").ask("output/table.csv")
    cy = browser("cy")
    refused = cy.post(f"/requests/{identifier}/votes", comment="x" * 20_001, action="save")
    assert refused.status_code == 400
    assert "Write at most 20,000 characters in one field." in refused.text
    assert "x" * 20_001 in refused.text
    kept = cy.post(f"/requests/{identifier}/votes", comment="x" * 20_000, action="save")
    assert kept.status_code == 303
    assert "x" * 20_000 in cy.get(f"/requests/{identifier}").text
    long = {"purpose": "y" * 20_001, "context": "c", "controls": "k", "policy": "on"}
    page = browser("bob").post("/workspaces/w1/requests", file="output/table.csv", **long)
    assert (page.status_code, "y" * 20_001 in page.text) == (400, True)
