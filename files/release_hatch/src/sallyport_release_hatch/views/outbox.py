"""Reports of the publisher, on a socket of their own that nobody else may use."""

from __future__ import annotations

import socket
import struct
from http import HTTPStatus

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from sallyport_common.problems import ConflictError, NotFoundError
from sallyport_release_hatch.views import hatch

blueprint = Blueprint("outbox", __name__, url_prefix="/requests/<identifier>")
CREDENTIALS = struct.Struct("3i")


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process at the other end of a unix socket."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(raw)[1])


@blueprint.before_request
def check_peer() -> None:
    """Refuse everybody but the publisher's account; the kernel says who is calling."""
    connection = request.environ.get("gunicorn.socket")
    if connection is None or peer_uid(connection) != hatch().settings.publisher_uid:
        abort(HTTPStatus.FORBIDDEN)


def _text(name: str) -> str:
    body = request.get_json(silent=True)
    value = body.get(name) if isinstance(body, dict) else None
    return value[:500] if isinstance(value, str) else ""


@blueprint.post("/files/<sha256>")
def file_uploaded(identifier: str, sha256: str) -> ResponseReturnValue:
    """Note that a file has arrived at the job server."""
    hatch().handover.file_uploaded(identifier, sha256, _text("file_id") or None)
    return {}, HTTPStatus.OK


@blueprint.post("/released")
def released(identifier: str) -> ResponseReturnValue:
    """Note that the whole request has arrived."""
    hatch().handover.released(identifier)
    return {}, HTTPStatus.OK


@blueprint.post("/failed")
def failed(identifier: str) -> ResponseReturnValue:
    """Note why the request cannot be published yet."""
    hatch().handover.failed(identifier, _text("reason") or "no reason given")
    return {}, HTTPStatus.OK


@blueprint.errorhandler(NotFoundError)
def not_found(error: NotFoundError) -> ResponseReturnValue:
    """Answer 404 in the publisher's form."""
    return {"detail": str(error)}, HTTPStatus.NOT_FOUND


@blueprint.errorhandler(ConflictError)
def conflict(error: ConflictError) -> ResponseReturnValue:
    """Answer 409 in the publisher's form."""
    return {"detail": str(error)}, HTTPStatus.CONFLICT
