"""Projects, their members, and workspaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from sallyport_common.problems import ConflictError, NotFoundError
from sallyport_job_server.models import Member, Project, User, Workspace
from sallyport_job_server.roles import PROJECT_ROLES, Permission
from sallyport_job_server.services import access, checks, clock
from sallyport_job_server.services.pages import Page
from sallyport_job_server.services.repositories import Repositories
from sallyport_job_server.storage import projects, tables, users
from sallyport_job_server.storage.database import Database, add, put


@dataclass(frozen=True)
class ProjectView:
    """A project as one person sees it."""

    project: Project
    workspaces: list[Workspace]
    members: list[Member]
    permissions: frozenset[Permission]


class Directory:
    """The use cases around projects and workspaces."""

    def __init__(self, database: Database, repositories: Repositories) -> None:
        self._database, self._repositories = database, repositories

    def create_project(self, user: User, slug: str, name: str) -> Project:
        """Create a project; raise ConflictError when the slug is taken."""
        slug, name = checks.slug("project's name", slug), checks.text("title", name)
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.PROJECT_CREATE)
            if projects.by_slug(change.connection, slug):
                raise ConflictError(f"The project '{slug}' already exists.")
            add(change.connection, tables.projects, slug=slug, name=name, created_at=clock.now())
            change.record("project.create", slug, name=name)
            project = projects.by_slug(change.connection, slug)
        return _project(project, slug)

    def set_member(self, user: User, slug: str, username: str, roles: Iterable[str]) -> None:
        """Give a person exactly these roles in a project; none ends the membership."""
        new_roles = checks.roles(roles, PROJECT_ROLES)
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.PROJECT_MANAGE)
            project = _project(projects.by_slug(change.connection, slug), slug)
            member = users.by_name(change.connection, username)
            if member is None:
                raise NotFoundError(f"There is no user '{username}'.")
            projects.set_member(change.connection, member.id, project.id, new_roles)
            change.record("project.member", slug, user=member.username, roles=new_roles)

    def create_workspace(
        self, user: User, *, name: str, project: str, repo: str, branch: str
    ) -> Workspace:
        """Create a workspace; raise ConflictError when the name is taken.

        Raises Problem for a repository that this site can never read, with the reason.
        """
        repo = self._repositories.check(repo)
        name, branch = checks.workspace(name), checks.branch(branch)
        with self._database.read() as connection:
            _creatable(connection, user, name, project)
        self._repositories.check_readable(repo)
        with self._database.change(user.username) as change:
            parent = _creatable(change.connection, user, name, project)
            add(
                change.connection,
                tables.workspaces,
                name=name,
                project_id=parent.id,
                repo=repo,
                branch=branch,
                created_by_id=user.id,
                created_at=clock.now(),
            )
            change.record("workspace.create", name, project=project, repo=repo, branch=branch)
        return self.workspace(user, name)

    def archive(self, user: User, name: str, archived: bool) -> None:
        """Close a workspace for new job requests, or open it again."""
        with self._database.change(user.username) as change:
            workspace = access.visible_workspace(change.connection, user, name)
            access.require(
                change.connection, user, Permission.WORKSPACE_ARCHIVE, workspace.project_id
            )
            put(change.connection, tables.workspaces, workspace.id, archived=archived)
            change.record("workspace.archive", name, archived=archived)

    def workspace(self, user: User, name: str) -> Workspace:
        """Return a workspace that the person may see; raise NotFoundError."""
        with self._database.read() as connection:
            return access.visible_workspace(connection, user, name)

    def permissions(self, user: User, project_id: int) -> frozenset[Permission]:
        """Return what a person may do in a project."""
        with self._database.read() as connection:
            return access.permissions(connection, user, project_id)

    def projects_of(self, user: User) -> list[Project]:
        """Return the projects that a person may see."""
        with self._database.read() as connection:
            shown = access.visibility(connection, user)
            return [p for p in projects.every_project(connection) if shown(p.id)]

    def find_projects(self, user: User, search: str, number: int) -> Page[Project]:
        """Return a page of all projects, for those who manage them."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.PROJECT_MANAGE)
            return Page.of(number, lambda *part: projects.found(connection, search, *part))

    def workspaces_of(self, user: User) -> list[Workspace]:
        """Return the workspaces that a person may see."""
        with self._database.read() as connection:
            shown = access.visibility(connection, user)
            return [w for w in projects.every_workspace(connection) if shown(w.project_id)]

    def project(self, user: User, slug: str) -> ProjectView:
        """Return a project that the person may see; raise NotFoundError."""
        with self._database.read() as connection:
            project = projects.by_slug(connection, slug)
            if project is None or not access.sees(connection, user, project.id):
                raise NotFoundError(f"There is no project '{slug}'.")
            workspaces = [
                w for w in projects.every_workspace(connection) if w.project_id == project.id
            ]
            return ProjectView(
                project,
                workspaces,
                projects.members(connection, project.id),
                access.permissions(connection, user, project.id),
            )


def _creatable(connection: Connection, user: User, name: str, project: str) -> Project:
    """Return the project in which a person may make a workspace of this name; raise otherwise."""
    parent = projects.by_slug(connection, project)
    if parent is None or not access.sees(connection, user, parent.id):
        raise NotFoundError(f"There is no project '{project}'.")
    access.require(connection, user, Permission.WORKSPACE_CREATE, parent.id)
    if projects.workspace(connection, name):
        raise ConflictError(f"The workspace '{name}' already exists.")
    return parent


def _project(project: Project | None, slug: str) -> Project:
    if project is None:
        raise NotFoundError(f"There is no project '{slug}'.")
    return project
