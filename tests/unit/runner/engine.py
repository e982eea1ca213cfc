"""A container engine on a unix socket: the part of its API that the runner uses, in memory."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, Any]
IMPORTED = "sha256:" + "1" * 64
NOTHING: Answer = (404, {"message": "no such thing"})


class Engine:
    """Keeps containers, images and networks; `fault` makes every answer an error."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.registry: dict[str, str] = {}
        self.networks: set[str] = set()
        self.calls: list[str] = []
        self.created: list[dict[str, Any]] = []
        self.fault: int | None = None
        self.fault_words = "the engine is unwell"
        self.pull_error = ""
        self.memory: dict[str, Any] = {"usage": 4096}
        self.lose_before: str | None = None

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """Answer one call."""
        place = urlsplit(re.sub(r"^/v[0-9.]+", "", path))
        words = [unquote(word) for word in place.path.strip("/").split("/")]
        if words == ["version"]:
            return 200, {"ApiVersion": "1.41", "MinAPIVersion": "1.24", "Version": "20.10"}
        self.calls.append(f"{method} {'/'.join(words)}")
        if self.fault:
            return self.fault, {"message": self.fault_words}
        if self.lose_before and self.calls[-1].endswith(self.lose_before):
            self.containers.clear()
        if words == ["info"]:
            return 200, {"DockerRootDir": "/var/lib/docker"}
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        if words[0] == "containers":
            return self._containers(method, words[1:], query, body)
        if words[0] == "networks":
            return 200, [{"Name": name, "Id": name} for name in sorted(self.networks)]
        if words[0] == "distribution":
            return self._distribution("/".join(words[1:-1]))
        return self._images(method, words[1:], query)

    def _containers(
        self, method: str, words: list[str], query: dict[str, str], body: dict[str, Any]
    ) -> Answer:
        if words == ["create"]:
            return self._create(query["name"], body)
        if words == ["json"]:
            (label,) = json.loads(query["filters"])["label"]
            name, _sign, value = label.partition("=")
            found = [
                c for c in self.containers.values() if c["Config"]["Labels"].get(name) == value
            ]
            return 200, [{"Id": container["Id"]} for container in found]
        container = self.containers.get(words[0])
        if container is None:
            return NOTHING
        if method == "DELETE":
            del self.containers[words[0]]
            return 204, None
        return self._one(container, words[1])

    def _one(self, container: dict[str, Any], what: str) -> Answer:
        if what == "start":
            self.set(container["Id"], "running")
            return 204, None
        if what == "kill" and container["State"]["Status"] != "running":
            return 409, {"message": "the container is not running"}
        if what == "kill":
            self.set(container["Id"], "exited", ExitCode=137)
            return 204, None
        if what == "stats":
            usage = {"cpu_usage": {"total_usage": 2_500_000_000}}
            return 200, {"cpu_stats": usage, "memory_stats": self.memory}
        return 200, container

    def _create(self, name: str, body: dict[str, Any]) -> Answer:
        if name in self.containers:
            return 409, {"message": "the name is in use"}
        if body["Image"] not in self.images:
            return NOTHING
        self.created.append(body)
        self.add(name, body.get("Labels", {}), "created")
        return 201, {"Id": name, "Warnings": []}

    def _distribution(self, name: str) -> Answer:
        digest = self.registry.get(name)
        return (200, {"Descriptor": {"digest": digest}, "Platforms": []}) if digest else NOTHING

    def _images(self, method: str, words: list[str], query: dict[str, str]) -> Answer:
        if method == "POST":
            if query.get("fromSrc") == "-":
                self.images[IMPORTED] = {"Id": IMPORTED, "Config": {"Labels": {}}}
                return 200, {"status": IMPORTED}
            name = f"{query['fromImage']}@{query['tag']}"
            if self.pull_error:
                return 200, {"error": self.pull_error}
            if query["tag"] not in self.registry.values():
                return NOTHING
            self.images[name] = {"Id": "sha256:1", "Config": {"Labels": {"made": "pulled"}}}
            return 200, {}
        if words == ["json"]:
            return 200, [{"Id": name} | image for name, image in self.images.items()]
        if method == "DELETE":
            return self._remove_image("/".join(words))
        found = self.images.get("/".join(words[:-1]))
        return (200, found) if found else (404, {"message": "No such image: x"})

    def _remove_image(self, name: str) -> Answer:
        if name not in self.images:
            return NOTHING
        if any(container["Config"].get("Image") == name for container in self.containers.values()):
            return 409, {"message": "conflict: a container uses the image"}
        del self.images[name]
        return 200, []

    def add(self, name: str, labels: dict[str, str], state: str = "running", **values: Any) -> None:
        """Add a container; its name is its id."""
        self.containers[name] = {
            "Id": name,
            "Name": f"/{name}",
            "Image": "sha256:1",
            "Config": {"Labels": labels, "Env": []},
            "State": {"Status": state} | values,
        }

    def set(self, name: str, state: str, **values: Any) -> None:
        """Change the state of a container."""
        self.containers[name]["State"] |= {"Status": state} | values


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def serve(path: Path, *, keep: bool = False) -> Iterator[Engine]:
    """Serve an engine on a unix socket; with `keep` a connection serves several calls."""
    engine = Engine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if keep else "HTTP/1.0"

        def _reply(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(size)
            tar = self.headers.get("Content-Type") == "application/tar"
            body = {} if tar else json.loads(sent or b"null") or {}
            status, content = engine.answer(self.command, self.path, body)
            data = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _reply

        def address_string(self) -> str:
            return "local"

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with _Server(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield engine
        server.shutdown()
