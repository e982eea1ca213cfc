"""A job server on loopback that keeps jobs, for runners that speak HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sallyport_common.tokens import job_identifier

A, B = "a" * 16, "b" * 16
TIME = "2026-11-24T00:00:00Z"


class Server:
    """A job server on loopback: lists requests and keeps the jobs that are posted."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.fault: int | None = None
        self.questions: list[list[str]] = []
        self.pages: list[int] = []
        self.page = 500
        self.heard: list[str] = []
        """All that was sent, the token left out."""

    def get(self, path: str) -> tuple[int, Any]:
        """Answer a question."""
        place = urlsplit(path)
        if place.path.endswith("/job-requests/"):
            return 200, {"results": self.listed}
        if self.fault:
            return self.fault, {"detail": "no"}
        if place.path.endswith("/job-history/"):
            return 200, self.history(int(parse_qs(place.query)["after"][0]))
        names = parse_qs(place.query)["job_request_id"]
        self.questions.append(names)
        return 200, {"results": [r for r in self.rows.values() if r["job_request_id"] in names]}

    def history(self, after: int) -> dict[str, Any]:
        """Return a page of the history; each request is of the workspace `ws`."""
        self.pages.append(after)
        rows = list(self.rows.values())[after : after + self.page]
        end = after + self.page
        results = [{"workspace": "ws", "job": row} for row in rows]
        return {"results": results, "next": end if end < len(self.rows) else None}

    def post(self, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        """Keep jobs."""
        self.rows |= {row["identifier"]: row for row in rows}
        return 200, {"status": "success"}

    def say(self, action: str, **values: Any) -> None:
        """Change what the server has of a job of request A."""
        known = self.rows.setdefault(job_identifier(A, action), reported(action))
        known |= values


def reported(action: str, request: str = A, **values: Any) -> dict[str, Any]:
    """Return a job row as the server keeps it."""
    return {
        "identifier": job_identifier(request, action),
        "job_request_id": request,
        "action": action,
        "run_command": f"python:v2 {action}.py",
        "status": "running",
        "status_code": "executing",
        "status_message": "Executing job on the backend",
        "created_at": TIME,
        "updated_at": TIME,
        "started_at": TIME,
        "completed_at": None,
        "requires_db": 0,
        "metrics": {"cpu_mean": 1.5},
    } | values


def listed(sha: str, *actions: str, request: str = A, **values: Any) -> dict[str, Any]:
    """Return a row of the request list."""
    return {
        "backend": "hospital",
        "sha": sha,
        "identifier": request,
        "force_run_dependencies": False,
        "requested_actions": list(actions),
        "cancelled_actions": [],
        "created_by": "ada",
        "created_at": TIME,
        "workspace": {
            "name": "ws",
            "repo": "https://github.com/demo-org/study",
            "branch": "main",
            "db": "full",
        },
    } | values


@contextmanager
def serve() -> Iterator[tuple[Server, str]]:
    """Serve a job server; give it and the address of its API."""
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _hear(self, body: str = "") -> None:
            kept = [f"{k}: {v}" for k, v in self.headers.items() if k != "Authorization"]
            made.heard.append("\n".join([self.path, *kept, body]))

        def do_GET(self) -> None:
            self._hear()
            self._answer(*made.get(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._hear(body.decode())
            self._answer(*made.post(json.loads(body)))

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield made, f"http://127.0.0.1:{http.server_port}/api/v2"
        http.shutdown()
