"""Pages where people find their workspaces, ask for jobs and follow them."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from sallyport_common.problems import Problem
from sallyport_common.web import check_csrf
from sallyport_job_server.roles import PROJECT_ROLES
from sallyport_job_server.services.submissions import digest
from sallyport_job_server.views.context import me, services
from sallyport_study import ProjectError

blueprint = Blueprint("research", __name__)
blueprint.before_request(check_csrf)

PAGE = 25


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Show one's workspaces and what ran in them lately."""
    user = me()
    workspaces = services().directory.workspaces_of(user)
    return render_template(
        "home.html",
        workspaces=workspaces,
        projects=services().directory.projects_of(user),
        latest=services().job_requests.latest(workspaces, 10),
    )


@blueprint.get("/projects/<slug>/")
def project(slug: str) -> ResponseReturnValue:
    """Show a project: workspaces and members."""
    view = services().directory.project(me(), slug)
    return render_template("project.html", view=view, roles=PROJECT_ROLES)


@blueprint.post("/projects/<slug>/members/")
def set_member(slug: str) -> ResponseReturnValue:
    """Set a person's roles in a project."""
    services().directory.set_member(
        me(), slug, request.form.get("username", ""), request.form.getlist("roles")
    )
    flash("The member's roles were set.")
    return redirect(url_for(".project", slug=slug))


@blueprint.post("/projects/<slug>/workspaces/")
def create_workspace(slug: str) -> ResponseReturnValue:
    """Create a workspace."""
    form = request.form
    workspace = services().directory.create_workspace(
        me(),
        name=form.get("name", ""),
        project=slug,
        repo=form.get("repo", ""),
        branch=form.get("branch", ""),
    )
    return redirect(url_for(".workspace", name=workspace.name))


@blueprint.get("/workspaces/<name>/")
def workspace(name: str) -> ResponseReturnValue:
    """Show a workspace and the history of its job requests."""
    user = me()
    page = max(1, request.args.get("page", 1, type=int))
    search = request.args.get("search", "").strip()
    shown = services().directory.workspace(user, name)
    return render_template(
        "workspace.html",
        workspace=shown,
        permissions=services().directory.permissions(user, shown.project_id),
        history=services().job_requests.history(user, name, search, page, PAGE),
        page=page,
        size=PAGE,
        search=search,
    )


@blueprint.post("/workspaces/<name>/archive/")
def archive(name: str) -> ResponseReturnValue:
    """Close a workspace, or open it again."""
    services().directory.archive(me(), name, request.form.get("archived") == "true")
    return redirect(url_for(".workspace", name=name))


@blueprint.get("/workspaces/<name>/run/")
def run(name: str) -> ResponseReturnValue:
    """Show the actions at the head of the branch, to choose from."""
    return run_page(name, request.form)


def run_page(name: str, form: MultiDict[str, str], problem: object = None) -> str:
    """Return the page with the form as somebody filled it in."""
    offer = services().job_requests.offer(me(), name)
    chosen = set(form.getlist("actions"))
    return render_template(
        "run.html", offer=offer, chosen=chosen, form=form, problem=problem, key=_new_key()
    )


@blueprint.post("/workspaces/<name>/run/")
def submit(name: str) -> ResponseReturnValue:
    """Ask for the chosen actions; what is wrong is shown on the same page."""
    form = request.form
    try:
        job_request = services().job_requests.create(
            me(),
            workspace_name=name,
            backend_slug=form.get("backend", ""),
            actions=form.getlist("actions"),
            force=form.get("force") == "true",
            sha=form.get("sha", ""),
            key=_key(form),
        )
    except (Problem, ProjectError) as problem:
        return run_page(name, form, problem), HTTPStatus.BAD_REQUEST
    return redirect(url_for(".job_request", identifier=job_request.identifier))


def _new_key() -> str:
    """Return the key of a form, by which it counts once however often it is sent."""
    return secrets.token_urlsafe(16)


def _key(form: MultiDict[str, str]) -> str:
    """Return the key of a form: it is sent twice where page and choices are the same."""
    chosen = [form.getlist(name) for name in ("actions", "backend", "force")]
    return f"page {form['key'][:100]} {digest(chosen)}" if form.get("key") else ""


@blueprint.get("/job-requests/<identifier>/")
def job_request(identifier: str) -> ResponseReturnValue:
    """Show a job request and its jobs; the page renews itself until all have ended."""
    view = services().job_requests.look(me(), identifier)
    project_yaml = services().job_requests.project_yaml(view.request)
    return render_template("job_request.html", view=view, project_yaml=project_yaml, key=_new_key())


@blueprint.get("/job-requests/<identifier>/status.json")
def job_request_status(identifier: str) -> ResponseReturnValue:
    """Answer the part of the page that changes, for the script that renews it."""
    view = services().job_requests.look(me(), identifier)
    return {
        "status": view.status,
        "final": view.final,
        "html": render_template("_request_state.html", view=view),
    }


@blueprint.post("/job-requests/<identifier>/cancel/")
def cancel(identifier: str) -> ResponseReturnValue:
    """Ask for one action, or all, to be stopped."""
    actions = request.form.getlist("actions")
    services().job_requests.cancel(me(), identifier, actions or None)
    flash("The job request was cancelled. Its runner stops what is still running.")
    return redirect(url_for(".job_request", identifier=identifier))


@blueprint.post("/job-requests/<identifier>/rerun/")
def rerun(identifier: str) -> ResponseReturnValue:
    """Ask for the same actions again."""
    job_request = services().job_requests.rerun(me(), identifier, _key(request.form))
    return redirect(url_for(".job_request", identifier=job_request.identifier))
