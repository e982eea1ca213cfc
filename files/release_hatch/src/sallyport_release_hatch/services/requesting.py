"""The author's side: freeze files, describe why, submit, withdraw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sallyport_common.problems import ConflictError, ForbiddenError, NotFoundError
from sallyport_common.protocol import utc_now_text
from sallyport_common.tokens import new_ulid
from sallyport_disclosure.engine import check_file
from sallyport_disclosure.findings import Finding
from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.models import (
    AUTHOR_STATES,
    BadInputError,
    Identity,
    ReleaseRequest,
    RequestFile,
    RequestState,
    Vote,
    WorkspaceFile,
    check_length,
)
from sallyport_release_hatch.services import events
from sallyport_release_hatch.services.rechecking import codes, present_findings
from sallyport_release_hatch.storage.database import Database, Transaction
from sallyport_release_hatch.storage.frozen import DamagedFileError, FrozenFiles
from sallyport_release_hatch.storage.workspaces import Workspaces


@dataclass(frozen=True)
class Description:
    """Why a release is needed, what its files show, what was done against disclosure."""

    purpose: str
    context: str
    controls: str

    def missing(self) -> list[str]:
        """Return a sentence for each text that checkers need and is not there."""
        texts = {
            "why the release is needed": self.purpose,
            "the context of the files": self.context,
            "the disclosure controls": self.controls,
        }
        return [f"Say {what}." for what, text in texts.items() if not text.strip()]


class Requesting:
    """Makes requests and moves them as their author may."""

    def __init__(
        self, database: Database, workspaces: Workspaces, frozen: FrozenFiles, policy: Policy
    ) -> None:
        self._database, self._workspaces = database, workspaces
        self._frozen, self._policy = frozen, policy

    def create(
        self,
        author: Identity,
        workspace: str,
        names: Sequence[str],
        text: Description,
        hashes: dict[str, str] | None = None,
    ) -> ReleaseRequest:
        """Freeze files and keep a pending request; `hashes` are what the caller has seen.

        Raises BadInputError with every problem; then nothing was kept.
        """
        self._check_author(author, workspace)
        check_length(text.purpose, text.context, text.controls)
        if not names:
            raise BadInputError(["Select at least one file."])
        chosen = self._chosen(workspace, names, hashes or {})
        identifier = new_ulid()
        try:
            files = self._freeze(workspace, identifier, chosen)
            request = ReleaseRequest(
                id=identifier,
                workspace=workspace,
                author=author.username,
                state=RequestState.PENDING,
                turn=0,
                purpose=text.purpose,
                context=text.context,
                controls=text.controls,
                created_at=utc_now_text(),
                decided_by=None,
                decided_at=None,
                problem=None,
                files=files,
            )
            self._keep(request)
        except BaseException:
            self._frozen.discard(workspace, identifier)
            raise
        return request

    def _check_author(self, author: Identity, workspace: str) -> None:
        if not author.may_view(workspace):
            raise NotFoundError(f"Workspace {workspace} not found")
        if not author.may_author(workspace):
            raise ForbiddenError("You may not ask for releases from this workspace.")

    def _chosen(
        self, workspace: str, names: Sequence[str], hashes: dict[str, str]
    ) -> list[WorkspaceFile]:
        index = {file.name: file for file in self._workspaces.index(workspace) if not file.excluded}
        problems, chosen = [], []
        for name in dict.fromkeys(names):
            file = index.get(name)
            if file is None:
                problems.append(f"File {name} not found in workspace {workspace}")
            elif hashes.get(name, file.sha256) != file.sha256:
                problems.append(f"File {name} does not match its sha256")
            else:
                chosen.append(file)
        if problems:
            raise BadInputError(problems)
        return chosen

    def _freeze(
        self, workspace: str, identifier: str, chosen: list[WorkspaceFile]
    ) -> tuple[RequestFile, ...]:
        problems, frozen = [], []
        for file in chosen:
            data = self._workspaces.read(workspace, file)
            verdict = check_file(file.name, data, self._policy)
            problems += [f"{file.name}: {reason}" for reason in verdict.reasons]
            frozen.append(
                RequestFile(
                    id=new_ulid(),
                    request=identifier,
                    name=file.name,
                    sha256=self._frozen.put(workspace, identifier, data),
                    size=len(data),
                    date=file.date,
                    job_id=file.job_id,
                    commit=file.commit,
                    findings=verdict.findings,
                )
            )
        if problems:
            raise BadInputError(problems)
        return tuple(frozen)

    def _keep(self, request: ReleaseRequest) -> None:
        with self._database.write() as transaction:
            active = transaction.requests.active(request.author, request.workspace)
            if active is not None:
                raise BadInputError(
                    [f"Your request {active.id} from this workspace is not decided yet."]
                )
            transaction.requests.add(request)
            transaction.record(
                request.author,
                "request_create",
                request.id,
                workspace=request.workspace,
                files={file.name: file.sha256 for file in request.files},
                policy=self._policy.version,
                findings=codes({file.name: file.findings for file in request.files}),
            )

    def same_as(
        self, author: Identity, workspace: str, hashes: dict[str, str]
    ) -> ReleaseRequest | None:
        """Return the author's undecided request if it holds exactly these files."""
        with self._database.read() as transaction:
            active = transaction.requests.active(author.username, workspace)
        if active and {file.name: file.sha256 for file in active.files} == hashes:
            return active
        return None

    def describe(self, author: Identity, identifier: str, text: Description) -> None:
        """Change what the author says about a request of theirs; raise BadInputError."""
        check_length(text.purpose, text.context, text.controls)
        with self._database.write() as transaction:
            request = _own(transaction, author, identifier)
            transaction.requests.describe(
                request.id,
                text.purpose,
                text.context,
                text.controls,
            )
            transaction.record(author.username, "request_edit", request.id, turn=request.turn)

    def submit(self, author: Identity, identifier: str) -> None:
        """Hand a request over to the checkers, with what the present rules find in its files.

        Raises BadInputError where a string is missing or a file is blocked. Votes on a file of
        which the rules say something else than before are cleared.
        """
        with self._database.read() as transaction:
            request = _own(transaction, author, identifier)
        present = self._present_findings(request)
        with self._database.write() as transaction:
            request = _own(transaction, author, identifier)
            if not author.may_author(request.workspace):
                raise ForbiddenError("You may not ask for releases from this workspace.")
            text = Description(request.purpose, request.context, request.controls)
            if text.missing():
                raise BadInputError(text.missing())
            turn = request.turn + 1
            transaction.requests.clear_votes(request.id, only=Vote.CHANGES_REQUESTED)
            for file in request.files:
                if present[file.id] != file.findings:
                    transaction.requests.renew_findings(file.id, present[file.id])
            transaction.requests.change(request.id, state=RequestState.SUBMITTED.value, turn=turn)
            transaction.record(
                author.username,
                "request_submit",
                request.id,
                turn=turn,
                policy=self._policy.version,
                findings=codes({file.name: present[file.id] for file in request.files}),
            )
            again = request.state is RequestState.RETURNED
            events.queue(
                transaction, "resubmitted" if again else "submitted", request, author.username
            )

    def _present_findings(self, request: ReleaseRequest) -> dict[str, tuple[Finding, ...]]:
        try:
            return present_findings(request, self._frozen, self._policy)
        except DamagedFileError as error:
            raise BadInputError([f"Withdraw the request and make a new one: {error}."]) from None

    def withdraw(self, author: Identity, identifier: str) -> None:
        """Withdraw a request."""
        with self._database.write() as transaction:
            request = _own(transaction, author, identifier)
            transaction.requests.change(request.id, state=RequestState.WITHDRAWN.value)
            transaction.record(author.username, "request_withdraw", request.id, turn=request.turn)
            events.queue(transaction, "withdrawn", request, author.username)


def _own(transaction: Transaction, author: Identity, identifier: str) -> ReleaseRequest:
    """Return the author's own request while it is theirs to change."""
    request = transaction.requests.get(identifier)
    if request.author != author.username:
        if not author.may_view(request.workspace):
            raise NotFoundError(f"There is no request {identifier}.")
        raise ForbiddenError("Only its author may do this to a request.")
    if request.state not in AUTHOR_STATES:
        raise ConflictError(f"The request is {request.state.value.lower()}; it is not yours now.")
    return request
