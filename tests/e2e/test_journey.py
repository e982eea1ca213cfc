"""A study's way from submission to a published table, and who may not shorten it."""

from __future__ import annotations

import csv
import io
import secrets

from hatch import Hatch
from journey import Journey

TABLE = "output/conditions.csv"


def test_an_action_without_a_database_succeeds(journey: Journey) -> None:
    ended = journey.run(["describe"])
    assert [(job["action"], job["status"]) for job in ended["jobs"]] == [("describe", "succeeded")]


def test_the_study_ends_as_a_published_table(results: Journey) -> None:
    release = results.release([TABLE])
    rows = list(csv.DictReader(io.StringIO(results.published(release)[TABLE].decode())))
    counts = [int(row["patients"]) for row in rows if row["patients"].isdigit()]
    assert sum(counts) > 40_000
    assert all(count % 5 == 0 for count in counts)


def test_a_log_in_works_once(journey: Journey) -> None:
    token = journey.person("chen").login_token()
    assert Hatch(journey.places, "chen", token).logged_in
    assert not Hatch(journey.places, "chen", token).logged_in


def test_an_author_cannot_approve_their_own_request(results: Journey) -> None:
    """The author is an output checker too; two others may do what the author may not."""
    author = results.hatch("casey")
    request = author.request(results.workspace, [TABLE])
    assert author.vote(request).status_code in {403, 404}
    assert author.approve(request).status_code in {403, 404}
    assert author.state(request) == "submitted"
    checkers = [results.hatch(name) for name in ("chen", "chidi")]
    assert [checker.vote(request).ok for checker in checkers] == [True, True]
    assert checkers[0].state(request) == "reviewed"
    assert checkers[0].approve(request).ok


def test_what_nobody_approved_is_not_published(results: Journey) -> None:
    """One vote is not enough; the second makes it leave."""
    request = results.hatch("rachel").request(results.workspace, [TABLE])
    chen, chidi = results.hatch("chen"), results.hatch("chidi")
    chen.vote(request)
    chen.approve(request)
    assert chen.state(request) == "partially_reviewed"
    assert results.published(request) == {}
    chidi.vote(request)
    chidi.approve(request)
    chidi.wait(request, "released", 60)
    assert list(results.published(request)) == [TABLE]


def test_a_backend_token_that_nobody_gave_out_is_refused(journey: Journey) -> None:
    session = journey.places.session("jobs")
    url = f"{journey.places.url('jobs')}/api/v2/job-requests/?backend=hospital"
    right = journey.places.secrets["vault_runner_job_server_token"]
    assert session.get(url, headers={"Authorization": right}).status_code == 200
    refused = session.get(url, headers={"Authorization": secrets.token_hex(20)})
    assert refused.status_code == 403
    assert "The backend token is unknown." in refused.text
