"""Tasks that ask one thing about this backend, and run no job."""

from __future__ import annotations

from sallyport_runner.flags import Flags
from sallyport_runner.services.requests.policy import DATABASES
from sallyport_runner.services.requests.tasks import fields, outgoing
from sallyport_runner.services.requests.tasks.fields import MalformedTaskError
from sallyport_runner.services.requests.tasks.reader import Given, RefusedTaskError, malformed
from sallyport_runner.settings import Settings
from sallyport_runner.tasks import Task, TaskKind

MAINTENANCE = "db-maintenance"
NO_DATABASE = "This backend has no such database."
NO_CHECK = "This backend has no check of its data that a controller can start."


def answer(given: Given, settings: Settings, flags: Flags) -> Task:
    """Return a task with its answer; raise RefusedTaskError for a type that is not known.

    Whether the database is open is what the operators of this backend say. The image that the
    task names for the question would see the database, so it is not run.
    """
    if given.type == TaskKind.DATABASE_CHECK:
        found = outgoing.simple_error("unsupported", NO_CHECK)
        return Task(id=given.id, kind=TaskKind.DATABASE_CHECK, answer=found)
    if given.type != TaskKind.DATABASE_STATUS:
        raise RefusedTaskError("type", "This backend does not know this type of task.")
    try:
        name = fields.text(given.definition, "database_name")
    except MalformedTaskError as error:
        raise malformed(error) from error
    if settings.database_url is None or name not in DATABASES:
        found = outgoing.simple_error("no_database", NO_DATABASE)
    else:
        found = outgoing.simple(MAINTENANCE if flags.maintenance else "")
    return Task(id=given.id, kind=TaskKind.DATABASE_STATUS, answer=found)
