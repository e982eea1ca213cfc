"""A hatch with a job-server double, one workspace and five people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from tests.unit.fast_database import hasten
from tests.unit.release_hatch.doubles import (
    BASE,
    CSV,
    PNG,
    SIGNING_KEY,
    TOKEN,
    Browser,
    JobServerDouble,
    person,
    serving,
    write_workspace,
)

from sallyport_common.settings import Secret
from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.app import create_app
from sallyport_release_hatch.services.hatch import Hatch, build
from sallyport_release_hatch.settings import Settings
from sallyport_release_hatch.storage.database import Database

FILES = {
    "output/table.csv": CSV,
    "output/small.csv": b"group,count\na,3\n",
    "output/plot.png": PNG,
    "output/page.html": b"<script>alert(1)</script>",
}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate once; tests copy the file."""
    path = tmp_path_factory.mktemp("hatch") / "empty.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@pytest.fixture(scope="session")
def shared_double() -> Iterator[JobServerDouble]:
    """Serve one double for all tests."""
    with serving(JobServerDouble()) as double:
        yield double


@pytest.fixture
def job_server(shared_double: JobServerDouble) -> JobServerDouble:
    """Return a job server that knows an author, a colleague, a stranger and checkers."""
    shared_double.people = {
        "ada": person("ada", "w1"),
        "bob": person("bob", "w1"),
        "eve": person("eve", "w2"),
        "cy": person("cy", checker=True),
        "di": person("di", checker=True),
        "flo": person("flo", "w1", checker=True),
    }
    shared_double.login_tokens.clear()
    shared_double.events.clear()
    shared_double.failing = False
    return shared_double


def make_settings(folder: Path, job_server_url: str) -> Settings:
    """Return settings for a hatch whose files are below a folder."""
    return Settings(
        url=BASE,
        backend="hospital",
        database_url=f"sqlite:///{folder}/hatch.sqlite3",
        workspaces=folder / "workspaces",
        frozen_files=folder / "files",
        approved_files=folder / "approved",
        outbox_socket=str(folder / "outbox.sock"),
        publisher_uid=10002,
        job_server_url=job_server_url,
        job_server_token=Secret(TOKEN),
        ca_file=None,
        signing_key=Secret(SIGNING_KEY),
        secret_key=Secret("k" * 40),
        cors_origin="https://jobs.sallyport.test",
        session_lifetime=28800,
        session_idle=1800,
        authorise_interval=900,
        authorise_grace=300,
        upload_wait=0.0,
        output_policy=Policy(),
    )


@pytest.fixture
def settings(tmp_path: Path, empty_database: Path, job_server: JobServerDouble) -> Settings:
    """Return settings for a hatch with one workspace."""
    shutil.copy(empty_database, tmp_path / "hatch.sqlite3")
    write_workspace(tmp_path / "workspaces", "w1", FILES)
    (tmp_path / "workspaces/w1/metadata/summarise.log").write_text("2026 hello <b>log</b>\n")
    (tmp_path / "approved").mkdir()
    return make_settings(tmp_path, job_server.url)


@pytest.fixture
def hatch(settings: Settings) -> Iterator[Hatch]:
    """Return the services."""
    services = build(settings)
    hasten(services.database.engine)
    yield services
    services.close()


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory, shared_double: JobServerDouble) -> Flask:
    """Return the application that all tests share, so that its templates are compiled once."""
    return create_app(make_settings(tmp_path_factory.mktemp("app"), shared_double.url))


@pytest.fixture
def app(shared_app: Flask, hatch: Hatch, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Return the application for people and clients, with this test's services behind it."""
    monkeypatch.setitem(shared_app.extensions, "hatch", hatch)
    return shared_app


@pytest.fixture
def browser(app: Flask, job_server: JobServerDouble) -> Callable[[str], Browser]:
    """Return a function from a person's name to their browser, logged in."""

    def log_in(name: str) -> Browser:
        return Browser(app, job_server).log_in(name)

    return log_in


@pytest.fixture
def approved(browser: Callable[[str], Browser]) -> str:
    """Return a request of ada's that two checkers approved."""
    identifier = browser("ada").ask("output/table.csv", "output/plot.png")
    for name in ("cy", "di"):
        assert browser(name).vote(identifier).status_code == 303
    answer = browser("di").post(f"/requests/{identifier}/approve")
    assert answer.status_code == 303
    return identifier
