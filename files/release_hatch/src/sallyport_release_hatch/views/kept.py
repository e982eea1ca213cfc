"""What becomes of a form whose session has ended: log-in first, then the form again."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from flask import Flask, current_app, render_template, request, session
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from sallyport_release_hatch.models import Identity
from sallyport_release_hatch.services.kept_forms import KeptForms

Form = MultiDict[str, str]
Page = Callable[..., ResponseReturnValue]
NOT_KEPT = {"csrf_token", "kept"}


def install(app: Flask, forms: KeptForms, pages: dict[str, Page]) -> None:
    """Give an application its kept forms; `pages` shows the form of an endpoint, by its name.

    A page takes the endpoint, the values of the address and the form.
    """
    app.extensions["kept_forms"] = forms
    app.extensions["kept_pages"] = pages


def _forms() -> KeptForms:
    return cast(KeptForms, current_app.extensions["kept_forms"])


def log_in_first() -> ResponseReturnValue | None:
    """Return the log-in page with the form that was sent sealed in it; None without such a form."""
    user = session.get("user")
    if request.method != "POST" or not user or request.endpoint not in _pages():
        return None
    fields = [item for item in request.form.items(multi=True) if item[0] not in NOT_KEPT]
    sealed = _forms().seal(str(user), request.path, fields)
    problem = "Your session has ended. Log in again; your text is saved and shown afterwards."
    page = render_template("login.html", problem=problem, user=user, kept=sealed)
    return page, HTTPStatus.UNAUTHORIZED


def form_again(sealed: str, identity: Identity) -> ResponseReturnValue | None:
    """Return the page with a person's own form as it was; None without a kept form."""
    kept = _forms().unseal(sealed, identity.username) if sealed else None
    if kept is None:
        return None
    try:
        matched = current_app.url_map.bind("").match(kept.path, method="POST")
    except HTTPException:
        return None
    endpoint, values = cast(tuple[str, dict[str, Any]], matched)
    return _pages()[endpoint](endpoint, values, MultiDict(kept.fields))


def _pages() -> dict[str, Page]:
    return cast(dict[str, Page], current_app.extensions["kept_pages"])
