"""A job server for each test, from a database that is migrated once.

A module whose tests must hold on both databases says `ENGINES = BOTH`; others run on SQLite.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import Table
from tests.unit.fast_database import hasten
from tests.unit.job_server import worlds
from tests.unit.job_server.rig import (
    PASSWORD,
    POSTGRESQL,
    REPO,
    SQLITE,
    TOKENS,
    Browser,
    Rig,
    Study,
    make_settings,
)
from tests.unit.job_server.worlds import World
from tests.unit.postgres import PostgresServer

from sallyport_job_server.app import create_app
from sallyport_job_server.models import Operator, User
from sallyport_job_server.roles import Role
from sallyport_job_server.services.bundle import Services, build
from sallyport_job_server.settings import Settings
from sallyport_job_server.storage import users
from sallyport_job_server.storage.tables import METADATA

HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PUT_BACK = "DELETE FROM {0}; INSERT INTO {0} SELECT * FROM kept.{0}"
COUNT_ON = (
    "SELECT setval(pg_get_serial_sequence('{0}', 'id'), coalesce(max(id), 0) + 1, false) FROM {0}"
)
PEOPLE = {
    "ada": [Role.ADMIN],
    "rita": [],
    "carl": [Role.OUTPUT_CHECKER],
    "paul": [Role.PUBLICATION_APPROVER],
    "cora": [],
    "mallory": [],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that has a job server once on every database that its module names."""
    if "engine" in metafunc.fixturenames:
        named = getattr(metafunc.module, "ENGINES", (SQLITE,))
        live = pytest.param(POSTGRESQL, marks=pytest.mark.live)
        metafunc.parametrize("engine", [live if one == POSTGRESQL else one for one in named])


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a study and a database in which people, project and backend exist."""
    folder = tmp_path_factory.mktemp("prepared")
    Study(folder)
    _prepare(make_settings(folder))
    return folder


@pytest.fixture(scope="session")
def shared(prepared: Path, postgres: PostgresServer) -> tuple[str, str]:
    """Give a PostgreSQL database with the same in it, and the words that bring it back to that.

    A database for each test would cost ten times as much as rows that are put back.
    """
    name = postgres.create()
    _prepare(make_settings(prepared, database_url=postgres.url(name)))
    tables = [*METADATA.tables, "job_server_version"]
    copies = [f"CREATE TABLE kept.{table} AS TABLE public.{table}" for table in tables]
    postgres.run("; ".join(["CREATE SCHEMA kept", *copies]), name)
    words = ["SET session_replication_role = replica", *map(PUT_BACK.format, tables)]
    words += [COUNT_ON.format(one.name) for one in METADATA.sorted_tables if _is_numbered(one)]
    return name, "; ".join(words)


def _is_numbered(table: Table) -> bool:
    return "id" in table.c and table.autoincrement_column is not None


@pytest.fixture
def database_url(
    engine: str, prepared: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> str:
    """Give the address of a database as it was prepared, beside a folder of this test's own."""
    _copy(prepared, tmp_path / "server")
    if engine != POSTGRESQL:
        return str(make_settings(tmp_path / "server").database_url)
    server: PostgresServer = request.getfixturevalue("postgres")
    name, words = request.getfixturevalue("shared")
    server.run(words, name)
    return server.url(name)


def _prepare(settings: Settings) -> None:
    services = build(settings, HASHER)
    services.database.migrate()
    people = {
        name: services.accounts.create(
            Operator("test"),
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


def _fill(services: Services, people: dict[str, User]) -> None:
    ada = people["ada"]
    services.backends.ensure(
        Operator("test"), "hospital", "The Hospital", "https://hatch.example", TOKENS
    )
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
    app: Flask, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    """Give a job server of this test's own."""
    made = _open(app, tmp_path / "server", database_url)
    monkeypatch.setitem(app.extensions, "sallyport", made.services)
    yield made
    _close(made)


@pytest.fixture(scope="session")
def happened(app: Flask, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give a world to copy, in which a request, a release and a snapshot were made."""
    folder = tmp_path_factory.mktemp("happened") / "server"
    shutil.copytree(prepared, folder)
    rig = _open(app, folder, make_settings(folder).database_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(app.extensions, "sallyport", rig.services)
        made = worlds.make(rig, patch)
    _close(rig)
    return made


@pytest.fixture
def world(
    app: Flask, happened: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Give a job server of this test's own in which something happened."""
    _copy(happened.rig.folder, tmp_path / "server")
    rig = _open(app, tmp_path / "server", make_settings(tmp_path / "server").database_url)
    monkeypatch.setitem(app.extensions, "sallyport", rig.services)
    worlds.without_git(rig, monkeypatch)
    yield replace(happened, rig=rig)
    _close(rig)


def _copy(source: Path, target: Path) -> None:
    # The forge is most of it and rarely changed: `Study` copies it when it is.
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("forge"))
    (target / "forge").symlink_to((source / "forge").resolve())


def _open(app: Flask, folder: Path, database_url: str) -> Rig:
    services = build(make_settings(folder, database_url=database_url), HASHER)
    hasten(services.database.engine)
    study = Study.__new__(Study)
    study.folder = folder / "forge" / "demo-org" / "study"
    study.sha = (study.folder / ".git/refs/heads/main").read_text().strip()
    with services.database.read() as connection:
        people = {user.username: user for user in users.found(connection, "", 1000, 0)}
    return Rig(app, services, study, people, folder)


def _close(rig: Rig) -> None:
    rig.services.watcher.close()
    rig.services.database.engine.dispose()


@pytest.fixture
def browser(rig: Rig) -> Browser:
    """Give a browser in which nobody is logged in."""
    return rig.browser()
