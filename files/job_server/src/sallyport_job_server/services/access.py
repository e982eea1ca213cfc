"""Who may do what: permissions from the roles that a person holds everywhere and in a project."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection

from sallyport_common.problems import ForbiddenError, NotFoundError
from sallyport_job_server.models import Operator, User, Workspace
from sallyport_job_server.roles import Permission, permissions_of
from sallyport_job_server.storage import projects

_SEES_ALL = {Permission.PROJECT_MANAGE, Permission.RELEASE_FILE_VIEW}


def permissions(
    connection: Connection, user: User, project_id: int | None = None
) -> frozenset[Permission]:
    """Return what a person may do in a project, or everywhere."""
    project_roles: list[str] = []
    if project_id is not None:
        project_roles = memberships(connection, user).get(project_id, [])
    return permissions_of([*user.roles, *project_roles])


def require(
    connection: Connection,
    user: User | Operator,
    permission: Permission,
    project_id: int | None = None,
) -> None:
    """Raise ForbiddenError unless the person holds the permission; an operator always does."""
    if isinstance(user, Operator):
        return
    if permission not in permissions(connection, user, project_id):
        raise ForbiddenError(f"{user.username} does not have the permission {permission}.")


def memberships(connection: Connection, user: User) -> dict[int, list[str]]:
    """Return a person's roles by project number, of the one project where they are limited."""
    found = projects.memberships(connection, user.id)
    if user.only_project is None:
        return found
    return {number: roles for number, roles in found.items() if number == user.only_project}


def visible_projects(connection: Connection, user: User) -> frozenset[int] | None:
    """Return the numbers of the projects that are shown to a person; None for all."""
    if _SEES_ALL & permissions_of(user.roles):
        return None
    return frozenset(memberships(connection, user))


def visibility(connection: Connection, user: User) -> Callable[[int], bool]:
    """Return a function that says whether a project is shown to a person, after one look-up."""
    shown = visible_projects(connection, user)
    return (lambda _project_id: True) if shown is None else shown.__contains__


def sees(connection: Connection, user: User, project_id: int) -> bool:
    """Return whether a project is shown to a person."""
    return visibility(connection, user)(project_id)


def visible_workspace(connection: Connection, user: User, name: str) -> Workspace:
    """Return a workspace; one of a foreign project looks like a missing one."""
    workspace = projects.workspace(connection, name)
    if workspace is None or not sees(connection, user, workspace.project_id):
        raise NotFoundError(f"There is no workspace '{name}'.")
    return workspace
