"""Snapshots: frozen sets of released files, and their way to the public."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from sqlalchemy.engine import Connection

from sallyport_common.problems import ConflictError, ForbiddenError, NotFoundError, Problem
from sallyport_job_server.letters import Kind
from sallyport_job_server.models import (
    Comment,
    Project,
    ReleaseFile,
    SetState,
    Snapshot,
    User,
    Workspace,
)
from sallyport_job_server.roles import Permission
from sallyport_job_server.services import access, checks, clock
from sallyport_job_server.services.pages import Page
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.storage import projects, releases, snapshots, tables
from sallyport_job_server.storage.database import Change, Database, add, put

LONGEST_COMMENT = 5000
MOST_REJECTED = 5
MISSING = "There is no such snapshot."


@dataclass(frozen=True)
class SetView:
    """A set of files as one person sees it."""

    snapshot: Snapshot
    files: list[ReleaseFile]
    comments: list[Comment]
    may_decide: bool
    is_own: bool


class Snapshots:
    """The use cases around publication."""

    def __init__(self, database: Database, postbox: Postbox) -> None:
        self._database, self._postbox = database, postbox

    def create(
        self, user: User, workspace_name: str, file_ids: Iterable[str], note: str = ""
    ) -> Snapshot:
        """Freeze a set of files and propose it; the same set gives the same snapshot.

        One that was rejected or withdrawn is proposed again by this.
        """
        requested = set(file_ids)
        note = checks.optional_text("note", note, LONGEST_COMMENT)
        with self._database.change(user.username) as change:
            workspace = access.visible_workspace(change.connection, user, workspace_name)
            access.require(
                change.connection, user, Permission.SNAPSHOT_CREATE, workspace.project_id
            )
            available = _available(change.connection, workspace, requested)
            key = hashlib.sha256("\n".join(available).encode()).hexdigest()
            existing = snapshots.with_key(change.connection, workspace.id, key)
            if existing:
                return self._propose_again(change, user, existing, note)
            number = add(
                change.connection,
                tables.snapshots,
                workspace_id=workspace.id,
                key=key,
                created_by=user.username,
                created_at=clock.now(),
            )
            snapshots.fill(change.connection, number, available)
            change.record("snapshot.create", f"{workspace_name}/{number}", files=available)
            if note:
                _say(change, number, "proposed", note)
            made = _required(snapshots.by_number(change.connection, workspace.id, number))
            self._postbox.proposed(change, made)
            return made

    def _propose_again(self, change: Change, user: User, snapshot: Snapshot, note: str) -> Snapshot:
        if not snapshot.rejected_at:
            return snapshot
        values = {
            "created_by": user.username, "created_at": clock.now(), "published_by": None,
            "published_at": None, "rejected_by": None, "rejected_at": None,
        }  # fmt: skip
        put(change.connection, tables.snapshots, snapshot.id, **values)
        _say(change, snapshot.id, "proposed", note)
        change.record("snapshot.propose_again", f"{snapshot.workspace}/{snapshot.id}")
        number = snapshot.id
        again = _required(snapshots.by_number(change.connection, snapshot.workspace_id, number))
        self._postbox.proposed(change, again)
        return again

    def publish(self, user: User, workspace_name: str, number: int) -> None:
        """Make a snapshot's files public; doing it twice changes nothing."""
        with self._database.change(user.username) as change:
            snapshot = _decidable(change.connection, user, workspace_name, number)
            if snapshot.is_public:
                return
            if snapshot.rejected_at:
                raise ConflictError(f"This set was {snapshot.state}; it has to be proposed again.")
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
            self._postbox.decided(change, Kind.SET_PUBLISHED, snapshot, user.username)

    def reject(self, user: User, workspace_name: str, number: int, reason: str) -> Snapshot:
        """Reject a set, or take one back that is public; doing it twice changes nothing."""
        reason = checks.text("reason", reason, LONGEST_COMMENT)
        with self._database.change(user.username) as change:
            snapshot = _decidable(change.connection, user, workspace_name, number)
            if not snapshot.rejected_at:
                values = {"rejected_by": user.username, "rejected_at": clock.now()}
                put(change.connection, tables.snapshots, number, **values)
                was_public = snapshot.published_at is not None
                what = "withdraw" if was_public else "reject"
                _say(change, number, "withdrawn" if was_public else "rejected", reason)
                change.record(f"snapshot.{what}", f"{workspace_name}/{number}", reason=reason)
                kind = Kind.SET_WITHDRAWN if was_public else Kind.SET_REJECTED
                self._postbox.decided(change, kind, snapshot, user.username)
            return _required(snapshots.by_number(change.connection, snapshot.workspace_id, number))

    def still_public(self, user: User, workspace_name: str, number: int) -> list[str]:
        """Return the names of a set's files that another set makes public."""
        with self._database.read() as connection:
            snapshot = _visible(connection, user, workspace_name, number)
            if snapshot.is_public:
                return []
            by_name = {one.name: one.id for one in snapshots.files_of(connection, snapshot.id)}
            return sorted(
                name
                for name, file_id in by_name.items()
                if (other := snapshots.publication(connection, file_id)) and other.is_public
            )

    def comment(self, user: User, workspace_name: str, number: int, text: str) -> None:
        """Say something about a set, to all who see it."""
        text = checks.text("comment", text, LONGEST_COMMENT)
        with self._database.change(user.username) as change:
            snapshot = _visible(change.connection, user, workspace_name, number)
            _say(change, snapshot.id, "comment", text)
            change.record("snapshot.comment", f"{workspace_name}/{number}")

    def look(self, user: User | None, workspace_name: str, number: int) -> list[ReleaseFile]:
        """Return the files of a snapshot that is published, or that the person may see."""
        with self._database.read() as connection:
            workspace = projects.workspace(connection, workspace_name)
            snapshot = snapshots.by_number(connection, workspace.id, number) if workspace else None
            if snapshot is None:
                raise NotFoundError(MISSING)
            if not snapshot.is_public:
                if user is None:
                    raise NotFoundError(MISSING)
                _visible(connection, user, workspace_name, number)
            return snapshots.files_of(connection, number)

    def view(self, user: User, workspace_name: str, number: int) -> SetView:
        """Return a set with its files and what was said about it."""
        with self._database.read() as connection:
            snapshot = _visible(connection, user, workspace_name, number)
            workspace = access.visible_workspace(connection, user, workspace_name)
            allowed = access.permissions(connection, user, workspace.project_id)
            return SetView(
                snapshot,
                snapshots.files_of(connection, number),
                snapshots.comments(connection, number),
                may_decide=Permission.SNAPSHOT_PUBLISH in allowed,
                is_own=snapshot.created_by == user.username,
            )

    def queue(self, user: User, state: SetState, number: int) -> Page[Snapshot]:
        """Return a page of the sets in a state, for publication approvers."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.SNAPSHOT_PUBLISH)
            return Page.of(number, lambda *part: snapshots.in_state(connection, state, *part))

    def waiting(self, user: User) -> int:
        """Return how many sets wait for this person's decision; 0 for who cannot decide."""
        with self._database.read() as connection:
            if Permission.SNAPSHOT_PUBLISH not in access.permissions(connection, user):
                return 0
            return snapshots.count_waiting(connection)

    def public_projects(self, number: int) -> Page[snapshots.PublicProject]:
        """Return a page of the projects of which something is public, for everybody."""
        with self._database.read() as connection:
            return Page.of(number, lambda *part: snapshots.public_projects(connection, *part))

    def public_files(self, slug: str, number: int) -> tuple[Project, Page[ReleaseFile]]:
        """Return a project and a page of its public files, for everybody.

        A project without any looks like a missing one.
        """
        with self._database.read() as connection:
            project = projects.by_slug(connection, slug)
            if project is None or not snapshots.public_files(connection, project.id, 1, 0):
                raise NotFoundError("There is no such page.")
            read = partial(snapshots.public_files, connection, project.id)
            return project, Page.of(number, read)

    def rejected_of(self, user: User) -> list[Snapshot]:
        """Return the newest sets that a person proposed and somebody rejected."""
        with self._database.read() as connection:
            shown = access.visible_projects(connection, user)
            return snapshots.rejected_of(connection, user.username, shown, MOST_REJECTED)

    def of_workspace(
        self, user: User, workspace_name: str
    ) -> list[tuple[Snapshot, list[ReleaseFile]]]:
        """Return a workspace's snapshots with their files, newest first."""
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, workspace_name)
            files = snapshots.files_of_workspace(connection, workspace.id)
            return [
                (snapshot, files.get(snapshot.id, []))
                for snapshot in snapshots.of_workspace(connection, workspace.id)
            ]


def _available(connection: Connection, workspace: Workspace, requested: set[str]) -> list[str]:
    """Return those of some files of a workspace that are here; raise Problem for others."""
    files = {file.id: file for file in releases.files_of_workspace(connection, workspace.id)}
    unknown = sorted(requested - set(files))
    if unknown:
        raise Problem(f"The workspace has no file '{unknown[0]}'.")
    available = sorted(name for name in requested if files[name].is_here)
    if not available:
        raise Problem("Select at least one available file.")
    return available


def _say(change: Change, number: int, kind: str, text: str) -> None:
    add(
        change.connection,
        tables.snapshot_comments,
        snapshot_id=number,
        kind=kind,
        text=text,
        created_by=change.actor,
        created_at=clock.now(),
    )


def _visible(connection: Connection, user: User, workspace_name: str, number: int) -> Snapshot:
    """Return a set whose files a person may see; raise NotFoundError or ForbiddenError."""
    return _allowed(connection, user, workspace_name, number, Permission.RELEASE_FILE_VIEW)


def _decidable(connection: Connection, user: User, workspace_name: str, number: int) -> Snapshot:
    """Return a set about which a person decides; raise NotFoundError or ForbiddenError."""
    return _allowed(connection, user, workspace_name, number, Permission.SNAPSHOT_PUBLISH)


def _allowed(
    connection: Connection, user: User, workspace_name: str, number: int, needed: Permission
) -> Snapshot:
    workspace = access.visible_workspace(connection, user, workspace_name)
    access.require(connection, user, needed, workspace.project_id)
    return _required(snapshots.by_number(connection, workspace.id, number))


def _required(snapshot: Snapshot | None) -> Snapshot:
    if snapshot is None:
        raise NotFoundError(MISSING)
    return snapshot
