"""Releases, their files' rows, snapshots."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Release, ReleaseFile, Snapshot
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all, fetch_one

_files, _releases, _snapshots = tables.release_files, tables.releases, tables.snapshots
_inside, _workspaces = tables.snapshot_files, tables.workspaces

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

_FILES = (
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
    return fetch_all(connection, _FILES.where(_files.c.release_id == release_id), ReleaseFile)


def files_of_workspace(connection: Connection, workspace_id: int) -> list[ReleaseFile]:
    """Return every released file of a workspace, newest release first."""
    query = _FILES.where(_releases.c.workspace_id == workspace_id)
    return fetch_all(connection, query, ReleaseFile)


def file(connection: Connection, identifier: str) -> ReleaseFile | None:
    """Return a released file by its ULID."""
    return fetch_one(connection, _FILES.where(_files.c.id == identifier), ReleaseFile)


def snapshot(connection: Connection, workspace_id: int, number: int) -> Snapshot | None:
    """Return a workspace's snapshot by its number."""
    query = select(_snapshots).where(
        _snapshots.c.workspace_id == workspace_id, _snapshots.c.id == number
    )
    return fetch_one(connection, query, Snapshot)


def snapshot_with_key(connection: Connection, workspace_id: int, key: str) -> Snapshot | None:
    """Return the workspace's snapshot of exactly this set of files."""
    query = select(_snapshots).where(
        _snapshots.c.workspace_id == workspace_id, _snapshots.c.key == key
    )
    return fetch_one(connection, query, Snapshot)


def snapshots(connection: Connection, workspace_id: int) -> list[Snapshot]:
    """Return a workspace's snapshots, newest first."""
    query = select(_snapshots).where(_snapshots.c.workspace_id == workspace_id)
    return fetch_all(connection, query.order_by(_snapshots.c.id.desc()), Snapshot)


def fill_snapshot(connection: Connection, number: int, file_ids: Sequence[str]) -> None:
    """Put files into a new snapshot."""
    for identifier in file_ids:
        connection.execute(insert(_inside).values(snapshot_id=number, file_id=identifier))


def files_of_snapshot(connection: Connection, number: int) -> list[ReleaseFile]:
    """Return the files of a snapshot by name."""
    query = _FILES.join(_inside, _inside.c.file_id == _files.c.id)
    return fetch_all(connection, query.where(_inside.c.snapshot_id == number), ReleaseFile)


def files_of_snapshots(connection: Connection, workspace_id: int) -> dict[int, list[ReleaseFile]]:
    """Return the files of each of a workspace's snapshots, by its number."""
    query = (
        _FILES.join(_inside, _inside.c.file_id == _files.c.id)
        .where(_releases.c.workspace_id == workspace_id)
        .add_columns(_inside.c.snapshot_id)
    )
    files: dict[int, list[ReleaseFile]] = {}
    for row in connection.execute(query):
        values = dict(row._mapping)
        files.setdefault(values.pop("snapshot_id"), []).append(ReleaseFile(**values))
    return files


def is_public(connection: Connection, file_id: str) -> bool:
    """Return whether a file is in a published snapshot."""
    query = (
        select(_inside.c.file_id)
        .join(_snapshots, _snapshots.c.id == _inside.c.snapshot_id)
        .where(_inside.c.file_id == file_id, _snapshots.c.published_at.is_not(None))
    )
    return connection.execute(query).first() is not None
