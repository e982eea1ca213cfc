"""What follows an approval: the approved tree for the publisher, and the publisher's reports."""

from __future__ import annotations

import logging

from sallyport_common.manifests import ApprovedFile, ApprovedManifest, ManifestError
from sallyport_common.problems import ConflictError, NotFoundError
from sallyport_disclosure.policy import Policy
from sallyport_release_hatch.models import BadInputError, ReleaseRequest, RequestState
from sallyport_release_hatch.services import events
from sallyport_release_hatch.services.rechecking import check_again
from sallyport_release_hatch.storage.database import Database
from sallyport_release_hatch.storage.frozen import ApprovedTree, DamagedFileError, FrozenFiles

log = logging.getLogger(__name__)
PUBLISHER = "output_publisher"
HATCH = "release_hatch"


class Handover:
    """Writes approved requests out and follows their way to the job server."""

    def __init__(
        self,
        database: Database,
        frozen: FrozenFiles,
        tree: ApprovedTree,
        policy: Policy,
        backend: str,
    ) -> None:
        self._database, self._frozen, self._tree = database, frozen, tree
        self._policy, self._backend = policy, backend

    def hand_over_all(self) -> int:
        """Write every approved request that the tree lacks; return how many were written."""
        with self._database.read() as transaction:
            approved = transaction.requests.in_states({RequestState.APPROVED})
        written = 0
        for request in approved:
            if not self._tree.holds(request.id):
                try:
                    self._write(request)
                    written += 1
                except OSError:  # is tried again at the next step
                    log.exception("cannot hand over", extra={"request": request.id})
                except BadInputError as error:
                    self._send_back(request.id, str(error))
                except (DamagedFileError, ManifestError) as error:
                    log.exception("cannot hand over", extra={"request": request.id})
                    self.failed(request.id, f"The request cannot be handed over. {error}")
        return written

    def _write(self, request: ReleaseRequest) -> None:
        check_again(request, self._frozen, self._policy)
        files = {
            file.sha256: self._frozen.read(request.workspace, request.id, file.sha256)
            for file in request.files
        }
        self._tree.add(self.manifest(request), files)
        with self._database.write() as transaction:
            transaction.record(HATCH, "request_hand_over", request.id)

    def _send_back(self, identifier: str, reason: str) -> None:
        """Return a request in which the rules find more than they did at its approval."""
        with self._database.write() as transaction:
            request = transaction.requests.get(identifier)
            if request.state is not RequestState.APPROVED:
                return  # another thread was first
            text = f"Approved, but not handed over. {reason}"
            transaction.requests.add_comment(identifier, request.turn, HATCH, text)
            transaction.requests.change(
                identifier,
                state=RequestState.RETURNED.value,
                turn=request.turn + 1,
                decided_by=None,
                decided_at=None,
                problem=None,
            )
            transaction.record(HATCH, "request_return", identifier, turn=request.turn)
            events.queue(transaction, "returned", request, HATCH)

    def manifest(self, request: ReleaseRequest) -> ApprovedManifest:
        """Return what the publisher is told about a request; it checks every word of it."""
        return ApprovedManifest(
            request=request.id,
            backend=self._backend,
            workspace=request.workspace,
            author=request.author,
            releasing_checker=request.decided_by or "",
            approved_at=request.decided_at or "",
            created_at=request.created_at,
            reviewers=tuple(sorted(request.submitted)),
            policy=self._policy.version,
            files=tuple(
                ApprovedFile(
                    name=file.name,
                    sha256=file.sha256,
                    size=file.size,
                    date=file.date,
                    job_id=file.job_id,
                    commit=file.commit,
                    approved_by=tuple(sorted(request.approvers(file.id))),
                )
                for file in request.files
            ),
        )

    def file_uploaded(self, identifier: str, sha256: str, file_id: str | None) -> None:
        """Note the publisher's report that a file has arrived."""
        with self._database.write() as transaction:
            request = transaction.requests.get(identifier)
            _expect_handed_over(request)
            if transaction.requests.set_uploaded(identifier, sha256, file_id) == 0:
                raise NotFoundError(f"Request {identifier} has no such file.")
            names = [file.name for file in request.files if file.sha256 == sha256]
            transaction.record(PUBLISHER, "file_upload", identifier, files=names, file_id=file_id)

    def released(self, identifier: str) -> None:
        """Note that all has arrived; raise ConflictError while a file is missing."""
        with self._database.write() as transaction:
            request = transaction.requests.get(identifier)
            _expect_handed_over(request)
            if request.state is RequestState.RELEASED:
                return
            if not all(file.uploaded for file in request.files):
                raise ConflictError("Not every file of the request was reported.")
            transaction.requests.change(identifier, state=RequestState.RELEASED.value, problem=None)
            transaction.record(PUBLISHER, "request_release", identifier)
            events.queue(transaction, "released", request, request.decided_by or request.author)

    def failed(self, identifier: str, reason: str) -> None:
        """Show on the request why it cannot be published yet."""
        with self._database.write() as transaction:
            request = transaction.requests.get(identifier)
            _expect_handed_over(request)
            if request.problem != reason:
                transaction.requests.change(identifier, problem=reason)
                transaction.record(PUBLISHER, "request_release_failed", identifier, reason=reason)


def _expect_handed_over(request: ReleaseRequest) -> None:
    if request.state not in (RequestState.APPROVED, RequestState.RELEASED):
        raise ConflictError(f"The request is {request.state.value.lower()}.")
