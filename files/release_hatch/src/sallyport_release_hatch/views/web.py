"""Pages for looking around: the front page, workspaces, files, logs."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from sallyport_common.web import check_csrf
from sallyport_disclosure.findings import Finding
from sallyport_release_hatch.services.showing import Content, present, visible
from sallyport_release_hatch.views import hatch
from sallyport_release_hatch.views.security import (
    CONTENT_POLICY,
    require_log_in,
    viewer,
)

blueprint = Blueprint("web", __name__)
blueprint.before_request(check_csrf)
blueprint.before_request(require_log_in)
front = Blueprint("front", __name__)


@front.get("/")
def banner() -> ResponseReturnValue:
    """Answer clients with name and host in plain text, and people with their front page."""
    settings = hatch().settings
    if not request.accept_mimetypes.accept_html or "text/html" not in str(request.accept_mimetypes):
        return Response(f"{settings.backend} {settings.url}\n", content_type="text/plain")
    return require_log_in() or home()


def home() -> str:
    """Show a person's workspaces, their requests, and what waits for their review."""
    viewing, person = hatch().viewing, viewer()
    return render_template(
        "home.html",
        person=person,
        workspaces=viewing.workspaces(person),
        mine=viewing.requests_of(person),
        queue=viewing.queue(person),
    )


@blueprint.get("/workspaces/<workspace>")
def workspace(workspace: str) -> ResponseReturnValue:
    """Show a workspace's outputs and the form that asks for their release."""
    return workspace_page(workspace)


def workspace_page(
    workspace: str, problems: tuple[str, ...] = (), form: MultiDict[str, str] | None = None
) -> str:
    """Return the page of a workspace, with the form as somebody filled it in."""
    viewing, person = hatch().viewing, viewer()
    return render_template(
        "workspace.html",
        person=person,
        workspace=workspace,
        files=viewing.index(person, workspace),
        logs=viewing.logs(person, workspace),
        released=viewing.released(person, workspace),
        policy=hatch().settings.output_policy,
        problems=problems,
        form=form or {},
    )


@blueprint.get("/workspaces/<workspace>/files/<path:name>")
def file(workspace: str, name: str) -> ResponseReturnValue:
    """Show one output of a workspace."""
    data = hatch().viewing.file(viewer(), workspace, name)
    image = f"/workspaces/{workspace}/images/{name}"
    return show_content(shown(name, data), image, f"/workspaces/{workspace}", workspace)


@blueprint.get("/workspaces/<workspace>/images/<path:name>")
def image(workspace: str, name: str) -> ResponseReturnValue:
    """Return an image of a workspace for the page that shows it."""
    data = hatch().viewing.file(viewer(), workspace, name, via="image")
    return image_response(shown(name, data), data)


@blueprint.get("/workspaces/<workspace>/logs/<action>")
def log(workspace: str, action: str) -> ResponseReturnValue:
    """Show the end of an action's log, or with `?part=beginning` its beginning."""
    beginning = request.args.get("part") == "beginning"
    log = hatch().viewing.log(viewer(), workspace, action, beginning=beginning)
    return render_template(
        "log.html",
        person=viewer(),
        workspace=workspace,
        action=action,
        log=log,
        text=visible(log.text),
        beginning=beginning,
    )


def shown(name: str, data: bytes, findings: tuple[Finding, ...] = ()) -> Content:
    """Prepare a file for a page, with as many rows as the site lets a table have."""
    return present(name, data, hatch().settings.output_policy.max_rows, findings)


def show_content(content: Content, image: str, parent: str, parent_name: str) -> str:
    """Render a file as a page."""
    return render_template(
        "file.html",
        person=viewer(),
        content=content,
        image=image,
        parent=parent,
        parent_name=parent_name,
    )


def image_response(content: Content, data: bytes) -> Response:
    """Return image bytes as such and nothing else, in a sandbox of their own."""
    if content.image_type is None:
        abort(404, "This file is not an image.")
    response = Response(data, content_type=content.image_type)
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    return response
