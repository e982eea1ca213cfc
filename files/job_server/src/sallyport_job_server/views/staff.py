"""Pages for administrators: accounts, projects, backends, audit."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import NotFoundError
from sallyport_common.web import check_csrf
from sallyport_job_server.roles import GLOBAL_ROLES, Permission, permissions_of
from sallyport_job_server.services.audit import PAGE
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.views.context import me, services

blueprint = Blueprint("staff", __name__, url_prefix="/staff")
blueprint.before_request(check_csrf)


@blueprint.before_request
def only_staff() -> None:
    """Hide this area from everybody else."""
    if Permission.STAFF_AREA_ACCESS not in permissions_of(me().roles):
        raise NotFoundError("There is no such page.")


@blueprint.get("/")
def users() -> ResponseReturnValue:
    """Show all accounts, and the form for a new one."""
    people = services().accounts.everyone(me())
    return render_template("staff_users.html", people=people, roles=GLOBAL_ROLES)


@blueprint.post("/users/")
def create_user() -> ResponseReturnValue:
    """Create an account."""
    form = request.form
    account = services().accounts.create(
        me(),
        username=form.get("username", ""),
        fullname=form.get("fullname", ""),
        email=form.get("email", ""),
        password=form.get("password", ""),
        roles=form.getlist("roles"),
    )
    flash(f"The account {account.username} was created.")
    return redirect(url_for(".user", username=account.username))


@blueprint.get("/users/<username>/")
def user(username: str) -> ResponseReturnValue:
    """Show an account."""
    person, mine = services().accounts.details(me(), username)
    return render_template(
        "staff_user.html",
        person=person,
        mine=[backend.slug for backend in mine],
        backends=services().backends.all(),
        roles=GLOBAL_ROLES,
        tokens=services().access_tokens.of_account(me(), username),
        sessions=services().sessions.of_account(me(), username),
    )


@blueprint.post("/users/<username>/tokens/<int:number>/revoke/")
def revoke_token(username: str, number: int) -> ResponseReturnValue:
    """End an access token of somebody."""
    services().access_tokens.revoke_of_account(me(), username, number)
    flash("The access token was revoked.")
    return redirect(url_for(".user", username=username))


@blueprint.post("/users/<username>/sessions/<int:number>/end/")
def end_session(username: str, number: int) -> ResponseReturnValue:
    """End a session of somebody."""
    services().sessions.end_of_account(me(), username, number)
    flash("The session was ended.")
    return redirect(url_for(".user", username=username))


@blueprint.post("/users/<username>/")
def update_user(username: str) -> ResponseReturnValue:
    """Set an account's roles, backends and whether it is open."""
    services().accounts.update(
        me(),
        username,
        roles=request.form.getlist("roles"),
        backend_slugs=request.form.getlist("backends"),
        is_active=request.form.get("is_active") == "true",
    )
    flash("The account was changed.")
    return redirect(url_for(".user", username=username))


@blueprint.post("/users/<username>/password/")
def reset_password(username: str) -> ResponseReturnValue:
    """Set an account's password."""
    services().accounts.reset_password(me(), username, request.form.get("new", ""))
    flash("The password was set; the person's sessions and access tokens ended.")
    return redirect(url_for(".user", username=username))


@blueprint.get("/projects/")
def projects() -> ResponseReturnValue:
    """Show all projects, and the form for a new one."""
    return render_template("staff_projects.html", projects=services().directory.projects_of(me()))


@blueprint.post("/projects/")
def create_project() -> ResponseReturnValue:
    """Create a project."""
    form = request.form
    project = services().directory.create_project(me(), form.get("slug", ""), form.get("name", ""))
    return redirect(url_for("research.project", slug=project.slug))


@blueprint.get("/backends/")
def backends() -> ResponseReturnValue:
    """Show all backends, and the forms for new ones and their tokens."""
    return _backends_page()


def _backends_page(**more: str) -> str:
    backends = services().backends.all()
    return render_template("staff_backends.html", backends=backends, scopes=list(Scope), **more)


@blueprint.post("/backends/")
def create_backend() -> ResponseReturnValue:
    """Create a backend."""
    form = request.form
    services().backends.create(
        me(), form.get("slug", ""), form.get("name", ""), form.get("hatch_url", "")
    )
    flash("The backend was created. Create its tokens now.")
    return redirect(url_for(".backends"))


@blueprint.post("/backends/<slug>/tokens/")
def new_backend_token(slug: str) -> ResponseReturnValue:
    """Create a backend's token and show it, this once."""
    token = services().backends.new_token(me(), slug, request.form.get("scope", ""))
    return _backends_page(new_token=token, new_token_backend=slug)


@blueprint.get("/audit/")
def audit() -> ResponseReturnValue:
    """Show the audit chain, newest rows first."""
    event = request.args.get("event", "").strip()
    rows = services().audit.page(me(), event, request.args.get("before", type=int))
    return render_template("staff_audit.html", rows=rows, event=event, size=PAGE)
