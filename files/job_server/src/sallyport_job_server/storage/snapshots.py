"""Sets of released files that were proposed for publication, and comments on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, insert, select
from sqlalchemy.engine import Connection

from sallyport_job_server.models import Comment, ReleaseFile, SetState, Snapshot
from sallyport_job_server.storage import tables
from sallyport_job_server.storage.database import fetch_all, fetch_one
from sallyport_job_server.storage.releases import FILES

_files, _releases, _snapshots = tables.release_files, tables.releases, tables.snapshots
_inside, _comments = tables.snapshot_files, tables.snapshot_comments
_workspaces, _projects = tables.workspaces, tables.projects

_SNAPSHOTS = (
    select(
        *_snapshots.c[
            "id", "workspace_id", "key", "created_by", "created_at", "published_by",
            "published_at", "rejected_by", "rejected_at",
        ],
        _workspaces.c.project_id,
        _workspaces.c.name.label("workspace"),
        _projects.c.slug.label("project"),
        _projects.c.name.label("project_name"),
    )
    .select_from(_snapshots)
    .join(_workspaces, _workspaces.c.id == _snapshots.c.workspace_id)
    .join(_projects, _projects.c.id == _workspaces.c.project_id)
)  # fmt: skip
_WAS_PUBLIC = _snapshots.c.published_at.is_not(None)
_IS_PUBLIC = and_(_WAS_PUBLIC, _snapshots.c.rejected_at.is_(None))
_STATES: dict[SetState, ColumnElement[bool]] = {
    SetState.WAITING: and_(_snapshots.c.published_at.is_(None), _snapshots.c.rejected_at.is_(None)),
    SetState.PUBLISHED: _IS_PUBLIC,
    SetState.REJECTED: and_(
        _snapshots.c.published_at.is_(None), _snapshots.c.rejected_at.is_not(None)
    ),
    SetState.WITHDRAWN: and_(_WAS_PUBLIC, _snapshots.c.rejected_at.is_not(None)),
}


class PublicProject(NamedTuple):
    """A project of which something is public: how many files, and since when the newest is."""

    slug: str
    name: str
    files: int
    newest: str


def by_number(connection: Connection, workspace_id: int, number: int) -> Snapshot | None:
    """Return a workspace's set by its number."""
    query = _SNAPSHOTS.where(_snapshots.c.workspace_id == workspace_id, _snapshots.c.id == number)
    return fetch_one(connection, query, Snapshot)


def with_key(connection: Connection, workspace_id: int, key: str) -> Snapshot | None:
    """Return the workspace's set of exactly these files."""
    query = _SNAPSHOTS.where(_snapshots.c.workspace_id == workspace_id, _snapshots.c.key == key)
    return fetch_one(connection, query, Snapshot)


def of_workspace(connection: Connection, workspace_id: int) -> list[Snapshot]:
    """Return a workspace's sets, newest first."""
    query = _SNAPSHOTS.where(_snapshots.c.workspace_id == workspace_id)
    return fetch_all(connection, query.order_by(_snapshots.c.id.desc()), Snapshot)


def in_state(connection: Connection, state: SetState, limit: int, offset: int) -> list[Snapshot]:
    """Return the sets that are in a state; what waits longest comes first, else the newest."""
    order = _snapshots.c.id if state is SetState.WAITING else _snapshots.c.id.desc()
    query = _SNAPSHOTS.where(_STATES[state]).order_by(order)
    return fetch_all(connection, query.limit(limit).offset(offset), Snapshot)


def behind(
    connection: Connection, state: SetState, before: int | None, limit: int
) -> list[Snapshot]:
    """Return the sets that are in a state and come before a number, newest first."""
    query = _SNAPSHOTS.where(_STATES[state])
    if before is not None:
        query = query.where(_snapshots.c.id < before)
    return fetch_all(connection, query.order_by(_snapshots.c.id.desc()).limit(limit), Snapshot)


def rejected_of(
    connection: Connection, username: str, shown: frozenset[int] | None, limit: int
) -> list[Snapshot]:
    """Return the newest sets that a person proposed in some projects and that were rejected.

    `shown` has the numbers of the projects, or is None for all.
    """
    query = _SNAPSHOTS.where(_snapshots.c.created_by == username, _STATES[SetState.REJECTED])
    if shown is not None:
        query = query.where(_workspaces.c.project_id.in_(shown))
    return fetch_all(connection, query.order_by(_snapshots.c.id.desc()).limit(limit), Snapshot)


def count_waiting(connection: Connection) -> int:
    """Return how many sets wait for a publication approver."""
    query = select(func.count()).select_from(_snapshots).where(_STATES[SetState.WAITING])
    return int(connection.execute(query).scalar_one())


def fill(connection: Connection, number: int, file_ids: Sequence[str]) -> None:
    """Put files into a new set."""
    rows = [{"snapshot_id": number, "file_id": identifier} for identifier in file_ids]
    connection.execute(insert(_inside), rows)


def files_of(connection: Connection, number: int) -> list[ReleaseFile]:
    """Return the files of a set by name."""
    query = FILES.join(_inside, _inside.c.file_id == _files.c.id)
    return fetch_all(connection, query.where(_inside.c.snapshot_id == number), ReleaseFile)


def files_of_workspace(connection: Connection, workspace_id: int) -> dict[int, list[ReleaseFile]]:
    """Return the files of each of a workspace's sets, by its number."""
    query = (
        FILES.join(_inside, _inside.c.file_id == _files.c.id)
        .where(_releases.c.workspace_id == workspace_id)
        .add_columns(_inside.c.snapshot_id)
    )
    files: dict[int, list[ReleaseFile]] = {}
    for row in connection.execute(query):
        values = dict(row._mapping)
        files.setdefault(values.pop("snapshot_id"), []).append(ReleaseFile(**values))
    return files


def publication(connection: Connection, file_id: str) -> Snapshot | None:
    """Return the set by which a file is public or, failing that, was last."""
    query = (
        _SNAPSHOTS.join(_inside, _inside.c.snapshot_id == _snapshots.c.id)
        .where(_inside.c.file_id == file_id, _WAS_PUBLIC)
        .order_by(_snapshots.c.rejected_at.is_not(None), _snapshots.c.rejected_at.desc())
    )
    return fetch_one(connection, query, Snapshot)


def public_projects(connection: Connection, limit: int, offset: int) -> list[PublicProject]:
    """Return the projects of which something is public, by name."""
    query = (
        select(
            _projects.c.slug,
            _projects.c.name,
            func.count(func.distinct(_inside.c.file_id)),
            func.max(_snapshots.c.published_at),
        )
        .select_from(_snapshots)
        .join(_inside, _inside.c.snapshot_id == _snapshots.c.id)
        .join(_files, and_(_files.c.id == _inside.c.file_id, _files.c.deleted_at.is_(None)))
        .join(_workspaces, _workspaces.c.id == _snapshots.c.workspace_id)
        .join(_projects, _projects.c.id == _workspaces.c.project_id)
        .where(_IS_PUBLIC)
        .group_by(_projects.c.id, _projects.c.slug, _projects.c.name)
        .order_by(_projects.c.name, _projects.c.slug)
        .limit(limit)
        .offset(offset)
    )
    return [PublicProject(*row) for row in connection.execute(query)]


def public_files(
    connection: Connection, project_id: int, limit: int, offset: int
) -> list[ReleaseFile]:
    """Return the public files of a project, newest release first."""
    inside = select(_inside.c.file_id).join(_snapshots, _snapshots.c.id == _inside.c.snapshot_id)
    query = FILES.where(
        _workspaces.c.project_id == project_id,
        _files.c.deleted_at.is_(None),
        _files.c.id.in_(inside.where(_IS_PUBLIC)),
    )
    return fetch_all(connection, query.limit(limit).offset(offset), ReleaseFile)


def comments(connection: Connection, number: int) -> list[Comment]:
    """Return what was said about a set, oldest first."""
    query = select(_comments).where(_comments.c.snapshot_id == number).order_by(_comments.c.id)
    return fetch_all(connection, query, Comment)
