"""How long pages and lists take where a workspace has years of job requests."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import insert
from tests.bench.job_server.figures import Figure, quantile
from tests.bench.runner import study
from tests.conformance.server import PASSWORD, TOKEN, Server
from tests.unit.study.large import large_project

from sallyport_common import tokens
from sallyport_common.protocol import utc_now_text
from sallyport_job_server.storage import tables

WORKSPACE, LARGE = "bench", "large"
CHOICES, MANY = 200, 2_200
"""Actions of the two studies."""
PAGE_BAR, API_BAR, LARGE_BAR = 150, 150, 1000


@dataclass(frozen=True)
class Size:
    """How many requests the workspace has, how many jobs each, how often each page is opened."""

    requests: int = 5_000
    jobs: int = 20
    calls: int = 40


def measured(size: Size) -> Iterator[Figure]:
    """Measure each page and each list, on the shipped settings with SQLite."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        study.publish(folder / "git", study.actions(CHOICES - 3, 0, 1))
        _publish_large(folder / "git")
        server = Server(folder, folder / "git", workers=2)
        try:
            server.workspace(WORKSPACE, study.REPOSITORY)
            server.workspace(LARGE, LARGE)
            identifier, job = _fill(server, size)
            yield from _figures(server, identifier, job, size.calls)
        finally:
            server.stop()


def _publish_large(gitroot: Path) -> None:
    folder = gitroot / study.ORGANISATION / LARGE
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(large_project(MANY, 930_000), encoding="utf-8")
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "study"]):
        subprocess.run([*git, *words], check=True)


def _fill(server: Server, size: Size) -> tuple[str, str]:
    """Add requests with jobs that succeeded, and releases; return a request and one of its jobs."""
    names = [tokens.new_request_identifier() for _number in range(size.requests)]
    now = utc_now_text()
    with server.services.database.change("bench") as change:
        run: Callable[..., Any] = change.connection.execute
        run(insert(tables.job_requests), [_request(name, now) for name in names])
        for number, name in enumerate(names, 1):
            run(insert(tables.jobs), [_job(number, name, place, now) for place in range(size.jobs)])
        for number in range(200):
            release = tokens.new_ulid()
            run(insert(tables.releases), [_release(release, now)])
            run(insert(tables.release_files), [_file(release, f"{number}/{n}") for n in range(5)])
    return names[-1], f"{names[-1]}-1"


def _request(name: str, now: str) -> dict[str, Any]:
    return {
        "identifier": name, "workspace_id": 1, "backend_id": 1, "sha": "a" * 40, "branch": "main",
        "requested_actions": ["run_all"], "cancelled_actions": [], "codelists_ok": True,
        "force_run_dependencies": False, "database_name": "default", "project_yaml": "",
        "planned_needs": {}, "envelope": "{}", "created_by_id": 2, "created_at": now,
        "expires_at": now,
    }  # fmt: skip


def _job(request: int, name: str, place: int, now: str) -> dict[str, Any]:
    return {
        "identifier": f"{name}-{place}", "job_request_id": request,
        "action": f"batch{place + 1:03}", "run_command": "python:v2 python a.py",
        "status": "succeeded", "status_code": "succeeded", "status_message": "Completed",
        "created_at": now, "updated_at": now, "started_at": now, "completed_at": now,
        "requires_db": False,
    }  # fmt: skip


def _release(identifier: str, now: str) -> dict[str, Any]:
    return {
        "id": identifier, "workspace_id": 1, "backend_id": 1, "created_by_id": 2,
        "created_at": now, "details": {},
    }  # fmt: skip


def _file(release: str, name: str) -> dict[str, Any]:
    return {
        "id": tokens.new_ulid(), "release_id": release, "name": f"output/{name}.csv",
        "sha256": "0" * 64, "size": 1, "date": "2026-11-23T06:15:04Z", "details": {},
    }  # fmt: skip


def _figures(server: Server, identifier: str, job: str, calls: int) -> Iterator[Figure]:
    cookie = _log_in(server)
    for name, path in {
        "home": "/",
        "workspace": f"/workspaces/{WORKSPACE}/",
        "history_search": f"/workspaces/{WORKSPACE}/?search=batch017&state=succeeded&page=100",
        "run": f"/workspaces/{WORKSPACE}/run/",
        "request": f"/job-requests/{identifier}/",
        "job": f"/jobs/{job}/",
        "releases": f"/workspaces/{WORKSPACE}/releases/",
    }.items():
        yield _timed(f"page_{name}_p95_ms", PAGE_BAR, server, path, cookie, calls)
    person = dict(server._headers)
    for name, path, headers in (
        ("requests", f"/api/v1/job-requests?workspace={WORKSPACE}&limit=100", person),
        ("jobs", f"/api/v1/jobs?workspace={WORKSPACE}&limit=100", person),
        ("statuses", f"/api/v2/workspaces/{WORKSPACE}/statuses/", {"Authorization": TOKEN}),
        ("listing", "/api/v2/job-requests/", {"Authorization": TOKEN}),
    ):
        yield _timed(f"api_{name}_p95_ms", API_BAR, server, path, headers, calls)
    # The first look of each process reads the file; it is what a person waits for, too.
    path = f"/workspaces/{LARGE}/run/"
    yield _timed("runpage_2200_ms", LARGE_BAR, server, path, cookie, calls)


def _log_in(server: Server) -> dict[str, str]:
    """Return the cookie of a person who logged in, which `requests` sends over TLS only."""
    page = requests.get(f"{server.url}/login/", timeout=30)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    form = {"username": "rita", "password": PASSWORD, "csrf_token": token[1]}
    answer = requests.post(
        f"{server.url}/login/", form, headers=_cookie(page), allow_redirects=False, timeout=30
    )
    return _cookie(answer)


def _cookie(answer: requests.Response) -> dict[str, str]:
    given = answer.headers["Set-Cookie"]
    found = re.search(r"__Host-sallyport=[^;]+", given)
    assert found
    return {"Cookie": found[0]}


def _timed(
    name: str, bar: float, server: Server, path: str, headers: dict[str, str], calls: int
) -> Figure:
    took = []
    for _call in range(calls):
        begin = time.monotonic()
        answer = requests.get(server.url + path, headers=headers, timeout=60, allow_redirects=False)
        took.append(time.monotonic() - begin)
        assert answer.status_code == 200, (path, answer.status_code)
    return Figure(name, quantile(took, 0.95), bar, "ms")
