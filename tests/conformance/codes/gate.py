"""The machine's own engine behind a socket of ours, which keeps single calls waiting.

A job is in most of its states for some milliseconds. A call of the engine that is not passed on
keeps it there for as long as a test needs, as an engine that is slow would.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ENGINE = "/run/docker.sock"
LONGEST = 150.0
_CALL = re.compile(rb"(GET|POST|DELETE|HEAD) (\S+) HTTP")


@dataclass
class Hold:
    """Calls that are kept waiting: those that match, after the first `after` of them."""

    pattern: re.Pattern[str]
    after: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        """Wait until a call is kept; raise AssertionError if none comes."""
        assert self.reached.wait(LONGEST), f"nobody called {self.pattern.pattern}"

    def release(self) -> None:
        """Let all calls through."""
        self.released.set()


class Gate:
    """Passes on what is said between clients and the engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._holds: list[Hold] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def hold(self, pattern: str, after: int = 0) -> Hold:
        """Keep calls waiting whose method and path match from now on."""
        made = Hold(re.compile(pattern), after)
        with self._lock:
            self._holds.append(made)
        return made

    def release(self, except_for: Hold | None = None) -> None:
        """Let all calls through but those of one hold."""
        for hold in self._holds:
            if hold is not except_for:
                hold.release()

    def close(self) -> None:
        """Let everything through, and take no further client."""
        self.release()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(ENGINE)
            answers = threading.Thread(target=_pass_on, args=(engine, client), daemon=True)
            answers.start()
            _pass_on(client, engine, self._keep)
            answers.join()

    def _keep(self, data: bytes) -> None:
        """Wait while the call that data begins with is kept."""
        found = _CALL.match(data)
        if not found:
            return
        call = b" ".join(found.groups()).decode()
        with self._lock:
            holds = [one for one in self._holds if one.pattern.search(call)]
            kept = [one for one in holds if not one.after]
            for one in holds:
                one.after = max(one.after - 1, 0)
        for one in kept:
            one.reached.set()
            one.released.wait(LONGEST)


def _pass_on(
    source: socket.socket,
    target: socket.socket,
    before: Callable[[bytes], None] = lambda _data: None,
) -> None:
    """Pass on what comes until one side ends; a call comes in a piece of its own.

    A client waits for the last answer before the next call.
    """
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            before(data)
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
