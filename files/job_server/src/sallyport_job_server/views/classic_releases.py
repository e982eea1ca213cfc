"""The classic release API under `/api/v2/`, for hatches, publishers and people's tools."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.http import http_date, parse_options_header

from sallyport_common.outputs import MAX_FILE_BYTES
from sallyport_common.protocol import parse_utc
from sallyport_common.web import check_csrf
from sallyport_job_server.models import AlreadyUploadedError, Backend, Problem, ReleaseFile, User
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.services.file_list import TOO_LARGE, read_details, read_files
from sallyport_job_server.services.previews import IMAGES
from sallyport_job_server.storage.files import ReleaseStore
from sallyport_job_server.views.bodies import Fields, json_body, read, text
from sallyport_job_server.views.context import absolute, services, session_user

blueprint = Blueprint("classic_releases", __name__)

LOG_IN: Fields = {"user": text("user name or mail address"), "token": text("three words")}
PERSON: Fields = {"user": text("user name or mail address")}
MEDIA = {"csv": "text/csv", "txt": "text/plain", "log": "text/plain", "json": "application/json"}
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def _backend(*scopes: Scope) -> Backend:
    return services().backends.caller(request.headers.get("Authorization"), *scopes)


def _checker(*scopes: Scope) -> tuple[Backend, User]:
    backend = _backend(*scopes)
    return backend, services().backends.releaser(backend, request.headers.get("OS-User"))


def _reader() -> User:
    """Return who reads: the owner of an access token, or of the browser's session."""
    header = request.headers.get("Authorization")
    user = None if header else session_user()
    return user or services().access_tokens.owner(header or "")


def _person() -> User:
    """Return who changes something from a page or with an access token."""
    if not request.headers.get("Authorization"):
        check_csrf()
    return _reader()


def index_entry(file: ReleaseFile, *, prefixed: bool = False) -> dict[str, Any]:
    """Return a file in the shape of the release API's index."""
    return {
        "name": f"{file.backend}/{file.name}" if prefixed else file.name,
        "id": file.id,
        "url": url_for("classic_releases.released_file", file_id=file.id),
        "user": file.created_by,
        "date": file.date,
        "sha256": file.sha256,
        "size": file.size,
        "is_deleted": file.deleted_at is not None,
        "backend": file.backend,
        "metadata": file.details,
        "review": file.review,
    }


@blueprint.post("/releases/authenticate")
def authenticate() -> ResponseReturnValue:
    """Use up a one-use log-in and answer the person."""
    backend = _backend(Scope.REVIEW)
    body = read(LOG_IN)
    return services().login_tokens.redeem(backend, body["user"], body["token"])


@blueprint.post("/releases/authorise")
def authorise() -> ResponseReturnValue:
    """Answer what a person may see and do at the hatch now."""
    backend = _backend(Scope.REVIEW)
    return services().login_tokens.person(backend, read(PERSON)["user"])


@blueprint.post("/airlock/events/")
def airlock_event() -> ResponseReturnValue:
    """Keep an event of the review workflow; always 201, as its senders expect."""
    backend = _backend(Scope.REVIEW)
    try:
        body = json_body()
        if not isinstance(body, dict):
            raise Problem("The body must be a JSON object.")
        services().audit.hatch_event(backend, body)
    except Problem as problem:
        return {"status": "error", "message": str(problem)}, 201
    return {"status": "ok"}, 201


@blueprint.post("/releases/workspace/<name>")
def create_release(name: str) -> ResponseReturnValue:
    """Announce a release."""
    backend, user = _checker(Scope.PUBLISH)
    body = json_body()
    files = read_files(body)
    release = services().releases.create(backend, user, name, files, read_details(body))
    url = absolute("releases.release", release_id=release.id)
    answer = {"release_id": release.id, "release_url": url}
    return answer, 201, {"Release-Id": release.id}


@blueprint.get("/releases/workspace/<name>")
def workspace_index(name: str) -> ResponseReturnValue:
    """Answer the newest version of each file of a workspace."""
    files = services().releases.newest(_reader(), name)
    return {"files": [index_entry(file, prefixed=True) for file in files]}


@blueprint.post("/releases/release/<release_id>")
def upload(release_id: str) -> ResponseReturnValue:
    """Keep the bytes of one announced file."""
    backend, user = _checker(Scope.PUBLISH)
    if (request.content_length or 0) > MAX_FILE_BYTES:
        raise Problem(TOO_LARGE)
    _kind, options = parse_options_header(request.headers.get("Content-Disposition"))
    data = request.get_data()
    file = services().releases.upload(backend, user, release_id, options.get("filename"), data)
    url = absolute("classic_releases.released_file", file_id=file.id)
    return Response(status=201, headers={"File-Id": file.id, "Location": url})


@blueprint.errorhandler(AlreadyUploadedError)
def already_uploaded(error: AlreadyUploadedError) -> ResponseReturnValue:
    """Answer the sentence that clients take for success, and which file it is about."""
    return {"detail": str(error)}, error.status, {"File-Id": error.file_id}


@blueprint.get("/releases/release/<release_id>")
def release_index(release_id: str) -> ResponseReturnValue:
    """Answer the files of a release."""
    files = services().releases.of_release(_reader(), release_id)
    return {"files": [index_entry(file) for file in files], "metadata": {}, "review": None}


@blueprint.post("/releases/release/<release_id>/reviews")
def reviews(release_id: str) -> ResponseReturnValue:
    """Keep the reviews of a release's files."""
    _caller, user = _checker(Scope.PUBLISH, Scope.REVIEW)
    services().releases.review(user, release_id, read_files(json_body()))
    return Response(status=200)


@blueprint.get("/releases/file/<file_id>")
def released_file(file_id: str) -> ResponseReturnValue:
    """Answer the bytes of a released file."""
    file = services().releases.file(_reader(), file_id)
    if file.uploaded_at is None:
        return '"File not yet uploaded"', 200, {"Content-Type": "application/json"}
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
    suffix = "." + name.rpartition(".")[2].lower()
    return IMAGES.get(suffix) or MEDIA.get(suffix[1:], "application/octet-stream")


def _plain(name: str) -> str:
    """Return the last part of a path, safe inside a quoted header value."""
    last = name.rpartition("/")[2]
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in last)


@blueprint.post("/workspaces/<name>/snapshots")
def create_snapshot(name: str) -> ResponseReturnValue:
    """Freeze a set of files."""
    user = _person()
    body = json_body()
    ids = body.get("file_ids") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Problem("The body must be an object with a list 'file_ids'.")
    made = services().snapshots.create(user, name, ids)
    return {"url": absolute("classic_releases.snapshot", name=name, number=made.id)}, 201


@blueprint.get("/workspaces/<name>/snapshots/<int:number>")
def snapshot(name: str, number: int) -> ResponseReturnValue:
    """Answer the files of a snapshot; no log-in is needed once it is published."""
    user = session_user()
    if request.headers.get("Authorization"):
        user = _reader()
    files = services().snapshots.look(user, name, number)
    return {"files": [index_entry(file) | {"url": public_url(file)} for file in files]}


def public_url(file: ReleaseFile) -> str:
    """Return where a file is read once it is published."""
    return url_for(
        "releases.published_file", project=file.project, workspace=file.workspace, file_id=file.id
    )


@blueprint.post("/workspaces/<name>/snapshots/<int:number>/publish")
def publish_snapshot(name: str, number: int) -> ResponseReturnValue:
    """Make a snapshot's files public."""
    services().snapshots.publish(_person(), name, number)
    return Response(status=200)
