"""From request to approval in browsers: two checkers, not the author, blind until both voted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.release_hatch.doubles import Browser, JobServerDouble, person, write_workspace

from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.models import BadInputError, Identity, RequestState, Vote
from sallyport_release_hatch.services.hatch import Hatch, build
from sallyport_release_hatch.settings import Settings

Open = Callable[[str], Browser]
CHECKER = Identity.from_wire(person("cy", checker=True))


def state(hatch: Hatch, identifier: str) -> RequestState:
    """Return the state of a request."""
    with hatch.database.read() as transaction:
        return transaction.requests.get(identifier).state


def recorded(hatch: Hatch, identifier: str) -> list[str]:
    """Return the events that the audit chain holds on a request."""
    with hatch.database.read() as transaction:
        assert transaction.verify_audit().intact
        return [row["event"] for row in transaction.audit_rows(identifier)]


def test_two_checkers_approve(browser: Open, hatch: Hatch, job_server: JobServerDouble) -> None:
    identifier = browser("ada").ask("output/table.csv")
    states = [state(hatch, identifier)]
    for name in ("cy", "di"):
        assert browser(name).vote(identifier).status_code == 303
        states.append(state(hatch, identifier))
    assert browser("cy").post(f"/requests/{identifier}/approve").status_code == 303
    states.append(state(hatch, identifier))
    assert [s.value for s in states] == ["SUBMITTED", "PARTIALLY_REVIEWED", "REVIEWED", "APPROVED"]
    assert recorded(hatch, identifier) == [
        "request_create",
        "request_submit",
        "file_approve",
        "request_review",
        "file_approve",
        "request_review",
        "request_approve",
        "request_hand_over",
    ]
    hatch.step()
    assert [event["event_type"] for event in job_server.events] == [
        "request_submitted",
        "request_partially_reviewed",
        "request_reviewed",
        "request_approved",
    ]
    assert "table.csv" not in str(job_server.events)


def test_a_request_goes_on_after_its_workspace_was_archived(
    browser: Open, hatch: Hatch, settings: Settings, tmp_path: Path
) -> None:
    """The runner's operators archive a workspace whose outputs are under review."""
    identifier = browser("ada").ask("output/table.csv")
    shutil.rmtree(settings.workspaces / "w1")
    assert browser("ada").get("/workspaces/w1/").status_code == 404
    for name in ("cy", "di"):
        assert browser(name).vote(identifier).status_code == 303
    assert browser("cy").post(f"/requests/{identifier}/approve").status_code == 303
    assert state(hatch, identifier) is RequestState.APPROVED
    assert len(list((tmp_path / "approved" / identifier).iterdir())) == 2


def test_an_author_cannot_approve_their_own_request(browser: Open, hatch: Hatch) -> None:
    """Flo is a checker and may ask for releases too: her own request is not hers to judge."""
    identifier = browser("flo").ask("output/table.csv")
    flo, cy, di = browser("flo"), browser("cy"), browser("di")
    assert flo.vote(identifier).status_code == 403
    assert cy.vote(identifier).status_code == 303
    assert flo.vote(identifier).status_code == 403
    assert di.vote(identifier).status_code == 303
    assert flo.post(f"/requests/{identifier}/approve").status_code == 403
    assert state(hatch, identifier) is RequestState.REVIEWED
    other = browser("ada").ask("output/table.csv")
    assert flo.vote(other).status_code == 303  # the control: the same person, another's request
    assert di.post(f"/requests/{identifier}/approve").status_code == 303
    assert state(hatch, identifier) is RequestState.APPROVED


def test_one_checker_is_not_two(browser: Open, hatch: Hatch) -> None:
    identifier = browser("ada").ask("output/table.csv")
    cy = browser("cy")
    for _ in range(2):
        assert cy.vote(identifier).status_code == 303
    assert state(hatch, identifier) is RequestState.PARTIALLY_REVIEWED
    assert cy.post(f"/requests/{identifier}/approve").status_code == 409
    assert browser("di").vote(identifier).status_code == 303
    assert cy.post(f"/requests/{identifier}/approve").status_code == 303


@pytest.mark.parametrize("action", ["approve", "reject", "return", "votes"])
def test_who_is_no_checker_decides_nothing(browser: Open, hatch: Hatch, action: str) -> None:
    identifier = browser("ada").ask("output/table.csv")
    for name in ("cy", "di"):
        browser(name).vote(identifier)
    fields = {"comment": "no", "action": "submit"}
    path = f"/requests/{identifier}/{action}"
    assert browser("bob").post(path, **fields).status_code == 403
    assert browser("eve").post(path, **fields).status_code == 404
    assert state(hatch, identifier) is RequestState.REVIEWED
    assert browser("cy").post(path, **fields).status_code == 303


def test_votes_and_comments_are_hidden_until_both_reviews_are_in(browser: Open) -> None:
    identifier = browser("ada").ask("output/table.csv")
    browser("cy").vote(identifier, "CHANGES_REQUESTED", "mind the second row")
    page = f"/requests/{identifier}"
    hidden = browser("di").get(page).text
    assert "mind the second row" not in hidden
    assert "cy:" not in hidden
    assert "1 of 2 reviews are in" in hidden
    assert "mind the second row" in browser("cy").get(page).text
    assert "mind the second row" not in browser("ada").get(page).text
    browser("di").vote(identifier)
    shown = browser("di").get(page).text
    assert "mind the second row" in shown
    assert "cy: changes requested" in shown
    assert "mind the second row" not in browser("ada").get(page).text


def test_conflicting_votes_do_not_release_until_a_third_helps(
    browser: Open, hatch: Hatch, job_server: JobServerDouble
) -> None:
    identifier = browser("ada").ask("output/table.csv")
    browser("cy").vote(identifier, "CHANGES_REQUESTED", "why")
    browser("di").vote(identifier)
    answer = browser("di").post(f"/requests/{identifier}/approve")
    assert answer.status_code == 409
    assert "Not approved by two checkers: output/table.csv." in answer.text
    assert browser("flo").vote(identifier).status_code == 303
    assert browser("di").post(f"/requests/{identifier}/approve").status_code == 303
    assert job_server.events == []
    hatch.step()
    assert job_server.events


def test_a_review_needs_every_vote_and_a_reason(browser: Open, hatch: Hatch) -> None:
    identifier = browser("ada").ask("output/table.csv", "output/small.csv")
    cy = browser("cy")
    votes = f"/requests/{identifier}/votes"
    with hatch.database.read() as transaction:
        first, second = (file.id for file in transaction.requests.get(identifier).files)
    answer = cy.post(votes, action="submit", **{f"vote_{first}": "APPROVED"})
    assert "Vote on every file" in answer.text
    fields = {f"vote_{second}": "CHANGES_REQUESTED", f"vote_{first}": "APPROVED"}
    assert "Say in a comment" in cy.post(votes, action="submit", **fields).text
    for odd in ({f"vote_{first}": "UNDECIDED"}, {"vote_x": "APPROVED"}, {f"vote_{first}": "?"}):
        assert cy.post(votes, **odd).status_code == 400
    assert cy.post(votes, action="save", **fields).status_code == 303
    assert state(hatch, identifier) is RequestState.SUBMITTED
    assert cy.post(votes, action="submit", comment="round it", **fields).status_code == 303


def test_a_full_return_keeps_approvals_and_asks_for_both_reviews_again(
    browser: Open, hatch: Hatch
) -> None:
    identifier = browser("ada").ask("output/table.csv")
    browser("cy").vote(identifier)
    browser("di").vote(identifier, "CHANGES_REQUESTED", "explain b")
    back = f"/requests/{identifier}/return"
    assert browser("di").post(back, comment="").status_code == 400
    assert browser("di").post(back, comment="say what b is").status_code == 303
    ada = browser("ada")
    assert "say what b is" in ada.get(f"/requests/{identifier}").text
    assert ada.post(f"/requests/{identifier}/submit").status_code == 303
    with hatch.database.read() as transaction:
        found = transaction.requests.get(identifier)
    assert (found.turn, found.submitted) == (3, ())
    assert sorted(vote.value for vote in found.votes.values()) == ["APPROVED", "UNDECIDED"]


def test_an_early_return_undoes_the_turn(browser: Open, hatch: Hatch) -> None:
    identifier = browser("ada").ask("output/table.csv")
    browser("cy").vote(identifier, "CHANGES_REQUESTED", "private thought")
    assert (
        browser("di").post(f"/requests/{identifier}/return", comment="too thin").status_code == 303
    )
    page = browser("ada").get(f"/requests/{identifier}").text
    assert "too thin" in page
    assert "private thought" not in page
    assert "request_early_return" in recorded(hatch, identifier)


def test_rejected_and_withdrawn_are_final(browser: Open, hatch: Hatch) -> None:
    ada = browser("ada")
    rejected = ada.ask("output/table.csv")
    for name in ("cy", "di"):
        browser(name).vote(rejected)
    assert browser("cy").post(f"/requests/{rejected}/reject", comment="").status_code == 400
    assert browser("cy").post(f"/requests/{rejected}/reject", comment="no").status_code == 303
    assert browser("cy").post(f"/requests/{rejected}/approve").status_code == 409
    withdrawn = ada.ask("output/table.csv", action="save")
    assert browser("bob").post(f"/requests/{withdrawn}/withdraw").status_code == 403
    assert ada.post(f"/requests/{withdrawn}/withdraw").status_code == 303
    assert ada.post(f"/requests/{withdrawn}/submit").status_code == 409
    assert state(hatch, rejected) is RequestState.REJECTED
    assert state(hatch, withdrawn) is RequestState.WITHDRAWN


def test_a_draft_is_the_authors_own_and_needs_its_texts(browser: Open, hatch: Hatch) -> None:
    ada = browser("ada")
    identifier = ada.ask("output/table.csv", action="save", context="")
    path = f"/requests/{identifier}"
    assert browser("cy").get(path).status_code == 404
    answer = ada.post(f"{path}/submit")
    assert answer.status_code == 400
    assert "Say the context of the files." in answer.text
    texts = {"purpose": "p", "context": "adults", "controls": "c"}
    assert ada.post(f"{path}/describe", **texts).status_code == 303
    assert ada.post(f"{path}/submit").status_code == 303
    assert browser("cy").get(path).status_code == 200
    assert ada.post(f"{path}/describe", **texts).status_code == 409
    assert state(hatch, identifier) is RequestState.SUBMITTED


def test_a_second_request_waits_for_the_first(browser: Open) -> None:
    ada = browser("ada")
    first = ada.ask("output/table.csv")
    texts = {"purpose": "p", "context": "c", "controls": "c", "policy": "on", "action": "save"}
    answer = ada.post("/workspaces/w1/requests", file="output/small.csv", **texts)
    assert answer.status_code == 400
    assert f"Your request {first} from this workspace is not decided yet." in answer.text
    assert browser("bob").ask("output/table.csv")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"file": []}, "Select at least one file."),
        ({"file": ["output/none.csv"]}, "File output/none.csv not found in workspace w1"),
        ({"file": ["../w2/x.csv"]}, "not found in workspace w1"),
        ({"purpose": " "}, "Say why the release is needed."),
        ({"policy": None}, "Confirm that the files follow the rules for outputs."),
    ],
)
def test_an_incomplete_form_says_what_is_missing(
    browser: Open, fields: dict[str, object], sentence: str
) -> None:
    ada = browser("ada")
    good: dict[str, Any] = {"file": ["output/table.csv"], "policy": "on", "action": "submit"}
    good |= {"purpose": "p", "context": "c", "controls": "c"}
    sent = {key: value for key, value in (good | fields).items() if value is not None}
    answer = ada.post("/workspaces/w1/requests", **sent)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert ada.post("/workspaces/w1/requests", **good).status_code == 303


def test_only_members_ask_for_releases(browser: Open) -> None:
    form = {"file": "output/table.csv", "policy": "on", "action": "save"}
    assert browser("eve").post("/workspaces/w1/requests", **form).status_code == 404
    assert browser("cy").post("/workspaces/w1/requests", **form).status_code == 403
    assert browser("bob").post("/workspaces/w1/requests", **form).status_code == 303


def test_what_is_reviewed_does_not_change_underneath(
    browser: Open, hatch: Hatch, tmp_path: Path
) -> None:
    identifier = browser("ada").ask("output/table.csv")
    write_workspace(tmp_path / "workspaces", "w1", {"output/table.csv": b"group,count\nx,999990\n"})
    with hatch.database.read() as transaction:
        (file,) = transaction.requests.get(identifier).files
    page = browser("cy").get(f"/requests/{identifier}/files/{file.id}").text
    assert "<td>25</td>" in page
    assert "999990" not in page


def test_findings_are_shown_and_what_blocks_is_not_requested(browser: Open, tmp_path: Path) -> None:
    files = {"output/ids.csv": b"patient_id,age\n1,40\n", "output/small.csv": b"g,count\na,3\n"}
    write_workspace(tmp_path / "workspaces", "w1", files)
    ada = browser("ada")
    form = {"file": "output/ids.csv", "policy": "on", "action": "save"}
    answer = ada.post("/workspaces/w1/requests", **form)
    assert answer.status_code == 400
    assert (
        "output/ids.csv: Tables with patient identifiers are not released (column patient_id)."
        in answer.text
    )
    assert not list((tmp_path / "files/w1").iterdir())
    identifier = ada.ask("output/small.csv")
    assert "Small count:" in browser("cy").get(f"/requests/{identifier}").text


@pytest.mark.parametrize("threshold", [6, 4, 1])
def test_rules_that_find_nothing_new_do_not_stop_an_approval(
    browser: Open, settings: Settings, hatch: Hatch, tmp_path: Path, threshold: int
) -> None:
    write_workspace(tmp_path / "workspaces", "w1", {"output/small.csv": b"g,count\na,5\nb,3\n"})
    identifier = browser("ada").ask("output/small.csv")
    for name in ("cy", "di"):
        browser(name).vote(identifier)
    other = build(replace(settings, output_policy=Policy(threshold=threshold)))
    other.reviewing.approve(CHECKER, identifier)
    other.close()
    assert state(hatch, identifier) is RequestState.APPROVED


def test_what_checkers_were_not_shown_is_shown_after_another_turn(
    browser: Open, settings: Settings, hatch: Hatch
) -> None:
    identifier = browser("ada").ask("output/table.csv")
    for name in ("cy", "di"):
        browser(name).vote(identifier)
    stricter = build(replace(settings, output_policy=Policy(threshold=10)))
    with pytest.raises(BadInputError, match="more than the checkers were shown"):
        stricter.reviewing.approve(CHECKER, identifier)
    assert state(hatch, identifier) is RequestState.REVIEWED
    stricter.reviewing.send_back(CHECKER, identifier, "The rules have changed.")
    author = Identity.from_wire(person("ada", "w1"))
    stricter.requesting.submit(author, identifier)
    with hatch.database.read() as transaction:
        request = transaction.requests.get(identifier)
        submits = [r for r in transaction.audit_rows(identifier) if r["event"] == "request_submit"]
    shown = [row["data"]["findings"]["output/table.csv"] for row in submits]
    assert shown == [[], ["SMALL_COUNT"]]
    assert [finding.code for finding in request.files[0].findings] == ["SMALL_COUNT"]
    assert set(request.votes.values()) == {Vote.UNDECIDED}
    for name in ("cy", "di"):
        browser(name).vote(identifier)
    stricter.reviewing.approve(CHECKER, identifier)
    stricter.close()
    assert state(hatch, identifier) is RequestState.APPROVED


def test_cells_beyond_those_that_a_finding_names_are_counted(
    browser: Open, settings: Settings, hatch: Hatch, tmp_path: Path
) -> None:
    counts = [5] * 60 + [10] * 20
    data = "g,count\n" + "".join(f"a{row},{count}\n" for row, count in enumerate(counts))
    write_workspace(tmp_path / "workspaces", "w1", {"output/long.csv": data.encode()})
    identifier = browser("ada").ask("output/long.csv")
    for name in ("cy", "di"):
        browser(name).vote(identifier)
    for threshold, after in ((10, RequestState.REVIEWED), (7, RequestState.APPROVED)):
        other = build(replace(settings, output_policy=Policy(threshold=threshold)))
        with suppress(BadInputError):
            other.reviewing.approve(CHECKER, identifier)
        other.close()
        assert state(hatch, identifier) is after


def test_a_damaged_copy_is_not_submitted(browser: Open, hatch: Hatch, tmp_path: Path) -> None:
    ada = browser("ada")
    identifier = ada.ask("output/table.csv", action="save")
    (copy,) = (tmp_path / "files/w1" / identifier).iterdir()
    original = copy.read_bytes()
    copy.write_bytes(b"group,count\na,1\n")
    answer = ada.post(f"/requests/{identifier}/submit")
    assert answer.status_code == 400
    assert "Withdraw the request and make a new one: the frozen copy" in answer.text
    assert state(hatch, identifier) is RequestState.PENDING
    copy.write_bytes(original)
    assert ada.post(f"/requests/{identifier}/submit").status_code == 303


def test_a_damaged_copy_is_not_approved(browser: Open, hatch: Hatch, tmp_path: Path) -> None:
    identifier = browser("ada").ask("output/table.csv")
    for name in ("cy", "di"):
        browser(name).vote(identifier)
    (copy,) = (tmp_path / "files/w1" / identifier).iterdir()
    original = copy.read_bytes()
    copy.write_bytes(b"group,count\na,1\n")
    assert browser("cy").post(f"/requests/{identifier}/approve").status_code == 500
    assert state(hatch, identifier) is RequestState.REVIEWED
    copy.write_bytes(original)
    assert browser("cy").post(f"/requests/{identifier}/approve").status_code == 303
