"""Upstreams on loopback that remember every request: a forge, a registry, an archive."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
MODIFIED = 1_700_000_000


@dataclass
class Seen:
    """One request as an upstream received it."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Reply:
    """What a double answers."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Server(ThreadingHTTPServer):
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            request = self.tls.wrap_socket(request, server_side=True)
            with contextlib.closing(request):
                super().finish_request(request, client_address)


class Double:
    """An HTTP server on loopback; subclasses say what `reply` answers."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.down = False
        self.missing_bytes = 0
        self.gate = threading.Event()
        self.gate.set()
        handler = _handler(self)
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))
        self._thread.start()

    def use_tls(self, certificate: Path) -> None:
        """Speak https from now on, with a file that holds key and certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.tls = context
        self.origin = f"https://localhost:{self._server.server_port}"

    def reply(self, seen: Seen, body: bytes) -> Reply:
        """Answer one request."""
        raise NotImplementedError

    def paths(self) -> list[str]:
        """Return the addresses asked for."""
        return [seen.path for seen in self.seen]

    def close(self) -> None:
        """Stop serving."""
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = _dechunk(self.rfile.readline, self.rfile.read)
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers)
            double.seen.append(seen)
            double.gate.wait(10)
            reply = Reply(503) if double.down else double.reply(seen, body)
            self.send_response(reply.status)
            length = {"Content-Length": str(len(reply.body) + double.missing_bytes)}
            for name, value in (length | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _dechunk(line: Callable[[], bytes], read: Callable[[int], bytes]) -> bytes:
    body = b""
    while size := int(line().strip(), 16):
        body += read(size)
        line()
    return body


class Forge(Double):
    """Repositories below a folder, served by git's own backend."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password: str | None = None
        self.redirect: str | None = None
        self.answer: Reply | None = None
        super().__init__()

    def reply(self, seen: Seen, body: bytes) -> Reply:
        """Bridge to `git http-backend`; ask for the password where one is set."""
        if self.answer:
            return self.answer
        if self.redirect:
            return Reply(302, {"Location": f"{self.redirect}{seen.path}"})
        if self.password and "authorization" not in seen.headers:
            return Reply(401, {"WWW-Authenticate": 'Basic realm="forge"'})
        path, _, query = seen.path.partition("?")
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": seen.method,
            "CONTENT_TYPE": seen.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": seen.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": seen.headers.get("git-protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, check=False
        )
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(lines.pop("Status", "200").split(" ")[0])
        return Reply(status, lines, rest)

    def fetches(self) -> int:
        """Return how many times somebody asked for the references."""
        return sum("info/refs" in path for path in self.paths())


def digest_of(data: bytes) -> str:
    """Return the digest as registries write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Registry(Double):
    """A registry with one image, `opensafely-core/python:v2`, and switches for bad manners."""

    name = "opensafely-core/python"

    def __init__(self) -> None:
        self.layer = os.urandom(700_000)
        self.config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
        self.objects = {digest_of(data): data for data in (self.layer, self.config)}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _described(self.config, CONFIG),
                "layers": [_described(self.layer, LAYER)],
            }
        ).encode()
        self.digest = digest_of(self.manifest)
        self.token: str | None = None
        self.redirect: str | None = None
        self.altered = False
        super().__init__()

    def reply(self, seen: Seen, _body: bytes) -> Reply:
        """Answer the pull half of the registry API."""
        path = seen.path.partition("?")[0]
        if path == "/token":
            return Reply(200, {}, json.dumps({"token": self.token, "expires_in": 300}).encode())
        if path.startswith("/storage/"):
            return self._object(path.rpartition("/")[2])
        if self.token and seen.headers.get("authorization") != f"Bearer {self.token}":
            challenge = f'Bearer realm="{self.origin}/token",service="registry"'
            return Reply(401, {"WWW-Authenticate": challenge})
        _, _, reference = path.rpartition("/")
        if not path.startswith(f"/v2/{self.name}/"):
            return Reply(404)
        if "/manifests/" in path and reference in {"v2", self.digest}:
            headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": self.digest}
            return Reply(200, headers, self._maybe_altered(self.manifest))
        if self.redirect:
            return Reply(307, {"Location": f"{self.redirect}/storage/{reference}"})
        return self._object(reference)

    def _object(self, digest: str) -> Reply:
        if digest not in self.objects:
            return Reply(404)
        return Reply(200, {}, self._maybe_altered(self.objects[digest]))

    def _maybe_altered(self, data: bytes) -> bytes:
        return bytes([data[0] ^ 1]) + data[1:] if self.altered else data


def _described(data: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}


class Archive(Double):
    """Static files with times and ranges, as package archives serve them."""

    def __init__(self) -> None:
        self.files = {
            "/debian/dists/bookworm/InRelease": b"signed index\n" * 100,
            "/debian/pool/main/h/hello/hello_2.10-3+b1_amd64.deb": os.urandom(500_000),
            "/debian/pool/main/n/naïve/x.deb": b"",
        }
        super().__init__()

    def reply(self, seen: Seen, _body: bytes) -> Reply:
        """Answer with a file, a part of it, or 304."""
        data = self.files.get(seen.path)
        if data is None:
            return Reply(404)
        headers = {"Last-Modified": formatdate(MODIFIED, usegmt=True), "ETag": '"one"'}
        since = seen.headers.get("if-modified-since")
        if since and parsedate_to_datetime(since).timestamp() >= MODIFIED:
            return Reply(304, headers)
        if "range" in seen.headers:
            start = int(seen.headers["range"].removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return Reply(206, headers, data[start:])
        return Reply(200, headers, data)
