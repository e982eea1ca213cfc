"""Pages where released files are seen, downloaded and published."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import NotFoundError
from sallyport_common.web import check_csrf
from sallyport_job_server.models import ReleaseFile, Snapshot
from sallyport_job_server.services.previews import preview
from sallyport_job_server.services.releases import MISSING
from sallyport_job_server.views.classic_releases import send
from sallyport_job_server.views.context import me, services

blueprint = Blueprint("releases", __name__)
blueprint.before_request(check_csrf)


@blueprint.get("/workspaces/<name>/releases/")
def workspace(name: str) -> ResponseReturnValue:
    """Show a workspace's releases and snapshots."""
    user = me()
    shown = services().directory.workspace(user, name)
    return render_template(
        "releases.html",
        workspace=shown,
        releases=services().releases.of_workspace(user, name),
        snapshots=services().snapshots.of_workspace(user, name),
        permissions=services().directory.permissions(user, shown.project_id),
    )


@blueprint.get("/releases/<release_id>/")
def release(release_id: str) -> ResponseReturnValue:
    """Lead to the release on its workspace's page."""
    files = services().releases.of_release(me(), release_id)
    if not files:
        raise NotFoundError(f"There is no release '{release_id}'.")
    return redirect(url_for(".workspace", name=files[0].workspace, _anchor=release_id))


@blueprint.post("/workspaces/<name>/snapshots/")
def create_snapshot(name: str) -> ResponseReturnValue:
    """Freeze the chosen files."""
    form = request.form
    snapshot = services().snapshots.create(
        me(), name, form.getlist("file_ids"), form.get("note", "")
    )
    flash("The files wait for a publication approver.")
    return redirect(url_for("publication.proposal", name=name, number=snapshot.id))


@blueprint.post("/workspaces/<name>/snapshots/<int:number>/publish/")
def publish_snapshot(name: str, number: int) -> ResponseReturnValue:
    """Make a snapshot's files public."""
    services().snapshots.publish(me(), name, number)
    flash("The files are public now.")
    return redirect(url_for("publication.proposal", name=name, number=number))


@blueprint.get("/files/<file_id>/")
def file(file_id: str) -> ResponseReturnValue:
    """Show a released file, or what is left of one that was removed."""
    user = me()
    shown = services().releases.look(user, file_id)
    workspace = services().directory.workspace(user, shown.workspace)
    if shown.deleted_at:
        return _tombstone(shown)
    permissions = services().directory.permissions(user, workspace.project_id)
    services().releases.note_reading(user, [shown], "page")
    return _file_page(shown, may_delete="release_file_delete" in permissions)


@blueprint.get("/files/<file_id>/raw")
def raw(file_id: str) -> ResponseReturnValue:
    """Answer a released file's bytes, to be shown or with `download` to be kept."""
    user = me()
    file = services().releases.file(user, file_id)
    services().releases.note_reading(user, [file], _how())
    return _bytes(file)


@blueprint.post("/files/<file_id>/delete/")
def delete(file_id: str) -> ResponseReturnValue:
    """Remove a released file's bytes."""
    removed = services().releases.delete(me(), file_id, request.form.get("reason", ""))
    flash(f"{removed.name} was removed.")
    return redirect(url_for(".workspace", name=removed.workspace))


@blueprint.get("/<project>/<workspace>/published/<file_id>/")
def published_file(project: str, workspace: str, file_id: str) -> ResponseReturnValue:
    """Show a published file to everybody, or that it was withdrawn."""
    file, publication = _public(project, workspace, file_id)
    if file.deleted_at or not publication.is_public:
        return _tombstone(file, publication)
    return _file_page(file, publication)


@blueprint.get("/<project>/<workspace>/published/<file_id>/raw")
def published_raw(project: str, workspace: str, file_id: str) -> ResponseReturnValue:
    """Answer a published file's bytes to everybody."""
    file, publication = _public(project, workspace, file_id)
    if file.deleted_at or not publication.is_public:
        raise NotFoundError(MISSING)
    return _bytes(file)


def _public(project: str, workspace: str, file_id: str) -> tuple[ReleaseFile, Snapshot]:
    file, publication = services().releases.published(file_id)
    if (file.project, file.workspace) != (project, workspace):
        raise NotFoundError(MISSING)
    return file, publication


def _tombstone(file: ReleaseFile, publication: Snapshot | None = None) -> ResponseReturnValue:
    """Say that a file was here, for those who follow a link to it."""
    since = file.deleted_at or (publication and publication.rejected_at)
    page = render_template("tombstone.html", file=file, since=since, publication=publication)
    return page, HTTPStatus.GONE


def _file_page(
    file: ReleaseFile, publication: Snapshot | None = None, *, may_delete: bool = False
) -> str:
    """Return a file's page, for everybody if it is that of a publication."""
    shown = preview(file.name, services().releases.content(file)) if file.uploaded_at else None
    address = url_for(".raw", file_id=file.id)
    if publication:
        address = url_for(
            ".published_raw", project=file.project, workspace=file.workspace, file_id=file.id
        )
    return render_template(
        "file.html",
        file=file,
        shown=shown,
        address=address,
        publication=publication,
        may_delete=may_delete,
    )


def _how() -> str:
    return "download" if "download" in request.args else "shown"


def _bytes(file: ReleaseFile) -> ResponseReturnValue:
    if file.uploaded_at is None:
        raise NotFoundError("The file was not uploaded yet.")
    return send(file, "attachment" if _how() == "download" else "inline")
