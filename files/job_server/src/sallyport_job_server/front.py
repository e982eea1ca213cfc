"""The server's outermost layer: it holds runners' requests, and hands all others to Flask.

A request that may wait is answered by Flask first, which checks it and keeps what it brings. Where
the answer is "nothing new", the request is held in the event loop until the backend's counter
rises, time is up or its client has gone, and is then answered by Flask once more.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from a2wsgi import WSGIMiddleware

from sallyport_job_server.buckets import Buckets
from sallyport_job_server.holds import Holds
from sallyport_job_server.services.watcher import Watcher
from sallyport_job_server.views.classic_jobs import HOLD

PATH = "/api/v2/job-requests/"
TOO_MANY = b'{"detail":"This backend asks too often; wait a second."}'

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass
class Answer:
    """What Flask answers, kept to be looked at."""

    messages: list[Message] = field(default_factory=list)

    async def keep(self, message: Message) -> None:
        """Keep a part of it."""
        self.messages.append(message)

    def take_hold(self) -> tuple[int, int, float] | None:
        """Take out backend, counter and seconds of an answer that may wait."""
        start, found = self.messages[0], None
        headers = []
        for name, value in start.get("headers", ()):
            if name.lower() == HOLD.lower().encode():
                found = value.decode().split()
            else:
                headers.append((name, value))
        start["headers"] = headers
        return (int(found[0]), int(found[1]), float(found[2])) if found else None

    async def send(self, send: Send) -> None:
        """Send it on."""
        for message in self.messages:
            await send(message)


class Front:
    """An ASGI application around a WSGI one, whose threads only work."""

    def __init__(self, wsgi: Any, watcher: Watcher, threads: int) -> None:
        self._wsgi: Any = WSGIMiddleware(wsgi, workers=threads)
        self._watcher, self._buckets = watcher, Buckets()
        self.holds = Holds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server from its start to its end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif _may_wait(scope):
            await self._poll(scope, receive, send)
        else:
            await self._wsgi(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.holds.begin()
        self._watcher.start(self.holds.tell)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._watcher.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._buckets.take(_caller(scope)):
            await _refuse(send)
            return
        answer = await self._ask(scope)
        hold = answer.take_hold()
        if hold is not None:
            if await self._hold(hold, receive):
                return
            answer = await self._ask(scope)
            answer.take_hold()
        await answer.send(send)

    async def _hold(self, hold: tuple[int, int, float], receive: Receive) -> bool:
        """Wait; return whether the client has gone meanwhile."""
        gone = asyncio.ensure_future(_gone(receive))
        held = asyncio.ensure_future(self.holds.wait(*hold))
        try:
            await asyncio.wait({gone, held}, return_when=asyncio.FIRST_COMPLETED)
            return gone.done()
        finally:
            gone.cancel()
            held.cancel()

    async def _ask(self, scope: Scope) -> Answer:
        answer = Answer()
        await self._wsgi(scope, _nothing, answer.keep)
        return answer


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _gone(receive: Receive) -> None:
    """Return when the client has closed its connection; a body that it sends is not looked at."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": TOO_MANY})


def _may_wait(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != PATH:
        return False
    return "wait" in parse_qs(scope["query_string"].decode("latin-1"))


def _caller(scope: Scope) -> bytes:
    """Return what stands for who calls, however long the header is."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    return hashlib.sha256(b"\0".join(given)).digest()
