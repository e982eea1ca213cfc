"""Forms that survive the end of a session, and the page that shows each as it was filled in."""

from __future__ import annotations

from typing import Any

from flask import render_template, url_for

from sallyport_common.kept_forms import LOGGED_IN_AGAIN, Form, Page
from sallyport_job_server.views import research

SECRETS = frozenset({"password"})
"""Fields that are not kept; people fill them in again."""


def _any_form(endpoint: str, values: dict[str, Any], form: Form) -> str:
    return render_template(
        "kept_form.html",
        sentence=LOGGED_IN_AGAIN,
        target=url_for(endpoint, **values),
        fields=list(form.items(multi=True)),
        secrets=SECRETS,
    )


def _run_form(_endpoint: str, values: dict[str, Any], form: Form) -> str:
    return research.run_page(values["name"], form, LOGGED_IN_AGAIN)


PAGES: dict[str, Page] = {"research.submit": _run_form} | dict.fromkeys(
    (
        "research.set_member",
        "research.create_workspace",
        "releases.create_snapshot",
        "releases.delete",
        "publication.reject",
        "publication.comment",
        "account.create_token",
        "staff.create_user",
        "staff.update_user",
        "staff.create_project",
        "staff.create_backend",
    ),
    _any_form,
)
