"""What a web service answers instead of serving a request: one class for each HTTP status.

The text of a problem is for the person or program that asked: one or two sentences that say what
happened and what to do. Anything else that is raised is a fault of ours and shows nothing.
"""

from __future__ import annotations

from http import HTTPStatus

from sallyport_common.errors import SallyportError


class Problem(SallyportError):
    """A request that cannot be served as sent."""

    status: int = HTTPStatus.BAD_REQUEST


class UnauthenticatedError(Problem):
    """The request names no account, or its credentials are wrong."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(Problem):
    """The account is known and does not have the permission."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(Problem):
    """The resource does not exist, or is not shown to this account."""

    status = HTTPStatus.NOT_FOUND


class ConflictError(Problem):
    """The request does not fit the present state of the resource."""

    status = HTTPStatus.CONFLICT


class TooManyError(Problem):
    """Too many failures in a short time."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class UnavailableError(Problem):
    """Something that the service depends on does not answer; the exception's cause says what."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
