"""SQLite is safe under several writers, and migrations run once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.engine import Engine

from sallyport_common.database import create_engine, read, write
from sallyport_common.revisions import migrate
from sallyport_common.settings import Secret

COUNTER = Table("counter", MetaData(), Column("value", Integer, nullable=False))
REVISION = """
from alembic import op
import sqlalchemy as sa
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("thing", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Return an engine with a counter at zero."""
    made = create_engine(f"sqlite:///{tmp_path}/test.sqlite3")
    with write(made) as connection:
        COUNTER.metadata.create_all(connection)
        connection.execute(insert(COUNTER).values(value=0))
    return made


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)],
)
def test_sqlite_is_set_up_safely(engine: Engine, pragma: str, expected: object) -> None:
    with read(engine) as connection:
        assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == expected


def test_an_exception_undoes_the_transaction(engine: Engine) -> None:
    def fail_half_way() -> None:
        with write(engine) as connection:
            connection.execute(update(COUNTER).values(value=9))
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail_half_way()
    with read(engine) as connection:
        assert connection.execute(select(COUNTER.c.value)).scalar() == 0


def test_writers_queue_up_and_no_increment_is_lost(engine: Engine) -> None:
    def count_up() -> None:
        for _ in range(10):
            with write(engine) as connection:
                value = connection.execute(select(COUNTER.c.value)).scalar_one()
                connection.execute(update(COUNTER).values(value=value + 1))

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read(engine) as connection:
        assert connection.execute(select(COUNTER.c.value)).scalar() == 40


def test_a_password_goes_into_the_address_only() -> None:
    engine = create_engine("postgresql+psycopg://user@db.example/x", Secret("hidden"))
    assert engine.url.password == "hidden"
    assert "hidden" not in repr(engine)


def test_migrations_run_once(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "some: migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "versions" / "r0001.py").write_text(REVISION)
    migrate(engine, "example", folder)
    migrate(engine, "example", folder)
    with read(engine) as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        assert {"thing", "example_version"} <= set(names.scalars())
