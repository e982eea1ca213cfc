"""What both stub servers share: answers by turns, faults on demand, and what was wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

Answer = tuple[int, bytes]
CUT: Answer = (0, b"")
"""An answer that never comes: the connection ends."""


def say(status: int, body: Any) -> Answer:
    """Return an answer in JSON."""
    return status, json.dumps(body).encode()


@dataclass
class Call:
    """One call of the runner."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Stub:
    """Calls that came, rules that they broke, and faults for those to come.

    `faults` has answers for each kind of call (`list` or `post`), used up in order before any
    sound one is given. `stopped` cuts every connection, as a server that restarts does.
    """

    token: str
    backend: str
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    faults: dict[str, list[Answer]] = field(default_factory=lambda: {"list": [], "post": []})
    stopped: bool = False
    lists: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def broken(self, text: str) -> None:
        """Note that a call is not as the protocol says."""
        self.violations.append(text)

    def fault(self, kind: str) -> Answer | None:
        """Return the next fault of a kind of call; counts the calls of lists."""
        if kind == "list":
            self.lists += 1
        if self.stopped:
            return CUT
        return self.faults[kind].pop(0) if self.faults[kind] else None


class Answers(Protocol):
    """A stub that answers calls."""

    def answer(self, call: Call) -> Answer:
        """Answer one call."""


@contextmanager
def serve(stub: Answers) -> Iterator[str]:
    """Serve a stub on loopback; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, data = stub.answer(Call(self.command, self.path, headers, body))
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
