"""A running proxy for tests, behind fronts that do what nginx does for it."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import yaml
from flask import Flask
from tests.unit.proxy.doubles import Archive, Forge, Registry
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, make_server

from sallyport_proxy.settings import Settings
from sallyport_proxy.storage.decisions import DecisionLog

HOSTS = {
    "git": "github-proxy.example",
    "registry": "docker-proxy.example",
    "archive": "archive.example",
}
CLIENT = "10.77.1.40"
Environment = dict[str, Any]


class Upstreams:
    """Forge, registry and archive together."""

    def __init__(self, folder: Path, template: Path) -> None:
        folder.mkdir()
        self._template = template
        self.forge = Forge(folder / "repositories")
        self.registry = Registry()
        self.archive = Archive()
        self._folder = folder

    @cached_property
    def study(self) -> Study:
        """Return the demo study, put on the forge when first asked for."""
        shutil.copytree(self._template, self._folder, dirs_exist_ok=True)
        return Study(self._folder)

    def __enter__(self) -> Upstreams:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for double in self.doubles():
            double.close()

    def doubles(self) -> list[Forge | Registry | Archive]:
        """Return every upstream."""
        return [self.forge, self.registry, self.archive]

    def saw_nothing(self) -> bool:
        """Return whether no upstream received any request."""
        return not any(double.seen for double in self.doubles())


def git(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run git as a person without configuration would."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    identity = ["-c", "user.name=Rosa", "-c", "user.email=rosa@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], env=environment, capture_output=True, text=True, check=check
    )


class Study:
    """A repository of the forge that researchers push to."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.bare = folder / "repositories/demo-org/demo-study.git"

    def make(self) -> None:
        """Start with one commit."""
        git("init", "--quiet", "--bare", "--initial-branch=main", self.bare)
        git("init", "--quiet", "--initial-branch=main", self.work)
        self.commit("first")

    def commit(self, text: str, branch: str = "main") -> str:
        """Commit a file and push it; return the commit."""
        (self.work / "file.txt").write_text(text)
        git("-C", self.work, "add", "file.txt")
        git("-C", self.work, "commit", "--quiet", "--message", text)
        git("-C", self.work, "push", "--quiet", self.bare, f"HEAD:{branch}")
        return git("-C", self.work, "rev-parse", "HEAD").stdout.strip()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        pass


class Front:
    """One server for each name: fixes Host and client address, sends held files itself."""

    def __init__(self, app: Flask, cache: Path) -> None:
        self.app, self._cache = app, cache
        self.origins: dict[str, str] = {}
        self._servers = []
        for kind, host in HOSTS.items():
            server = make_server(
                "127.0.0.1", 0, self._named(host), threaded=True, request_handler=_Quiet
            )
            assert isinstance(server, ThreadedWSGIServer)
            server.daemon_threads = False
            thread = threading.Thread(target=server.serve_forever, args=(0.005,))
            thread.start()
            self._servers.append((server, thread))
            self.origins[kind] = f"http://127.0.0.1:{server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        for server, thread in self._servers:
            server.shutdown()
            thread.join()
            server.server_close()

    def _named(self, host: str) -> Callable[[Environment, Any], Iterable[bytes]]:
        def application(environment: Environment, start: Any) -> Iterable[bytes]:
            environment |= {"HTTP_HOST": host, "REMOTE_ADDR": CLIENT}
            held: list[Path] = []

            def start_here(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                found = dict(headers)
                if "X-Accel-Redirect" in found:
                    place = unquote(found.pop("X-Accel-Redirect")).removeprefix("/_held/")
                    held.append(self._cache / place)
                    found |= {
                        "Content-Length": str(held[0].stat().st_size),
                        "X-Sent-By": "front",
                    }
                return start(status, list(found.items()), *rest)

            body = self.app(environment, start_here)
            if held and environment["REQUEST_METHOD"] == "GET":
                closing: Any = body
                closing.close()
                return [held[0].read_bytes()]
            return body

        return application


@dataclass
class Rig:
    """What a test holds: the proxy's front, its settings, what is behind it."""

    front: Front
    settings: Settings
    upstreams: Upstreams

    def url(self, kind: str, path: str) -> str:
        """Return an address of the proxy."""
        return self.front.origins[kind] + path

    def get(self, kind: str, path: str, **headers: str) -> requests.Response:
        """Ask for something with an ordinary HTTP client."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with requests.Session() as client:
            return client.get(self.url(kind, path), headers=named, timeout=20)

    def raw(
        self,
        kind: str,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], str]:
        """Send a request whose target nobody tidies up; return status, headers, text."""
        parts = urlsplit(self.front.origins[kind])
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode("latin-1")
        finally:
            connection.close()

    @property
    def log(self) -> DecisionLog:
        """Return the log of decisions."""
        log: DecisionLog = self.front.app.extensions["decision_log"]
        return log

    def close(self) -> None:
        """Stop the proxy."""
        self.front.close()
        self.log.close()

    def __enter__(self) -> Rig:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Return settings below a folder, with the folders that the role would make."""
    for name in ("secrets", "state", "cache"):
        (folder / name).mkdir(exist_ok=True)
    settings = Settings(
        policy=folder / "policy.yml",
        policy_interval=0,
        secrets_directory=folder / "secrets",
        state_directory=folder / "state",
        cache_directory=folder / "cache",
        cache_bytes=100_000_000,
        ca_file=Path("/etc/ssl/certs/ca-certificates.crt"),
        git_timeout=20,
        upstream_timeout=10,
        transfer_timeout=20,
        tag_lifetime=60,
        log_rows=10_000,
        log_files=3,
    )
    assert set(changes) <= {field.name for field in fields(Settings)}
    return replace(settings, **changes)


def policy_data(upstreams: Upstreams) -> dict[str, Any]:
    """Return a policy for the upstreams, as YAML would hold it."""
    return {
        "version": 1,
        "clients": {"secure": ["10.77.1.0/24"], "nobody": ["192.0.2.1/32"]},
        "git": {
            "host": HOSTS["git"],
            "forges": {"github.com": upstreams.forge.origin},
            "allow": [
                {"org": "demo-org", "repo": "demo-*", "for": ["secure"]},
                {"org": "other-org", "repo": "closed", "for": ["nobody"]},
            ],
        },
        "registry": {
            "host": HOSTS["registry"],
            "upstream": upstreams.registry.origin,
            "allow": [
                {"name": "opensafely-core/*", "reference": "any"},
                {"name": "pinned/python", "reference": "digest"},
                {"name": "elsewhere/python", "reference": "any", "for": ["nobody"]},
            ],
        },
        "archives": {
            "host": HOSTS["archive"],
            "allow": [
                {
                    "name": "debian",
                    "upstream": f"{upstreams.archive.origin}/debian",
                    "suites": ["bookworm", "bookworm-updates"],
                },
                {
                    "name": "private",
                    "upstream": f"{upstreams.archive.origin}/debian",
                    "suites": ["bookworm"],
                    "for": ["nobody"],
                },
            ],
        },
    }


def write_policy(path: Path, upstreams: Upstreams, **sections: Any) -> None:
    """Write a policy file; named sections replace those of the usual one."""
    path.write_text(yaml.safe_dump(policy_data(upstreams) | sections))
