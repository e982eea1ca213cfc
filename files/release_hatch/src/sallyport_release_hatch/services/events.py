"""Notifications about requests: queued with the change, sent later, never in anybody's way."""

from __future__ import annotations

import logging
import time
from typing import Any

from sallyport_common import backoff
from sallyport_release_hatch.models import ReleaseRequest
from sallyport_release_hatch.services.job_server import JobServer, JobServerUnreachableError
from sallyport_release_hatch.storage.database import Database, Transaction

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0


def queue(transaction: Transaction, kind: str, request: ReleaseRequest, actor: str) -> None:
    """Queue a notification: names of people and workspace and a count, nothing of the content."""
    count = len(request.files)
    files = "1 file" if count == 1 else f"{count} files"
    body: dict[str, Any] = {
        "event_type": f"request_{kind}",
        "workspace": request.workspace,
        "request": request.id,
        "request_author": request.author,
        "user": actor,
        "updates": [{"update": files, "update_type": files, "group": None, "user": actor}],
    }
    transaction.events.add(body)


def send_due(database: Database, job_server: JobServer) -> int:
    """Send what is due and return how many arrived; the rest is tried again, ever more slowly."""
    with database.read() as transaction:
        due = transaction.events.due(time.time())
    sent = 0
    for event in due:
        try:
            job_server.post_event(event.body)
        except JobServerUnreachableError as error:
            seconds = backoff.pause(event.attempts + 1, FIRST_PAUSE, LONGEST_PAUSE)
            log.warning("event not sent", extra={"event": event.id, "reason": str(error)})
            with database.write() as transaction:
                transaction.events.postpone(event.id, time.time() + seconds)
        else:
            sent += 1
            with database.write() as transaction:
                transaction.events.remove(event.id)
    return sent
