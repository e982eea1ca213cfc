"""Pages where people find their workspaces, ask for jobs and follow them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from sallyport_common.problems import Problem
from sallyport_common.web import check_csrf
from sallyport_job_server.models import RequestState
from sallyport_job_server.roles import PROJECT_ROLES
from sallyport_job_server.services.drawing import draw, stages
from sallyport_job_server.services.history import Filters
from sallyport_job_server.services.job_requests import Offer, Plan
from sallyport_job_server.services.request_views import RequestView
from sallyport_job_server.services.submissions import digest
from sallyport_job_server.views.context import day, me, page_number, services
from sallyport_study import ProjectError

blueprint = Blueprint("research", __name__)
blueprint.before_request(check_csrf)

PAGE = 25
LATEST = 10
MOST_STAGES = 20
FILTERS = ("search", "state", "backend", "person", "since", "until")


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Show what one asked for, what waits for one, and one's workspaces with their latest."""
    user = me()
    workspaces = services().directory.workspaces_of(user)
    latest = services().history.latest(workspaces, LATEST)
    return render_template(
        "home.html",
        workspaces=workspaces,
        projects=services().directory.projects_of(user),
        mine=services().history.mine(user, LATEST),
        others=[line for line in latest if line.request.created_by_id != user.id],
        rejected=services().snapshots.rejected_of(user),
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
    user, filters = me(), looked_for()
    shown = services().directory.workspace(user, name)
    page, count = services().history.of_workspace(user, name, filters, page_number(), PAGE)
    return render_template(
        "workspace.html",
        workspace=shown,
        permissions=services().directory.permissions(user, shown.project_id),
        page=page,
        count=count,
        filters=filters,
        states=list(RequestState),
        backends=services().backends.all(),
    )


def looked_for() -> Filters:
    """Return what somebody looks for; raise Problem for an unknown state or a wrong day."""
    given = {name: request.args.get(name, "").strip() for name in FILTERS}
    state = given.pop("state")
    if state and state not in set(RequestState):
        raise Problem(f"'{state}' is not a state; the states are {', '.join(RequestState)}.")
    given |= {name: day(given[name]) for name in ("since", "until")}
    return Filters(state=RequestState(state) if state else None, **given)


@blueprint.post("/workspaces/<name>/archive/")
def archive(name: str) -> ResponseReturnValue:
    """Close a workspace, or open it again."""
    services().directory.archive(me(), name, request.form.get("archived") == "true")
    return redirect(url_for(".workspace", name=name))


@blueprint.get("/workspaces/<name>/run/")
def run(name: str) -> ResponseReturnValue:
    """Show the actions at the head of the branch, to choose from."""
    return run_page(name, request.form)


def run_page(
    name: str, form: MultiDict[str, str], problem: object = None, *, planned: bool = False
) -> str:
    """Return the page with the form as somebody filled it in, `planned` with what would run."""
    offer = services().job_requests.offer(me(), name, form.get("sha", "") if planned else "")
    needs = offer.project.needs if offer.project else {}
    return render_template(
        "run.html",
        offer=offer,
        stages=_groups(needs),
        drawing=draw(needs),
        plan=_plan(offer, form) if planned else None,
        chosen=set(form.getlist("actions")),
        form=form,
        problem=problem,
        key=new_key(),
    )


def _groups(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the actions by stage, or all together where there are too many stages to help."""
    found = stages(needs)
    return found if len(found) <= MOST_STAGES else [list(needs)]


def _plan(offer: Offer, form: MultiDict[str, str]) -> Plan:
    return services().job_requests.plan(
        offer, form.get("backend", ""), form.getlist("actions"), force=form.get("force") == "true"
    )


@blueprint.post("/workspaces/<name>/run/plan/")
def plan(name: str) -> ResponseReturnValue:
    """Answer the part of the page that says what would run, for the script that renews it."""
    offer = services().job_requests.offer(me(), name, request.form.get("sha", ""))
    return render_template("_plan.html", plan=_plan(offer, request.form))


@blueprint.post("/workspaces/<name>/run/")
def submit(name: str) -> ResponseReturnValue:
    """Ask for the chosen actions; what is wrong is shown on the same page."""
    form = request.form
    try:
        if "look" in form:
            return run_page(name, form, planned=True)
        job_request = services().job_requests.create(
            me(),
            workspace_name=name,
            backend_slug=form.get("backend", ""),
            actions=form.getlist("actions"),
            force=form.get("force") == "true",
            sha=form.get("sha", ""),
            key=form_key(form),
            note=form.get("note", ""),
        )
    except (Problem, ProjectError) as problem:
        return run_page(name, form, problem), HTTPStatus.BAD_REQUEST
    return redirect(url_for(".job_request", identifier=job_request.identifier))


def new_key() -> str:
    """Return the key of a form, by which it counts once however often it is sent."""
    return secrets.token_urlsafe(16)


def form_key(form: MultiDict[str, str]) -> str:
    """Return the key of a form: it is sent twice where page and choices are the same."""
    chosen = [form.getlist(name) for name in ("actions", "backend", "force")]
    return f"page {form['key'][:100]} {digest(chosen)}" if form.get("key") else ""


@blueprint.get("/job-requests/<identifier>/")
def job_request(identifier: str) -> ResponseReturnValue:
    """Show a job request and its jobs; the page renews itself until all have ended."""
    view = services().history.page(me(), identifier)
    project_yaml = services().history.project_yaml(view.request)
    return render_template(
        "job_request.html", view=view, project_yaml=project_yaml, key=new_key(), **_part(view)
    )


def _part(view: RequestView) -> dict[str, Any]:
    """Return which of its jobs are looked at: those of a state, in pages."""
    state = request.args.get("state", "")
    return {"state": state, "page": view.rows(state, page_number())}


@blueprint.get("/job-requests/<identifier>/status.json")
def job_request_status(identifier: str) -> ResponseReturnValue:
    """Answer the part of the page that changes, for the script that renews it."""
    view = services().history.page(me(), identifier)
    return {
        "status": view.status,
        "final": view.final,
        "html": render_template("_request_state.html", view=view, **_part(view)),
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
    job_request = services().job_requests.rerun(me(), identifier, form_key(request.form))
    return redirect(url_for(".job_request", identifier=job_request.identifier))
