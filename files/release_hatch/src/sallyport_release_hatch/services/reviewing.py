"""The checkers' side: votes, hidden until both are in; return, reject, approve."""

from __future__ import annotations

from collections.abc import Mapping

from sallyport_common.problems import ConflictError, ForbiddenError, NotFoundError
from sallyport_common.protocol import utc_now_text
from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.models import (
    BLIND_STATES,
    REVIEW_STATES,
    TRANSITIONS,
    BadInputError,
    Decision,
    Identity,
    ReleaseRequest,
    RequestState,
    Vote,
    check_length,
)
from sallyport_release_hatch.services import events
from sallyport_release_hatch.services.rechecking import check_again
from sallyport_release_hatch.storage.database import Database, Transaction
from sallyport_release_hatch.storage.frozen import FrozenFiles

VOTES = (Vote.APPROVED, Vote.CHANGES_REQUESTED)
AFTER_REVIEW = {
    RequestState.SUBMITTED: RequestState.PARTIALLY_REVIEWED,
    RequestState.PARTIALLY_REVIEWED: RequestState.REVIEWED,
}


class Reviewing:
    """Moves requests as output checkers may, who are never the author."""

    def __init__(self, database: Database, frozen: FrozenFiles, policy: Policy) -> None:
        self._database, self._frozen, self._policy = database, frozen, policy

    def vote(
        self,
        checker: Identity,
        identifier: str,
        votes: Mapping[str, Vote],
        comment: str = "",
        *,
        submit: bool = False,
    ) -> None:
        """Keep a checker's votes and comment; with `submit`, hand their review in."""
        with self._database.write() as transaction:
            request = _for_review(transaction, checker, identifier, REVIEW_STATES)
            names = {file.id: file.name for file in request.files}
            for file, vote in votes.items():
                if file not in names or vote not in VOTES:
                    raise BadInputError(["A vote is APPROVED or CHANGES_REQUESTED on a file."])
                if request.votes.get((file, checker.username)) is not vote:
                    transaction.requests.set_vote(file, checker.username, vote)
                    event = "file_approve" if vote is Vote.APPROVED else "file_request_changes"
                    transaction.record(checker.username, event, request.id, file=names[file])
            if comment.strip():
                self._comment(transaction, request, checker, comment)
            if submit:
                self._submit(transaction, transaction.requests.get(request.id), checker)

    def _submit(self, transaction: Transaction, request: ReleaseRequest, checker: Identity) -> None:
        mine = request.votes_of(checker.username)
        cast = [mine.get(file.id) for file in request.files]
        if any(vote not in VOTES for vote in cast):
            raise BadInputError(["Vote on every file before you submit the review."])
        said = any(
            comment.author == checker.username and comment.turn == request.turn
            for comment in request.comments
        )
        if Vote.CHANGES_REQUESTED in cast and not said:
            raise BadInputError(["Say in a comment which changes are needed."])
        if checker.username in request.submitted:
            return
        transaction.requests.add_review(request.id, request.turn, checker.username)
        transaction.record(checker.username, "request_review", request.id, turn=request.turn)
        after = AFTER_REVIEW.get(request.state)
        if after is not None:
            transaction.requests.change(request.id, state=after.value)
            events.queue(transaction, after.value.lower(), request, checker.username)

    def send_back(self, checker: Identity, identifier: str, comment: str) -> None:
        """Return a request to its author with a comment; before both reviews, undo the turn."""
        _require(comment, "Say to the author what is needed.")
        with self._database.write() as transaction:
            request = _for_review(transaction, checker, identifier, REVIEW_STATES)
            early = request.state in BLIND_STATES
            if early:
                transaction.requests.clear_votes(request.id)
                transaction.requests.hide_comments(request.id, request.turn)
            self._comment(transaction, request, checker, comment)
            self._move(transaction, request, RequestState.RETURNED, turn=request.turn + 1)
            event = "request_early_return" if early else "request_return"
            transaction.record(checker.username, event, request.id, turn=request.turn)
            events.queue(transaction, "returned", request, checker.username)

    def reject(self, checker: Identity, identifier: str, comment: str) -> None:
        """Reject a reviewed request permanently, with a comment."""
        _require(comment, "Say to the author why the request is rejected.")
        with self._database.write() as transaction:
            reviewed = {RequestState.REVIEWED}
            request = _for_review(transaction, checker, identifier, reviewed)
            self._comment(transaction, request, checker, comment)
            self._decide(transaction, request, RequestState.REJECTED, checker)
            transaction.record(checker.username, "request_reject", request.id, turn=request.turn)
            events.queue(transaction, "rejected", request, checker.username)

    def approve(self, checker: Identity, identifier: str) -> None:
        """Approve a request whose every file has two approvals; its bytes are checked again."""
        with self._database.write() as transaction:
            request = _for_review(transaction, checker, identifier, {RequestState.REVIEWED})
            undecided = [
                file.name
                for file in request.files
                if request.decision(file.id) is not Decision.APPROVED
                or request.author in request.approvers(file.id)
            ]
            if undecided:
                raise ConflictError(f"Not approved by two checkers: {', '.join(undecided)}.")
            check_again(request, self._frozen, self._policy)
            self._decide(transaction, request, RequestState.APPROVED, checker)
            transaction.record(
                checker.username,
                "request_approve",
                request.id,
                turn=request.turn,
                policy=self._policy.version,
                files={file.name: file.sha256 for file in request.files},
            )
            events.queue(transaction, "approved", request, checker.username)

    def _comment(
        self, transaction: Transaction, request: ReleaseRequest, checker: Identity, text: str
    ) -> None:
        check_length(text)
        transaction.requests.add_comment(request.id, request.turn, checker.username, text)
        transaction.record(checker.username, "request_comment", request.id, text=text)

    def _decide(
        self,
        transaction: Transaction,
        request: ReleaseRequest,
        state: RequestState,
        checker: Identity,
    ) -> None:
        now = utc_now_text()
        self._move(transaction, request, state, decided_by=checker.username, decided_at=now)

    def _move(
        self,
        transaction: Transaction,
        request: ReleaseRequest,
        state: RequestState,
        **values: object,
    ) -> None:
        if state not in TRANSITIONS[request.state]:
            raise ConflictError(f"The request is {request.state.value.lower()}.")
        transaction.requests.change(request.id, state=state.value, **values)


def _require(text: str, sentence: str) -> None:
    if not text.strip():
        raise BadInputError([sentence])


def _for_review(
    transaction: Transaction,
    checker: Identity,
    identifier: str,
    states: frozenset[RequestState] | set[RequestState],
) -> ReleaseRequest:
    """Return a request that this checker may act on now."""
    request = transaction.requests.get(identifier)
    if not checker.may_view(request.workspace):
        raise NotFoundError(f"There is no request {identifier}.")
    if not checker.may_review(request.author):
        raise ForbiddenError("Only an output checker who is not the author may do this.")
    if request.state not in states:
        raise ConflictError(f"The request is {request.state.value.lower()}.")
    return request
