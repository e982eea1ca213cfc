"""One pass over the approved tree: check, create, upload, report; each step can be repeated."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from sallyport_common.manifests import ApprovedFile
from sallyport_output_publisher.approved import ApprovedTree
from sallyport_output_publisher.models import (
    ApprovedRequest,
    PostponedError,
    Progress,
    RefusedError,
)
from sallyport_output_publisher.state import State

log = logging.getLogger(__name__)
REFUSED_SECONDS = 3600.0


class Target(Protocol):
    """A place to publish to."""

    def create(self, request: ApprovedRequest) -> None:
        """Make sure that the release exists."""

    def upload(self, request: ApprovedRequest, file: ApprovedFile, data: bytes) -> str:
        """Send a file and return the target's id of it, empty if it is not known."""


class Reports(Protocol):
    """Where the outcome is told."""

    def file_uploaded(self, request: str, sha256: str, file_id: str) -> None:
        """Report that a file has arrived."""

    def released(self, request: str) -> None:
        """Report that every file has arrived."""

    def failed(self, request: str, reason: str) -> None:
        """Report why a request is not published yet."""


class Publisher:
    """Publishes what was approved and is not published yet."""

    def __init__(
        self,
        tree: ApprovedTree,
        state: State,
        target: Target,
        reports: Reports,
        retry_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tree, self._state = tree, state
        self._target, self._reports = target, reports
        self._retry_seconds, self._clock = retry_seconds, clock

    def run(self) -> dict[str, Progress]:
        """Publish everything that is due; return how each attempt ended."""
        return {request: self._attempt(request) for request in self.due()}

    def due(self) -> list[str]:
        """Return the requests that a pass would look at now."""
        now = self._clock()
        settled = {
            standing.request
            for standing in self._state.all()
            if standing.progress is Progress.PUBLISHED or standing.due > now
        }
        return [request for request in self._tree.requests() if request not in settled]

    def _attempt(self, request: str) -> Progress:
        try:
            self._publish(request)
        except RefusedError as error:
            return self._fail(request, Progress.REFUSED, str(error), REFUSED_SECONDS)
        except PostponedError as error:
            return self._fail(request, Progress.POSTPONED, str(error), self._retry_seconds)
        self._state.settle(request, Progress.PUBLISHED)
        log.info("published", extra={"request": request})
        return Progress.PUBLISHED

    def _publish(self, request: str) -> None:
        approved = self._tree.load(request)
        self._target.create(approved)
        done = self._state.uploaded(request)
        problems = []
        for file in approved.files:
            try:
                file_id = done.get(file.name)
                if file_id is None:
                    file_id = self._upload(approved, file)
                self._reports.file_uploaded(request, file.sha256, file_id)
            except PostponedError as error:  # the other files need not wait for this one
                problems.append(str(error))
        if problems:
            raise PostponedError(" ".join(problems))
        self._reports.released(request)

    def _upload(self, approved: ApprovedRequest, file: ApprovedFile) -> str:
        data = self._tree.read(approved.id, file)
        file_id = self._target.upload(approved, file, data)
        self._state.add_upload(approved.id, file.name, file.sha256, file_id)
        log.info("uploaded", extra={"request": approved.id, "sha256": file.sha256})
        return file_id

    def _fail(self, request: str, progress: Progress, reason: str, pause: float) -> Progress:
        log.error("not published", extra={"request": request, "reason": reason})
        self._state.settle(request, progress, reason, self._clock() + pause)
        try:
            self._reports.failed(request, reason)
        except PostponedError as error:
            log.warning("not reported", extra={"request": request, "reason": str(error)})
        return progress
