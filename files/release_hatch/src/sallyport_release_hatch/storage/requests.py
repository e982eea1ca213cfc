"""Release requests in SQL: loading them whole, and changing them piece by piece."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, func, insert, select, update
from sqlalchemy.engine import Connection, Row

from sallyport_common.problems import NotFoundError
from sallyport_common.protocol import utc_now_text
from sallyport_disclosure.findings import Finding
from sallyport_release_hatch.models import (
    ACTIVE_STATES,
    Comment,
    ReleaseRequest,
    RequestFile,
    RequestState,
    Vote,
)
from sallyport_release_hatch.storage.tables import comments, files, groups, requests, reviews, votes

GROUP = "default"


class RequestTable:
    """Requests with their files, votes, reviews and comments."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, request: ReleaseRequest) -> None:
        """Keep a new request with its files."""
        self._connection.execute(
            insert(requests).values(
                id=request.id,
                workspace=request.workspace,
                author=request.author,
                state=request.state.value,
                turn=request.turn,
                purpose=request.purpose,
                created_at=request.created_at,
            )
        )
        self._connection.execute(
            insert(groups).values(
                request=request.id,
                name=GROUP,
                context=request.context,
                controls=request.controls,
            )
        )
        self._connection.execute(insert(files), [_file_values(file) for file in request.files])

    def get(self, identifier: str) -> ReleaseRequest:
        """Return a request with everything on it, or raise NotFoundError."""
        for request in self._where(requests.c.id == identifier):
            return request
        raise NotFoundError(f"There is no request {identifier}.")

    def of_author(self, author: str) -> list[ReleaseRequest]:
        """Return a person's requests, newest first."""
        return self._where(requests.c.author == author)

    def in_states(self, states: Collection[RequestState]) -> list[ReleaseRequest]:
        """Return every request in one of some states, newest first."""
        return self._where(requests.c.state.in_([state.value for state in states]))

    def active(self, author: str, workspace: str) -> ReleaseRequest | None:
        """Return a person's request from a workspace that is not decided, if there is one."""
        mine = (requests.c.author == author) & (requests.c.workspace == workspace)
        undecided = requests.c.state.in_([state.value for state in ACTIVE_STATES])
        return next(iter(self._where(mine & undecided)), None)

    def counts(self) -> dict[str, int]:
        """Return how many requests there are by state."""
        query = select(requests.c.state, func.count().label("number")).group_by(requests.c.state)
        return {row.state: row.number for row in self._connection.execute(query)}

    def change(self, identifier: str, **values: Any) -> None:
        """Set columns of a request."""
        query = update(requests).where(requests.c.id == identifier)
        self._connection.execute(query.values(**values))

    def describe(self, identifier: str, purpose: str, context: str, controls: str) -> None:
        """Set what the author says about a request."""
        self.change(identifier, purpose=purpose)
        query = update(groups).where(groups.c.request == identifier)
        self._connection.execute(query.values(context=context, controls=controls))

    def set_vote(self, file: str, reviewer: str, vote: Vote) -> None:
        """Set a reviewer's vote on a file."""
        mine = (votes.c.file == file) & (votes.c.reviewer == reviewer)
        self._connection.execute(delete(votes).where(mine))
        values = {"file": file, "reviewer": reviewer, "vote": vote.value}
        self._connection.execute(insert(votes).values(values))

    def clear_votes(self, identifier: str, *, only: Vote | None = None) -> None:
        """Set votes on a request's files to undecided: all of them, or those of one kind."""
        query = update(votes).where(
            votes.c.file.in_(select(files.c.id).where(files.c.request == identifier))
        )
        if only is not None:
            query = query.where(votes.c.vote == only.value)
        self._connection.execute(query.values(vote=Vote.UNDECIDED.value))

    def renew_findings(self, file: str, findings: Iterable[Finding]) -> None:
        """Set what the rules find in a file, and votes on it to undecided."""
        values = [finding.to_json() for finding in findings]
        self._connection.execute(update(files).where(files.c.id == file).values(findings=values))
        on_file = update(votes).where(votes.c.file == file)
        self._connection.execute(on_file.values(vote=Vote.UNDECIDED.value))

    def add_review(self, identifier: str, turn: int, reviewer: str) -> None:
        """Note that a reviewer handed in their review."""
        values = {"request": identifier, "turn": turn, "reviewer": reviewer}
        self._connection.execute(insert(reviews).values(values))

    def add_comment(self, identifier: str, turn: int, author: str, text: str) -> None:
        """Keep a comment."""
        self._connection.execute(
            insert(comments).values(
                request=identifier,
                group_name=GROUP,
                author=author,
                turn=turn,
                text=text,
                hidden=False,
                created_at=utc_now_text(),
            )
        )

    def hide_comments(self, identifier: str, turn: int) -> None:
        """Take a turn's comments out of view; they stay stored."""
        query = update(comments).where(comments.c.request == identifier, comments.c.turn == turn)
        self._connection.execute(query.values(hidden=True))

    def set_uploaded(self, identifier: str, sha256: str, file_id: str | None) -> int:
        """Note that a file has left; return how many files of the request have this hash."""
        query = update(files).where(files.c.request == identifier, files.c.sha256 == sha256)
        values: dict[str, Any] = {"uploaded": True} | ({"file_id": file_id} if file_id else {})
        return self._connection.execute(query.values(**values)).rowcount

    def released_hashes(self, workspace: str) -> set[str]:
        """Return the hashes of everything that has left from a workspace."""
        query = (
            select(files.c.sha256)
            .join(requests, requests.c.id == files.c.request)
            .where(requests.c.workspace == workspace, files.c.uploaded)
        )
        return set(self._connection.execute(query).scalars())

    def _where(self, condition: ColumnElement[bool]) -> list[ReleaseRequest]:
        """Return whole requests, newest first, in as many statements for many as for one."""
        query = select(requests, groups.c.context, groups.c.controls)
        query = query.join(groups, groups.c.request == requests.c.id).where(condition)
        rows = self._connection.execute(query.order_by(requests.c.id.desc())).all()
        if not rows:
            return []
        chosen = select(requests.c.id).where(condition)
        parts = _Parts(
            files=self._by_request(select(files).order_by(files.c.name), files, chosen),
            votes=self._by_request(
                select(votes, files.c.request).join(files, files.c.id == votes.c.file),
                files,
                chosen,
            ),
            reviews=self._by_request(select(reviews).order_by(reviews.c.id), reviews, chosen),
            comments=self._by_request(
                select(comments).where(~comments.c.hidden).order_by(comments.c.id),
                comments,
                chosen,
            ),
        )
        return [_whole(row, parts) for row in rows]

    def _by_request(
        self, query: Select[Any], table: Table, chosen: Select[tuple[str]]
    ) -> Mapping[str, list[Row[Any]]]:
        rows = defaultdict(list)
        for row in self._connection.execute(query.where(table.c.request.in_(chosen))):
            rows[row.request].append(row)
        return rows


@dataclass(frozen=True)
class _Parts:
    """The rows that belong to requests, by request."""

    files: Mapping[str, list[Row[Any]]]
    votes: Mapping[str, list[Row[Any]]]
    reviews: Mapping[str, list[Row[Any]]]
    comments: Mapping[str, list[Row[Any]]]


def _whole(row: Row[Any], parts: _Parts) -> ReleaseRequest:
    return ReleaseRequest(
        id=row.id,
        workspace=row.workspace,
        author=row.author,
        state=RequestState(row.state),
        turn=row.turn,
        purpose=row.purpose,
        context=row.context,
        controls=row.controls,
        created_at=row.created_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        problem=row.problem,
        files=tuple(_file(file) for file in parts.files[row.id]),
        votes={(vote.file, vote.reviewer): Vote(vote.vote) for vote in parts.votes[row.id]},
        submitted=tuple(
            review.reviewer for review in parts.reviews[row.id] if review.turn == row.turn
        ),
        comments=tuple(
            Comment(author=c.author, turn=c.turn, text=c.text, created_at=c.created_at)
            for c in parts.comments[row.id]
        ),
    )


def _file_values(file: RequestFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "request": file.request,
        "group_name": GROUP,
        "kind": "OUTPUT",
        "name": file.name,
        "sha256": file.sha256,
        "size": file.size,
        "date": file.date,
        "job_id": file.job_id,
        "commit": file.commit,
        "findings": [finding.to_json() for finding in file.findings],
        "uploaded": file.uploaded,
        "file_id": file.file_id,
    }


def _file(row: Row[Any]) -> RequestFile:
    return RequestFile(
        id=row.id,
        request=row.request,
        name=row.name,
        sha256=row.sha256,
        size=row.size,
        date=row.date,
        job_id=row.job_id,
        commit=row.commit,
        findings=tuple(Finding.from_json(value) for value in row.findings),
        file_id=row.file_id,
        uploaded=row.uploaded,
    )
