"""Who may call what: every page and every call of the APIs, for each kind of caller.

A row is method, path and the answers in the order of the callers. Those who are refused try first,
so that the last ones show that the same call works for somebody. A page or a call that is in no
table fails a test, so nothing is added without a decision.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from tests.unit.job_server.rig import (
    CSRF,
    PASSWORD,
    REPO,
    SITE,
    TOKENS,
    Rig,
    file_entry,
    file_list,
    job,
)
from tests.unit.job_server.worlds import CALLERS, NAME, TABLE, World
from werkzeug.routing import Map

from sallyport_job_server.models import Operator
from sallyport_job_server.services.access_tokens import Wish

# Columns: nobody, mallory (in no project), rita (researcher), cora (collaborator), carl (checker),
# paul (publication approver), ada (administrator).
PAGES = """
GET  /                                   302 200 200 200 200 200 200
GET  /login/                             200 302 302 302 302 302 302
GET  /settings/                          302 200 200 200 200 200 200
GET  /status/                            200 200 200 200 200 200 200
GET  /projects/cardiology/               302 404 200 200 200 200 200
GET  /workspaces/heart/                  302 404 200 200 200 200 200
GET  /workspaces/heart/run/              302 404 200 403 403 403 403
GET  /workspaces/heart/releases/         302 404 200 200 200 200 403
GET  /job-requests/{request}/            302 404 200 200 200 200 200
GET  /job-requests/{request}/status.json 302 404 200 200 200 200 200
GET  /jobs/{job}/                        302 404 200 200 200 200 200
GET  /backends/hospital/                 302 200 200 200 200 200 200
GET  /publications/                      302 403 403 403 403 200 403
GET  /workspaces/heart/snapshots/{snapshot}/ 302 404 200 200 200 200 403
GET  /published/                         200 200 200 200 200 200 200
GET  /published/cardiology/              404 404 404 404 404 404 404
GET  /releases/{release}/                302 404 302 302 302 302 403
GET  /files/{file}/                      302 404 200 200 200 200 403
GET  /files/{file}/raw                   302 404 200 200 200 200 403
GET  /cardiology/heart/published/{file}/    404 404 404 404 404 404 404
GET  /cardiology/heart/published/{file}/raw 404 404 404 404 404 404 404
GET  /staff/                             302 404 404 404 404 404 200
GET  /staff/users/rita/                  302 404 404 404 404 404 200
GET  /staff/projects/                    302 404 404 404 404 404 200
GET  /staff/backends/                    302 404 404 404 404 404 200
GET  /staff/messages/                    302 404 404 404 404 404 200
GET  /staff/audit/                       302 404 404 404 404 404 200
GET  /staff/audit/export/                302 404 404 404 404 404 200
POST /settings/tokens/                   302 200 200 200 200 200 200
POST /settings/tokens/1/revoke/          302 404 404 404 404 404 404
POST /settings/sessions/99/end/          302 404 404 404 404 404 404
POST /settings/login-token/              302 403 200 200 200 403 403
POST /settings/identities/               302 404 404 404 404 404 404
POST /settings/identities/99/end/        302 404 404 404 404 404 404
GET  /device/                            302 200 200 200 200 200 200
POST /device/                            302 404 404 404 404 404 404
POST /device/decide/                     302 404 404 404 404 404 404
POST /settings/messages/                 302 302 302 302 302 302 302
POST /settings/password/                 302 302 302 302 302 302 302
POST /settings/totp/                     302 200 200 200 200 200 200
POST /settings/totp/on/                  302 400 400 400 400 400 400
POST /settings/totp/off/                 302 403 403 403 403 403 403
POST /settings/recovery-codes/           302 403 403 403 403 403 403
POST /logout/                            302 302 302 302 302 302 302
POST /projects/cardiology/members/       302 403 403 403 403 403 302
POST /projects/cardiology/workspaces/    302 404 302 403 403 403 302
POST /workspaces/heart/archive/          302 404 302 403 403 403 302
POST /workspaces/heart/run/              302 404 302 403 403 403 403
POST /workspaces/heart/run/plan/         302 404 200 403 403 403 403
POST /job-requests/{request}/cancel/     302 404 302 403 403 403 302
POST /job-requests/{request}/rerun/      302 404 302 403 403 403 403
POST /jobs/{job}/rerun/                  302 404 302 403 403 403 403
POST /workspaces/heart/snapshots/        302 404 302 403 403 403 403
POST /workspaces/heart/snapshots/{snapshot}/comments/ 302 404 302 302 302 302 403
POST /workspaces/heart/snapshots/{snapshot}/reject/  302 404 403 403 403 302 403
POST /workspaces/heart/snapshots/{snapshot}/publish/ 302 404 403 403 403 302 403
POST /files/{file}/delete/               302 404 403 403 302 403 403
POST /staff/users/                       302 404 404 404 404 404 302
POST /staff/users/cora/                  302 404 404 404 404 404 302
POST /staff/users/cora/password/         302 404 404 404 404 404 302
POST /staff/users/cora/link/             302 404 404 404 404 404 200
POST /staff/users/cora/link/mail/        302 404 404 404 404 404 400
POST /staff/messages/test/               302 404 404 404 404 404 400
POST /staff/users/cora/totp/end/         302 404 404 404 404 404 403
POST /staff/backends/hospital/tokens/99/end/ 302 404 404 404 404 404 404
POST /staff/users/cora/tokens/99/revoke/ 302 404 404 404 404 404 404
POST /staff/users/cora/identities/99/end/ 302 404 404 404 404 404 404
POST /staff/users/cora/sessions/99/end/  302 404 404 404 404 404 404
POST /staff/projects/                    302 404 404 404 404 404 302
POST /staff/backends/                    302 404 404 404 404 404 302
POST /staff/backends/hospital/tokens/    302 404 404 404 404 404 200
"""
FORMS: dict[str, dict[str, Any]] = {
    "/settings/tokens/": {"label": "script"},
    "/settings/password/": {"current": PASSWORD, "new": "another long password"},
    "/settings/totp/on/": {"code": "000000"},
    "/settings/totp/off/": {"code": "000000"},
    "/settings/recovery-codes/": {"code": "000000"},
    "/workspaces/heart/run/plan/": {"actions": ["make"], "backend": "hospital"},
    "/workspaces/heart/snapshots/{snapshot}/comments/": {"text": "Good."},
    "/workspaces/heart/snapshots/{snapshot}/reject/": {"reason": "Too few."},
    "/projects/cardiology/members/": {"username": "cora", "roles": ["collaborator"]},
    "/projects/cardiology/workspaces/": {"name": "w{number}", "repo": REPO, "branch": "main"},
    "/workspaces/heart/archive/": {"archived": "true"},
    "/workspaces/heart/run/": {"actions": ["make"], "backend": "hospital"},
    "/workspaces/heart/snapshots/": {"file_ids": ["{file}"]},
    "/staff/users/": {"username": "u{number}", "fullname": "U", "password": PASSWORD},
    "/staff/users/cora/": {"backends": ["hospital"], "is_active": "true"},
    "/staff/users/cora/password/": {"new": "another long password"},
    "/staff/projects/": {"slug": "p{number}", "name": "P"},
    "/staff/backends/": {"slug": "b{number}", "name": "B"},
    "/staff/backends/hospital/tokens/": {"scope": "jobs"},
}
# The same callers, with access tokens.
PEOPLE = """
GET  /api/v1/me                              401 200 200 200 200 200 200
GET  /api/v1/users                           401 403 403 403 403 403 200
GET  /api/v1/projects                        401 200 200 200 200 200 200
GET  /api/v1/projects/cardiology             401 404 200 200 200 200 200
GET  /api/v1/workspaces                      401 200 200 200 200 200 200
GET  /api/v1/job-requests                    401 200 200 200 200 200 200
GET  /api/v1/jobs                            401 200 200 200 200 200 200
GET  /api/v1/jobs/{job}                      401 404 200 200 200 200 200
GET  /api/v1/publications                    401 403 403 403 403 200 403
GET  /api/v1/audit                           401 403 403 403 403 403 200
GET  /api/v1/workspaces/heart                401 404 200 200 200 200 200
GET  /api/v1/workspaces/heart/releases       401 404 200 200 200 200 403
GET  /api/v1/backends                        401 200 200 200 200 200 200
GET  /api/v1/job-requests/{request}          401 404 200 200 200 200 200
GET  /api/v1/job-requests/{request}/events   401 404 200 200 200 200 200
POST /api/v1/users                           401 403 403 403 403 403 201
POST /api/v1/projects                        401 403 403 403 403 403 201
POST /api/v1/projects/cardiology/members     401 403 403 403 403 403 200
POST /api/v1/workspaces                      401 404 201 403 403 403 201
POST /api/v1/workspaces/heart/hatch-tokens   401 404 201 403 201 403 403
POST /api/v1/backends/hospital/members       401 403 403 403 403 403 200
POST /api/v1/job-requests                    401 404 201 403 403 403 403
POST /api/v1/job-requests/{request}/cancel   401 404 200 403 403 403 200
POST /api/v1/login-tokens                    401 403 201 201 201 403 403
GET  /api/v2/workspaces/heart/statuses/      403 404 200 200 200 200 200
GET  /api/v2/releases/workspace/heart        403 404 200 200 200 200 403
GET  /api/v2/releases/release/{release}      403 404 200 200 200 200 403
GET  /api/v2/releases/file/{file}            403 404 200 200 200 200 403
GET  /api/v2/workspaces/heart/snapshots/{snapshot}          404 404 200 200 200 200 403
POST /api/v2/workspaces/heart/snapshots                     403 404 201 403 403 403 403
POST /api/v2/workspaces/heart/snapshots/{snapshot}/publish  403 404 403 403 403 200 403
"""
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/users": {"username": "u{number}", "fullname": "U", "password": PASSWORD},
    "/api/v1/projects": {"slug": "p{number}", "name": "P"},
    "/api/v1/projects/cardiology/members": {"username": "cora", "roles": ["collaborator"]},
    "/api/v1/workspaces": {
        "name": "w{number}", "project": "cardiology", "repo": REPO, "branch": "main",
    },
    "/api/v1/workspaces/heart/hatch-tokens": {"backend": "hospital"},
    "/api/v1/backends/hospital/members": {"username": "cora"},
    "/api/v1/job-requests": {
        "workspace": "heart", "backend": "hospital", "requested_actions": ["make"],
    },
    "/api/v2/workspaces/heart/snapshots": {"file_ids": ["{file}"]},
}  # fmt: skip
# Columns: no token, an unknown one, then tokens of the scopes jobs, review, publish, classic, and
# a person's access token.
BACKENDS = """
GET  /api/v2/job-requests/                        403 403 200 403 403 200 403
GET  /api/v2/jobs/                                403 403 200 403 403 200 403
GET  /api/v2/job-history/                         403 403 200 403 403 200 403
POST /api/v2/jobs/                                403 403 200 403 403 200 403
GET  /api/v2/users/rita/                          403 403 200 200 200 200 403
GET  /api/v2/workspaces/heart/statuses/           403 403 200 200 200 200 200
POST /api/v2/releases/authorise                   403 403 403 200 403 200 403
POST /api/v2/airlock/events/                      403 403 403 201 403 201 403
POST /api/v2/releases/workspace/heart             403 403 403 403 201 201 403
POST /api/v2/releases/release/{release}           403 403 403 403 400 400 403
POST /api/v2/releases/release/{release}/reviews   403 403 403 200 200 200 403
"""
# Answers of single tests, or of none that depends on the caller.
ELSEWHERE = {
    "GET /static/<path:filename>", "GET /healthz", "GET /metrics", "GET /status/<slug>/",
    "GET /health-check/", "POST /login/", "GET /password/", "POST /password/",
    "GET /login/organisation/", "GET /login/organisation/back/", "GET /login/code/",
    "POST /login/code/",
    "GET /password/forgotten/", "POST /password/forgotten/",
    "GET /api/v1/openapi.json", "POST /api/v1/tokens",
    "POST /api/v1/device-logins", "POST /api/v1/device-logins/token",
    "GET /api/v2/workspaces/<name>/status", "POST /api/v2/releases/authenticate",
}  # fmt: skip


def rows(table: str) -> list[Any]:
    """Return method, path and answers of each row of a table, with a name for its test."""
    found = [line.split() for line in table.strip().splitlines()]
    return [
        pytest.param(words[0], words[1], [int(one) for one in words[2:]], id=" ".join(words[:2]))
        for words in found
    ]


def in_order(callers: Any, answers: list[int]) -> list[tuple[str, int]]:
    """Return callers with their answers, those first who are refused."""
    return sorted(zip(callers, answers, strict=True), key=lambda pair: pair[1] < 400)


def filled(world: World, values: dict[str, Any], number: int) -> dict[str, Any]:
    """Put names into the values of a form or a body; `number` makes new names new."""

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(item) for item in value]
        return (
            value.format(**vars(world), job=world.job, number=number)
            if isinstance(value, str)
            else value
        )

    return {name: fill(value) for name, value in values.items()}


@pytest.mark.parametrize(("method", "path", "answers"), rows(PAGES))
def test_pages(world: World, method: str, path: str, answers: list[int]) -> None:
    for number, (caller, status) in enumerate(in_order(CALLERS, answers)):
        browser = world.rig.browser(caller)
        if method == "GET":
            answer = browser.get(world.fill(path))
        else:
            answer = browser.post(world.fill(path), filled(world, FORMS.get(path, {}), number))
        assert answer.status_code == status, f"{caller or 'nobody'}: {answer.text[-600:]}"
        if not caller and status == 302:
            assert answer.headers["Location"].startswith("/login/")
        if path == "/workspaces/heart/archive/" and status == 302 and caller:
            world.rig.services.directory.archive(world.rig.people["ada"], "heart", archived=False)


@pytest.mark.parametrize(("method", "path", "answers"), rows(PEOPLE))
def test_calls_of_people(world: World, method: str, path: str, answers: list[int]) -> None:
    for number, (caller, status) in enumerate(in_order(CALLERS, answers)):
        headers = {}
        if caller:
            token = world.rig.services.access_tokens.create(world.rig.people[caller], Wish("t"))
            headers["Authorization"] = f"{caller}:{token}"
        body = filled(world, BODIES.get(path, {}), number) if method == "POST" else None
        answer = world.rig.app.test_client().open(
            world.fill(path), method=method, json=body, headers=headers, base_url=SITE
        )
        assert answer.status_code == status, f"{caller or 'nobody'}: {answer.text[:300]}"
        if status >= 400:
            assert set(answer.json or {}) == {"detail"}


@pytest.mark.parametrize(("method", "path", "answers"), rows(BACKENDS))
def test_calls_of_backends(world: World, method: str, path: str, answers: list[int]) -> None:
    token = world.rig.services.access_tokens.create(world.rig.people["rita"], Wish("t"))
    callers = ("", "f" * 40, *(TOKENS[s] for s in ("jobs", "review", "publish", "classic")))
    entry = file_entry(NAME, TABLE, review={"status": "APPROVED", "comments": {}})
    event = {"event_type": "request_submitted", "workspace": "heart", "request": "r"}
    body: Any = {
        "/api/v2/jobs/": [job(world.request, "make", "running")],
        "/api/v2/releases/authorise": {"user": "rita"},
        "/api/v2/airlock/events/": event | {"request_author": "rita", "user": "rita"},
    }.get(path, file_list(entry))
    for caller, status in in_order((*callers, f"rita:{token}"), answers):
        headers = {"Authorization": caller} if caller else {}
        answer = world.rig.app.test_client().open(
            world.fill(path),
            method=method,
            json=body if method == "POST" else None,
            headers=headers | {"OS-User": "carl"},
        )
        assert answer.status_code == status, f"{caller}: {answer.text[:300]}"
        if status == 403:
            assert set(answer.json or {}) == {"detail"}


@pytest.mark.parametrize("caller", ["", "nobody", "mallory", "rita", "cora", "paul", "ada"])
@pytest.mark.parametrize(
    "path",
    [
        "/releases/workspace/heart",
        "/releases/release/{release}",
        "/releases/release/{release}/reviews",
    ],
)
def test_a_backend_releases_in_the_name_of_a_checker_only(
    world: World, path: str, caller: str
) -> None:
    entry = file_entry(NAME, TABLE, review={"status": "REJECTED"})
    refused, allowed = (
        world.rig.call("POST", world.fill(path), "publish", json=file_list(entry), OS_User=user)
        for user in (caller, "carl")
    )
    assert refused.status_code == 403
    assert allowed.status_code != 403


def test_a_closed_account_opens_nothing(world: World) -> None:
    rig, rita = world.rig, world.rig.people["rita"]
    browser, token = rig.browser("rita"), rig.services.access_tokens.create(rita, Wish("t"))
    headers = {"Authorization": f"rita:{token}"}
    words, _expires = rig.services.login_tokens.create(rita)
    client = rig.app.test_client()

    def answers() -> list[int]:
        return [
            browser.get("/settings/").status_code,
            client.get("/api/v1/backends", headers=headers).status_code,
            client.get(f"/api/v2/releases/file/{world.file}", headers=headers).status_code,
            rig.call("POST", "/releases/authorise", "review", json={"user": "rita"}).status_code,
        ]

    assert answers() == [200, 200, 200, 200]
    update = rig.services.accounts.update
    update(rig.people["ada"], "rita", roles=[], backend_slugs=["hospital"], is_active=False)
    assert answers() == [302, 401, 403, 404]
    login = {"user": "rita", "token": words}
    assert rig.call("POST", "/releases/authenticate", "review", json=login).status_code == 403
    update(rig.people["ada"], "rita", roles=[], backend_slugs=["hospital"], is_active=True)
    assert answers() == [302, 401, 403, 200], "what let them in before has ended"
    assert rig.call("POST", "/releases/authenticate", "review", json=login).status_code == 403


def test_a_role_counts_from_the_moment_it_is_given_until_it_is_taken(world: World) -> None:
    rig, ada = world.rig, world.rig.people["ada"]
    browser = rig.browser("mallory")
    seen = []
    for roles in ([], ["collaborator"], ["researcher"], []):
        rig.services.directory.set_member(ada, "cardiology", "mallory", roles)
        paths = ("/workspaces/heart/", "/workspaces/heart/run/")
        seen.append([browser.get(path).status_code for path in paths])
    assert seen == [[404, 404], [200, 403], [200, 200], [404, 404]]


def test_a_backend_reads_the_statuses_of_its_own_jobs_only(world: World) -> None:
    rig, other = world.rig, "e" * 40
    rig.services.backends.ensure(Operator("test"), "clinic", "Clinic", "", {"jobs": other})
    path = "/workspaces/heart/statuses/"
    assert rig.call("GET", path, other).json == {}
    assert rig.call("GET", path).json == {"make": "running"}
    assert rig.call("GET", "/workspaces/none/statuses/").status_code == 404


FORM_ROWS = [row for row in rows(PAGES) if row.values[0] == "POST"]


@pytest.mark.parametrize(("method", "path", "answers"), FORM_ROWS)
def test_every_form_needs_the_token_of_its_own_session(
    world: World, method: str, path: str, answers: list[int]
) -> None:
    assert method == "POST"
    caller = next((c for c, s in zip(CALLERS, answers, strict=True) if c and s < 400), "rita")
    form = filled(world, FORMS.get(path, {}), 1)
    browser = world.rig.browser(caller)
    for token in ("", "x" * 43, CSRF.upper(), "é"):
        refused = browser.send(world.fill(path), form | {"csrf_token": token})
        assert refused.status_code == 403
        assert "This page is out of date" in refused.text
    done = browser.send(world.fill(path), form | {"csrf_token": CSRF})
    assert "This page is out of date" not in done.text
    assert done.status_code in answers


def test_every_page_and_call_stands_in_a_table(rig: Rig) -> None:
    decided = {
        f"{words[0]} {words[1]}"
        for table in (PAGES, PEOPLE, BACKENDS)
        for words in (line.split() for line in table.strip().splitlines())
    }
    undecided = [rule for rule in _rules(rig.app.url_map) - ELSEWHERE if not _is_in(rule, decided)]
    assert undecided == []


def _rules(urls: Map) -> set[str]:
    pairs = (itertools.product(rule.methods or (), [rule.rule]) for rule in urls.iter_rules())
    return {f"{m} {path}" for pair in pairs for m, path in pair if m not in ("HEAD", "OPTIONS")}


def _is_in(rule: str, decided: set[str]) -> bool:
    parts = re.split(r"<[^>]+>", rule)
    pattern = re.compile(r"[^/]+".join(map(re.escape, parts)))
    return any(pattern.fullmatch(row) for row in decided)
