"""Our job server with a backend for each runner; what it has stored is read from its database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.runner import study
from tests.bench.runner.moments import Rows, until
from tests.conformance.server import PASSWORD, Server

from sallyport_common import tokens
from sallyport_job_server.models import Operator
from sallyport_records import keys

PATIENCE = 300.0
_NEWEST = "SELECT coalesce(max(id), 0) FROM job_requests"
_ACCEPTED = "SELECT identifier FROM job_requests WHERE id > ?"
_CANCELLED = "SELECT 1 FROM job_requests WHERE identifier = ? AND cancelled_actions <> '[]'"
_FINAL = "SELECT status FROM jobs WHERE identifier = ? AND status IN ('succeeded', 'failed')"
_ENDED = (
    "SELECT count(*) FROM jobs JOIN job_requests ON jobs.job_request_id = job_requests.id"
    " WHERE job_requests.identifier = ? AND jobs.status IN ('succeeded', 'failed')"
)
_FAILED = (
    "SELECT jobs.action || ': ' || jobs.status_message FROM jobs"
    " JOIN job_requests ON jobs.job_request_id = job_requests.id"
    " WHERE job_requests.identifier = ? AND jobs.status = 'failed'"
)


@dataclass(frozen=True)
class Accepted:
    """A request that the job server has stored, and when."""

    identifier: str
    moment: float

    def job(self, action: str) -> str:
        """Return the identifier of one of its jobs."""
        return tokens.job_identifier(self.identifier, action)

    def container(self, action: str) -> str:
        """Return the name that both runners give the container of a job."""
        return f"os-job-{self.job(action)}"


class JobServer(Server):
    """The job server as the conformance tests run it, for several backends."""

    def __init__(self, folder: Path, gitroot: Path, backends: Mapping[str, str]) -> None:
        self._backends = backends
        self.public_key = folder / "signing.pub"
        super().__init__(folder, gitroot)
        self._rows = Rows(folder / "job_server.sqlite3")
        self._pool = ThreadPoolExecutor(1)

    def _environment(self, folder: Path, gitroot: Path) -> dict[str, str]:
        environment = super()._environment(folder, gitroot)
        private, public = keys.generate()
        (folder / "signing").write_bytes(private)
        self.public_key.write_bytes(public)
        day = str(86_400)
        names = ("SESSION_LIFETIME", "SESSION_IDLE", "REQUEST_LIFETIME")
        return environment | {f"JOB_SERVER_{name}": day for name in names}

    def _set_up(self) -> None:
        super()._set_up()
        ada = self.services.accounts.log_in("ada", PASSWORD, "", "127.0.0.1")
        for slug, token in self._backends.items():
            self.services.backends.ensure(Operator("test"), slug, slug, "", {"jobs": token})
            self.services.accounts.add_to_backend(ada, slug, "rita")

    def stop(self) -> None:
        """Stop the process."""
        self._pool.shutdown()
        self._rows.close()
        super().stop()

    def seen(self, backend: str) -> str:
        """Return when a runner called last, or nothing."""
        return str(self.services.backends.by_slug(backend).last_seen_at or "")

    def workspace_of(self, name: str) -> None:
        """Make a workspace of the study."""
        self.workspace(name, study.REPOSITORY)

    def request(self, backend: str, workspace: str, actions: Sequence[str]) -> Accepted:
        """Ask for actions by the API; the moment is that of the transaction, not of the answer."""
        before = self._rows.first(_NEWEST)
        body = {"workspace": workspace, "backend": backend, "requested_actions": list(actions)}
        answer = self._pool.submit(self._post, "/api/v1/job-requests", body)
        moment = until(
            lambda: _refused(answer) or self._rows.first(_ACCEPTED, before) is not None,
            f"the request of {workspace} is accepted",
            PATIENCE,
        )
        identifier = self._rows.first(_ACCEPTED, before)
        if answer.result().status_code != 201 or identifier is None:
            raise RuntimeError(f"the job server refused a request: {answer.result().text}")
        return Accepted(str(identifier), moment)

    def cancelled(self, request: Accepted) -> float:
        """Cancel a request by the API; return the moment of the transaction."""
        path = f"/api/v1/job-requests/{request.identifier}/cancel"
        answer = self._pool.submit(self._post, path, {})
        moment = until(
            lambda: self._rows.first(_CANCELLED, request.identifier) is not None,
            "the cancellation is accepted",
            PATIENCE,
        )
        if not answer.result().ok:
            raise RuntimeError(f"the job server refused to cancel: {answer.result().text}")
        return moment

    def withdrawn(self, request: Accepted) -> bool:
        """Cancel a request that may end meanwhile; return whether there was something to cancel."""
        self._post(f"/api/v1/job-requests/{request.identifier}/cancel", {}).raise_for_status()
        return self._rows.first(_CANCELLED, request.identifier) is not None

    def final(self, request: Accepted, action: str, seconds: float = PATIENCE) -> float:
        """Return when the final state of a job was stored by the server."""
        job = request.job(action)
        what = f"{action} of the request {request.identifier} is final"
        return until(lambda: self._rows.first(_FINAL, job) is not None, what, seconds)

    def all_final(self, request: Accepted, number: int, seconds: float) -> float:
        """Return when the last of so many jobs became final."""
        return until(
            lambda: int(self._rows.first(_ENDED, request.identifier)) >= number,
            f"{number} jobs of the request {request.identifier} are final",
            seconds,
            pause=0.005,
        )

    def check_success(self, request: Accepted) -> None:
        """Raise RuntimeError with the message of a job that failed: its time means nothing."""
        failed = self._rows.first(_FAILED, request.identifier)
        if failed is not None:
            raise RuntimeError(f"a job of the benchmark failed: {failed}")


def _refused(answer: Future[Any]) -> bool:
    return answer.done() and answer.result().status_code != 201
