"""Pages where publication is asked for and decided, and where everybody sees what is public."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import NotFoundError, Problem
from sallyport_common.web import check_csrf
from sallyport_job_server.models import ReleaseFile, SetState
from sallyport_job_server.services.previews import Preview, preview
from sallyport_job_server.views.context import me, page_number, services

blueprint = Blueprint("publication", __name__)
blueprint.before_request(check_csrf)

MOST_PREVIEWS = 20
LARGEST_PREVIEW = 1024 * 1024
"""Bytes of a file that is shown on the page of its set; a larger one is opened by itself."""
ROWS = 50


@blueprint.get("/publications/")
def queue() -> ResponseReturnValue:
    """Show what waits for a publication approver, or what was decided."""
    words = request.args.get("state", "")
    state = SetState(words) if words in set(SetState) else SetState.WAITING
    page = services().snapshots.queue(me(), state, page_number())
    return render_template("publications.html", page=page, state=state, states=list(SetState))


@blueprint.get("/workspaces/<name>/snapshots/<int:number>/")
def proposal(name: str, number: int) -> ResponseReturnValue:
    """Show a set of files with previews, what was said about it, and the decision."""
    return _page(name, number)


def _page(name: str, number: int, problem: Problem | None = None) -> str:
    user = me()
    view = services().snapshots.view(user, name, number)
    files = [file for file in view.files if file.is_here and file.size <= LARGEST_PREVIEW]
    shown = {file.id: _preview(file) for file in files[:MOST_PREVIEWS]}
    services().releases.note_reading(user, files[:MOST_PREVIEWS], "preview")
    return render_template(
        "proposal.html", view=view, shown=shown, form=request.form, problem=problem
    )


def _preview(file: ReleaseFile) -> Preview | None:
    try:
        return preview(file.name, services().releases.content(file), ROWS)
    except NotFoundError:  # one file that is gone from the disk does not hide the others
        return None


@blueprint.post("/workspaces/<name>/snapshots/<int:number>/reject/")
def reject(name: str, number: int) -> ResponseReturnValue:
    """Reject a set, or take one back that is public."""
    try:
        services().snapshots.reject(me(), name, number, request.form.get("reason", ""))
    except Problem as problem:
        return _refused(name, number, problem)
    flash("The set is not public; the reason is below.")
    if others := services().snapshots.still_public(me(), name, number):
        flash(f"Still public by another set: {', '.join(others)}.")
    return redirect(url_for(".proposal", name=name, number=number))


@blueprint.post("/workspaces/<name>/snapshots/<int:number>/comments/")
def comment(name: str, number: int) -> ResponseReturnValue:
    """Say something about a set."""
    try:
        services().snapshots.comment(me(), name, number, request.form.get("text", ""))
    except Problem as problem:
        return _refused(name, number, problem)
    return redirect(url_for(".proposal", name=name, number=number, _anchor="comments"))


def _refused(name: str, number: int, problem: Problem) -> ResponseReturnValue:
    """Show the page again with what was typed, if the fault is in that."""
    if type(problem) is not Problem:
        raise problem
    return _page(name, number, problem), problem.status


@blueprint.get("/published/")
def projects() -> ResponseReturnValue:
    """Show everybody the projects of which something is public."""
    page = services().snapshots.public_projects(page_number())
    return render_template("published.html", page=page)


@blueprint.get("/published/<slug>/")
def project(slug: str) -> ResponseReturnValue:
    """Show everybody the public files of a project."""
    found, page = services().snapshots.public_files(slug, page_number())
    return render_template("published_project.html", project=found, page=page)
