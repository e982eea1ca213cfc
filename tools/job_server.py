"""The job server as a person's program sees it: `/api/v1` over https, with a personal token."""

from __future__ import annotations

import time
from typing import Any

import requests

from console import stop
from places import Places


class JobServer:
    """One person's access to the job server."""

    def __init__(self, places: Places, username: str, password: str) -> None:
        self._session = places.session("jobs")
        self._base = places.url("jobs")
        self.username = username
        answer = self._post("tokens", {"username": username, "password": password})
        self._session.headers["Authorization"] = f"{username}:{answer['token']}"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        """Return the answer to one call below the server's address, whatever its status."""
        return self._session.request(method, f"{self._base}{path}", json=body)

    def _checked(self, answer: requests.Response) -> Any:
        if not answer.ok:
            stop(f"the job server answered {answer.status_code} to {answer.url}: {answer.text}")
        return answer.json() if answer.content else None

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._checked(self.call("POST", f"/api/v1/{path}", body))

    def get(self, path: str) -> Any:
        """Return the JSON of a page of the API."""
        return self._checked(self.call("GET", f"/api/v1/{path}"))

    def ensure(self, path: str, body: dict[str, Any]) -> None:
        """Create something unless the server says that it is there."""
        answer = self.call("POST", f"/api/v1/{path}", body)
        if answer.status_code != requests.codes.conflict:
            self._checked(answer)

    def submit(self, workspace: str, backend: str, actions: list[str]) -> str:
        """Ask for actions to be run, again if they have been; return the request's identifier."""
        body = {
            "workspace": workspace,
            "backend": backend,
            "requested_actions": actions,
            "force_run_dependencies": True,
        }
        return str(self._post("job-requests", body)["identifier"])

    def wait(self, identifier: str, seconds: float) -> dict[str, Any]:
        """Return a job request once it has ended; stop when that takes too long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            shown = dict(self.get(f"job-requests/{identifier}"))
            if shown["final"]:
                return shown
            time.sleep(1)
        stop(f"job request {identifier} has not ended after {seconds:.0f} s: {shown}")

    def login_token(self) -> str:
        """Return a new one-use log-in for the release hatch: three words."""
        return str(self._post("login-tokens", {})["token"])

    def released(self, workspace: str) -> list[dict[str, Any]]:
        """Return the released files of a workspace."""
        return [
            file | {"release": release["id"]}
            for release in self.get(f"workspaces/{workspace}/releases")
            for file in release["files"]
        ]

    def download(self, file: str) -> bytes:
        """Return the bytes of a released file."""
        answer = self.call("GET", f"/api/v2/releases/file/{file}")
        if not answer.ok:
            stop(f"the job server answered {answer.status_code} for the file {file}")
        return answer.content
