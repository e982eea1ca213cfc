"""Accounts, personal access tokens, log-in tokens, and counted attempts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.engine import Connection

from sallyport_common.problems import NotFoundError
from sallyport_common.protocol import parse_utc, utc_text
from sallyport_common.throttle import WINDOW
from sallyport_job_server.models import AccessToken, User
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import Database, add, fetch_all, fetch_one

_users = tables.users
_failures = tables.failures
SHOWN = [column for column in _users.c if column.name not in {"name_key", "mail_key"}]
"""The columns of an account; the others only keep names and mail addresses unique."""
_USERS = select(*SHOWN)


def key(text: str) -> str:
    """Return what is the same for names or mail addresses that differ in case only."""
    return text.strip().casefold()


def by_name(connection: Connection, username: str) -> User | None:
    """Return an account by its name, in whatever case."""
    return fetch_one(connection, _USERS.where(_users.c.name_key == key(username)), User)


def required(connection: Connection, username: str) -> User:
    """Return an account by its name; raise NotFoundError."""
    user = by_name(connection, username)
    if user is None:
        raise NotFoundError(f"There is no user '{username}'.")
    return user


def by_email(connection: Connection, text: str) -> User | None:
    """Return an account by its mail address, in whatever case."""
    return fetch_one(connection, _USERS.where(_users.c.mail_key == key(text)), User)


def by_name_or_email(connection: Connection, text: str) -> User | None:
    """Return an account by its name or its mail address."""
    return by_name(connection, text) or by_email(connection, text)


def create(
    connection: Connection,
    *,
    username: str,
    fullname: str,
    email: str,
    password_hash: str,
    roles: Sequence[str],
    now: str,
) -> User:
    """Add an account whose name and mail address are nobody else's."""
    add(
        connection,
        _users,
        username=username,
        name_key=key(username),
        fullname=fullname,
        email=email,
        mail_key=key(email) or None,
        password_hash=password_hash,
        roles=list(roles),
        created_at=now,
    )
    return required(connection, username)


def by_id(connection: Connection, number: int) -> User | None:
    """Return an account by its number."""
    return fetch_one(connection, _USERS.where(_users.c.id == number), User)


def names(connection: Connection, numbers: Collection[int]) -> dict[int, str]:
    """Return the names of accounts by their numbers."""
    query = select(_users.c.id, _users.c.username).where(_users.c.id.in_(numbers))
    return {row.id: row.username for row in connection.execute(query)}


def of_project(connection: Connection, project_id: int) -> list[User]:
    """Return the members of a project."""
    members = select(tables.members.c.user_id).where(tables.members.c.project_id == project_id)
    return fetch_all(connection, _USERS.where(_users.c.id.in_(members)), User)


def with_role(connection: Connection, role: str) -> list[User]:
    """Return those who have a role everywhere; they are few among the open accounts."""
    every = fetch_all(connection, _USERS.where(_users.c.is_active), User)
    return [user for user in every if role in user.roles]


def found(connection: Connection, search: str, limit: int, offset: int) -> list[User]:
    """Return accounts by name; `search` is a part of name, full name or mail address."""
    query = _USERS.order_by(_users.c.name_key).limit(limit).offset(offset)
    if search:
        columns = (_users.c.username, _users.c.fullname, _users.c.email)
        query = query.where(or_(*(one.icontains(search, autoescape=True) for one in columns)))
    return fetch_all(connection, query, User)


def claim_totp_step(connection: Connection, user_id: int, step: int) -> bool:
    """Take a time step of a one-time code, once; return whether it was still free."""
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
        select(table, tables.projects.c.slug.label("project"))
        .outerjoin(tables.projects, tables.projects.c.id == table.c.project_id)
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
    """Mark a log-in token as used; return whether it was unused until now."""
    table = tables.login_tokens
    result = connection.execute(
        update(table).where(table.c.id == number, table.c.used_at.is_(None)).values(used_at=now)
    )
    return result.rowcount == 1


def revoke_access_tokens(connection: Connection, user_id: int, now: str) -> None:
    """End every access token of a person."""
    table = tables.access_tokens
    mine = table.c.user_id == user_id, table.c.revoked_at.is_(None)
    connection.execute(update(table).where(*mine).values(revoked_at=now))


def drop_login_tokens(connection: Connection, user_id: int) -> None:
    """Forget a person's log-in tokens."""
    connection.execute(delete(tables.login_tokens).where(tables.login_tokens.c.user_id == user_id))


class Attempts:
    """Counts attempts by subject, in one row each; see `sallyport_common.throttle`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, limits: Mapping[str, int], moment: float) -> bool:
        """Count an attempt of each subject, unless one is at its limit; return whether counted.

        The window starts with the first attempt.
        """
        with self._database.change("system") as change:
            column = _failures.c
            query = select(column.name, column.count, column.since).where(column.name.in_(limits))
            rows = change.connection.execute(query).all()
            known = {name: (n, since) for name, n, since in rows if _counts(since, moment)}
            if any(known.get(name, (0, ""))[0] >= limit for name, limit in limits.items()):
                return False
            now = utc_text(_utc(moment))
            counted = [
                {"name": name, "count": count + 1, "since": since}
                for name, (count, since) in ((name, known.get(name, (0, now))) for name in limits)
            ]
            change.connection.execute(delete(_failures).where(_failures.c.name.in_(limits)))
            change.connection.execute(insert(_failures), counted)
        return True

    def give_back(self, subject: str) -> None:
        """Count one attempt less."""
        with self._database.change("system") as change:
            less = _failures.c.count - 1
            mine = _failures.c.name == subject, _failures.c.count > 0
            change.connection.execute(update(_failures).where(*mine).values(count=less))

    def forget(self, subject: str) -> None:
        """Drop the attempts of a subject."""
        with self._database.change("system") as change:
            change.connection.execute(delete(_failures).where(_failures.c.name == subject))


def _counts(since: str, moment: float) -> bool:
    return parse_utc(since) > _utc(moment - WINDOW)


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
