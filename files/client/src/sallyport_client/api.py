"""The calls of the job server's `/api/v1` that the client makes."""

from __future__ import annotations

from typing import Any

import requests

from sallyport_client.settings import Settings
from sallyport_common import http
from sallyport_common.errors import SallyportError

TIMEOUT = (10.0, 60.0)


class ServerError(SallyportError):
    """The job server refused or could not be reached; its own sentence where it gave one."""


def _detail(answer: requests.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason or "no reason given"


class JobServer:
    """A person's access to a job server."""

    def __init__(self, settings: Settings, session: requests.Session | None = None) -> None:
        self._server = settings.server.rstrip("/")
        self._session = session or http.session(settings.ca_file, TIMEOUT, "sallyport-client")
        self._session.headers["Authorization"] = f"{settings.user}:{settings.token.reveal()}"

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._session.request(method, f"{self._server}{path}", json=body)
        except requests.RequestException as error:
            kind = type(error).__name__
            raise ServerError(
                f"the job server {self._server} cannot be reached ({kind})"
            ) from error
        if not answer.ok:
            detail = _detail(answer)
            lines = f"\n{detail}" if "\n" in detail else f" {detail}"
            raise ServerError(f"the job server answered {answer.status_code}:{lines}")
        return answer

    def submit(
        self, workspace: str, backend: str, actions: list[str], *, force: bool
    ) -> tuple[str, list[str]]:
        """Ask for actions at the head of the workspace's branch.

        Return the identifier, and what the author of project.yaml should look at.
        """
        body = {
            "workspace": workspace,
            "backend": backend,
            "requested_actions": actions,
            "force_run_dependencies": force,
        }
        answer = self._call("POST", "/api/v1/job-requests", body).json()
        return str(answer["identifier"]), list(answer.get("warnings", []))

    def job_request(self, identifier: str) -> dict[str, Any]:
        """Return a job request: `status`, `sha` and one entry per job in `jobs`."""
        return dict(self._call("GET", f"/api/v1/job-requests/{identifier}").json())

    def cancel(self, identifier: str, actions: list[str]) -> None:
        """Cancel the named actions of a job request, or all of them."""
        body = {"actions": actions} if actions else {}
        self._call("POST", f"/api/v1/job-requests/{identifier}/cancel", body)

    def releases(self, workspace: str) -> list[dict[str, Any]]:
        """Return the releases of a workspace, each with its files."""
        return list(self._call("GET", f"/api/v1/workspaces/{workspace}/releases").json())

    def file(self, identifier: str) -> bytes:
        """Return the bytes of a released file."""
        return bytes(self._call("GET", f"/api/v2/releases/file/{identifier}").content)
