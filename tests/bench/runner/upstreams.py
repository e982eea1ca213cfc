"""Forge and registry of the benchmark, in a process of its own: both runners get code from here.

`python -m tests.bench.runner.upstreams GITROOT IMAGES TAGGED...` prints its port when it listens.
Repositories are served by git's own backend, as the proxy serves them. TAGGED is the digest of a
manifest, for all names and tags, or `name:tag=digest`. SIGUSR1 lets it break off every
question, SIGUSR2 lets it answer again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.bench.runner.image import MANIFEST, NAME

ORGANISATION = NAME.partition("/")[0]


class Upstreams(ThreadingHTTPServer):
    """A server that closes new connections without an answer while `broken` is set."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.broken = threading.Event()

    def verify_request(self, request: object, client_address: object) -> bool:
        """See socketserver."""
        assert request
        assert client_address
        return not self.broken.is_set()


def serve(gitroot: Path, images: Path, tags: Mapping[str, str]) -> Upstreams:
    """Return a server on a free port of loopback.

    `tags` has the digest of a manifest by name and tag; that of all others has an empty name.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            if self.path.startswith("/v2/"):
                self._send(*_registry(self.path, images, tags))
            else:
                self._send(*self._git())

        do_GET = do_HEAD = do_POST = answer

        def _git(self) -> tuple[int, dict[str, str], bytes]:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(gitroot),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            words = ["git", "http-backend"]
            done = subprocess.run(
                words, env=environment, input=body, capture_output=True, check=False
            )
            head, _, rest = done.stdout.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
            return int(lines.pop("Status", "200").split(" ")[0]), lines, rest

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Upstreams(Handler)


def _registry(
    path: str, images: Path, tags: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Answer the pull half of the registry API."""
    if path == "/v2/":
        return HTTPStatus.OK, {}, b"{}"
    *name, kind, reference = path.removeprefix("/v2/").split("/")
    tagged = tags.get(f"{'/'.join(name)}:{reference}", tags.get("", ""))
    digest = reference if reference.startswith("sha256:") else tagged
    found = images / digest
    if name[:1] != [ORGANISATION] or not digest or not found.is_file():
        return HTTPStatus.NOT_FOUND, {}, b'{"errors": [{"code": "NAME_UNKNOWN"}]}'
    headers = {"Docker-Content-Digest": digest}
    if kind == "manifests":
        headers["Content-Type"] = MANIFEST
    return HTTPStatus.OK, headers, found.read_bytes()


def main() -> None:
    """Serve until the process is stopped."""
    gitroot, images, *tagged = sys.argv[1:]
    tags = {name: digest for name, _sign, digest in (one.rpartition("=") for one in tagged)}
    with serve(Path(gitroot), Path(images), tags) as server:
        signal.signal(signal.SIGUSR1, lambda _number, _frame: server.broken.set())
        signal.signal(signal.SIGUSR2, lambda _number, _frame: server.broken.clear())
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
