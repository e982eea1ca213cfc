"""The verbs of the admin socket; who may connect is decided by the socket's mode and group."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue

from sallyport_common.errors import SallyportError
from sallyport_runner.services.control import Control, UnknownJobError
from sallyport_runner.services.keeping.archives import ArchiveError
from sallyport_runner.services.running.reboot import NoBootError
from sallyport_study.places import InvalidNameError, check_workspace

blueprint = Blueprint("admin", __name__)


def _control() -> Control:
    control: Control = current_app.extensions["control"]
    return control


@blueprint.get("/status")
def status() -> ResponseReturnValue:
    """Answer how the runner is."""
    return _control().status()


@blueprint.get("/jobs")
def jobs() -> ResponseReturnValue:
    """Answer the active jobs and the newest others, and why none is started."""
    return {"jobs": _control().jobs(), "notices": _control().notices()}


@blueprint.get("/leftovers")
def leftovers() -> ResponseReturnValue:
    """Answer what jobs left that are not active."""
    return {"leftovers": _control().leftovers()}


@blueprint.post("/leftovers/remove/<int:days>")
def remove_leftovers(days: int) -> ResponseReturnValue:
    """Remove what is older than some days."""
    return {"leftovers": _control().remove_leftovers(days)}


@blueprint.get("/archives")
def archives() -> ResponseReturnValue:
    """Answer the archived workspaces."""
    return {"archives": _control().archives()}


@blueprint.post("/workspaces/<workspace>/archive")
def archive(workspace: str) -> ResponseReturnValue:
    """Archive a workspace; with `dry_run`, only say what that would pack."""
    dry_run = request.args.get("dry_run") == "1"
    return _control().archive(check_workspace(workspace), _by(), dry_run=dry_run)


@blueprint.post("/workspaces/<workspace>/restore")
def restore(workspace: str) -> ResponseReturnValue:
    """Put an archived workspace back."""
    return _control().restore(check_workspace(workspace), _by())


@blueprint.post("/retention")
def retention() -> ResponseReturnValue:
    """Delete what is older than its limit; with `dry_run`, only answer what is."""
    dry_run = request.args.get("dry_run") == "1"
    return {"deleted": _control().retention(_by(), dry_run=dry_run)}


def _by() -> str:
    """Return who asks, as the command says: whoever reaches the socket is an operator."""
    return request.args.get("by", "")[:64]


@blueprint.post("/self-test")
def self_test() -> ResponseReturnValue:
    """Run the self-test of the sandbox."""
    return {"faults": _control().run_self_test()}


@blueprint.post("/<any(pause, unpause):verb>")
def pause(verb: str) -> ResponseReturnValue:
    """Start no further job, or go on."""
    _control().pause(verb == "pause")
    return _control().status()


@blueprint.get("/prepare-reboot")
def reboot() -> ResponseReturnValue:
    """Answer how far the preparation of a reboot is."""
    return _control().reboot()


@blueprint.post("/prepare-reboot", defaults={"then": ""})
@blueprint.post("/prepare-reboot/<any(resume):then>")
def prepare_reboot(then: str) -> ResponseReturnValue:
    """Put every running job back."""
    return _control().prepare_reboot(resume=then == "resume")


@blueprint.post("/db-maintenance/<any(on, off):state>")
def maintenance(state: str) -> ResponseReturnValue:
    """Close the database for jobs, or open it again."""
    _control().maintenance(state == "on")
    return _control().status()


@blueprint.post("/jobs/<identifier>/kill")
def kill(identifier: str) -> ResponseReturnValue:
    """Stop a job permanently."""
    job = _control().kill(identifier)
    return {"id": job.id, "workspace": job.workspace, "action": job.action}


@blueprint.errorhandler(NoBootError)
@blueprint.errorhandler(ArchiveError)
@blueprint.errorhandler(InvalidNameError)
def refused(error: SallyportError) -> ResponseReturnValue:
    """Answer 409 with the sentence."""
    return {"detail": str(error)}, HTTPStatus.CONFLICT


@blueprint.errorhandler(UnknownJobError)
def unknown_job(error: UnknownJobError) -> ResponseReturnValue:
    """Answer 404 with the sentence."""
    return {"detail": str(error)}, HTTPStatus.NOT_FOUND
