"""Releases: files that two checkers approved, on their way out and once they are here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy.engine import Connection

from sallyport_common.outputs import MAX_FILE_BYTES
from sallyport_common.paths import UnsafePathError
from sallyport_common.problems import ConflictError, ForbiddenError, NotFoundError, Problem
from sallyport_common.tokens import is_ulid, new_ulid
from sallyport_job_server.models import (
    AlreadyUploadedError,
    Backend,
    Release,
    ReleaseFile,
    Snapshot,
    User,
)
from sallyport_job_server.roles import Permission
from sallyport_job_server.schemas.releases import TOO_LARGE, FileList, ListedFile
from sallyport_job_server.services import access, checks, clock
from sallyport_job_server.services.postbox import Postbox
from sallyport_job_server.storage import projects, releases, requests, snapshots, tables
from sallyport_job_server.storage.database import Change, Database, add, put
from sallyport_job_server.storage.files import ReleaseStore

STATUSES = ("APPROVED", "REJECTED")
MISSING = "There is no such file, or it was removed."


class Releases:
    """The use cases around released files."""

    def __init__(self, database: Database, store: ReleaseStore, postbox: Postbox) -> None:
        self._database, self._store, self._postbox = database, store, postbox

    def create(
        self,
        backend: Backend,
        user: User,
        workspace_name: str,
        announced: FileList,
    ) -> Release:
        """Announce files; the same `airlock_id` with the same hashes is the same release."""
        files, proposed = announced.files, announced.metadata.get("airlock_id")
        identifier = proposed if isinstance(proposed, str) and is_ulid(proposed) else new_ulid()
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.RELEASE_FILE_UPLOAD)
            workspace = projects.workspace(change.connection, workspace_name)
            if workspace is None:
                raise NotFoundError(f"There is no workspace '{workspace_name}'.")
            if not requests.ran_on(change.connection, workspace.id, backend.id):
                raise ForbiddenError(
                    f"The backend {backend.slug} has run nothing in the workspace {workspace_name}."
                )
            existing = releases.by_id(change.connection, identifier)
            if existing:
                return _same(change.connection, existing, backend, workspace_name, files)
            add(
                change.connection,
                tables.releases,
                id=identifier,
                workspace_id=workspace.id,
                backend_id=backend.id,
                created_by_id=user.id,
                created_at=clock.now(),
                details=announced.metadata,
            )
            for file in files:
                add(change.connection, tables.release_files, **_columns(file, identifier))
            names = {file.name: file.sha256 for file in files}
            change.record(
                "release.create", identifier, workspace=workspace_name, backend=backend.slug,
                files=names,
            )  # fmt: skip
            return _required(releases.by_id(change.connection, identifier), identifier)

    def upload(
        self, backend: Backend, user: User, release_id: str, name: str | None, data: bytes
    ) -> ReleaseFile:
        """Keep the bytes of an announced file, once; raise Problem with the API's sentences."""
        with self._database.read() as connection:
            access.require(connection, user, Permission.RELEASE_FILE_UPLOAD)
            release = _required(releases.by_id(connection, release_id), release_id)
            listed = releases.files_of_release(connection, release_id)
        if not data:
            raise Problem("No data uploaded")
        if not name:
            raise Problem(
                "Missing filename. Request should include a Content-Disposition header with one."
            )
        expected = next((file for file in listed if file.name == name), None)
        if expected is None:
            raise Problem(f"File {name} not requested in release {release_id}")
        _check_origin(release, backend)
        if len(data) > MAX_FILE_BYTES:
            raise Problem(TOO_LARGE)
        if hashlib.sha256(data).hexdigest() != expected.sha256:
            raise Problem(
                "Contents of uploaded file does not match the file which a review was requested for"
            )
        self._keep(backend, user, expected, data)
        return expected

    def _keep(self, backend: Backend, user: User, file: ReleaseFile, data: bytes) -> None:
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.RELEASE_FILE_UPLOAD)
            stored = releases.file(change.connection, file.id)
            if stored is None:  # given up for lost since it was looked up
                raise NotFoundError(f"There is no release '{file.release_id}'.")
            if stored.uploaded_at:
                raise AlreadyUploadedError(
                    f"This version of '{file.name}' has already been uploaded "
                    f"from backend '{backend.slug}'",
                    file.id,
                )
            if stored.deleted_at:
                raise Problem(f"File {file.name} was removed from release {file.release_id}")
            self._store.write(_address(file), data)
            put(
                change.connection,
                tables.release_files,
                file.id,
                uploaded_by=user.username,
                uploaded_at=clock.now(),
            )
            change.record("release.upload", file.id, release=file.release_id, sha256=file.sha256)
            self._tell(change, user, file.release_id)

    def _tell(self, change: Change, user: User, release_id: str) -> None:
        """Tell people that a release is here, once its last file is."""
        if not self._postbox.is_open:
            return
        files = releases.files_of_release(change.connection, release_id)
        release = releases.by_id(change.connection, release_id)
        if release and all(one.uploaded_at or one.deleted_at for one in files):
            here = sum(one.is_here for one in files)
            self._postbox.released(change, release, user.username, here)

    def review(
        self, backend: Backend, user: User, release_id: str, files: Sequence[ListedFile]
    ) -> None:
        """Keep reviews; each file must be in the backend's own release with the same hash."""
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.RELEASE_FILE_UPLOAD)
            release = _required(releases.by_id(change.connection, release_id), release_id)
            _check_origin(release, backend)
            listed = {f.name: f for f in releases.files_of_release(change.connection, release_id)}
            for file in files:
                announced = listed.get(file.name)
                if announced is None:
                    raise Problem(f"File {file.name} not requested in release {release_id}")
                if announced.sha256 != file.sha256:
                    raise Problem(f"File {file.name} has another hash in release {release_id}")
                if (file.review or {}).get("status") not in STATUSES:
                    raise Problem(f"The review of {file.name} must be APPROVED or REJECTED.")
                put(change.connection, tables.release_files, announced.id, review=file.review)
            change.record("release.review", release_id, files=[file.name for file in files])

    def of_workspace(self, user: User, name: str) -> list[tuple[Release, list[ReleaseFile]]]:
        """Return a workspace's releases with their files, newest first."""
        with self._database.read() as connection:
            workspace = access.visible_workspace(connection, user, name)
            _may_view(connection, user, workspace.project_id)
            files: dict[str, list[ReleaseFile]] = {}
            for file in releases.files_of_workspace(connection, workspace.id):
                files.setdefault(file.release_id, []).append(file)
            return [
                (release, files.get(release.id, []))
                for release in releases.of_workspace(connection, workspace.id)
            ]

    def newest(self, user: User, name: str) -> list[ReleaseFile]:
        """Return the newest version of each file of a workspace, by backend and name."""
        newest: dict[tuple[str, str], ReleaseFile] = {}
        for _release, files in self.of_workspace(user, name):
            for file in files:
                newest.setdefault((file.backend, file.name), file)
        return [newest[key] for key in sorted(newest)]

    def of_release(self, user: User, release_id: str) -> list[ReleaseFile]:
        """Return the files of a release."""
        with self._database.read() as connection:
            release = _required(releases.by_id(connection, release_id), release_id)
            workspace = access.visible_workspace(connection, user, release.workspace)
            _may_view(connection, user, workspace.project_id)
            return releases.files_of_release(connection, release_id)

    def file(self, user: User | None, file_id: str) -> ReleaseFile:
        """Return a file that a person, or with None the public, may read."""
        file = self.look(user, file_id)
        if file.deleted_at:
            raise NotFoundError(MISSING)
        return file

    def look(self, user: User | None, file_id: str) -> ReleaseFile:
        """Return a file that a person, or the public, may or might read before it was removed."""
        with self._database.read() as connection:
            file = releases.file(connection, file_id)
            if file is None:
                raise NotFoundError(MISSING)
            publication = snapshots.publication(connection, file_id)
            if publication and publication.is_public:
                return file
            if user is None:
                raise NotFoundError(MISSING)
            workspace = access.visible_workspace(connection, user, file.workspace)
            _may_view(connection, user, workspace.project_id)
            return file

    def published(self, file_id: str) -> tuple[ReleaseFile, Snapshot]:
        """Return a file that is or was public, and by which set; raise NotFoundError for others."""
        with self._database.read() as connection:
            file = releases.file(connection, file_id)
            publication = snapshots.publication(connection, file_id)
            if file is None or publication is None:
                raise NotFoundError(MISSING)
            return file, publication

    def note_reading(self, reader: User | None, files: Sequence[ReleaseFile], how: str) -> None:
        """Note in the audit that a person was shown or sent files; the public is not noted."""
        if reader is None or not files:
            return
        with self._database.change(reader.username) as change:
            change.record_all("release.read", [(file.id, {"how": how}) for file in files])

    def content(self, file: ReleaseFile) -> bytes:
        """Return the bytes of an uploaded file."""
        try:
            with self._store.open(_address(file)) as stream:
                return stream.read()
        except (FileNotFoundError, UnsafePathError):
            raise NotFoundError(MISSING) from None

    def delete(self, user: User, file_id: str, reason: str = "") -> ReleaseFile:
        """Remove a file's bytes; its row stays, with who removed it, when and why."""
        file, reason = self.file(user, file_id), checks.optional_text("reason", reason, 500)
        with self._database.change(user.username) as change:
            access.require(change.connection, user, Permission.RELEASE_FILE_DELETE)
            put(
                change.connection,
                tables.release_files,
                file_id,
                deleted_by=user.username,
                deleted_at=clock.now(),
                deleted_reason=reason,
            )
            change.record(
                "release.delete", file_id, release=file.release_id, sha256=file.sha256,
                reason=reason,
            )  # fmt: skip
        self._store.remove(_address(file))
        return file


def _check_origin(release: Release, backend: Backend) -> None:
    if release.backend != backend.slug:
        raise Problem(f"Release is from backend {release.backend} not {backend.slug}")


def _columns(file: ListedFile, release_id: str) -> dict[str, object]:
    return {
        "id": new_ulid(),
        "release_id": release_id,
        "name": file.name,
        "sha256": file.sha256,
        "size": file.size,
        "date": file.date,
        "details": file.metadata or {},
        "review": file.review,
    }


def _same(
    connection: Connection,
    existing: Release,
    backend: Backend,
    workspace: str,
    files: Sequence[ListedFile],
) -> Release:
    digests = {file.sha256 for file in releases.files_of_release(connection, existing.id)}
    origin = (existing.backend, existing.workspace)
    if digests != {file.sha256 for file in files} or origin != (backend.slug, workspace):
        raise ConflictError(f"The release {existing.id} already exists with other files.")
    return existing


def _may_view(connection: Connection, user: User, project_id: int) -> None:
    if Permission.RELEASE_FILE_VIEW not in access.permissions(connection, user, project_id):
        raise ForbiddenError("You may not see the released files of this project.")


def _address(file: ReleaseFile) -> str:
    return ReleaseStore.address(file.workspace, file.release_id, file.name)


def _required(release: Release | None, identifier: str) -> Release:
    if release is None:
        raise NotFoundError(f"There is no release '{identifier}'.")
    return release
