"""Who is asking, and how the hatch answers errors: pages for people, flat JSON for programs."""

from __future__ import annotations

from typing import cast

from flask import g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.kept_forms import kept_forms
from sallyport_common.web import Shell, requested_path
from sallyport_release_hatch.models import Identity
from sallyport_release_hatch.views import hatch

CONTENT_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The policy of what researchers made: nothing in it runs, and it loads nothing."""


def require_log_in() -> ResponseReturnValue | None:
    """Send people without a session to the log-in page."""
    secret = session.get("sid")
    identity = hatch().access.identity(str(secret)) if secret else None
    if identity is None:
        session.pop("sid", None)
        if page := kept_forms().keep(str(session.get("user", ""))):
            return page
        return redirect(url_for("login.show", next=requested_path()))
    g.identity = identity
    return None


def viewer() -> Identity:
    """Return who is asking."""
    return cast(Identity, g.identity)


def is_program() -> bool:
    """Return whether a client of the token API sent this request."""
    return request.path.startswith("/workspace/")


def _answer(status: int, sentence: str) -> ResponseReturnValue:
    if is_program():
        return {"detail": sentence}, status
    person = g.get("identity")
    return render_template("error.html", person=person, status=status, sentence=sentence), status


SHELL = Shell(answer=_answer, is_program=is_program)
