"""The page of one job, and of the backends that run jobs."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sallyport_common.web import check_csrf
from sallyport_job_server.services.advice import advice
from sallyport_job_server.views.context import me, services
from sallyport_job_server.views.research import form_key, new_key
from sallyport_job_server.views.status import is_lost

blueprint = Blueprint("jobs", __name__)
blueprint.before_request(check_csrf)


@blueprint.get("/jobs/<identifier>/")
def job(identifier: str) -> ResponseReturnValue:
    """Show a job: how it went, what to do about it, and the jobs of its action before."""
    view = services().history.job(me(), identifier)
    return render_template(
        "job.html", view=view, advice=advice(view.job.status_code), key=new_key()
    )


@blueprint.post("/jobs/<identifier>/rerun/")
def rerun(identifier: str) -> ResponseReturnValue:
    """Ask for the action of a job again."""
    made = services().job_requests.rerun_job(me(), identifier, form_key(request.form))
    return redirect(url_for("research.job_request", identifier=made.identifier))


@blueprint.get("/backends/<slug>/")
def backend(slug: str) -> ResponseReturnValue:
    """Show a backend: whether it works, what waits, and what it runs."""
    view = services().backends.look(me(), slug)
    return render_template("backend.html", view=view, lost=is_lost(view.backend.last_seen_at))
