"""Releases and the rows of their files."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Release, ReleaseFile
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all, fetch_one
from sallyport_job_server.storage.files import ReleaseStore

_files, _releases, _workspaces = tables.release_files, tables.releases, tables.workspaces

_RELEASES = (
    select(
        _releases.c.id,
        _releases.c.workspace_id,
        _releases.c.backend_id,
        tables.users.c.username.label("created_by"),
        _releases.c.created_at,
        _releases.c.details,
        _workspaces.c.name.label("workspace"),
        tables.projects.c.slug.label("project"),
        tables.backends.c.slug.label("backend"),
    )
    .select_from(_releases)
    .join(_workspaces, _workspaces.c.id == _releases.c.workspace_id)
    .join(tables.projects, tables.projects.c.id == _workspaces.c.project_id)
    .join(tables.backends, tables.backends.c.id == _releases.c.backend_id)
    .join(tables.users, tables.users.c.id == _releases.c.created_by_id)
    .order_by(_releases.c.created_at.desc(), _releases.c.id.desc())
)

FILES = (
    select(
        *(column for column in _files.c),
        _releases.c.workspace_id,
        tables.users.c.username.label("created_by"),
        _workspaces.c.name.label("workspace"),
        tables.projects.c.slug.label("project"),
        tables.backends.c.slug.label("backend"),
    )
    .select_from(_files)
    .join(_releases, _releases.c.id == _files.c.release_id)
    .join(_workspaces, _workspaces.c.id == _releases.c.workspace_id)
    .join(tables.projects, tables.projects.c.id == _workspaces.c.project_id)
    .join(tables.backends, tables.backends.c.id == _releases.c.backend_id)
    .join(tables.users, tables.users.c.id == _releases.c.created_by_id)
    .order_by(_releases.c.created_at.desc(), _releases.c.id.desc(), _files.c.name)
)


def by_id(connection: Connection, identifier: str) -> Release | None:
    """Return a release by its ULID."""
    return fetch_one(connection, _RELEASES.where(_releases.c.id == identifier), Release)


def of_workspace(connection: Connection, workspace_id: int) -> list[Release]:
    """Return a workspace's releases, newest first."""
    return fetch_all(connection, _RELEASES.where(_releases.c.workspace_id == workspace_id), Release)


def files_of_release(connection: Connection, release_id: str) -> list[ReleaseFile]:
    """Return the files of a release by name."""
    return fetch_all(connection, FILES.where(_files.c.release_id == release_id), ReleaseFile)


def files_of_workspace(connection: Connection, workspace_id: int) -> list[ReleaseFile]:
    """Return every released file of a workspace, newest release first."""
    query = FILES.where(_releases.c.workspace_id == workspace_id)
    return fetch_all(connection, query, ReleaseFile)


def file(connection: Connection, identifier: str) -> ReleaseFile | None:
    """Return a released file by its ULID."""
    return fetch_one(connection, FILES.where(_files.c.id == identifier), ReleaseFile)


def kept(connection: Connection) -> dict[str, str]:
    """Return the address and the digest of every file whose bytes are here."""
    columns = (_workspaces.c.name.label("workspace"), _files.c.release_id, _files.c.name)
    query = (
        select(*columns, _files.c.sha256)
        .select_from(_files)
        .join(_releases, _releases.c.id == _files.c.release_id)
        .join(_workspaces, _workspaces.c.id == _releases.c.workspace_id)
        .where(_files.c.uploaded_at.is_not(None), _files.c.deleted_at.is_(None))
    )
    return {
        ReleaseStore.address(row.workspace, row.release_id, row.name): row.sha256
        for row in connection.execute(query)
    }


def abandoned(connection: Connection, before: str) -> list[str]:
    """Return the releases from before a moment of which no file has arrived."""
    arrived = exists().where(
        _files.c.release_id == _releases.c.id,
        or_(_files.c.uploaded_at.is_not(None), _files.c.deleted_at.is_not(None)),
    )
    query = select(_releases.c.id).where(_releases.c.created_at < before, ~arrived)
    return list(connection.execute(query).scalars())


def forget(connection: Connection, release_ids: Sequence[str]) -> None:
    """Drop releases with the rows of their files."""
    connection.execute(delete(_files).where(_files.c.release_id.in_(release_ids)))
    connection.execute(delete(_releases).where(_releases.c.id.in_(release_ids)))
