"""Forms that were sent after the session had ended: log-in first, then the form as it was.

The form travels through the log-in page as an encrypted field, so nothing is stored, nobody else at
the same browser can read it, and only a form that this server accepted is shown again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken
from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

SESSION_ENDED = "Your session has ended. Log in again; what you wrote is kept and shown afterwards."
LOGGED_IN_AGAIN = (
    "You are logged in again. Nothing has been sent yet: check the form below and send it."
)

Form = MultiDict[str, str]
Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class KeptForm:
    """A form that was sent to `path`, with all its fields in order."""

    path: str
    fields: Fields


class Seal:
    """Encrypts forms for the people who wrote them; a sealed form expires after `lifetime` seconds.

    People are told apart by any text that stays the same over their log-ins.
    """

    def __init__(self, secret_key: str, lifetime: int) -> None:
        key = hashlib.sha256(b"kept forms\0" + secret_key.encode()).digest()
        self._fernet, self._lifetime = Fernet(base64.urlsafe_b64encode(key)), lifetime

    def seal(self, user: str, path: str, fields: Iterable[tuple[str, str]]) -> str:
        """Return a form of a person as text that only this server can read."""
        content = {"user": user, "path": path, "fields": list(fields)}
        return self._fernet.encrypt(json.dumps(content).encode()).decode()

    def unseal(self, sealed: str, user: str) -> KeptForm | None:
        """Return a person's own form; None for another person's, an expired or a damaged one."""
        try:
            content = json.loads(self._fernet.decrypt(sealed, ttl=self._lifetime))
        except (InvalidToken, ValueError):
            return None
        if content["user"] != user:
            return None
        return KeptForm(content["path"], [(name, value) for name, value in content["fields"]])


Page = Callable[[str, dict[str, Any], Form], ResponseReturnValue]
"""Shows a form as it was filled in; takes the endpoint, the values of its address and the form."""


@dataclass(frozen=True)
class KeptForms:
    """The forms of an application that survive the end of a session.

    `pages` shows the form of an endpoint again, and a form of another endpoint is not kept.
    `log_in` shows the log-in page for a person, with a sentence and the sealed form as the hidden
    field `kept`. Of the fields in `secrets`, such as new passwords, only the names are kept.
    """

    seal: Seal
    pages: Mapping[str, Page]
    log_in: Callable[[str, str], str]
    secrets: frozenset[str] = frozenset()

    def install(self, app: Flask) -> None:
        """Make these the kept forms of an application."""
        app.extensions["sallyport_kept_forms"] = self

    def keep(self, user: str) -> ResponseReturnValue | None:
        """Return the log-in page with this request's form sealed in it; None without such a form.

        `user` is who the ended session belonged to, empty if nobody was logged in.
        """
        if request.method != "POST" or not user or request.endpoint not in self.pages:
            return None
        fields = [
            (name, "" if name in self.secrets else value)
            for name, value in request.form.items(multi=True)
            if name not in ("csrf_token", "kept")
        ]
        sealed = self.seal.seal(user, request.path, fields)
        return self.log_in(SESSION_ENDED, sealed), HTTPStatus.UNAUTHORIZED

    def show(self, sealed: str, user: str) -> ResponseReturnValue | None:
        """Return the page with a person's own form as it was; None without a kept form."""
        kept = self.seal.unseal(sealed, user) if sealed else None
        if kept is None:
            return None
        try:
            matched = current_app.url_map.bind("").match(kept.path, method="POST")
        except HTTPException:
            return None
        endpoint, values = cast(tuple[str, dict[str, Any]], matched)
        return self.pages[endpoint](endpoint, values, MultiDict(kept.fields))


def kept_forms() -> KeptForms:
    """Return the kept forms of this application."""
    return cast(KeptForms, current_app.extensions["sallyport_kept_forms"])
