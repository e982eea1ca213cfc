"""The calls of the job server's `/api/v1` that the client makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from sallyport_client.settings import Settings
from sallyport_common import http
from sallyport_common.errors import SallyportError

TIMEOUT = (10.0, 60.0)
SYSTEM = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, Red Hat
    Path("/etc/ssl/ca-bundle.pem"),  # openSUSE
)


class ServerError(SallyportError):
    """The job server refused or could not be reached; its own sentence where it gave one."""


def _detail(answer: requests.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason or "no reason given"


def system_authorities() -> Path | None:
    """Return the file with the authorities that this machine trusts, if it is in a known place.

    `requests` has authorities of its own instead, and so does not know that of a site.
    """
    return next((path for path in SYSTEM if path.is_file()), None)


def _unreachable(server: str, error: requests.RequestException) -> str:
    """Say why a server did not answer, and what a person can do about it."""
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the certificate of {server} is not trusted on this machine; if your site has an "
            "authority of its own, set SALLYPORT_CA_FILE to the file with its certificate"
        )
    if isinstance(error, requests.Timeout):
        return f"the job server {server} did not answer in time; try again later"
    if isinstance(error, requests.ConnectionError):
        return f"the job server {server} cannot be reached: check SALLYPORT_SERVER and your network"
    return (
        f"the job server {server or 'without an address'} cannot be reached: SALLYPORT_SERVER must "
        "be an address such as https://jobs.example.org"
    )


class JobServer:
    """A person's access to a job server."""

    def __init__(self, settings: Settings, session: requests.Session | None = None) -> None:
        self._server = settings.server.rstrip("/")
        self._session = session or http.session(
            settings.ca_file or system_authorities(), TIMEOUT, "sallyport-client"
        )
        # The settings page shows name and token together, and people store what they see.
        token = settings.token.reveal().rpartition(":")[2]
        self._session.headers["Authorization"] = f"{settings.user}:{token}"

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._session.request(method, f"{self._server}{path}", json=body)
        except requests.RequestException as error:
            raise ServerError(_unreachable(self._server, error)) from error
        if not answer.ok:
            detail = _detail(answer)
            lines = f"\n{detail}" if "\n" in detail else f" {detail}"
            raise ServerError(f"the job server answered {answer.status_code}:{lines}")
        return answer

    def submit(
        self, workspace: str, backend: str, actions: list[str], *, force: bool
    ) -> tuple[str, str, list[str]]:
        """Ask for actions at the head of the workspace's branch.

        Return the identifier, the commit, and what the author of project.yaml should look at.
        """
        body = {
            "workspace": workspace,
            "backend": backend,
            "requested_actions": actions,
            "force_run_dependencies": force,
        }
        answer = self._call("POST", "/api/v1/job-requests", body).json()
        return str(answer["identifier"]), answer.get("sha", ""), list(answer.get("warnings", []))

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
