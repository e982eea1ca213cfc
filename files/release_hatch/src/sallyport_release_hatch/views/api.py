"""The compatible token API: list, read, ask for a release, review; it sends no file outward."""

from __future__ import annotations

import io
import mimetypes
import time
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, request, send_file, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_release_hatch import schemas
from sallyport_release_hatch.models import (
    BadInputError,
    ReleaseRequest,
    RequestFile,
    RequestState,
    Vote,
    WorkspaceFile,
)
from sallyport_release_hatch.services.job_server import JobServerUnreachableError
from sallyport_release_hatch.services.requesting import Description
from sallyport_release_hatch.services.tokens import TokenExpiredError, TokenForbiddenError
from sallyport_release_hatch.views import filelist, hatch
from sallyport_release_hatch.views.security import CONTENT_POLICY, viewer

blueprint = Blueprint("api", __name__, url_prefix="/workspace/<workspace>")
EXPOSED = "Release-Id, Response-Id, File-Id, Release-Location, Release-API-Location"
YEAR = 365 * 24 * 3600


@blueprint.before_request
def check_token() -> ResponseReturnValue | None:
    """Let in whoever brings a genuine token for this workspace; answer preflights."""
    origin = hatch().settings.cors_origin
    if request.method == "OPTIONS":
        if not origin or request.headers.get("Origin") != origin:
            return Response("Disallowed CORS origin", HTTPStatus.BAD_REQUEST)
        return Response(status=HTTPStatus.OK)
    token = request.headers.get("Authorization")
    if not token:
        return {"detail": "Not authenticated"}, HTTPStatus.FORBIDDEN
    claim = hatch().tokens.read(token)
    if claim.workspace != (request.view_args or {}).get("workspace"):
        raise TokenForbiddenError("Forbidden")
    g.identity = hatch().access.of_token_user(claim.user)
    g.via = f"token {claim.fingerprint}"
    return None


@blueprint.after_request
def add_cors(response: Response) -> Response:
    """Let the one allowed origin read the answer."""
    origin = hatch().settings.cors_origin
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    if origin:
        response.vary.add("Origin")
    if origin and request.headers.get("Origin") == origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Max-Age"] = "3200"
    return response


def _entry(file: WorkspaceFile | RequestFile, url: str) -> schemas.FileEntry:
    return schemas.FileEntry(file.name, url, file.size, file.sha256, file.date)


def _index(files: list[WorkspaceFile] | tuple[RequestFile, ...], address: str) -> Response:
    entries = [_entry(file, f"{address}/{file.name}") for file in files]
    return filelist.answer(schemas.Index(entries))


def _bytes(file: WorkspaceFile | RequestFile, data: bytes, cache: str) -> Response:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    response = send_file(
        io.BytesIO(data),
        mimetype=kind,
        etag=file.sha256,
        last_modified=datetime.fromisoformat(file.date),
        conditional=True,
    )
    response.headers["Cache-Control"] = cache
    return response


@blueprint.get("/current")
def current(workspace: str) -> ResponseReturnValue:
    """List the live workspace."""
    files = [f for f in hatch().viewing.index(viewer(), workspace) if not f.excluded]
    return _index(files, url_for("api.current", workspace=workspace, _external=True))


@blueprint.get("/current/<path:name>")
def current_file(workspace: str, name: str) -> ResponseReturnValue:
    """Return one file of the live workspace."""
    data = hatch().viewing.file(viewer(), workspace, name, via=g.via)
    return _bytes(hatch().workspaces.find(workspace, name), data, "private, no-store")


@blueprint.post("/release")
def create(workspace: str) -> ResponseReturnValue:
    """Freeze files and make a request; it is submitted if its texts came along."""
    body = filelist.read(schemas.FileList)
    hashes = {str(file.name): file.sha256 for file in body.files}
    requesting, person = hatch().requesting, viewer()
    release = requesting.same_as(person, workspace, hashes)
    if release is None:
        text = Description(*filelist.texts(body))
        release = requesting.create(person, workspace, list(hashes), text, hashes)
        if not text.missing():
            requesting.submit(person, release.id)
    address = url_for("api.release", workspace=workspace, identifier=release.id, _external=True)
    page = url_for("requests.show", identifier=release.id, _external=True)
    headers = {"Release-Id": release.id, "Response-Id": release.id, "Release-API-Location": address}
    headers["Release-Location"] = page
    response = filelist.answer(schemas.CreatedRequest(release.id, page), HTTPStatus.CREATED)
    response.headers.update(headers)
    return response


def _request(workspace: str, identifier: str) -> ReleaseRequest:
    try:
        release = hatch().viewing.request(viewer(), identifier)
    except NotFoundError:
        release = None
    if release is None or release.workspace != workspace:
        raise NotFoundError(f"Release {identifier} not found")
    return release


def _file(release: ReleaseRequest, name: str) -> RequestFile:
    for file in release.files:
        if file.name == name:
            return file
    raise NotFoundError(f"File {name} not found in release {release.id}")


@blueprint.get("/release/<identifier>")
def release(workspace: str, identifier: str) -> ResponseReturnValue:
    """List the frozen files of a request."""
    release = _request(workspace, identifier)
    address = url_for("api.release", workspace=workspace, identifier=identifier, _external=True)
    return _index(release.files, address)


@blueprint.get("/release/<identifier>/<path:name>")
def release_file(workspace: str, identifier: str, name: str) -> ResponseReturnValue:
    """Return one frozen file."""
    file = _file(_request(workspace, identifier), name)
    file, data = hatch().viewing.frozen(viewer(), identifier, file.id, via=g.via)
    return _bytes(file, data, f"private, max-age={YEAR}, immutable")


@blueprint.post("/release/<identifier>")
def upload(workspace: str, identifier: str) -> ResponseReturnValue:
    """Return whether an approved file has left; the publisher carries it, never this call."""
    name = filelist.read(schemas.NamedFile).name
    file = _file(_request(workspace, identifier), name)
    deadline = time.monotonic() + hatch().settings.upload_wait
    while True:
        release = _request(workspace, identifier)
        if release.state not in (RequestState.APPROVED, RequestState.RELEASED):
            raise ForbiddenError("The release was not approved yet.")
        file = _file(release, name)
        if file.uploaded:
            return _uploaded(file)
        if time.monotonic() >= deadline:
            detail = {"detail": "The file is approved and still being uploaded. Try again later."}
            return detail, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"}
        time.sleep(0.25)


def _uploaded(file: RequestFile) -> Response:
    response = make_response("", HTTPStatus.CREATED)
    if file.file_id:
        base = hatch().settings.job_server_url.rstrip("/")
        response.headers["File-Id"] = file.file_id
        response.headers["Location"] = f"{base}/api/v2/releases/file/{file.file_id}"
    return response


@blueprint.post("/<identifier>/reviews")
def review(workspace: str, identifier: str) -> ResponseReturnValue:
    """Hand in a whole review: a vote on each file, with comments where one is rejected."""
    body = filelist.read(schemas.FileList)
    release = _request(workspace, identifier)
    votes, comments = filelist.reviews(body, {file.name: file for file in release.files})
    ids = {file.name: file.id for file in release.files}
    hatch().reviewing.vote(
        viewer(),
        identifier,
        {ids[name]: Vote(vote) for name, vote in votes.items()},
        comments,
        submit=True,
    )
    return "", HTTPStatus.OK


@blueprint.errorhandler(filelist.BodyError)
def invalid_body(error: filelist.BodyError) -> ResponseReturnValue:
    """Answer in the form that existing clients know."""
    return {"detail": error.detail}, HTTPStatus.UNPROCESSABLE_ENTITY


@blueprint.errorhandler(BadInputError)
def bad_input(error: BadInputError) -> ResponseReturnValue:
    """Answer with a sentence for each problem."""
    return {"detail": list(error.problems)}, HTTPStatus.BAD_REQUEST


@blueprint.errorhandler(TokenForbiddenError)
def forbidden(_error: TokenForbiddenError) -> ResponseReturnValue:
    """Refuse a token without saying why."""
    return {"detail": "Forbidden"}, HTTPStatus.FORBIDDEN


@blueprint.errorhandler(TokenExpiredError)
def unauthorized(_error: TokenExpiredError) -> ResponseReturnValue:
    """Say that a genuine token is over."""
    return {"detail": "Unauthorized"}, HTTPStatus.UNAUTHORIZED


@blueprint.errorhandler(JobServerUnreachableError)
def unreachable(error: JobServerUnreachableError) -> ResponseReturnValue:
    """Say that permissions cannot be asked for."""
    return {"detail": str(error)}, HTTPStatus.BAD_GATEWAY
