"""What people are told by mail, and other programs by webhook: the occasions and the words.

Mail leaves the organisation. So a letter says how many and where to look, and has no name of an
action or a file and nothing that a runner said.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Topic(enum.StrEnum):
    """What people can choose not to be told."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RELEASED = "released"
    PUBLICATION = "publication"
    REVIEW = "review"

    @property
    def words(self) -> str:
        """What it is about, for people."""
        return _TOPIC_WORDS[self]


_TOPIC_WORDS = {
    Topic.SUCCEEDED: "My job requests that succeed",
    Topic.FAILED: "My job requests that fail or are cancelled",
    Topic.RELEASED: "Files released in my projects",
    Topic.PUBLICATION: "What is proposed for publication, and what is decided about it",
    Topic.REVIEW: "Reviews of outputs that wait for me",
}


class Kind(enum.StrEnum):
    """The occasions."""

    REQUEST_SUCCEEDED = "request_succeeded"
    REQUEST_FAILED = "request_failed"
    REQUEST_CANCELLED = "request_cancelled"
    FILES_RELEASED = "files_released"
    SET_PROPOSED = "set_proposed"
    SET_PUBLISHED = "set_published"
    SET_REJECTED = "set_rejected"
    SET_WITHDRAWN = "set_withdrawn"
    REVIEW_ASKED = "review_asked"
    REVIEW_RETURNED = "review_returned"
    REVIEW_REJECTED = "review_rejected"
    INVITATION = "invitation"
    FORGOTTEN = "forgotten_password"
    CHANGED = "changed_password"
    CODES_OFF = "codes_off"
    LINKED = "identity_linked"
    LOGIN_CREATED = "login_created"
    LOGIN_USED = "login_used"
    TEST = "test"

    @property
    def topic(self) -> Topic | None:
        """What it is about; None for what a person is told in any case."""
        return _TOPICS.get(self)

    @property
    def has_link(self) -> bool:
        """Whether it brings a link that sets a password."""
        return self in (Kind.INVITATION, Kind.FORGOTTEN)


_TOPICS = {
    Kind.REQUEST_SUCCEEDED: Topic.SUCCEEDED,
    Kind.REQUEST_FAILED: Topic.FAILED,
    Kind.REQUEST_CANCELLED: Topic.FAILED,
    Kind.FILES_RELEASED: Topic.RELEASED,
    Kind.SET_PROPOSED: Topic.PUBLICATION,
    Kind.SET_PUBLISHED: Topic.PUBLICATION,
    Kind.SET_REJECTED: Topic.PUBLICATION,
    Kind.SET_WITHDRAWN: Topic.PUBLICATION,
    Kind.REVIEW_ASKED: Topic.REVIEW,
    Kind.REVIEW_RETURNED: Topic.REVIEW,
    Kind.REVIEW_REJECTED: Topic.REVIEW,
}
_WORDS = {
    Kind.REQUEST_SUCCEEDED: (
        "{workspace}: job request {request} succeeded",
        "{counts}, on {backend}.",
    ),
    Kind.REQUEST_FAILED: (
        "{workspace}: job request {request} failed",
        "{counts}, on {backend}.",
    ),
    Kind.REQUEST_CANCELLED: (
        "{workspace}: job request {request} was cancelled",
        "{counts}, on {backend}.",
    ),
    Kind.FILES_RELEASED: (
        "{workspace}: release of {files}",
        "{who} released {files} of the workspace {workspace} in {project}, from {backend}.",
    ),
    Kind.SET_PROPOSED: (
        "{workspace}: proposal of {files} for publication",
        "{who} proposed {files} of the workspace {workspace} in {project}. Somebody else has to "
        "publish or reject the set.",
    ),
    Kind.SET_PUBLISHED: (
        "{workspace}: the files that you proposed are public",
        "{who} published {files} of the workspace {workspace} in {project}.",
    ),
    Kind.SET_REJECTED: (
        "{workspace}: the files that you proposed were rejected",
        "{who} rejected {files} of the workspace {workspace} in {project}. The page says why.",
    ),
    Kind.SET_WITHDRAWN: (
        "{workspace}: the files that you proposed were withdrawn",
        "{who} took {files} of the workspace {workspace} in {project} back from the public. The "
        "page says why.",
    ),
    Kind.REVIEW_ASKED: (
        "{workspace}: outputs wait for review on {backend}",
        "{who} asks for outputs of the workspace {workspace} to be reviewed. Log in to the "
        "release hatch of {backend}.",
    ),
    Kind.REVIEW_RETURNED: (
        "{workspace}: your outputs came back from review",
        "The reviewers of {backend} ask for changes. Log in to its release hatch to read which.",
    ),
    Kind.REVIEW_REJECTED: (
        "{workspace}: your outputs will not be released",
        "The reviewers of {backend} rejected the request. Log in to its release hatch to read why.",
    ),
    Kind.INVITATION: (
        "Your account {username}",
        "An account {username} was made for you. Set its password by this link within seven "
        "days; it works once.",
    ),
    Kind.FORGOTTEN: (
        "A new password for {username}",
        "Somebody, probably you, asked for a new password of {username}. This link sets it, once "
        "and within a day. If it was not you, leave it: nothing has changed.",
    ),
    Kind.CHANGED: (
        "The password of {username} was changed",
        "Every session and access token of {username} ended. If you know nothing of it, tell an "
        "administrator now.",
    ),
    Kind.LINKED: (
        "{username}: another way to log in",
        "An account of your organisation lets somebody in as {username} from now on. If it is not "
        "yours, tell an administrator now.",
    ),
    Kind.CODES_OFF: (
        "One-time codes of {username} are off",
        "{who} turned off the one-time codes of {username}. If you know nothing of it, tell an "
        "administrator now.",
    ),
    Kind.LOGIN_CREATED: (
        "A log-in for the release hatch was created",
        "It is for {username} and counts once, until {until}. If you know nothing of it, change "
        "your password.",
    ),
    Kind.LOGIN_USED: (
        "A log-in for the release hatch was used",
        "{username} is logged in to the release hatch of {backend}. If it was not you, tell an "
        "administrator now.",
    ),
    Kind.TEST: (
        "A test of this site's mail",
        "An administrator asked for it. Mail of this site reaches you.",
    ),
}
FOOT = "You are told this by {site}; choose what about at {site}/settings/."


@dataclass(frozen=True)
class Letter:
    """What is handed over: two texts without line breaks, and where to look (may be empty)."""

    subject: str
    text: str
    url: str

    def body(self, site: str) -> str:
        """Return the text of a mail."""
        parts = [self.text, self.url, "-- \n" + FOOT.format(site=site)]
        return "\n\n".join(filter(None, parts)) + "\n"


def write(kind: Kind, data: Mapping[str, object], site: str) -> Letter:
    """Return the letter of an occasion; `data` has the names in its words, and `path`."""
    subject, text = _WORDS[kind]
    path = str(data.get("path", ""))
    return Letter(subject.format_map(data), text.format_map(data), site + path if path else "")
