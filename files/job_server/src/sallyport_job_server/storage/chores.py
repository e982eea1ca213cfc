"""When what is done by the clock is due."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from sallyport_job_server.storage import tables

_chores = tables.chores


def is_due(connection: Connection, name: str, now: str) -> bool:
    """Return whether a chore is due; one that was never done is."""
    due_at = connection.execute(select(_chores.c.due_at).where(_chores.c.name == name)).scalar()
    return due_at is None or due_at <= now


def put_off(connection: Connection, name: str, until: str) -> None:
    """Note when a chore is due next."""
    connection.execute(delete(_chores).where(_chores.c.name == name))
    connection.execute(insert(_chores).values(name=name, due_at=until))
