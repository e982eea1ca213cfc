"""Log-ins on other machines that somebody is yet to allow, or has."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection

from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_one

_logins = tables.device_logins


class DeviceState(enum.StrEnum):
    """What was decided about a log-in on another machine."""

    WAITING = "waiting"
    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True)
class DeviceLogin:
    """A command on another machine that waits to be let in; `label` is what it says it is."""

    id: int
    digest: str
    code: str
    label: str
    address: str
    state: str
    user_id: int | None
    created_at: str
    expires_at: str


def by_code(connection: Connection, code: str, now: str) -> DeviceLogin | None:
    """Return the log-in with a code, if nothing was decided about it yet."""
    waits = _logins.c.state == DeviceState.WAITING, _logins.c.expires_at > now
    return fetch_one(connection, select(_logins).where(_logins.c.code == code, *waits), DeviceLogin)


def by_digest(connection: Connection, digest: str, now: str) -> DeviceLogin | None:
    """Return the log-in of a command, by the digest of its secret."""
    mine = _logins.c.digest == digest, _logins.c.expires_at > now
    return fetch_one(connection, select(_logins).where(*mine), DeviceLogin)


def use(connection: Connection, number: int) -> bool:
    """Use a log-in up; return whether it was there."""
    return connection.execute(delete(_logins).where(_logins.c.id == number)).rowcount == 1


def drop_of(connection: Connection, user_id: int) -> None:
    """Forget what a person has allowed and no command has fetched yet."""
    connection.execute(delete(_logins).where(_logins.c.user_id == user_id))
