"""A provider of OpenID Connect in a process of its own, and people who log in there."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin

import requests
from tests.conformance import peer
from tests.unit.job_server.rig import SITE, Browser
from werkzeug.test import TestResponse

from sallyport_common.settings import Secret
from sallyport_job_server.providers import Provider

FOLDER = peer.HERE / "provider"
BACK = "/login/organisation/back/"
CLIENT, SECRET, PASSWORD = "sallyport", "a secret of the client", "correct horse battery"
_INPUT = re.compile(r"<(?:input|button)\b[^>]*>")
_VALUE = re.compile(r'\b(name|value)="([^"]*)"')


@dataclass
class Organisation:
    """Where the provider answers, and how it is told to the job server."""

    issuer: str

    def settings(self, **more: Any) -> dict[str, object]:
        """Return the settings of a job server that knows it."""
        known: dict[str, Any] = {
            "issuer": self.issuer,
            "client_id": CLIENT,
            "name": "The Hospital",
            "scopes": "openid profile email groups",
        }
        return {"oidc": Provider(**known | more), "oidc_client_secret": Secret(SECRET)}

    def log_in(self, address: str, username: str, session: requests.Session | None = None) -> str:
        """Log a person in at the provider; return the address to which it leads back."""
        session = session or requests.Session()
        answers = {"login": username, "password": PASSWORD, "answer": "accept"}
        answer = session.get(address, allow_redirects=False, timeout=30)
        for _step in range(12):
            if answer.is_redirect:
                target = urljoin(answer.url, answer.headers["Location"])
                if target.startswith(SITE):
                    return target
                answer = session.get(target, allow_redirects=False, timeout=30)
            else:
                form = _filled(answer.text, answers)
                answer = session.post(answer.url, form, allow_redirects=False, timeout=30)
        raise AssertionError(f"the provider leads nowhere: {answer.text[:2000]}")

    def enter(self, browser: Browser, username: str, target: str = "/") -> TestResponse:
        """Log a person in by the link of the log-in page; return the last answer."""
        begun = browser.get(f"/login/organisation/?next={target}")
        assert begun.status_code == 302, begun.text
        return browser.get(self.log_in(begun.headers["Location"], username).removeprefix(SITE))


def _filled(page: str, answers: dict[str, str]) -> dict[str, str]:
    """Return the first form of a page with what a person types."""
    inside = page.partition("<form")[2].partition("</form>")[0]
    found = {}
    for tag in _INPUT.findall(inside):
        parts = {name: unescape(value) for name, value in _VALUE.findall(tag)}
        if "name" in parts:
            found[parts["name"]] = answers.get(parts["name"], parts.get("value", ""))
    return found


@contextmanager
def organisation() -> Iterator[Organisation]:
    """Run the provider."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    python = peer.python(FOLDER / "requirements.txt")
    words = [str(python), str(FOLDER / "serve.py"), str(port), SITE + BACK]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Organisation(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
