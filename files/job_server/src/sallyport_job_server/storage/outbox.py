"""Messages that wait to be handed over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Message
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import add_all, fetch_all

_messages = tables.messages


def keep(connection: Connection, rows: Sequence[dict[str, Any]], now: str) -> None:
    """Keep messages, due now."""
    common = {"tries": 0, "fault": "", "created_at": now, "due_at": now}
    add_all(connection, _messages, [row | common for row in rows])


def due(connection: Connection, now: str, limit: int) -> list[Message]:
    """Return messages that are due, those that wait longest first."""
    query = select(_messages).where(_messages.c.due_at <= now)
    return fetch_all(connection, query.order_by(_messages.c.due_at).limit(limit), Message)


def claim(connection: Connection, message: Message, until: str) -> bool:
    """Put a message off, as nobody else did meanwhile; return whether it is ours until then."""
    ours = _messages.c.id == message.id, _messages.c.due_at == message.due_at
    values = {"due_at": until, "tries": message.tries + 1}
    return connection.execute(update(_messages).where(*ours).values(values)).rowcount == 1


def note_fault(connection: Connection, number: int, fault: str) -> None:
    """Keep why a message could not be handed over."""
    known = fault[: tables.LONGEST_FAULT]
    connection.execute(update(_messages).where(_messages.c.id == number).values(fault=known))


def drop(connection: Connection, number: int) -> None:
    """Forget a message."""
    connection.execute(delete(_messages).where(_messages.c.id == number))


def is_waiting(connection: Connection, user_id: int, kind: str) -> bool:
    """Return whether a message of a kind waits for a person."""
    his = _messages.c.user_id == user_id, _messages.c.kind == kind
    return connection.execute(select(_messages.c.id).where(*his).limit(1)).first() is not None


def waiting(connection: Connection, limit: int, offset: int) -> list[Message]:
    """Return messages that wait, oldest first."""
    query = select(_messages).order_by(_messages.c.id).limit(limit).offset(offset)
    return fetch_all(connection, query, Message)
