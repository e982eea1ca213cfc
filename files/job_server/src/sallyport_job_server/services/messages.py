"""What administrators see of messages, and the test of the site's mail."""

from __future__ import annotations

from dataclasses import dataclass

from sallyport_common.problems import Problem
from sallyport_job_server.letters import Kind
from sallyport_job_server.models import Message, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access
from sallyport_job_server.services.pages import Page
from sallyport_job_server.services.postbox import Postbox, reaches
from sallyport_job_server.storage import outbox, users
from sallyport_job_server.storage.database import Database

NO_MAIL = "This site sends no mail: job_server_mail_server is not set."


@dataclass(frozen=True)
class Waiting:
    """A message that waits, and the name of the person or webhook that it is for."""

    message: Message
    to: str


class Messages:
    """The use cases around messages."""

    def __init__(self, database: Database, postbox: Postbox) -> None:
        self._database, self._postbox = database, postbox

    @property
    def has_mail(self) -> bool:
        """Whether this site sends mail."""
        return self._postbox.has_mail

    def reaches(self, user: User) -> bool:
        """Return whether mail reaches a person."""
        return self.has_mail and reaches(user)

    def waiting(self, user: User, number: int) -> Page[Waiting]:
        """Return a page of what waits to be handed over, for staff."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.STAFF_AREA_ACCESS)
            page = Page.of(number, lambda *part: outbox.waiting(connection, *part))
            names = users.names(connection, {one.user_id or 0 for one in page.rows})
        rows = [Waiting(one, one.webhook or names[one.user_id or 0]) for one in page.rows]
        return Page(rows, page.number, page.more)

    def test(self, user: User) -> None:
        """Send a mail to the one who asks; raise Problem where it cannot reach them."""
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.STAFF_AREA_ACCESS)
            if not self.has_mail:
                raise Problem(NO_MAIL)
            if not reaches(user):
                raise Problem("Your account has no mail address.")
            self._postbox.account(change, Kind.TEST, user)
            change.record("message.test", user.username)
