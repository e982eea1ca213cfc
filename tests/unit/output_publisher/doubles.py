"""A job server and a hatch on this machine, and an approved tree as the hatch writes it."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.approved import REQUEST, approved_manifest, sha256
from werkzeug.http import parse_options_header

TOKEN = "b" * 40
CSV = b"group,count\na,10\nb,25\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16
FILES = {"output/table.csv": CSV, "output/plot.png": PNG}
Answer = tuple[int, dict[str, str], Any]


def manifest(files: dict[str, bytes] | None = None) -> dict[str, Any]:
    """Return the manifest of a request that two checkers approved, as JSON for a test to change."""
    return dict(json.loads(approved_manifest(files or FILES).to_json()))


def hand_over(tree: Path, described: dict[str, Any], files: dict[str, bytes] | None = None) -> Path:
    """Write an approved request."""
    folder = tree / REQUEST
    folder.mkdir()
    for data in (files or FILES).values():
        (folder / sha256(data)).write_bytes(data)
    (folder / "manifest.json").write_text(json.dumps(described))
    return folder


class JobServerDouble:
    """Answers as the release API does, and can be told to fail after a number of uploads."""

    def __init__(self) -> None:
        self.releases: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.uploads_until_failure = -1
        self.other_id = ""
        self.refused_names: set[str] = set()
        self.url = ""

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return status, headers and JSON body."""
        self.calls.append((path, headers.get("OS-User", "")))
        self.headers.append(headers)
        if headers.get("Authorization") != TOKEN:
            return 403, {}, {"detail": "Forbidden"}
        if headers.get("OS-User") not in ("cy", "di"):
            return 403, {}, {"detail": "You do not have permission to perform this action."}
        if path == "/api/v2/releases/workspace/w1":
            return self._create(json.loads(body))
        found = re.fullmatch(r"/api/v2/releases/release/(\w+)", path)
        if found and found[1] in self.releases:
            return self._upload(self.releases[found[1]], headers, body)
        return 404, {}, {"detail": "Not found."}

    def _create(self, body: dict[str, Any]) -> Answer:
        identifier = body["metadata"]["airlock_id"]
        hashes = {file["name"]: file["sha256"] for file in body["files"]}
        known = self.releases.setdefault(
            identifier, {"hashes": hashes, "files": {}, "metadata": body["metadata"]}
        )
        if known["hashes"] != hashes:
            return 409, {}, {"detail": "This release has other files."}
        given = self.other_id or identifier
        return 201, {"Release-Id": given}, {"release_id": given, "release_url": "u"}

    def _upload(self, release: dict[str, Any], headers: dict[str, str], body: bytes) -> Answer:
        disposition = headers["Content-Disposition"]
        name = parse_options_header(disposition)[1].get("filename", "")
        if name in self.refused_names:
            return 400, {}, {"detail": "File is too large, it must be below 16.0Mb"}
        if self.uploads_until_failure == 0:
            return 500, {}, ["broken"]
        self.uploads_until_failure -= 1
        if name in release["files"]:
            detail = f"This version of '{name}' has already been uploaded from backend 'hospital'"
            return 400, {}, {"detail": detail}
        if release["hashes"].get(name) != sha256(body):
            return 400, {}, {"detail": "Contents of uploaded file does not match"}
        release["files"][name] = body
        return 201, {"File-Id": f"id-{len(release['files'])}", "Location": "l"}, ""


class HatchDouble:
    """Keeps the reports that it is sent."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, dict[str, str]]] = []
        self.status = 200

    def answer(self, path: str, _headers: dict[str, str], body: bytes) -> Answer:
        """Return status, headers and JSON body."""
        self.reports.append((path.removeprefix(f"/requests/{REQUEST}/"), json.loads(body)))
        return self.status, {}, {}


def handler(answer: Callable[[str, dict[str, str], bytes], Answer]) -> type[BaseHTTPRequestHandler]:
    """Return a request handler around a double's answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, reply = answer(self.path, dict(self.headers), body)
            data = json.dumps(reply).encode() if reply != "" else b""
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(data))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def address_string(self) -> str:
            return "peer"

        def log_message(self, *_arguments: Any) -> None:
            """Stay quiet."""

    return Handler


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def job_server() -> Iterator[JobServerDouble]:
    """Serve a job server on loopback."""
    double = JobServerDouble()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(double.answer))
    double.url = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield double


@contextmanager
def hatch(path: Path) -> Iterator[HatchDouble]:
    """Serve a hatch's outbox on a unix socket."""
    double = HatchDouble()
    with running(socketserver.ThreadingUnixStreamServer(str(path), handler(double.answer))):
        yield double
