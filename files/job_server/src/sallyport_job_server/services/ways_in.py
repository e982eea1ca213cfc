"""What lets somebody in as a person, beside the password: sessions, tokens, log-ins, links."""

from __future__ import annotations

from sallyport_job_server.models import User
from sallyport_job_server.services import clock
from sallyport_job_server.storage import device_logins, sessions, users, ways_in
from sallyport_job_server.storage.database import Change


def end(change: Change, user: User) -> None:
    """End them all: whoever has one may not be the person."""
    sessions.end_all(change.connection, user.id)
    users.revoke_access_tokens(change.connection, user.id, clock.now())
    users.drop_login_tokens(change.connection, user.id)
    device_logins.drop_of(change.connection, user.id)
    ways_in.drop_link(change.connection, user.id)
