"""The calls of the job server's `/api/v1` that the client makes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from sallyport_client.logins import Login
from sallyport_client.settings import NotLoggedInError
from sallyport_common import http
from sallyport_common.errors import SallyportError

TIMEOUT = (10.0, 60.0)
SYSTEM = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, Red Hat
    Path("/etc/ssl/ca-bundle.pem"),  # openSUSE
)


TRIES = 4
"""Times that a submission is sent where nobody knows whether it arrived."""
PASSING = frozenset({429, 502, 503, 504})
"""Answers after which the same call may be taken a moment later."""
DATA = b"data: "
"""Begins a line of an event (the HTML standard, section 9.2, server-sent events)."""
PORTION = 100
"""Rows of a page of a list."""


class ServerError(SallyportError):
    """The job server refused or could not be reached; its own sentence where it gave one.

    `passes` is whether the same call may be taken a moment later, `status` the server's, if any.
    """

    def __init__(self, text: str, *, passes: bool = False, status: int = 0) -> None:
        super().__init__(text)
        self.passes, self.status = passes, status


def _detail(answer: requests.Response) -> str:
    """Return the server's own sentence, or what it answered."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the job server answered {answer.status_code} {answer.reason or ''}".rstrip()


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
        return f"the job server {server} cannot be reached: check its address and your network"
    return (
        f"the job server {server or 'without an address'} cannot be reached: it must be an "
        "address such as https://jobs.example.org"
    )


class JobServer:
    """A person's access to a job server."""

    def __init__(self, login: Login) -> None:
        self.user, self._server = login.user, login.server.rstrip("/")
        self._session = http.session(
            login.ca_file or system_authorities(), TIMEOUT, "sallyport-client"
        )
        # The settings page shows name and token together, and people store what they see.
        token = login.token.reveal().rpartition(":")[2]
        self._session.headers["Authorization"] = f"{login.user}:{token}"

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        *,
        stream: bool = False,
        **headers: str,
    ) -> requests.Response:
        address = f"{self._server}{path}"
        try:
            answer = self._session.request(
                method, address, json=body, params=query, headers=headers, stream=stream
            )
        except requests.RequestException as error:
            raise self._away(error) from error
        if answer.ok:
            return answer
        text = _detail(answer)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise NotLoggedInError(text)
        raise ServerError(text, passes=answer.status_code in PASSING, status=answer.status_code)

    def _away(self, error: requests.RequestException) -> ServerError:
        kinds = (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        )
        passes = isinstance(error, kinds)
        passes = passes and not isinstance(error, requests.exceptions.SSLError)
        return ServerError(_unreachable(self._server, error), passes=passes)

    def _listed(self, path: str, limit: int, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return up to `limit` rows of a list, page by page."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None and len(rows) < limit:
            portion = {"limit": str(min(limit - len(rows), PORTION)), "cursor": cursor}
            page = self._call("GET", path, query=query | portion).json()
            rows += page["results"]
            cursor = page["next"]
        return rows

    def begin_login(self, label: str) -> dict[str, Any]:
        """Begin a log-in: `secret` is this command's, `code` is typed at `url`, `pause` seconds."""
        return dict(self._call("POST", "/api/v1/device-logins", {"label": label}).json())

    def fetch_login(self, secret: str) -> dict[str, Any]:
        """Return `username` and `token` of whoever allowed a log-in, once; null until then."""
        return dict(self._call("POST", "/api/v1/device-logins/token", {"secret": secret}).json())

    def me(self) -> dict[str, Any]:
        """Return who asks: `username`, `fullname`, `email`, `roles`, `projects`."""
        return dict(self._call("GET", "/api/v1/me").json())

    def backends(self) -> list[dict[str, Any]]:
        """Return the backends that the person may use."""
        every = self._call("GET", "/api/v1/backends").json()
        return [one for one in every if one["member"]]

    def workspaces(self, limit: int, search: str) -> list[dict[str, Any]]:
        """Return workspaces by name; `search` is a part of it."""
        return self._listed("/api/v1/workspaces", limit, {"search": search})

    def job_requests(self, limit: int, **filters: str) -> list[dict[str, Any]]:
        """Return job requests, newest first, without their jobs."""
        return self._listed("/api/v1/job-requests", limit, filters)

    def submit(
        self, workspace: str, backend: str, actions: list[str], **more: object
    ) -> dict[str, Any]:
        """Ask for actions at the head of the workspace's branch; return the job request.

        `warnings` in it are what the author of project.yaml should look at. It is sent again where
        nobody knows whether it arrived, under one key, so that it is made once.
        """
        body = {"workspace": workspace, "backend": backend, "requested_actions": actions} | more
        key = {"Idempotency-Key": uuid.uuid4().hex}
        again = Retrying(
            retry=retry_if_exception(lambda one: isinstance(one, ServerError) and one.passes),
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(max=8),
            reraise=True,
        )
        return dict(again(self._call, "POST", "/api/v1/job-requests", body, **key).json())

    def job_request(self, identifier: str) -> dict[str, Any]:
        """Return a job request: `status`, `sha` and one entry per job in `jobs`."""
        return dict(self._call("GET", f"/api/v1/job-requests/{identifier}").json())

    def follow(self, identifier: str) -> Iterator[dict[str, Any]]:
        """Yield a job request as it is, and again whenever it has moved on, until it has ended.

        Once only where the job server sends no events, as one of an earlier release.
        """
        path = f"/api/v1/job-requests/{identifier}/events"
        try:
            answer = self._call("GET", path, stream=True)
        except ServerError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            yield self.job_request(identifier)
            return
        with answer:
            try:
                for line in answer.iter_lines():
                    if line.startswith(DATA):
                        yield dict(json.loads(line.removeprefix(DATA)))
            except requests.RequestException as error:
                raise self._away(error) from error

    def cancel(self, identifier: str, actions: list[str]) -> dict[str, Any]:
        """Cancel the named actions of a job request, or all of them; return the job request."""
        body = {"actions": actions} if actions else {}
        path = f"/api/v1/job-requests/{identifier}/cancel"
        return dict(self._call("POST", path, body).json())

    def releases(self, workspace: str) -> list[dict[str, Any]]:
        """Return the releases of a workspace, each with its files."""
        return list(self._call("GET", f"/api/v1/workspaces/{workspace}/releases").json())

    def file(self, identifier: str) -> bytes:
        """Return the bytes of a released file."""
        return bytes(self._call("GET", f"/api/v2/releases/file/{identifier}").content)
