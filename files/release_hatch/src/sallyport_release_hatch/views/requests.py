"""Pages of release requests: made by authors, decided by checkers."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from sallyport_common.kept_forms import LOGGED_IN_AGAIN, Page
from sallyport_common.web import check_csrf
from sallyport_release_hatch.models import (
    AUTHOR_STATES,
    REVIEW_STATES,
    BadInputError,
    Decision,
    RequestState,
    Vote,
)
from sallyport_release_hatch.services.requesting import Description
from sallyport_release_hatch.services.viewing import own_vote
from sallyport_release_hatch.views import hatch
from sallyport_release_hatch.views.security import require_log_in, viewer
from sallyport_release_hatch.views.web import image_response, show_content, shown, workspace_page

blueprint = Blueprint("requests", __name__)
blueprint.before_request(check_csrf)
blueprint.before_request(require_log_in)


def _description() -> Description:
    form = request.form
    return Description(*(form.get(name, "").strip() for name in ("purpose", "context", "controls")))


def _to_request(identifier: str) -> ResponseReturnValue:
    return redirect(url_for("requests.show", identifier=identifier), HTTPStatus.SEE_OTHER)


@blueprint.post("/workspaces/<workspace>/requests")
def create(workspace: str) -> ResponseReturnValue:
    """Freeze the chosen files and make a request; with action=submit, submit it at once."""
    person, services = viewer(), hatch()
    submit = request.form.get("action") == "submit"
    text = _description()
    try:
        problems = text.missing() if submit else []
        if "policy" not in request.form:
            problems.append("Confirm that the files follow the rules for outputs.")
        if problems:
            raise BadInputError(problems)
        release = services.requesting.create(person, workspace, request.form.getlist("file"), text)
    except BadInputError as error:
        page = workspace_page(workspace, error.problems, request.form)
        return page, HTTPStatus.BAD_REQUEST
    if submit:
        services.requesting.submit(person, release.id)
    return _to_request(release.id)


@blueprint.get("/requests/<identifier>")
def show(identifier: str) -> ResponseReturnValue:
    """Show a request as this person may see it."""
    return _page(identifier)


def _page(
    identifier: str,
    problems: tuple[str, ...] = (),
    endpoint: str = "",
    form: MultiDict[str, str] | None = None,
) -> str:
    """Show a request; with a form, as somebody filled it in for an endpoint."""
    form = form or MultiDict()
    person, viewing = viewer(), hatch().viewing
    release = viewing.request(person, identifier)
    mine = release.author == person.username
    checker = person.may_review(release.author)
    consolidated = checker and release.state not in AUTHOR_STATES and len(release.submitted) > 1
    ready = all(release.decision(file.id) is Decision.APPROVED for file in release.files)
    return render_template(
        "request.html",
        person=person,
        request=release,
        problems=problems,
        reviews=viewing.reviews(person, identifier),
        may_edit=mine and release.state in AUTHOR_STATES,
        may_vote=checker and release.state in REVIEW_STATES,
        may_decide=checker and release.state is RequestState.REVIEWED,
        may_approve=checker and release.state is RequestState.REVIEWED and ready,
        consolidated=consolidated,
        own={
            file.id: form.get(f"vote_{file.id}", own_vote(person, release, file).value)
            for file in release.files
        },
        texts=form if endpoint == "requests.describe" else release,
        comment=form.get("comment", "") if endpoint == "requests.vote" else "",
        reason=form.get("comment", "") if endpoint in RETURNS else "",
    )


@blueprint.get("/requests/<identifier>/files/<file>")
def file(identifier: str, file: str) -> ResponseReturnValue:
    """Show a frozen file."""
    frozen, data = hatch().viewing.frozen(viewer(), identifier, file)
    image = f"/requests/{identifier}/images/{file}"
    content = shown(frozen.name, data, frozen.findings)
    return show_content(content, image, f"/requests/{identifier}", f"request {identifier}")


@blueprint.get("/requests/<identifier>/images/<file>")
def image(identifier: str, file: str) -> ResponseReturnValue:
    """Return a frozen image for the page that shows it."""
    frozen, data = hatch().viewing.frozen(viewer(), identifier, file, via="image")
    return image_response(shown(frozen.name, data), data)


@blueprint.post("/requests/<identifier>/describe")
def describe(identifier: str) -> ResponseReturnValue:
    """Change what the author says."""
    hatch().requesting.describe(viewer(), identifier, _description())
    return _to_request(identifier)


@blueprint.post("/requests/<identifier>/submit")
def submit(identifier: str) -> ResponseReturnValue:
    """Hand the request to the checkers."""
    hatch().requesting.submit(viewer(), identifier)
    return _to_request(identifier)


@blueprint.post("/requests/<identifier>/withdraw")
def withdraw(identifier: str) -> ResponseReturnValue:
    """Take the request back."""
    hatch().requesting.withdraw(viewer(), identifier)
    return _to_request(identifier)


@blueprint.post("/requests/<identifier>/votes")
def vote(identifier: str) -> ResponseReturnValue:
    """Keep votes and comment; with action=submit, hand the review in."""
    prefix, form = "vote_", request.form
    sent = {name.removeprefix(prefix): form[name] for name in form if name.startswith(prefix)}
    if not set(sent.values()) <= set(Vote):
        raise BadInputError(["A vote is APPROVED or CHANGES_REQUESTED on a file."])
    hatch().reviewing.vote(
        viewer(),
        identifier,
        {file: Vote(value) for file, value in sent.items()},
        form.get("comment", ""),
        submit=form.get("action") == "submit",
    )
    return _to_request(identifier)


@blueprint.post("/requests/<identifier>/return")
def send_back(identifier: str) -> ResponseReturnValue:
    """Return the request to its author."""
    hatch().reviewing.send_back(viewer(), identifier, request.form.get("comment", ""))
    return _to_request(identifier)


@blueprint.post("/requests/<identifier>/reject")
def reject(identifier: str) -> ResponseReturnValue:
    """Reject the request permanently."""
    hatch().reviewing.reject(viewer(), identifier, request.form.get("comment", ""))
    return _to_request(identifier)


@blueprint.post("/requests/<identifier>/approve")
def approve(identifier: str) -> ResponseReturnValue:
    """Approve the request and hand it to the publisher."""
    hatch().reviewing.approve(viewer(), identifier)
    hatch().handover.hand_over_all()
    return _to_request(identifier)


@blueprint.errorhandler(BadInputError)
def bad_input(error: BadInputError) -> ResponseReturnValue:
    """Show the request again with what is wrong."""
    identifier = (request.view_args or {}).get("identifier", "")
    page = _page(identifier, error.problems, request.endpoint or "", request.form)
    return page, HTTPStatus.BAD_REQUEST


def _workspace_form(_endpoint: str, values: dict[str, str], form: MultiDict[str, str]) -> str:
    return workspace_page(values["workspace"], (LOGGED_IN_AGAIN,), form)


def _request_form(endpoint: str, values: dict[str, str], form: MultiDict[str, str]) -> str:
    return _page(values["identifier"], (LOGGED_IN_AGAIN,), endpoint, form)


RETURNS = {"requests.send_back", "requests.reject"}
FORM_PAGES: dict[str, Page] = {"requests.create": _workspace_form} | dict.fromkeys(
    ("requests.describe", "requests.vote", *RETURNS), _request_form
)
"""Forms with text of a person, and the page that shows each as it was filled in."""
