"""The classic release API under `/api/v2/`, for hatches, publishers and people's tools."""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.http import http_date, parse_options_header

from sallyport_common.outputs import MAX_FILE_BYTES
from sallyport_common.problems import Problem
from sallyport_common.protocol import parse_utc
from sallyport_common.schemas import fill
from sallyport_common.web import check_csrf
from sallyport_job_server.models import AlreadyUploadedError, Backend, ReleaseFile, User
from sallyport_job_server.schemas import releases as schemas
from sallyport_job_server.services.access_tokens import TokenScope
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.services.previews import shown_kind
from sallyport_job_server.storage.files import ReleaseStore
from sallyport_job_server.views.context import absolute, services, session_reader
from sallyport_job_server.views.operations import Caller, operation

blueprint = Blueprint("classic_releases", __name__)

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Checker(NamedTuple):
    """A backend, and the output checker in whose name it releases."""

    backend: Backend
    user: User


def _backend(*scopes: Scope) -> Backend:
    return services().backends.caller(request.headers.get("Authorization"), *scopes)


def _checker(*scopes: Scope) -> Checker:
    backend = _backend(*scopes)
    return Checker(backend, services().backends.releaser(backend, request.headers.get("OS-User")))


def _reader(needed: TokenScope = TokenScope.READ) -> User:
    """Return who reads: the owner of an access token, or of the browser's session."""
    header = request.headers.get("Authorization")
    user = None if header else session_reader()
    return user or services().access_tokens.owner(header or "", needed)


def _person() -> User:
    """Return who changes something from a page or with an access token."""
    if not request.headers.get("Authorization"):
        check_csrf()
    return _reader(TokenScope.ALL)


def _visitor() -> User | None:
    return _reader() if request.headers.get("Authorization") else session_reader()


HATCH = Caller("backend_token", lambda: _backend(Scope.REVIEW))
PUBLISHER = Caller("backend_token", lambda: _checker(Scope.PUBLISH))
REVIEWER = Caller("backend_token", lambda: _checker(Scope.PUBLISH, Scope.REVIEW))
READER = Caller("access_token", _reader)
PERSON = Caller("access_token", _person)
VISITOR = Caller("", _visitor)


def _entry(file: ReleaseFile, name: str = "", url: str = "") -> schemas.IndexEntry:
    """Return a file in the shape of the release API's index."""
    return fill(
        schemas.IndexEntry,
        file,
        name=name or file.name,
        url=url or url_for("classic_releases.released_file", file_id=file.id),
        user=file.created_by,
        is_deleted=file.deleted_at is not None,
        metadata=file.details,
    )


@blueprint.post("/releases/authenticate")
@operation(schemas.Person, by=HATCH, body=schemas.LogInBody)
def authenticate(backend: Backend, body: schemas.LogInBody) -> object:
    """Use up a one-use log-in and return the person."""
    return services().login_tokens.redeem(backend, body.user, body.token)


@blueprint.post("/releases/authorise")
@operation(schemas.Person, by=HATCH, body=schemas.PersonBody)
def authorise(backend: Backend, body: schemas.PersonBody) -> object:
    """Return what a person may see and do at the hatch now."""
    return services().login_tokens.person(backend, body.user)


def _event_error(problem: Problem) -> ResponseReturnValue:
    return {"status": "error", "message": str(problem)}, 201


@blueprint.post("/airlock/events/")
@operation(schemas.EventAnswer, by=HATCH, body=schemas.Event, status=201, refuse=_event_error)
def airlock_event(backend: Backend, event: schemas.Event) -> object:
    """Record an event of the review workflow; always 201, as its senders expect."""
    services().audit.hatch_event(backend, event)
    return schemas.EventAnswer("ok")


@blueprint.post("/releases/workspace/<name>")
@operation(schemas.CreatedRelease, by=PUBLISHER, body=schemas.FileList, status=201)
def create_release(checker: Checker, announced: schemas.FileList, name: str) -> object:
    """Announce a release."""
    release = services().releases.create(*checker, name, announced)
    url = absolute("releases.release", release_id=release.id)
    return schemas.CreatedRelease(release.id, url), {"Release-Id": release.id}


@blueprint.get("/releases/workspace/<name>")
@operation(schemas.Index, by=READER)
def workspace_index(reader: User, name: str) -> object:
    """Return the newest version of each file of a workspace."""
    files = services().releases.newest(reader, name)
    return schemas.Index([_entry(file, name=f"{file.backend}/{file.name}") for file in files])


@blueprint.post("/releases/release/<release_id>")
@operation(None, by=PUBLISHER, status=201)
def upload(checker: Checker, release_id: str) -> object:
    """Store the bytes of one announced file."""
    if (request.content_length or 0) > MAX_FILE_BYTES:
        raise Problem(schemas.TOO_LARGE)
    _kind, options = parse_options_header(request.headers.get("Content-Disposition"))
    name, data = options.get("filename"), request.get_data()
    file = services().releases.upload(*checker, release_id, name, data)
    url = absolute("classic_releases.released_file", file_id=file.id)
    return None, {"File-Id": file.id, "Location": url}


@blueprint.errorhandler(AlreadyUploadedError)
def already_uploaded(error: AlreadyUploadedError) -> ResponseReturnValue:
    """Answer the sentence that clients take for success, and which file it is about."""
    return {"detail": str(error)}, error.status, {"File-Id": error.file_id}


@blueprint.get("/releases/release/<release_id>")
@operation(schemas.ReleaseIndex, by=READER)
def release_index(reader: User, release_id: str) -> object:
    """Return the files of a release."""
    files = services().releases.of_release(reader, release_id)
    return schemas.ReleaseIndex([_entry(file) for file in files])


@blueprint.post("/releases/release/<release_id>/reviews")
@operation(None, by=REVIEWER, body=schemas.FileList)
def reviews(checker: Checker, reviewed: schemas.FileList, release_id: str) -> object:
    """Store the reviews of a release's files."""
    services().releases.review(*checker, release_id, reviewed.files)
    return None


@blueprint.get("/releases/file/<file_id>")
@operation(None, by=READER)
def released_file(reader: User, file_id: str) -> object:
    """Return the bytes of a released file."""
    file = services().releases.file(reader, file_id)
    if file.uploaded_at is None:
        return Response('"File not yet uploaded"', mimetype="application/json")
    services().releases.note_reading(reader, [file], "api")
    return send(file, "inline")


def send(file: ReleaseFile, disposition: str) -> Response:
    """Answer the bytes of a file; whatever they are, they run no script on this site."""
    prefix = current_app.config["RELEASES_REDIRECT"]
    headers = {
        "Content-Disposition": f'{disposition}; filename="{_plain(file.name)}"',
        "Last-Modified": http_date(parse_utc(file.date)),
        "Content-Security-Policy": SANDBOX,
    }
    if prefix and request.headers.get("Releases-Redirect") == prefix:
        address = ReleaseStore.address(file.workspace, file.release_id, file.name)
        return Response(headers=headers | {"X-Accel-Redirect": f"{prefix}/{address}"})
    data = services().releases.content(file)
    return Response(data, headers=headers, mimetype=media_type(file.name))


def media_type(name: str) -> str:
    """Return the media type that a released file is sent as, by its suffix."""
    kind = shown_kind(name)
    return kind.media_type if kind else "application/octet-stream"


def _plain(name: str) -> str:
    """Return the last part of a path, safe inside a quoted header value."""
    last = name.rpartition("/")[2]
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in last)


@blueprint.post("/workspaces/<name>/snapshots")
@operation(schemas.CreatedSnapshot, by=PERSON, body=schemas.SnapshotBody, status=201)
def create_snapshot(user: User, body: schemas.SnapshotBody, name: str) -> object:
    """Freeze a set of files."""
    snapshot = services().snapshots.create(user, name, body.file_ids)
    url = absolute("classic_releases.snapshot", name=name, number=snapshot.id)
    return schemas.CreatedSnapshot(url)


@blueprint.get("/workspaces/<name>/snapshots/<int:number>")
@operation(schemas.Index, by=VISITOR)
def snapshot(visitor: User | None, name: str, number: int) -> object:
    """Return the files of a snapshot; no log-in is needed once it is published."""
    files = services().snapshots.look(visitor, name, number)
    return schemas.Index([_entry(file, url=public_url(file)) for file in files])


def public_url(file: ReleaseFile) -> str:
    """Return where a file is read once it is published."""
    return url_for(
        "releases.published_file", project=file.project, workspace=file.workspace, file_id=file.id
    )


@blueprint.post("/workspaces/<name>/snapshots/<int:number>/publish")
@operation(None, by=PERSON)
def publish_snapshot(user: User, name: str, number: int) -> object:
    """Make a snapshot's files public."""
    services().snapshots.publish(user, name, number)
    return None
