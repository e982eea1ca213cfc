"""Snapshots: frozen sets of released files, and their publication."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sallyport_common.problems import ForbiddenError, NotFoundError, Problem
from sallyport_job_server.models import ReleaseFile, Snapshot, User
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, clock
from sallyport_job_server.storage import projects, releases, tables
from sallyport_job_server.storage.database import Database, add, put


class Snapshots:
    """The use cases around publication."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, user: User, workspace_name: str, file_ids: Iterable[str]) -> Snapshot:
        """Freeze a set of files; the same set gives the same snapshot."""
        requested = set(file_ids)
        with self._database.change(user.username) as change:
            workspace = access.visible_workspace(change.connection, user, workspace_name)
            access.require(
                change.connection, user, Permission.SNAPSHOT_CREATE, workspace.project_id
            )
            files = {f.id: f for f in releases.files_of_workspace(change.connection, workspace.id)}
            unknown = sorted(requested - set(files))
            if unknown:
                raise Problem(f"The workspace has no file '{unknown[0]}'.")
            available = sorted(name for name in requested if files[name].is_here)
            if not available:
                raise Problem("Select at least one available file.")
            key = hashlib.sha256("\n".join(available).encode()).hexdigest()
            existing = releases.snapshot_with_key(change.connection, workspace.id, key)
            if existing:
                return existing
            number = add(
                change.connection,
                tables.snapshots,
                workspace_id=workspace.id,
                key=key,
                created_by=user.username,
                created_at=clock.now(),
            )
            releases.fill_snapshot(change.connection, number, available)
            change.record("snapshot.create", f"{workspace_name}/{number}", files=available)
            return _required(releases.snapshot(change.connection, workspace.id, number))

    def publish(self, user: User, workspace_name: str, number: int) -> None:
        """Make a snapshot's files public; doing it twice changes nothing."""
        with self._database.change(user.username) as change:
            workspace = access.visible_workspace(change.connection, user, workspace_name)
            access.require(
                change.connection, user, Permission.SNAPSHOT_PUBLISH, workspace.project_id
            )
            snapshot = _required(releases.snapshot(change.connection, workspace.id, number))
            if snapshot.published_at is None:
                if snapshot.created_by == user.username:
                    raise ForbiddenError("Somebody else has to publish what you proposed.")
                put(
                    change.connection,
                    tables.snapshots,
                    number,
                    published_by=user.username,
                    published_at=clock.now(),
                )
                change.record("snapshot.publish", f"{workspace_name}/{number}")

    def look(self, user: User | None, workspace_name: str, number: int) -> list[ReleaseFile]:
        """Return the files of a snapshot that is published, or that the person may see."""
        with self._database.read() as connection:
            workspace = projects.workspace(connection, workspace_name)
            snapshot = releases.snapshot(connection, workspace.id, number) if workspace else None
            if workspace is None or snapshot is None:
                raise NotFoundError("There is no such snapshot.")
            if snapshot.published_at is None:
                self._check(user, workspace_name)
            return releases.files_of_snapshot(connection, number)

    def _check(self, user: User | None, workspace_name: str) -> None:
        if user is None:
            raise NotFoundError("There is no such snapshot.")
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, workspace_name)
            access.require(connection, user, Permission.RELEASE_FILE_VIEW, workspace.project_id)

    def of_workspace(
        self, user: User, workspace_name: str
    ) -> list[tuple[Snapshot, list[ReleaseFile]]]:
        """Return a workspace's snapshots with their files, newest first."""
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, workspace_name)
            files = releases.files_of_snapshots(connection, workspace.id)
            return [
                (snapshot, files.get(snapshot.id, []))
                for snapshot in releases.snapshots(connection, workspace.id)
            ]


def _required(snapshot: Snapshot | None) -> Snapshot:
    if snapshot is None:
        raise NotFoundError("There is no such snapshot.")
    return snapshot
