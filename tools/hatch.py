"""The release hatch as a person in a browser uses it: pages, forms, one-use log-ins."""

from __future__ import annotations

import html
import re
import time

import requests

from console import stop
from places import Places

CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
STATE = re.compile(r'<h1>[^<]*<span class="state state-([a-z-_]+)"')
VOTE = re.compile(r'name="(vote_[^"]+)"')


class Hatch:
    """One person's session in the hatch."""

    def __init__(self, places: Places, username: str, token: str) -> None:
        self._session = places.session("hatch")
        self._base = places.url("hatch")
        self.username = username
        answer = self.post("/login", "/login", {"user": username, "token": token})
        self.logged_in = answer.ok and not answer.url.endswith("/login")

    def page(self, path: str) -> str:
        """Return the text of a page; stop where the hatch does not show it."""
        answer = self._session.get(f"{self._base}{path}")
        if not answer.ok:
            stop(f"the hatch answered {answer.status_code} for {path}")
        return answer.text

    def post(
        self, form_page: str, path: str, fields: dict[str, str | list[str]]
    ) -> requests.Response:
        """Fill in a form of a page and send it, as a browser does."""
        found = CSRF.search(self.page(form_page))
        if not found:
            stop(f"the hatch's page {form_page} has no form")
        body = {"csrf_token": html.unescape(found[1])} | fields
        return self._session.post(f"{self._base}{path}", data=body, headers={"Referer": self._base})

    def request(self, workspace: str, files: list[str]) -> str:
        """Ask for the release of files of a workspace; return the request's identifier."""
        fields: dict[str, str | list[str]] = {
            "file": files,
            "purpose": "Show that the platform works.",
            "context": "Counts of synthetic patients by age band; nobody real is described.",
            "controls": "Counts below eight are redacted, all others are rounded to five.",
            "policy": "on",
            "action": "submit",
        }
        answer = self.post(f"/workspaces/{workspace}", f"/workspaces/{workspace}/requests", fields)
        if "/requests/" not in answer.url:
            stop(f"the hatch took no request for {', '.join(files)}: {answer.status_code}")
        return answer.url.rpartition("/")[2]

    def vote(self, identifier: str, value: str = "APPROVED") -> requests.Response:
        """Vote on every file of a request and submit the review."""
        page = f"/requests/{identifier}"
        fields: dict[str, str | list[str]] = dict.fromkeys(VOTE.findall(self.page(page)), value)
        return self.post(page, f"{page}/votes", fields | {"comment": "", "action": "submit"})

    def approve(self, identifier: str) -> requests.Response:
        """Approve a request, which hands its files to the publisher."""
        page = f"/requests/{identifier}"
        return self.post(page, f"{page}/approve", {})

    def state(self, identifier: str) -> str:
        """Return the state that a request's page shows, in lower case."""
        found = STATE.search(self.page(f"/requests/{identifier}"))
        return found[1] if found else "unknown"

    def wait(self, identifier: str, state: str, seconds: float) -> None:
        """Return once a request is in a state; stop when that takes too long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.state(identifier) == state:
                return
            time.sleep(1)
        stop(f"the request {identifier} is {self.state(identifier)}, not {state}")
