"""Accounts, personal access tokens, log-in tokens, and counted failures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from sallyport_job_server.models import AccessToken, User
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all, fetch_one

_users = tables.users


def by_name(connection: Connection, username: str) -> User | None:
    """Return an account by its name."""
    return fetch_one(connection, select(_users).where(_users.c.username == username), User)


def by_name_or_email(connection: Connection, text: str) -> User | None:
    """Return an account by name, or by mail address where it has only one owner."""
    if not text:
        return None
    found = by_name(connection, text)
    if found:
        return found
    owners = fetch_all(connection, select(_users).where(_users.c.email == text), User)
    return owners[0] if len(owners) == 1 else None


def by_id(connection: Connection, number: int) -> User | None:
    """Return an account by its number."""
    return fetch_one(connection, select(_users).where(_users.c.id == number), User)


def everyone(connection: Connection) -> list[User]:
    """Return all accounts by name."""
    return fetch_all(connection, select(_users).order_by(_users.c.username), User)


def claim_totp_step(connection: Connection, user_id: int, step: int) -> bool:
    """Take a time step of a one-time code, once; tell whether it was still free."""
    taken = connection.execute(
        update(_users)
        .where(_users.c.id == user_id, _users.c.totp_step < step)
        .values(totp_step=step)
    )
    return taken.rowcount == 1


def access_tokens(connection: Connection, user_id: int) -> list[AccessToken]:
    """Return a person's access tokens that were not revoked, newest first."""
    table = tables.access_tokens
    query = (
        select(table)
        .where(table.c.user_id == user_id, table.c.revoked_at.is_(None))
        .order_by(table.c.id.desc())
    )
    return fetch_all(connection, query, AccessToken)


def unused_login_digest(connection: Connection, user_id: int, now: str) -> tuple[int, str] | None:
    """Return number and digest of a person's newest log-in token that still counts."""
    table = tables.login_tokens
    query = (
        select(table.c.id, table.c.digest)
        .where(table.c.user_id == user_id, table.c.used_at.is_(None), table.c.expires_at > now)
        .order_by(table.c.id.desc())
    )
    row = connection.execute(query).first()
    return (row.id, row.digest) if row else None


def use_login_token(connection: Connection, number: int, now: str) -> bool:
    """Mark a log-in token as used; tell whether it was unused until now."""
    table = tables.login_tokens
    result = connection.execute(
        update(table).where(table.c.id == number, table.c.used_at.is_(None)).values(used_at=now)
    )
    return result.rowcount == 1


def drop_login_tokens(connection: Connection, user_id: int) -> None:
    """Forget a person's log-in tokens."""
    connection.execute(delete(tables.login_tokens).where(tables.login_tokens.c.user_id == user_id))


def failures(connection: Connection, name: str) -> tuple[int, str] | None:
    """Return how often something failed, and since when."""
    table = tables.failures
    row = connection.execute(select(table).where(table.c.name == name)).first()
    return (int(row._mapping["count"]), row.since) if row else None


def set_failures(connection: Connection, name: str, count: int, since: str) -> None:
    """Keep how often something failed; 0 forgets it."""
    table = tables.failures
    connection.execute(delete(table).where(table.c.name == name))
    if count:
        values: dict[str, Any] = {"name": name, "count": count, "since": since}
        connection.execute(insert(table).values(values))
