"""Projects, their members, workspaces."""

from __future__ import annotations

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Member, Project, Workspace
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all, fetch_one

_members, _projects, _workspaces = tables.members, tables.projects, tables.workspaces

WORKSPACES = (
    select(
        _workspaces.c.id,
        _workspaces.c.name,
        _workspaces.c.project_id,
        _workspaces.c.repo,
        _workspaces.c.branch,
        _workspaces.c.archived,
        _workspaces.c.created_at,
        _projects.c.slug.label("project"),
        _projects.c.name.label("project_name"),
        _projects.c.ongoing.label("project_ongoing"),
        tables.users.c.username.label("created_by"),
    )
    .select_from(_workspaces)
    .join(_projects, _projects.c.id == _workspaces.c.project_id)
    .join(tables.users, tables.users.c.id == _workspaces.c.created_by_id)
    .order_by(_workspaces.c.name)
)


def by_slug(connection: Connection, slug: str) -> Project | None:
    """Return a project by its slug."""
    return fetch_one(connection, select(_projects).where(_projects.c.slug == slug), Project)


def every_project(connection: Connection) -> list[Project]:
    """Return all projects by slug."""
    return fetch_all(connection, select(_projects).order_by(_projects.c.slug), Project)


def found(connection: Connection, search: str, limit: int, offset: int) -> list[Project]:
    """Return projects by slug; `search` is a part of slug or name."""
    query = select(_projects).order_by(_projects.c.slug).limit(limit).offset(offset)
    if search:
        columns = (_projects.c.slug, _projects.c.name)
        query = query.where(or_(*(one.icontains(search, autoescape=True) for one in columns)))
    return fetch_all(connection, query, Project)


def members(connection: Connection, project_id: int) -> list[Member]:
    """Return a project's members by name."""
    query = (
        select(tables.users.c.username, tables.users.c.fullname, _members.c.roles)
        .select_from(_members)
        .join(tables.users, tables.users.c.id == _members.c.user_id)
        .where(_members.c.project_id == project_id)
        .order_by(tables.users.c.username)
    )
    return fetch_all(connection, query, Member)


def memberships(connection: Connection, user_id: int) -> dict[int, list[str]]:
    """Return a person's roles by project number."""
    query = select(_members.c.project_id, _members.c.roles).where(_members.c.user_id == user_id)
    return {row.project_id: row.roles for row in connection.execute(query)}


def set_member(connection: Connection, user_id: int, project_id: int, roles: list[str]) -> None:
    """Give a person exactly these roles in a project; none ends the membership."""
    same = (_members.c.user_id == user_id, _members.c.project_id == project_id)
    connection.execute(delete(_members).where(*same))
    if roles:
        connection.execute(
            insert(_members).values(user_id=user_id, project_id=project_id, roles=roles)
        )


def workspace(connection: Connection, name: str) -> Workspace | None:
    """Return a workspace by its name."""
    return fetch_one(connection, WORKSPACES.where(_workspaces.c.name == name), Workspace)


def every_workspace(connection: Connection) -> list[Workspace]:
    """Return all workspaces by name."""
    return fetch_all(connection, WORKSPACES, Workspace)
