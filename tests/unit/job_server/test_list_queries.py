"""Lists cost as many statements for fifty rows as for five, and statuses do not read every job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert
from tests.unit.job_server.rig import Rig

from sallyport_common import tokens
from sallyport_job_server.models import SetState, User
from sallyport_job_server.services.history import Filters
from sallyport_job_server.storage import history, tables

MOMENT = "2026-11-23T06:15:04Z"


@contextmanager
def counted(rig: Rig) -> Iterator[list[str]]:
    """Collect the statements that run meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    engine = rig.services.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def fill(rig: Rig, count: int, *, jobs: int = 3) -> None:
    """Add projects, workspaces, job requests with jobs, releases and snapshots."""
    services, rita = rig.services, rig.people["rita"].id
    with services.database.change("test") as change:
        run: Callable[..., Any] = change.connection.execute
        for _row in range(count):
            name = tokens.new_request_identifier()
            project = run(
                insert(tables.projects).values(slug=name, name=name, created_at=MOMENT)
            ).inserted_primary_key[0]
            run(
                insert(tables.members).values(
                    user_id=rita, project_id=project, roles=["researcher"]
                )
            )
            run(
                insert(tables.workspaces).values(
                    name=name, project_id=project, repo="https://github.com/demo-org/study",
                    branch="main", archived=False, created_by_id=1, created_at=MOMENT,
                )
            )  # fmt: skip
            request = add_request(run, name)
            run(insert(tables.jobs), [job(request, number) for number in range(jobs)])
            release = tokens.new_ulid()
            run(
                insert(tables.releases).values(
                    id=release, workspace_id=1, backend_id=1, created_by_id=1,
                    created_at=MOMENT, details={},
                )
            )  # fmt: skip
            run(
                insert(tables.release_files).values(
                    id=tokens.new_ulid(), release_id=release, name="a.csv", sha256="0" * 64,
                    size=1, date=MOMENT, details={},
                )
            )  # fmt: skip
            run(
                insert(tables.snapshots).values(
                    workspace_id=1, key=name, created_by="rita", created_at=MOMENT
                )
            )


def add_request(run: Callable[..., Any], identifier: str) -> int:
    """Add a job request in the first workspace; return its number."""
    result = run(
        insert(tables.job_requests).values(
            identifier=identifier, workspace_id=1, backend_id=1, sha="0" * 40, branch="main",
            requested_actions=["a"], cancelled_actions=[], force_run_dependencies=False,
            codelists_ok=True, database_name="default", project_yaml="", envelope="{}",
            created_by_id=1, created_at=MOMENT, expires_at=MOMENT,
        )
    )  # fmt: skip
    return int(result.inserted_primary_key[0])


def job(request: int, number: int) -> dict[str, object]:
    """Return the row of a job that succeeded."""
    return {
        "identifier": tokens.new_request_identifier(), "job_request_id": request,
        "action": f"action_{number}", "run_command": "", "status": "succeeded",
        "status_code": "succeeded", "status_message": "", "created_at": MOMENT,
        "requires_db": False,
    }  # fmt: skip


def lists(rig: Rig, user: User) -> dict[str, Callable[[], object]]:
    """Return the lists that pages and the API show."""
    services = rig.services
    return {
        "projects": lambda: services.directory.projects_of(user),
        "workspaces": lambda: services.directory.workspaces_of(user),
        "project": lambda: services.directory.project(user, "cardiology"),
        "latest": lambda: services.history.latest(services.directory.workspaces_of(user), 100),
        "history": lambda: services.history.of_workspace(user, "heart", Filters(), 1, 100),
        "mine": lambda: services.history.mine(user, 100),
        "publications": lambda: services.snapshots.queue(rig.people["paul"], SetState.WAITING, 1),
        "accounts": lambda: services.accounts.find(rig.people["ada"], "", 1),
        "backend": lambda: services.backends.look(user, "hospital"),
        "releases": lambda: services.releases.of_workspace(user, "heart"),
        "snapshots": lambda: services.snapshots.of_workspace(user, "heart"),
        "listing": lambda: services.job_queue.listing(services.backends.by_slug("hospital")),
        "statuses": lambda: services.job_queue.statuses(
            services.backends.by_slug("hospital"), "heart"
        ),
        "roles": lambda: services.accounts.roles_of(user.username),
    }


def test_a_list_costs_as_many_statements_for_fifty_rows_as_for_five(rig: Rig) -> None:
    rita = rig.people["rita"]
    costs = []
    for count in (5, 45):
        fill(rig, count)
        cost = {}
        for name, show in lists(rig, rita).items():
            with counted(rig) as statements:
                show()
            cost[name] = len(statements)
        costs.append(cost)
    assert costs[0] == costs[1]
    assert rig.services.history.of_workspace(rita, "heart", Filters(), 1, 100)[1] == 50
    assert all(cost > 0 for cost in costs[1].values())


def test_no_list_reads_a_project_file(rig: Rig) -> None:
    fill(rig, 1)
    for name, show in lists(rig, rig.people["rita"]).items():
        with counted(rig) as statements:
            show()
        assert not [text for text in statements if "project_yaml" in text], name
    with counted(rig) as statements, rig.services.database.read() as connection:
        history.project_yaml(connection, 1)
    assert any("project_yaml" in text for text in statements)  # the control


@pytest.mark.live
@pytest.mark.parametrize("jobs", [50_000])
def test_statuses_of_a_workspace_with_a_long_history_are_read_quickly(rig: Rig, jobs: int) -> None:
    services = rig.services
    with services.database.change("test") as change:
        run = change.connection.execute
        for _request in range(jobs // 100):
            number = add_request(run, tokens.new_request_identifier())
            run(insert(tables.jobs), [job(number, action) for action in range(100)])
    backend = services.backends.by_slug("hospital")
    started = time.process_time()
    with counted(rig) as statements:
        found = services.job_queue.statuses(backend, "heart")
    assert len(found) == 100
    assert len(statements) <= 4
    assert time.process_time() - started < 2
