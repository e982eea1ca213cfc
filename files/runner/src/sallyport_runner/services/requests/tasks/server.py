"""The controller as the runner sees it: the list of active tasks, and updates of tasks."""

from __future__ import annotations

import json
from typing import Any

from requests import JSONDecodeError, RequestException, Response, codes

from sallyport_common import http
from sallyport_runner.services.requests.server import CONNECT_TIMEOUT, READ_TIMEOUT, ServerError
from sallyport_runner.settings import Settings

FOR_ALL = frozenset({
    codes.unauthorized, codes.forbidden, codes.not_found, codes.too_many_requests,
    codes.bad_gateway, codes.service_unavailable, codes.gateway_timeout,
})  # fmt: skip
"""Answers that say nothing about the update to which they were given."""


class UpdateRefusedError(ServerError):
    """The controller could not take an update of one task."""


class Controller:
    """Speaks the task API for one backend."""

    def __init__(self, settings: Settings, user_agent: str) -> None:
        self._url = f"{settings.job_server_endpoint.rstrip('/')}/{settings.backend}"
        self._session = http.session(settings.ca_file, (CONNECT_TIMEOUT, READ_TIMEOUT), user_agent)
        self._session.headers["Authorization"] = settings.job_server_token.reveal()

    def tasks(self) -> list[Any]:
        """Return the active tasks; each may be anything that JSON can say."""
        found = self._object(self._send("GET", "tasks")).get("tasks")
        if not isinstance(found, list):
            raise ServerError("the list of tasks is malformed")
        return found

    def update(self, payload: dict[str, Any]) -> None:
        """Tell one thing about a task; raise UpdateRefusedError if only this was not taken."""
        text = json.dumps(payload, separators=(",", ":"))
        self._object(self._send("POST", "task/update", data={"payload": text}))

    def _send(self, method: str, path: str, **arguments: Any) -> Response:
        try:
            answer = self._session.request(
                method, f"{self._url}/{path}/", allow_redirects=False, **arguments
            )
        except RequestException as error:
            raise ServerError(f"the controller is not reached: {type(error).__name__}") from error
        if answer.status_code == codes.ok:
            return answer
        alone = method == "POST" and answer.status_code not in FOR_ALL
        kind = UpdateRefusedError if alone else ServerError
        raise kind(f"the controller answered {answer.status_code} to {method} {path}")

    def _object(self, answer: Response) -> dict[str, Any]:
        try:
            body = answer.json()
        except (JSONDecodeError, RecursionError) as error:
            raise ServerError("the controller answered with text that is not JSON") from error
        if not isinstance(body, dict):
            raise ServerError("the controller answered with JSON of another shape")
        return body
