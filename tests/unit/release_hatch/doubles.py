"""A job server on loopback that answers as the release API says, and a browser without windows."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from sallyport_common.manifests import Output, WorkspaceManifest, workspace
from sallyport_common.outputs import PrivacyLevel

TOKEN = "a" * 40
SIGNING_KEY = "0123456789abcdef0123456789abcdef01234567"
BASE = "https://hatch.sallyport.test"
CSV = b"group,count\na,10\nb,25\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16


def person(name: str, *workspaces: str, checker: bool = False) -> dict[str, Any]:
    """Return a level-4 user as the job server describes one."""
    details = {"name": "p", "ongoing": True, "orgs": ["o"]}
    return {
        "username": name,
        "fullname": name.title(),
        "workspaces": {w: {"project_details": details, "archived": False} for w in workspaces},
        "copiloted_workspaces": {},
        "output_checker": checker,
        "readonly_access": False,
    }


class JobServerDouble:
    """Knows people and one-use tokens, keeps the events it was sent, and can be told to fail."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.login_tokens: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self.failing = False
        self.url = ""

    def answer(self, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and body for a call."""
        if self.failing:
            return 500, {"detail": "broken"}
        if token != TOKEN:
            return 403, {"detail": "Forbidden"}
        if path == "/api/v2/airlock/events/":
            self.events.append(body)
            return 201, {"status": "ok"}
        if path == "/api/v2/releases/authorise":
            known = self.people.get(body["user"])
            return (200, known) if known else (404, {"detail": "Not found"})
        if path == "/api/v2/releases/authenticate":
            return self._authenticate(body)
        return 404, {"detail": "Not found"}

    def _authenticate(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        token = self.login_tokens.get(body["user"])
        if token is None or token != body["token"]:
            return 403, {"detail": "Forbidden"}
        del self.login_tokens[body["user"]]
        return 200, self.people[body["user"]]


@contextmanager
def serving(double: JobServerDouble) -> Iterator[JobServerDouble]:
    """Run a double on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = double.answer(self.path, self.headers["Authorization"], body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_workspace(root: Path, name: str, files: dict[str, bytes], **changes: Any) -> None:
    """Write a workspace as the runner does; `changes` go into every manifest entry."""
    folder = root / name
    content: dict[str, Any] = {
        "level": PrivacyLevel.MODERATE,
        "job_id": "thm7jce7iltqiwx2",
        "job_request": "p2xqs6yzq5m5xtuk",
        "action": "make",
        "user": "ada",
        "repo": "https://github.com/org/study",
        "commit": "9417bc4e" * 5,
        "timestamp": 1795414606.11,
    }
    outputs = {}
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        own = {"size": len(data), "content_hash": hashlib.sha256(data).hexdigest()}
        outputs[path] = Output(**(content | own | changes))
    manifest = folder / workspace.FILE
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(WorkspaceManifest(workspace=name, outputs=outputs).to_json())


class Browser:
    """One person's browser: follows forms with their hidden token, as a person would."""

    def __init__(self, app: Flask, double: JobServerDouble) -> None:
        self._client, self._double = app.test_client(), double

    def log_in(self, name: str) -> Browser:
        """Log in with a fresh token."""
        self._double.login_tokens[name] = "three short words"
        answer = self.post("/login", page="/login", user=name, token="three short words")
        assert answer.status_code == 303, answer.text
        return self

    def get(self, path: str, **headers: str) -> TestResponse:
        """Open a page."""
        sent = {"Accept": "text/html"} | headers
        return self._client.get(path, base_url=BASE, headers=sent, buffered=True)

    def post(self, path: str, page: str = "/", **fields: Any) -> TestResponse:
        """Send a form of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert found, page
        data = {"csrf_token": found[1]} | fields
        return self._client.post(path, base_url=BASE, data=data)

    def post_raw(self, path: str, data: dict[str, str]) -> TestResponse:
        """Send a form as another site would."""
        return self._client.post(path, base_url=BASE, data=data)

    def ask(self, *names: str, action: str = "submit", **fields: str) -> str:
        """Ask for a release from workspace w1 and return the request's id."""
        texts = {"purpose": "paper", "context": "adults", "controls": "rounded", "policy": "on"}
        answer = self.post(
            "/workspaces/w1/requests", file=list(names), action=action, **texts | fields
        )
        assert answer.status_code == 303, answer.text
        return str(answer.location).rpartition("/")[2]

    def vote(self, request: str, vote: str = "APPROVED", comment: str = "") -> TestResponse:
        """Vote the same on every file and submit the review."""
        page = self.get(f"/requests/{request}").text
        names = set(re.findall(r'name="(vote_\w+)"', page)) or {"vote_x"}
        fields = dict.fromkeys(names, vote) | {"comment": comment}
        return self.post(f"/requests/{request}/votes", action="submit", **fields)
