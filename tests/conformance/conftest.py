"""The story of the runner's status codes and of its sandbox, told once for all tests about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conformance.codes.evidence import Story
from tests.conformance.codes.rig import rig
from tests.conformance.codes.story import tell
from tests.unit.postgres import PostgresServer


@pytest.fixture(scope="session")
def told() -> Story:
    """What was found when everything had happened."""
    with rig() as the:
        return tell(the)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give a PostgreSQL server of this run's own."""
    server = PostgresServer()
    yield server
    server.stop()
