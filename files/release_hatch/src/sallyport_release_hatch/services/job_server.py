"""The job server as the hatch sees it: who a person is, and where events go. No file bytes."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import requests

from sallyport_common.problems import UnavailableError
from sallyport_release_hatch.models import Identity

log = logging.getLogger(__name__)


class JobServerUnreachableError(UnavailableError):
    """The job server gave no usable answer; nothing is known about the person."""


class JobServer(Protocol):
    """What the hatch asks of a job server."""

    def authenticate(self, user: str, token: str) -> dict[str, Any] | None:
        """Use up a one-use log-in token; return the level-4 user, or None if it is refused."""

    def authorise(self, user: str) -> dict[str, Any] | None:
        """Return what a known person may do, or None if they may not be here."""

    def post_event(self, body: dict[str, Any]) -> None:
        """Send a notification; raise JobServerUnreachableError if it did not arrive."""


class HttpJobServer:
    """Talks to a job server with the backend's review token."""

    def __init__(self, client: requests.Session, base: str, token: str) -> None:
        self._client, self._base = client, base.rstrip("/") + "/api/v2"
        self._headers = {"Authorization": token, "Accept": "application/json"}

    def authenticate(self, user: str, token: str) -> dict[str, Any] | None:
        """Use up a one-use log-in token; return the level-4 user, or None if it is refused."""
        return self._user("authenticate", {"user": user, "token": token})

    def authorise(self, user: str) -> dict[str, Any] | None:
        """Return what a known person may do, or None if they may not be here."""
        return self._user("authorise", {"user": user})

    def post_event(self, body: dict[str, Any]) -> None:
        """Send a notification; raise JobServerUnreachableError if it did not arrive."""
        answer = self._post("/airlock/events/", body)
        if answer.status_code != requests.codes.created:
            raise JobServerUnreachableError(f"the event was answered {answer.status_code}")

    def _user(self, call: str, body: dict[str, str]) -> dict[str, Any] | None:
        answer = self._post(f"/releases/{call}", body)
        if answer.status_code in (requests.codes.forbidden, requests.codes.not_found):
            log.warning("the job server refused a person", extra={"call": call})
            return None
        try:
            if answer.status_code != requests.codes.ok:
                raise ValueError(answer.status_code)
            user: dict[str, Any] = answer.json()
            Identity.from_wire(user)
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("unusable answer", extra={"call": call, "status": answer.status_code})
            raise JobServerUnreachableError("The job server cannot answer at the moment.") from None
        return user

    def _post(self, path: str, body: dict[str, Any]) -> requests.Response:
        try:
            return self._client.post(self._base + path, json=body, headers=self._headers)
        except requests.RequestException as error:
            log.warning("no answer", extra={"path": path, "error": type(error).__name__})
            raise JobServerUnreachableError("The job server cannot be reached.") from None
