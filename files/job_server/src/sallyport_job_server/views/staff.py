"""Pages for administrators: accounts, projects, backends, audit."""

from __future__ import annotations

from dataclasses import asdict, fields

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.problems import NotFoundError
from sallyport_common.web import check_csrf
from sallyport_job_server.roles import GLOBAL_ROLES, Permission, permissions_of
from sallyport_job_server.services import password_links
from sallyport_job_server.services.audit import PAGE, AuditFilters
from sallyport_job_server.services.backend_access import Scope
from sallyport_job_server.views.context import day, me, page_number, services

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
    search = request.args.get("search", "").strip()
    people = services().accounts.find(me(), search, page_number())
    return render_template("staff_users.html", people=people, search=search, roles=GLOBAL_ROLES)


@blueprint.post("/users/")
def create_user() -> ResponseReturnValue:
    """Create an account; without a password the person is sent a link, or its page shows one."""
    form = request.form
    account = services().accounts.create(
        me(),
        username=form.get("username", ""),
        fullname=form.get("fullname", ""),
        email=form.get("email", ""),
        password=form.get("password") or None,
        roles=form.getlist("roles"),
    )
    if not form.get("password"):
        if not services().messages.reaches(account):
            return _user_page(account.username, link=_new_link(account.username))
        return send_link(account.username)
    flash(f"The account {account.username} was created.")
    return redirect(url_for(".user", username=account.username))


def _new_link(username: str) -> tuple[str, str]:
    """Return the address of a new link and when it expires."""
    secret, expires_at = services().password_links.create(me(), username)
    return password_links.address(services().url, secret), expires_at


@blueprint.get("/users/<username>/")
def user(username: str) -> ResponseReturnValue:
    """Show an account."""
    return _user_page(username)


def _user_page(username: str, **more: object) -> str:
    person, mine = services().accounts.details(me(), username)
    return render_template(
        "staff_user.html",
        person=person,
        mine=[backend.slug for backend in mine],
        backends=services().backends.all(),
        roles=GLOBAL_ROLES,
        tokens=services().access_tokens.of_account(me(), username),
        sessions=services().sessions.of_account(me(), username),
        identities=services().identities.of_account(me(), username),
        mail_reaches=services().messages.reaches(person),
        **more,
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


@blueprint.post("/users/<username>/identities/<int:number>/end/")
def end_identity(username: str, number: int) -> ResponseReturnValue:
    """Forget somebody's account at the provider."""
    services().identities.end_of_account(me(), username, number)
    flash("The link was removed.")
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
        fullname=request.form.get("fullname", ""),
        email=request.form.get("email"),
    )
    flash("The account was changed.")
    return redirect(url_for(".user", username=username))


@blueprint.post("/users/<username>/password/")
def reset_password(username: str) -> ResponseReturnValue:
    """Set an account's password."""
    services().accounts.reset_password(me(), username, request.form.get("new", ""))
    flash("The password was set; the person's sessions and access tokens ended.")
    return redirect(url_for(".user", username=username))


@blueprint.post("/users/<username>/link/")
def new_link(username: str) -> ResponseReturnValue:
    """Show a link by which a person sets a password, this once."""
    return _user_page(username, link=_new_link(username))


@blueprint.post("/users/<username>/link/mail/")
def send_link(username: str) -> ResponseReturnValue:
    """Send a person a link that sets a password."""
    person = services().password_links.send(me(), username)
    flash(f"A link to set the password is being sent to {person.email}.")
    return redirect(url_for(".user", username=person.username))


@blueprint.get("/messages/")
def messages() -> ResponseReturnValue:
    """Show what waits to be handed over."""
    waiting = services().messages.waiting(me(), page_number())
    return render_template("staff_messages.html", messages=waiting)


@blueprint.post("/messages/test/")
def test_mail() -> ResponseReturnValue:
    """Send a mail to the one who asks."""
    services().messages.test(me())
    flash(f"A test is being sent to {me().email}. What fails is listed here.")
    return redirect(url_for(".messages"))


@blueprint.post("/users/<username>/totp/end/")
def end_totp(username: str) -> ResponseReturnValue:
    """Turn off the one-time codes of somebody who lost the phone."""
    code = request.form.get("code", "")
    services().second_factor.end_of_account(me(), username, code)
    flash("One-time codes are off; the person's sessions and access tokens ended.")
    return redirect(url_for(".user", username=username))


@blueprint.get("/projects/")
def projects() -> ResponseReturnValue:
    """Show projects, and the form for a new one."""
    search = request.args.get("search", "").strip()
    found = services().directory.find_projects(me(), search, page_number())
    return render_template("staff_projects.html", projects=found, search=search)


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
    return render_template(
        "staff_backends.html",
        backends=services().backends.all(),
        tokens=services().backends.tokens(me()),
        scopes=list(Scope),
        **more,
    )


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


@blueprint.post("/backends/<slug>/tokens/<int:number>/end/")
def end_backend_token(slug: str, number: int) -> ResponseReturnValue:
    """End one of a backend's tokens now."""
    services().backends.end_token(me(), slug, number)
    flash("The token was ended. What used it is refused from now on.")
    return redirect(url_for(".backends"))


@blueprint.get("/audit/")
def audit() -> ResponseReturnValue:
    """Show the audit chain, newest rows first."""
    filters = audit_filters()
    given = {name: value for name, value in asdict(filters).items() if value}
    rows = services().audit.page(me(), filters, request.args.get("before", type=int))
    return render_template("staff_audit.html", rows=rows, given=given, size=PAGE)


@blueprint.get("/audit/export/")
def export_audit() -> ResponseReturnValue:
    """Answer the rows that match as lines of JSON, oldest first, to be kept in a file."""
    lines = services().audit.export(me(), audit_filters())
    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return Response(lines, headers=headers, mimetype="application/jsonl")


def audit_filters() -> AuditFilters:
    """Return what somebody looks for in the audit; raise Problem for a wrong day."""
    given = {one.name: request.args.get(one.name, "").strip() for one in fields(AuditFilters)}
    return AuditFilters(**given | {name: day(given[name]) for name in ("since", "until")})
