"""The tests of behaviour, asked of live servers that the session starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import servers
from tests.unit.data_builder.conftest import Ask as AskValue
from tests.unit.data_builder.conftest import asking
from tests.unit.data_builder.engines import Ask, on

LIVE = ("postgresql", "mariadb")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Give the URL of a PostgreSQL server."""
    with servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """Give the URL of a MariaDB server."""
    with servers.mariadb() as url:
        yield url


@pytest.fixture(params=LIVE)
def engine(request: pytest.FixtureRequest) -> Ask:
    """Return how a live server answers."""
    url: str = request.getfixturevalue(request.param)
    return on(url)


@pytest.fixture
def ask(engine: Ask, tmp_path: Path) -> AskValue:
    """Return a function from a series and tables to its value per patient, in order."""
    return asking(engine, tmp_path)
