"""A small server on loopback that speaks `/api/v1`, for the client."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

TABLE = b"age,count\n50,10\n"
TOKEN = "a" * 64


class Server(ThreadingHTTPServer):
    """Remembers what it was asked and answers from a table of states."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, Any]] = []
        self.states = ["running", "succeeded"]
        self.digest = hashlib.sha256(TABLE).hexdigest()
        self.name = "output/table.csv"
        self.warnings: list[str] = []
        self.detail = "The token is not valid."
        self.problem = ""
        self.sha = "c0ffee"
        self.keys: list[str | None] = []
        self.busy: list[int] = []
        self.backends = ["hospital"]
        self.released = True
        self.heads: list[str] = []
        self.workspaces = ["ws", "empty"]
        self.events: list[tuple[int, list[dict[str, Any]]]] = []
        self.let_in: list[tuple[int, dict[str, Any]]] = []


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server

    def log_message(self, *_words: object) -> None:
        """Stay silent."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Take a job request, or a cancellation."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(("POST", self.path, body))
        if self.path.startswith("/api/v1/device-logins"):
            self._answer(*self._device())
            return
        if self.headers["Authorization"] != f"alice:{TOKEN}":
            self._answer(403, json.dumps({"detail": self.server.detail}).encode())
        else:
            self.server.keys.append(self.headers["Idempotency-Key"])
            answer = {"identifier": "abc", "sha": self.server.sha, "warnings": self.server.warnings}
            status = self.server.busy.pop() if self.server.busy else 201
            self._answer(status, json.dumps(answer).encode())

    def _device(self) -> tuple[int, bytes]:
        """Begin a log-in, or say what was decided about it, one answer after the other."""
        if self.path.endswith("/token"):
            status, told = self.server.let_in.pop(0)
        else:
            status, told = 201, {"secret": "s", "code": "BCDF-GHJK", "url": "https://x/device/"}
            told["pause"] = 0.0
        return status, json.dumps(told).encode()

    def _follow(self) -> None:
        """Send events, as far as there are any; a job server without them is an older one."""
        if not self.server.events:
            self._answer(404, json.dumps({"detail": "Not found."}).encode())
            return
        self.server.asked.append(("GET", self.path, None))
        status, states = self.server.events.pop(0)
        sent = [f"data: {json.dumps(state)}\n\n" for state in states]
        self._answer(status, ": still here\n\n".join(sent).encode())

    def _page(self) -> dict[str, Any]:
        """Return a page of a list of 130 rows; only the workspace `ws` has job requests."""
        query = dict(parse_qsl(urlsplit(self.path).query))
        if self.path.startswith("/api/v1/workspaces?"):
            names = [name for name in self.server.workspaces if query.get("search", "") in name]
            rows = [{"name": name, "project": "p", "branch": "main", "repo": "r"} for name in names]
            return {"results": rows, "next": None}
        if query.get("workspace", "ws") != "ws":
            return {"results": [], "next": None}
        first = int(query.get("cursor", 0))
        last = min(first + int(query["limit"]), 130)
        found = [
            {
                "identifier": f"r{number}", "status": "failed", "workspace": "ws",
                "requested_actions": ["a", "b", "c", "d"], "backend": "hospital",
                "created_by": "alice", "created_at": "2026-11-23T06:16:47Z",
            }
            for number in range(first, last)
        ]  # fmt: skip
        return {"results": found, "next": str(last) if last < 130 else None}

    def do_GET(self) -> None:
        """Show a job request, a list of releases, a file."""
        if self.path.endswith("/events"):
            self._follow()
            return
        self.server.asked.append(("GET", self.path, None))
        self.server.heads.append(str(self.headers["Authorization"]))
        if self.path.startswith("/api/v2/releases/file/"):
            self._answer(200, TABLE)
        elif self.path.endswith("/releases"):
            file = {"id": "f1", "name": self.server.name, "sha256": self.server.digest}
            releases = [{"id": "R1", "files": [file]}] if self.server.released else []
            self._answer(200, json.dumps(releases).encode())
        elif self.path == "/api/v1/backends":
            told = {"name": "The Hospital", "last_seen_at": None}
            rows = [
                {"slug": slug, "member": slug != "foreign"} | told for slug in self.server.backends
            ]
            self._answer(200, json.dumps(rows).encode())
        elif self.path == "/api/v1/me":
            known = self.headers["Authorization"] == f"alice:{TOKEN}"
            person = {"username": "alice", "fullname": "Alice"}
            detail = {"detail": "This access token is not valid."}
            self._answer(200 if known else 401, json.dumps(person if known else detail).encode())
        elif "?" in self.path:
            self._answer(200, json.dumps(self._page()).encode())
        elif self.server.busy:
            self._answer(self.server.busy.pop(), b"")
        else:
            states = self.server.states
            state = states.pop(0) if len(states) > 1 else states[0]
            job = {"action": "describe", "status": state, "status_message": "as expected"}
            final = state not in {"pending", "running"}
            body: dict[str, Any] = {"identifier": "abc", "status": state, "sha": "c0ffee"}
            jobs = [] if self.server.problem else [job]
            body |= {"jobs": jobs, "final": final, "problem": self.server.problem}
            self._answer(200, json.dumps(body).encode())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server, and the environment that points at it."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        token = tmp_path / "token"
        token.write_text(f"{TOKEN}\n", encoding="utf-8")
        monkeypatch.setenv("SALLYPORT_SERVER", f"http://127.0.0.1:{made.server_port}")
        monkeypatch.setenv("SALLYPORT_USER", "alice")
        monkeypatch.setenv("SALLYPORT_TOKEN_FILE", str(token))
        yield made
        made.shutdown()
        thread.join()
