"""The campaign kill9 at a small size, and that it would find a request that was made twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.bench.runner import study
from tests.campaigns import kill9
from tests.conformance.server import Server
from tests.unit.postgres import PostgresServer

from sallyport_job_server.storage import tables


@pytest.mark.parametrize("engine", ["SQLite", "PostgreSQL"])
def test_what_was_acknowledged_outlives_a_kill_once(
    engine: str, postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.url(postgres.create()) if engine == "PostgreSQL" else ""
    assert kill9.campaign(100, 3, url, engine)
    assert "2 kills" in capsys.readouterr().out


def test_a_request_that_is_lost_or_doubled_is_found(tmp_path: Path) -> None:
    """The control."""
    study.publish(tmp_path / "git", study.actions(1, 0, 1))
    server = Server(tmp_path, tmp_path / "git")
    server.workspace(kill9.WORKSPACE, study.REPOSITORY)
    the = kill9.Campaign(server, random.Random(1))
    try:
        the.run(3, 0)
        assert the.faults() == []
        with server.services.database.change("test") as change:
            change.connection.execute(tables.submissions.delete())
        assert "key-0 is another request when it is sent again" in the.faults()
        lost = the.acknowledged["key-1"]
        with server.services.database.change("test") as change:
            table = tables.job_requests
            renamed = update(table).where(table.c.identifier == lost).values(identifier="x" * 16)
            change.connection.execute(renamed)
        assert f"{lost} was acknowledged and is not there" in the.faults()
    finally:
        server.stop()
