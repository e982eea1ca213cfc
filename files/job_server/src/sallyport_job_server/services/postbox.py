"""Keeps what people and other programs are to be told, in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sallyport_common.protocol import State
from sallyport_job_server.letters import Kind
from sallyport_job_server.models import (
    CANCELLED,
    Backend,
    JobRequest,
    Operator,
    Release,
    Snapshot,
    User,
    Workspace,
)
from sallyport_job_server.relays import Webhook
from sallyport_job_server.roles import Permission, Role, permissions_of
from sallyport_job_server.services import clock
from sallyport_job_server.storage import backends, outbox, projects, requests, snapshots, users
from sallyport_job_server.storage.database import Change

SHOWN = (State.SUCCEEDED, State.FAILED, CANCELLED)


class Postbox:
    """What is to be told about what; without a mail server and webhooks it costs nothing."""

    def __init__(self, has_mail: bool, hooks: Sequence[Webhook]) -> None:
        self.has_mail, self._hooks = has_mail, hooks

    @property
    def is_open(self) -> bool:
        """Whether anything is told to anybody."""
        return self.has_mail or bool(self._hooks)

    def requests_over(self, change: Change, request_ids: Collection[int]) -> None:
        """Tell who asked for jobs that all of them have ended."""
        if not self.is_open or not request_ids:
            return
        for request in requests.by_numbers(change.connection, request_ids):
            counted = requests.tally(change.connection, request.id)
            author = users.by_id(change.connection, request.created_by_id)
            self._tell(
                change,
                _end(counted),
                [author] if author else [],
                **_place(request),
                request=request.identifier,
                backend=request.backend,
                counts=", ".join(f"{counted[one]} {one}" for one in SHOWN if counted[one]),
                path=f"/job-requests/{request.identifier}/",
            )

    def released(self, change: Change, release: Release, who: str, number: int) -> None:
        """Tell those who may read them that the files of a release are here."""
        if not self.is_open:
            return
        workspace = projects.workspace(change.connection, release.workspace)
        if workspace is not None:
            self._tell(
                change,
                Kind.FILES_RELEASED,
                _readers(change, workspace),
                **_place(release),
                who=who,
                files=_files(number),
                backend=release.backend,
                path=f"/workspaces/{release.workspace}/releases/",
            )

    def proposed(self, change: Change, snapshot: Snapshot) -> None:
        """Tell approvers that files wait for them; who proposed them cannot decide."""
        if self.is_open:
            approvers = users.with_role(change.connection, Role.PUBLICATION_APPROVER)
            others = [one for one in approvers if one.username != snapshot.created_by]
            self._about(change, Kind.SET_PROPOSED, others, snapshot, snapshot.created_by)

    def decided(self, change: Change, kind: Kind, snapshot: Snapshot, who: str) -> None:
        """Tell who proposed files what became of them."""
        if self.is_open:
            author = users.by_name(change.connection, snapshot.created_by)
            self._about(change, kind, [author] if author else [], snapshot, who)

    def _about(
        self, change: Change, kind: Kind, people: Iterable[User], snapshot: Snapshot, who: str
    ) -> None:
        files = _files(len(snapshots.files_of(change.connection, snapshot.id)))
        path = f"/workspaces/{snapshot.workspace}/snapshots/{snapshot.id}/"
        self._tell(change, kind, people, **_place(snapshot), who=who, files=files, path=path)

    def review(
        self, change: Change, kind: Kind, backend: Backend, place: Workspace, author: str
    ) -> None:
        """Tell checkers that outputs wait for review, or who asked what the reviewers said."""
        if not self.is_open:
            return
        if kind is Kind.REVIEW_ASKED:
            checkers = users.with_role(change.connection, Role.OUTPUT_CHECKER)
            people = [
                one
                for one in checkers
                if one.username != author
                and backends.is_member(change.connection, one.id, backend.id)
            ]
        else:
            person = users.by_name(change.connection, author)
            people = [person] if person else []
        names = {"workspace": place.name, "project": place.project}
        self._tell(change, kind, people, **names, who=author, backend=backend.name)

    def account(
        self, change: Change, kind: Kind, user: User, by: User | Operator | None = None, **data: Any
    ) -> None:
        """Tell a person what happened to the account, whatever they chose."""
        who = by.username if by else user.username
        self._to_people(change, kind, [user], {"username": user.username, "who": who} | data)

    def _tell(self, change: Change, kind: Kind, people: Iterable[User], **data: Any) -> None:
        self._to_people(change, kind, people, data)
        asked = [one for one in self._hooks if not one.topics or kind.topic in one.topics]
        rows = [{"user_id": None, "webhook": one.name} for one in asked]
        _keep(change, kind, rows, data)

    def _to_people(
        self, change: Change, kind: Kind, people: Iterable[User], data: dict[str, Any]
    ) -> None:
        if self.has_mail:
            reached = [one for one in people if reaches(one) and kind.topic not in one.muted]
            _keep(change, kind, [{"user_id": one.id, "webhook": ""} for one in reached], data)


def reaches(user: User) -> bool:
    """Return whether mail can reach a person."""
    return user.is_active and bool(user.email)


def _keep(change: Change, kind: Kind, rows: list[dict[str, Any]], data: dict[str, Any]) -> None:
    kept = [row | {"kind": str(kind), "data": data} for row in rows]
    outbox.keep(change.connection, kept, clock.now())


def _end(counted: Collection[str]) -> Kind:
    if State.FAILED in counted:
        return Kind.REQUEST_FAILED
    return Kind.REQUEST_CANCELLED if CANCELLED in counted else Kind.REQUEST_SUCCEEDED


def _place(of: JobRequest | Release | Snapshot) -> dict[str, str]:
    return {"workspace": of.workspace, "project": of.project}


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _readers(change: Change, workspace: Workspace) -> list[User]:
    members = projects.members(change.connection, workspace.project_id)
    roles = {one.username: one.roles for one in members}
    return [
        one
        for one in users.of_project(change.connection, workspace.project_id)
        if Permission.RELEASE_FILE_VIEW in permissions_of([*one.roles, *roles[one.username]])
    ]
