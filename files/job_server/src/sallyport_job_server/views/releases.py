"""Pages where released files are seen, downloaded and published."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import NotFoundError
from sallyport_common.web import check_csrf
from sallyport_job_server.models import ReleaseFile
from sallyport_job_server.services.previews import preview
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
    services().snapshots.create(me(), name, request.form.getlist("file_ids"))
    flash("The files are ready to be published by a publication approver.")
    return redirect(url_for(".workspace", name=name, _anchor="snapshots"))


@blueprint.post("/workspaces/<name>/snapshots/<int:number>/publish/")
def publish_snapshot(name: str, number: int) -> ResponseReturnValue:
    """Make a snapshot's files public."""
    services().snapshots.publish(me(), name, number)
    flash("The files are public now.")
    return redirect(url_for(".workspace", name=name, _anchor="snapshots"))


@blueprint.get("/files/<file_id>/")
def file(file_id: str) -> ResponseReturnValue:
    """Show a released file."""
    user = me()
    shown = services().releases.file(user, file_id)
    workspace = services().directory.workspace(user, shown.workspace)
    permissions = services().directory.permissions(user, workspace.project_id)
    return _file_page(shown, public=False, may_delete="release_file_delete" in permissions)


@blueprint.get("/files/<file_id>/raw")
def raw(file_id: str) -> ResponseReturnValue:
    """Answer a released file's bytes, to be shown or with `download` to be kept."""
    return _bytes(services().releases.file(me(), file_id))


@blueprint.post("/files/<file_id>/delete/")
def delete(file_id: str) -> ResponseReturnValue:
    """Remove a released file's bytes."""
    removed = services().releases.delete(me(), file_id)
    flash(f"{removed.name} was removed.")
    return redirect(url_for(".workspace", name=removed.workspace))


@blueprint.get("/<project>/<workspace>/published/<file_id>/")
def published_file(project: str, workspace: str, file_id: str) -> ResponseReturnValue:
    """Show a published file to everybody."""
    return _file_page(_public(project, workspace, file_id), public=True, may_delete=False)


@blueprint.get("/<project>/<workspace>/published/<file_id>/raw")
def published_raw(project: str, workspace: str, file_id: str) -> ResponseReturnValue:
    """Answer a published file's bytes to everybody."""
    return _bytes(_public(project, workspace, file_id))


def _public(project: str, workspace: str, file_id: str) -> ReleaseFile:
    file = services().releases.file(None, file_id)
    if (file.project, file.workspace) != (project, workspace):
        raise NotFoundError("There is no such file, or it was removed.")
    return file


def _file_page(file: ReleaseFile, *, public: bool, may_delete: bool) -> str:
    shown = preview(file.name, services().releases.content(file)) if file.uploaded_at else None
    if public:
        address = url_for(
            ".published_raw",
            project=file.project,
            workspace=file.workspace,
            file_id=file.id,
        )
    else:
        address = url_for(".raw", file_id=file.id)
    return render_template(
        "file.html", file=file, shown=shown, address=address, public=public, may_delete=may_delete
    )


def _bytes(file: ReleaseFile) -> ResponseReturnValue:
    if file.uploaded_at is None:
        raise NotFoundError("The file was not uploaded yet.")
    return send(file, "attachment" if "download" in request.args else "inline")
