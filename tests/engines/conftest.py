"""The tests of behaviour, asked of live servers that the session starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import servers
from tests.engines.budget import GRAPHS, SEED
from tests.engines.sites import ACCOUNT, generator, psql
from tests.unit.data_builder.conftest import Ask as AskValue
from tests.unit.data_builder.conftest import asking
from tests.unit.data_builder.engines import Ask, Server, close_all, on, server

LIVE = ("postgresql", "mariadb")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Give the URL of a PostgreSQL server."""
    with servers.postgresql() as url:
        yield url
        close_all()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """Give the URL of a MariaDB server."""
    with servers.mariadb() as url:
        yield url
        close_all()


@pytest.fixture(params=LIVE)
def engine(request: pytest.FixtureRequest) -> Ask:
    """Return how a live server answers."""
    url: str = request.getfixturevalue(request.param)
    return on(url)


@pytest.fixture(params=LIVE)
def asked(request: pytest.FixtureRequest) -> Server:
    """Return the live server that is asked about measures and event tables."""
    return server(request.getfixturevalue(request.param))


@pytest.fixture
def ask(engine: Ask, tmp_path: Path) -> AskValue:
    """Return a function from a series and tables to its value per patient, in order."""
    return asking(engine, tmp_path)


@pytest.fixture(scope="session")
def urls(postgresql: str, mariadb: str) -> dict[str, str]:
    """Give every engine's URL by name."""
    return {
        "sqlite": "sqlite://",
        "duckdb": "duckdb://",
        "postgresql": postgresql,
        "mariadb": mariadb,
    }


def pytest_report_header() -> str:
    """Say what repeats this run."""
    return f"random graphs: GRAPHS={GRAPHS} GRAPHS_SEED={SEED}"


@pytest.fixture(scope="session")
def template(postgresql: str) -> str:
    """A small hospital, loaded once."""
    psql(postgresql, [f"create role {ACCOUNT} login;\n", "create database hospital;\n"])
    names = {"database": "hospital", "role": ACCOUNT, "mark": "tests"}
    lines = [f"\\set {name} {value}\n" for name, value in names.items()]
    url = postgresql.replace("/postgres?", "/hospital?")
    psql(url, ["set client_min_messages = warning;\n", *lines, *generator().script(1, 150)])
    return "hospital"
