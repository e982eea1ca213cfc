"""What an access token may do of what its owner may: scopes for every route, one project, days."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.job_server.rig import SITE, Rig
from tests.unit.job_server.test_permissions import BODIES, PEOPLE, filled, rows
from tests.unit.job_server.test_session_ends import later
from tests.unit.job_server.worlds import CALLERS, World

from sallyport_common.problems import ForbiddenError, UnauthenticatedError
from sallyport_job_server.services.access_tokens import TokenScope, Wish

RUNS = {"/api/v1/job-requests", "/api/v1/job-requests/{request}/cancel"}
"""What needs a token that may run jobs; other changes need one for all."""


def call(world: World, method: str, path: str, who: str, wish: Wish, number: int = 0) -> int:
    """Return the status that a new token of a person is answered."""
    token = world.rig.services.access_tokens.create(world.rig.people[who], wish)
    body = None if method == "GET" else filled(world, BODIES.get(path, {}), number)
    answer = world.rig.app.test_client().open(
        world.fill(path), method=method, json=body, base_url=SITE,
        headers={"Authorization": f"{who}:{token}"},
    )  # fmt: skip
    return answer.status_code


@pytest.mark.parametrize(("method", "path", "answers"), rows(PEOPLE))
def test_each_route_needs_its_scope(
    world: World, method: str, path: str, answers: list[int]
) -> None:
    who, status = next(
        (caller, status)
        for caller, status in zip(CALLERS, answers, strict=True)
        if caller and status < 400
    )
    needed = TokenScope.READ if method == "GET" else TokenScope.ALL
    needed = TokenScope.RUN if method == "POST" and path in RUNS else needed
    found = {
        scope: call(world, method, path, who, Wish("t", scope), number)
        for number, scope in enumerate(TokenScope)
    }
    for scope, answered in found.items():
        assert answered == (status if scope.allows(needed) else 403), (scope, needed)


def test_a_token_of_one_project_opens_nothing_elsewhere(world: World) -> None:
    rig, ada = world.rig, world.rig.people["ada"]
    rig.services.directory.create_project(ada, "lungs", "Lungs")
    rig.services.directory.set_member(ada, "lungs", "rita", ["researcher"])
    for project, status in (("", 200), ("cardiology", 200), ("lungs", 404)):
        wish = Wish("t", project=project)
        assert call(world, "GET", "/api/v1/workspaces/heart", "rita", wish) == status, project
    narrow = Wish("t", project="lungs")
    token = rig.services.access_tokens.create(rig.people["rita"], narrow)
    header = {"Authorization": f"rita:{token}"}
    about = rig.app.test_client().get("/api/v1/me", base_url=SITE, headers=header).get_json()
    assert about["projects"] == {"lungs": ["researcher"]}
    assert call(world, "POST", "/api/v1/job-requests", "rita", narrow) == 404
    assert call(world, "POST", "/api/v1/login-tokens", "rita", narrow) == 403
    assert call(world, "POST", "/api/v1/login-tokens", "rita", Wish("t")) == 201
    # An administrator's roles everywhere do not come with a token for one project.
    rig.services.directory.set_member(ada, "lungs", "ada", ["researcher"])
    assert call(world, "POST", "/api/v1/projects", "ada", narrow) == 403
    assert call(world, "GET", "/api/v1/users", "ada", narrow) == 403


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        ({"scope": "write"}, 400, "the scopes are read, run, all"),
        ({"days": "0"}, 400, "valid for 1 to 365 days"),
        ({"days": "366"}, 400, "valid for 1 to 365 days"),
        ({"project": "unknown"}, 404, "There is no project"),
        ({"scope": "read", "project": "cardiology", "days": "7"}, 200, "reads in cardiology"),
    ],
)
def test_the_settings_page_makes_tokens_as_they_are_wished(
    rig: Rig, form: dict[str, Any], status: int, sentence: str
) -> None:
    answer = rig.browser("rita").post("/settings/tokens/", {"label": "nightly"} | form)
    assert answer.status_code == status
    assert sentence in " ".join(answer.text.replace("&#39;", "'").split())


def test_a_project_that_is_not_shown_to_the_person_is_refused(rig: Rig) -> None:
    form = {"label": "nightly", "project": "cardiology"}
    assert rig.browser("mallory").post("/settings/tokens/", form).status_code == 404


def test_a_token_says_when_it_was_used_and_ends_after_its_days(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, rita = rig.services.access_tokens, rig.people["rita"]
    token = tokens.create(rita, Wish("nightly", days=7))
    assert "never used" in rig.browser("rita").get("/settings/").text
    assert tokens.owner(f"rita:{token}").username == "rita"
    assert "last used" in rig.browser("rita").get("/settings/").text
    first = tokens.of(rita)[0].used_at
    later(monkeypatch, 30)
    tokens.owner(f"rita:{token}")
    assert tokens.of(rita)[0].used_at == first  # written down once a minute
    later(monkeypatch, 90)
    tokens.owner(f"rita:{token}")
    assert tokens.of(rita)[0].used_at != first
    later(monkeypatch, 7 * 86400 + 60)
    with pytest.raises(UnauthenticatedError, match="has expired"):
        tokens.owner(f"rita:{token}")


def test_a_refusal_says_what_the_token_may(rig: Rig) -> None:
    token = rig.services.access_tokens.create(rig.people["rita"], Wish("t", TokenScope.READ))
    with pytest.raises(ForbiddenError, match="This access token may only read"):
        rig.services.access_tokens.owner(f"rita:{token}", TokenScope.RUN)
