"""Looking at things: who may see what, and each look recorded."""

from __future__ import annotations

from dataclasses import replace

from sallyport_common.problems import NotFoundError
from sallyport_release_hatch.models import (
    BLIND_STATES,
    REVIEW_STATES,
    Comment,
    Identity,
    ReleaseRequest,
    RequestFile,
    RequestState,
    Vote,
    WorkspaceFile,
)
from sallyport_release_hatch.storage.database import Database
from sallyport_release_hatch.storage.frozen import FrozenFiles
from sallyport_release_hatch.storage.workspaces import Log, Workspaces


def seen_by(viewer: Identity, request: ReleaseRequest) -> ReleaseRequest:
    """Return a request with only those votes, reviews and comments that the viewer may see."""
    name, state = viewer.username, request.state
    blind = state in BLIND_STATES
    checker = viewer.may_review(request.author)
    open_to_all = state not in REVIEW_STATES
    all_visible = open_to_all or (checker and not blind)

    def shows(comment: Comment) -> bool:
        return comment.author == name or all_visible or comment.turn < request.turn

    def knows(vote_of: str) -> bool:
        return vote_of == name or (all_visible and checker)

    return replace(
        request,
        votes={key: vote for key, vote in request.votes.items() if knows(key[1])},
        submitted=tuple(who for who in request.submitted if who == name or all_visible),
        comments=tuple(comment for comment in request.comments if shows(comment)),
    )


class Viewing:
    """Reads workspaces and requests for people, and records what was looked at."""

    def __init__(self, database: Database, workspaces: Workspaces, frozen: FrozenFiles) -> None:
        self._database, self._workspaces, self._frozen = database, workspaces, frozen

    def workspaces(self, viewer: Identity) -> list[str]:
        """Return the workspaces on this host that a person may look at."""
        return [name for name in self._workspaces.names() if viewer.may_view(name)]

    def index(self, viewer: Identity, workspace: str) -> list[WorkspaceFile]:
        """Return a workspace's outputs."""
        self._check(viewer, workspace)
        return self._workspaces.index(workspace)

    def logs(self, viewer: Identity, workspace: str) -> list[str]:
        """Return the actions that left a log."""
        self._check(viewer, workspace)
        return self._workspaces.logs(workspace)

    def released(self, viewer: Identity, workspace: str) -> set[str]:
        """Return the hashes of what was released from a workspace."""
        self._check(viewer, workspace)
        with self._database.read() as transaction:
            return transaction.requests.released_hashes(workspace)

    def file(self, viewer: Identity, workspace: str, name: str, via: str = "page") -> bytes:
        """Return the bytes of an output."""
        self._check(viewer, workspace)
        file = self._workspaces.find(workspace, name)
        data = self._workspaces.read(workspace, file)
        self._record(viewer, "file_view_workspace", f"{workspace}/{name}", via, file.sha256)
        return data

    def log(self, viewer: Identity, workspace: str, action: str, *, beginning: bool = False) -> Log:
        """Return the end of an action's log, or its beginning."""
        self._check(viewer, workspace)
        log = self._workspaces.log(workspace, action, beginning=beginning)
        self._record(viewer, "log_view_workspace", f"{workspace}/metadata/{action}.log", "page", "")
        return log

    def _check(self, viewer: Identity, workspace: str) -> None:
        if not viewer.may_view(workspace):
            raise NotFoundError(f"Workspace {workspace} not found")

    def _record(self, viewer: Identity, event: str, what: str, via: str, sha256: str) -> None:
        with self._database.write() as transaction:
            transaction.record(viewer.username, event, what, via=via, sha256=sha256)

    def requests_of(self, author: Identity) -> list[ReleaseRequest]:
        """Return a person's own requests."""
        with self._database.read() as transaction:
            return transaction.requests.of_author(author.username)

    def queue(self, checker: Identity) -> list[ReleaseRequest]:
        """Return the requests that a checker may act on, newest first."""
        if not checker.output_checker:
            return []
        states = REVIEW_STATES | {RequestState.APPROVED}
        with self._database.read() as transaction:
            requests = transaction.requests.in_states(states)
        return [request for request in requests if checker.may_review(request.author)]

    def request(self, viewer: Identity, identifier: str) -> ReleaseRequest:
        """Return a request as the viewer may see it, or raise NotFoundError."""
        return seen_by(viewer, self._whole(viewer, identifier))

    def reviews(self, viewer: Identity, identifier: str) -> int:
        """Return how many reviews of the present turn are in; who wrote them is not said."""
        return len(self._whole(viewer, identifier).submitted)

    def _whole(self, viewer: Identity, identifier: str) -> ReleaseRequest:
        with self._database.read() as transaction:
            request = transaction.requests.get(identifier)
        mine = request.author == viewer.username
        draft = request.state is RequestState.PENDING
        if not mine and (draft or not viewer.may_view(request.workspace)):
            raise NotFoundError(f"There is no request {identifier}.")
        return request

    def frozen(
        self, viewer: Identity, identifier: str, file_id: str, via: str = "page"
    ) -> tuple[RequestFile, bytes]:
        """Return a frozen file of a request, by its id, and its bytes."""
        request = self._whole(viewer, identifier)
        for file in request.files:
            if file.id == file_id:
                data = self._frozen.read(request.workspace, request.id, file.sha256)
                what = f"{request.id}/{file.name}"
                self._record(viewer, "file_view_request", what, via, file.sha256)
                return file, data
        raise NotFoundError(f"Request {identifier} has no such file.")


def own_vote(viewer: Identity, request: ReleaseRequest, file: RequestFile) -> Vote:
    """Return the viewer's vote on a file."""
    return request.votes.get((file.id, viewer.username), Vote.UNDECIDED)
