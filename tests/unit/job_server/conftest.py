"""A job server for each test, from a database that is migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from tests.unit.job_server.rig import PASSWORD, REPO, TOKENS, Browser, Rig, Study, make_settings

from sallyport_job_server.app import create_app
from sallyport_job_server.models import User
from sallyport_job_server.roles import Role
from sallyport_job_server.services.bundle import Services, build
from sallyport_job_server.storage import users

HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PEOPLE = {
    "ada": [Role.ADMIN],
    "rita": [],
    "carl": [Role.OUTPUT_CHECKER],
    "paul": [Role.PUBLICATION_APPROVER],
    "cora": [],
    "mallory": [],
}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a study and a database in which people, project and backend exist."""
    folder = tmp_path_factory.mktemp("prepared")
    Study(folder)
    services = build(make_settings(folder), HASHER)
    services.database.migrate()
    people = {
        name: services.accounts.create(
            "test",
            username=name,
            fullname=name.title(),
            email=f"{name}@example.org",
            password=PASSWORD,
            roles=roles,
        )
        for name, roles in PEOPLE.items()
    }
    _fill(services, people)
    services.database.engine.dispose()
    return folder


def _fill(services: Services, people: dict[str, User]) -> None:
    ada = people["ada"]
    services.backends.ensure("test", "hospital", "The Hospital", "https://hatch.example", TOKENS)
    services.directory.create_project(ada, "cardiology", "Heart study")
    services.directory.set_member(ada, "cardiology", "rita", [Role.RESEARCHER])
    services.directory.set_member(ada, "cardiology", "cora", [Role.COLLABORATOR])
    for name in ("rita", "carl", "cora"):
        services.accounts.add_to_backend(ada, "hospital", name)
    services.directory.create_workspace(
        ada, name="heart", project="cardiology", repo=REPO, branch="main"
    )


@pytest.fixture(scope="session")
def app(prepared: Path) -> Flask:
    """Give one application for all tests; each puts services of its own behind it."""
    made = create_app(make_settings(prepared), HASHER)
    made.testing = True
    return made


@pytest.fixture
def rig(
    app: Flask, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    """Give a job server of this test's own."""
    folder = tmp_path / "server"
    shutil.copytree(prepared, folder)
    services = build(make_settings(folder), HASHER)
    monkeypatch.setitem(app.extensions, "sallyport", services)
    study = Study.__new__(Study)
    study.folder = folder / "forge" / "demo-org" / "study"
    study.sha = (study.folder / ".git/refs/heads/main").read_text().strip()
    with services.database.read() as connection:
        people = {user.username: user for user in users.everyone(connection)}
    yield Rig(app, services, study, people)
    services.watcher.stop()
    services.database.engine.dispose()


@pytest.fixture
def browser(rig: Rig) -> Browser:
    """Give a browser in which nobody is logged in."""
    return rig.browser()
