"""A job reaches what it was given and nothing else; seen from the job server's answers."""

from __future__ import annotations

from typing import Any

from journey import BACKEND, Journey


def outcome(study: Journey, action: str) -> dict[str, Any]:
    """Run one action of a study and return how its job ended."""
    (job,) = [job for job in study.run([action])["jobs"] if job["action"] == action]
    return dict(job)


def test_a_job_reaches_nothing(probing: Journey) -> None:
    """Its control is the next probe: the same code fails where something answers."""
    assert outcome(probing, "closed")["status"] == "succeeded"
    refused = outcome(probing, "unable")
    assert (refused["status"], refused["status_code"]) == ("failed", "nonzero_exit")


def test_a_database_job_reaches_the_databases_port_and_nothing_else(probing: Journey) -> None:
    assert outcome(probing, "query")["status"] == "succeeded"


def test_an_image_that_is_not_allowed_is_refused(probing: Journey) -> None:
    request = {
        "workspace": probing.workspace,
        "backend": BACKEND,
        "requested_actions": ["foreign"],
    }
    refused = probing.person("rachel").call("POST", "/api/v1/job-requests", request)
    assert refused.status_code == 400
    assert "'busybox:v1', which this backend does not have" in refused.text
    # The control: an action of the same study whose image is allowed gets as far as its own code.
    assert outcome(probing, "unable")["status_code"] == "nonzero_exit"


def test_a_file_that_matches_no_pattern_fails_the_job_and_stays_unnamed(probing: Journey) -> None:
    job = outcome(probing, "unmatched")
    assert (job["status"], job["status_code"]) == ("failed", "unmatched_patterns")
    assert "output/expected.csv" in job["status_message"]
    assert "canary" not in str(job)


def test_a_repository_that_is_not_allowed_is_refused(journey: Journey) -> None:
    """The same call with a repository of an allowed organisation is taken, once."""
    workspace = {
        "name": "foreign",
        "project": "demo-project",
        "repo": "https://github.com/other-org/other-study",
        "branch": "main",
    }
    refused = journey.admin.call("POST", "/api/v1/workspaces", workspace)
    assert not refused.ok
    assert "The organisation 'other-org' is not allowed here; allowed: " in refused.text
    allowed = workspace | {"repo": "https://github.com/demo-org/demo-study"}
    taken = journey.admin.call("POST", "/api/v1/workspaces", allowed)
    assert taken.ok or taken.status_code == 409, taken.text
