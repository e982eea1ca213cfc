"""Rules for what people type: names, addresses, roles."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zxcvbn import zxcvbn

from sallyport_common.names import SLUG
from sallyport_common.problems import Problem
from sallyport_job_server.roles import Role
from sallyport_study import places
from sallyport_study.places import InvalidNameError

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MAIL = re.compile(r"[^\s@\"<>,;]+@[^\s@\"<>,;]+")
_PART = re.compile(r"[^\w]+")
SHORTEST_PASSWORD = 12
LONGEST_JUDGED = 72
"""Characters of a password that are judged, as that takes longer the longer it is."""
SAFE = 3
"""The score, of 0 to 4, from which more than a hundred million guesses are needed."""


def slug(kind: str, text: str) -> str:
    """Return a name in lower case; raise Problem unless it is letters, digits, '-' and '_'."""
    name = text.strip().lower()
    if not SLUG.fullmatch(name):
        raise Problem(f"The {kind} may hold only letters, digits, '-' and '_'.")
    return name


def workspace(text: str) -> str:
    """Return the name of a workspace in lower case; raise Problem with the rule that it breaks."""
    try:
        return places.check_workspace(text.strip().lower())
    except InvalidNameError as error:
        raise Problem(str(error)) from None


def username(text: str) -> str:
    """Return a user name; raise Problem for characters that break headers and paths."""
    if not _USERNAME.fullmatch(text.strip()):
        raise Problem("A user name may hold only letters, digits, '.', '-' and '_'.")
    return text.strip()


def text(kind: str, value: str, longest: int = 200) -> str:
    """Return a string without outer spaces; raise Problem when nothing is left, or too much."""
    if not value.strip():
        raise Problem(f"The {kind} must not be empty.")
    return optional_text(kind, value, longest)


def optional_text(kind: str, value: str, longest: int = 200) -> str:
    """Return a string without outer spaces; raise Problem when it is too long."""
    plain = value.strip()
    if len(plain) > longest:
        raise Problem(f"The {kind} may have at most {longest} characters.")
    return plain


def https_address(kind: str, value: str) -> str:
    """Return an address without a slash at its end, or nothing; raise Problem unless https."""
    plain = optional_text(kind, value, 500).rstrip("/")
    if plain and not plain.startswith("https://"):
        raise Problem(f"The {kind} must start with https://.")
    return plain


def branch(value: str) -> str:
    """Return a branch name that git takes as one; raise Problem with the rule that it breaks."""
    try:
        return places.check_branch(value.strip(" \t\r\n"))
    except InvalidNameError as error:
        raise Problem(f"'{value}' is not the name of a branch. {error}") from None


def mail_address(value: str) -> str:
    """Return a mail address without outer spaces, or nothing; raise Problem for other text."""
    plain = optional_text("mail address", value)
    if plain and not _MAIL.fullmatch(plain):
        raise Problem("A mail address looks like name@example.org.")
    return plain


def password(value: str, *known: str) -> str:
    """Return a password; raise Problem for one that is short or easy to guess.

    zxcvbn, a maintained estimator, judges it; `known` is what others know of the person.
    """
    if len(value) < SHORTEST_PASSWORD:
        raise Problem(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    words = [part for text in (*known, "sallyport") for part in _PART.split(text)]
    found = zxcvbn(value[:LONGEST_JUDGED], words)
    if found["score"] < SAFE:
        advice = found["feedback"]
        said = " ".join(filter(None, [advice["warning"], *advice["suggestions"]]))
        raise Problem(f"This password is easy to guess. {said}".strip())
    return value


def roles(values: Iterable[str], allowed: Iterable[Role]) -> list[str]:
    """Return the roles without repetition; raise Problem naming those that are allowed here."""
    names = [str(role) for role in allowed]
    requested = sorted(set(values))
    for name in requested:
        if name not in names:
            raise Problem(f"'{name}' is not a role here; the roles are {', '.join(names)}.")
    return requested
