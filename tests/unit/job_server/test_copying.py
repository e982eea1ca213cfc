"""How the programs of PostgreSQL are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from tests.unit.postgres import PostgresServer

from sallyport_common import database
from sallyport_common.errors import SallyportError
from sallyport_common.settings import Secret
from sallyport_job_server.storage import copying
from sallyport_job_server.storage.address import checked

pytestmark = pytest.mark.live
PASSWORD = r"pass:with\both"


@pytest.fixture
def networked(postgres: PostgresServer) -> Engine:
    """Give an empty database over the network, with TLS and a password."""
    name = postgres.create()
    postgres.run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    postgres.run(f"ALTER DATABASE {name} OWNER TO {name}")
    url = checked(postgres.network_url(name, name), postgres.ca_file)
    return database.create_engine(url, Secret(PASSWORD))


def test_a_database_is_copied_over_the_network(networked: Engine, tmp_path: Path) -> None:
    with networked.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (n integer)")
    with copying.saved(networked, tmp_path) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kept").scalar_one() == 0
    with networked.begin() as connection:
        connection.exec_driver_sql("DROP TABLE kept")
    copying.put_back(networked, tmp_path)
    with networked.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kept").scalar_one() == 0
    networked.dispose()


def test_what_a_program_says_is_passed_on(networked: Engine, tmp_path: Path) -> None:
    (tmp_path / "database.dump").write_bytes(b"not a copy")
    with pytest.raises(SallyportError, match=r"pg_restore failed: .*archive"):
        copying.put_back(networked, tmp_path)
    networked.dispose()


def test_a_program_that_is_not_installed_is_named(
    networked: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = pytest.raises(SallyportError, match="pg_dump is not installed: install")
    with missing, copying.saved(networked, tmp_path):
        pass
    networked.dispose()
