"""The job server as the runner sees it: the request list with long poll, and posted jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from requests import JSONDecodeError, RequestException, Response, codes

from sallyport_common import http
from sallyport_common.protocol import LONGEST_WAIT, JobRow, State
from sallyport_common.redaction import Redactor
from sallyport_runner.flags import Flags
from sallyport_runner.services.requests import outgoing
from sallyport_runner.settings import Settings

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
MAX_WAIT = int(LONGEST_WAIT)
MAX_IDENTIFIERS = 50
"""Requests whose jobs are asked for in one question, for the sake of the address's length."""
_NOT_THERE = frozenset({codes.not_found, codes.method_not_allowed})


class ServerError(Exception):
    """The job server did not answer as it should."""


@dataclass(frozen=True)
class Listing:
    """An answer of the request list; `rows` is None when nothing changed since `etag`."""

    rows: list[dict[str, Any]] | None
    etag: str | None


class JobServer:
    """Speaks the classic job API for one backend."""

    def __init__(self, settings: Settings, user_agent: str) -> None:
        self._url = settings.job_server_endpoint.rstrip("/")
        self._backend, self._settings = settings.backend, settings
        self._redactor = Redactor(settings.secrets())
        self._wait = min(settings.long_poll, MAX_WAIT)
        self._session = http.session(settings.ca_file, (CONNECT_TIMEOUT, READ_TIMEOUT), user_agent)
        self._session.headers["Authorization"] = settings.job_server_token.reveal()

    def requests(self, etag: str | None, flags: Flags) -> Listing:
        """Return the listed requests; with an `etag`, wait for a change on a server that can."""
        parameters: dict[str, str | int] = {"backend": self._backend}
        headers = self._flags_header(flags)
        if etag and self._wait > 0:
            parameters["wait"] = self._wait
        if etag:
            headers["If-None-Match"] = etag
        answer = self._send("GET", "job-requests", params=parameters, headers=headers)
        if answer.status_code == codes.not_modified:
            return Listing(None, etag)
        rows = self._json(answer).get("results")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ServerError("the request list is malformed")
        return Listing(rows, answer.headers.get("ETag"))

    def post(self, rows: list[dict[str, Any]], flags: Flags, *, partial: bool) -> None:
        """Post the full set of jobs of some requests, or with `partial` some jobs of theirs."""
        parameters = {"partial": "1"} if partial else {}
        headers = self._flags_header(flags)
        content = self._redactor.value(rows)
        self._json(self._send("POST", "jobs", json=content, headers=headers, params=parameters))

    def jobs(self, requests: Sequence[str]) -> list[dict[str, Any]]:
        """Return the job rows that the server has of some requests; none from an older server."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(requests), MAX_IDENTIFIERS):
            parameters = {"job_request_id": list(requests[start : start + MAX_IDENTIFIERS])}
            answer = self._send("GET", "jobs", _NOT_THERE, params=parameters)
            if answer.status_code in _NOT_THERE:
                return []
            rows = self._json(answer).get("results")
            if not isinstance(rows, list) or not all(map(_is_job_row, rows)):
                raise ServerError("the list of jobs is malformed")
            found += rows
        return found

    def history(self, after: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return a page of all jobs that the server has of this backend, and where the next begins.

        Each row has the job's `workspace` too. An older server has no history.
        """
        answer = self._send("GET", "job-history", _NOT_THERE, params={"after": after})
        if answer.status_code in _NOT_THERE:
            return [], None
        body = self._json(answer)
        rows, following = body.get("results"), body.get("next")
        if not isinstance(rows, list) or not all(map(_is_past_job, rows)):
            raise ServerError("the history of jobs is malformed")
        if following is not None and not (isinstance(following, int) and following > after):
            raise ServerError("the pages of the history have no order")
        return [row["job"] | {"workspace": row["workspace"]} for row in rows], following

    def _send(
        self, method: str, path: str, accepted: frozenset[int] = frozenset(), **arguments: Any
    ) -> Response:
        try:
            answer = self._session.request(
                method, f"{self._url}/{path}/", allow_redirects=False, **arguments
            )
        except RequestException as error:
            raise ServerError(f"the job server is not reached: {type(error).__name__}") from error
        if answer.status_code not in {codes.ok, codes.not_modified, *accepted}:
            raise ServerError(f"the job server answered {answer.status_code} to {method} {path}")
        return answer

    def _flags_header(self, flags: Flags) -> dict[str, str]:
        content = outgoing.flags(flags, self._settings)
        return {"Flags": json.dumps(content, separators=(",", ":"))}

    def _json(self, answer: Response) -> dict[str, Any]:
        try:
            body = answer.json()
        except JSONDecodeError as error:
            raise ServerError("the job server answered with text that is not JSON") from error
        if not isinstance(body, dict):
            raise ServerError("the job server answered with JSON of another shape")
        return body


def _is_job_row(row: Any) -> bool:
    try:
        JobRow.from_wire(row)
        State(row["status"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    return isinstance(row["created_at"], str)


def _is_past_job(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("workspace"), str)
        and isinstance(row.get("job"), dict)
        and _is_job_row(row["job"])
    )
