"""One request for what is submitted twice under one key.

The rules are those of the IETF's draft on the header `Idempotency-Key`: the key belongs to the
person, lasts a day, and cannot be used for something else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from sallyport_common.problems import ConflictError, Problem
from sallyport_job_server.models import JobRequest, User
from sallyport_job_server.services import clock
from sallyport_job_server.storage import requests, submissions
from sallyport_job_server.storage.tables import LONGEST_KEY

LIFETIME = 86400
"""Seconds for which a key is known."""


def digest(content: Any) -> str:
    """Return the digest of what is submitted."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Submission:
    """What a person submits under a key; without a key each is a request of its own."""

    user: User
    key: str
    content: Any

    def __post_init__(self) -> None:
        """Raise Problem for a key that cannot be stored."""
        if len(self.key) > LONGEST_KEY or not self.key.isprintable():
            raise Problem(
                f"The Idempotency-Key may have at most {LONGEST_KEY} characters, all printable."
            )

    def earlier(self, connection: Connection) -> JobRequest | None:
        """Return the request that this became before; raise ConflictError for other content."""
        since = clock.ago(LIFETIME)
        found = submissions.known(connection, self.user.id, self.key, since) if self.key else None
        if found is None:
            return None
        if found[0] != digest(self.content):
            raise ConflictError(
                f"This Idempotency-Key was used for something else, the request {found[1]}."
            )
        return requests.by_identifier(connection, found[1])

    def keep(self, connection: Connection, request: JobRequest) -> None:
        """Keep which request this became."""
        if self.key:
            submissions.drop_before(connection, clock.ago(LIFETIME))
            submissions.keep(
                connection, self.user.id, self.key, digest(self.content), request.id, clock.now()
            )
