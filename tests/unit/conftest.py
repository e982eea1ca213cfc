"""Unit tests talk to loopback and unix sockets only."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from pytest_socket import socket_allow_hosts
from tests.unit import statements
from tests.unit.postgres import PostgresServer

settings.register_profile("no deadline", deadline=None)  # the machine may be busy
settings.load_profile("no deadline")


@pytest.fixture(autouse=True, scope="session")
def _shared_statements() -> Iterator[None]:
    """Compile each statement once in a run."""
    with pytest.MonkeyPatch.context() as patch:
        statements.share(patch)
        yield


@pytest.fixture(autouse=True)
def _loopback_only() -> None:
    """Refuse every connection that would leave this machine."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give a PostgreSQL server, one for all tests of a run."""
    server = PostgresServer()
    yield server
    server.stop()
