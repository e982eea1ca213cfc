"""Hands kept messages over, in a thread of each process; what fails is tried again for days."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sallyport_common.errors import SallyportError
from sallyport_common.problems import Problem, UnavailableError
from sallyport_job_server import letters
from sallyport_job_server.letters import Kind, Letter
from sallyport_job_server.models import Message
from sallyport_job_server.services import clock
from sallyport_job_server.services.messages import NO_MAIL
from sallyport_job_server.services.postbox import reaches
from sallyport_job_server.services.senders import (
    MailSender,
    RefusedError,
    SendingError,
    WebhookSender,
)
from sallyport_job_server.storage import outbox, users
from sallyport_job_server.storage.database import Database

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks."""
PORTION = 50
"""Messages of one look."""
FIRST, LONGEST = 60, 3600
"""Seconds until a message is tried again: the first time, and at most; each time twice as long."""
GIVEN_UP = 3 * 86400
"""Seconds after which a message is given up."""


class Courier:
    """Each message is claimed before it is handed over; a process that dies leaves it to others.

    So a message may come twice, but none is lost.
    """

    def __init__(
        self,
        database: Database,
        site: str,
        link: Callable[[str], str],
        mail: MailSender | None,
        webhooks: WebhookSender,
    ) -> None:
        self._database, self._site, self._link = database, site, link
        self._mail, self._webhooks = mail, webhooks
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to look, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="courier", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._stopping.set()

    def test(self, address: str) -> None:
        """Send a mail now; raise SendingError with what the mail server says of it."""
        if self._mail is None:
            raise Problem(NO_MAIL)
        self._mail.send(address, letters.write(Kind.TEST, {}, self._site), 0)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                self.look()
            except Exception:  # the database does not answer, say; the next look is a fresh try
                log.exception("messages cannot be handed over")

    def look(self) -> int:
        """Hand over what is due; return how many messages were taken."""
        with self._database.read() as connection:
            due = outbox.due(connection, clock.now(), PORTION)
        return sum(self._deliver(message) for message in due)

    def _deliver(self, message: Message) -> bool:
        with self._database.change("system") as change:
            pause = min(FIRST * 2**message.tries, LONGEST)
            if not outbox.claim(change.connection, message, clock.until(pause)):
                return False
        try:
            self._hand_over(message)
        except (SendingError, Problem) as error:
            self._failed(message, error)
            return False
        except Exception as error:  # one message keeps no other one back
            log.exception("a message cannot be written", extra={"message_id": message.id})
            self._failed(message, SendingError(type(error).__name__))
            return False
        with self._database.change("system") as change:
            outbox.drop(change.connection, message.id)
        return True

    def _hand_over(self, message: Message) -> None:
        if message.webhook:
            self._webhooks.send(message, self._letter(message))
            return
        with self._database.read() as connection:
            person = users.by_id(connection, message.user_id or 0)
        if self._mail is None or person is None or not reaches(person):
            raise RefusedError("Mail does not reach this person any more.")
        self._mail.send(person.email, self._letter(message), message.id)

    def _letter(self, message: Message) -> Letter:
        kind = Kind(message.kind)
        letter = letters.write(kind, message.data, self._site)
        if not kind.has_link:
            return letter
        # Made now, so that no secret is kept and the time for which it counts begins now.
        return Letter(letter.subject, letter.text, self._link(str(message.data["username"])))

    def _failed(self, message: Message, error: SallyportError) -> None:
        final = isinstance(error, (RefusedError, Problem)) and not isinstance(
            error, UnavailableError
        )
        over = final or clock.seconds_since(message.created_at) > GIVEN_UP
        said = {"message_id": message.id, "kind": message.kind, "fault": str(error)}
        log.warning("a message was given up" if over else "a message has to wait", extra=said)
        with self._database.change("system") as change:
            if over:
                outbox.drop(change.connection, message.id)
                change.record("message.give_up", str(message.id), kind=message.kind)
            else:
                outbox.note_fault(change.connection, message.id, str(error))
