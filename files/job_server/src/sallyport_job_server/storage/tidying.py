"""Rows that count no more."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.engine import Connection

from sallyport_job_server.storage import sessions, tables


def drop_over(connection: Connection, now: str, idle_since: str) -> None:
    """Forget sessions, log-ins and links that are over."""
    sessions.drop_over(connection, now, idle_since)
    for table in (tables.login_tokens, tables.password_links, tables.device_logins):
        connection.execute(delete(table).where(table.c.expires_at <= now))
