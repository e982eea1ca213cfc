"""The server's outermost layer: it holds runners' requests, and hands all others to Flask.

A request that may wait is answered by Flask first, which checks it and keeps what it brings. Where
the answer is "nothing new", the request is held in the event loop until the backend's counter
rises, time is up or its client has gone, and is then answered by Flask once more. An answer that
goes on is asked for again in the same way, and sent where it differs from the last.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from a2wsgi import WSGIMiddleware

from sallyport_job_server.buckets import Buckets
from sallyport_job_server.holds import Holds
from sallyport_job_server.services.watcher import Watcher
from sallyport_job_server.storage.backends import Counters
from sallyport_job_server.views.api import FOLLOW
from sallyport_job_server.views.classic_jobs import HOLD

PATH = "/api/v2/job-requests/"
EVENTS = re.compile(r"/api/v1/job-requests/[^/]+/events")
MOST_STREAMS, MOST_OF_ONE = 200, 10
"""Answers that go on at a time in a process, of everybody and of one caller."""
PACE = 0.5
"""Seconds for which nothing more is looked up for an answer that goes on."""
HEARTBEAT = 15.0
"""Seconds after which something is sent although nothing happened, as proxies hang up."""
STILL_HERE = b": still here\n\n"
TOO_OFTEN = "This backend asks too often; wait a second."
TOO_MANY = "Too many answers go on; ask for the job request itself now and then."

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

    def take(self, wanted: str) -> list[str] | None:
        """Take a header out that is for us; return its words."""
        start, found = self.messages[0], None
        headers = []
        for name, value in start.get("headers", ()):
            if name.lower() == wanted.lower().encode():
                found = value.decode().split()
            else:
                headers.append((name, value))
        start["headers"] = headers
        return found

    def take_hold(self) -> tuple[int, int, float] | None:
        """Take out backend, counter and seconds of an answer that may wait."""
        found = self.take(HOLD)
        return (int(found[0]), int(found[1]), float(found[2])) if found else None

    def take_place(self) -> Place | None:
        """Take out how far an answer that goes on has come."""
        found = self.take(FOLLOW)
        return Place(int(found[0]), int(found[1]), found[2] == "1") if found else None

    @property
    def body(self) -> bytes:
        """The bytes of it."""
        return b"".join(one.get("body", b"") for one in self.messages[1:])

    async def send(self, send: Send) -> None:
        """Send it on."""
        for message in self.messages:
            await send(message)

    async def open(self, send: Send) -> None:
        """Send its beginning, after which more may be sent."""
        start = self.messages[0]
        headers = [one for one in start["headers"] if one[0].lower() != b"content-length"]
        await send({**start, "headers": headers})


@dataclass(frozen=True)
class Place:
    """What an answer that goes on waits for: more moves of a backend than it has seen."""

    backend_id: int
    moves: int
    is_over: bool


class Front:
    """An ASGI application around a WSGI one, whose threads only work."""

    def __init__(self, wsgi: Any, watcher: Watcher, threads: int) -> None:
        self._wsgi: Any = WSGIMiddleware(wsgi, workers=threads)
        self._watcher, self._buckets = watcher, Buckets()
        self.holds, self.streams = Holds(), Holds(MOST_STREAMS)
        self._open: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server from its start to its end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif _may_wait(scope):
            await self._poll(scope, receive, send)
        elif _goes_on(scope):
            await self._stream(scope, receive, send)
        else:
            await self._wsgi(scope, receive, send)

    def end(self) -> None:
        """Let everybody go who waits, now and from now on."""
        self.holds.end()
        self.streams.end()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.holds.begin()
        self.streams.begin()
        self._watcher.start(self._tell)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._watcher.close)
        await send({"type": "lifespan.shutdown.complete"})

    def _tell(self, counters: Mapping[int, Counters]) -> None:
        self.holds.tell({number: one.changes for number, one in counters.items()})
        self.streams.tell({number: one.moves for number, one in counters.items()})

    async def _poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._buckets.take(_caller(scope)):
            await _refuse(send, TOO_OFTEN)
            return
        answer = await self._ask(scope)
        hold = answer.take_hold()
        if hold is not None:
            if await _until_gone(self.holds.wait(*hold), receive):
                return
            answer = await self._ask(scope)
            answer.take_hold()
        await answer.send(send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = _caller(scope)
        if self._open.total() >= MOST_STREAMS or self._open[caller] >= MOST_OF_ONE:
            await _refuse(send, TOO_MANY)
            return
        self._open[caller] += 1
        try:
            await self._follow(scope, receive, send)
        finally:
            self._open -= Counter([caller])

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what Flask answers, and again whenever it differs, as long as that is allowed.

        Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        answer = await self._ask(scope)
        place, sent = answer.take_place(), answer.body
        if place is None:
            await answer.send(send)
            return
        await answer.open(send)
        await _send_part(send, sent)
        while place is not None and not place.is_over and not self.streams.is_over:
            await asyncio.sleep(PACE)
            waiting = self.streams.wait(place.backend_id, place.moves, HEARTBEAT)
            if await _until_gone(waiting, receive):
                return
            answer = await self._ask(scope)
            place = answer.take_place()
            if place is not None:
                await _send_part(send, STILL_HERE if answer.body == sent else answer.body)
                sent = answer.body
        await _send_part(send, b"", more=False)

    async def _ask(self, scope: Scope) -> Answer:
        answer = Answer()
        await self._wsgi(scope, _nothing, answer.keep)
        return answer


async def _until_gone(waiting: Awaitable[None], receive: Receive) -> bool:
    """Wait; return whether the client has gone meanwhile."""
    gone = asyncio.ensure_future(_gone(receive))
    held = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait({gone, held}, return_when=asyncio.FIRST_COMPLETED)
        return gone.done()
    finally:
        gone.cancel()
        held.cancel()


async def _send_part(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _gone(receive: Receive) -> None:
    """Return when the client has closed its connection; a body that it sends is not looked at."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, text: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": text}).encode()})


def _may_wait(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != PATH:
        return False
    return "wait" in parse_qs(scope["query_string"].decode("latin-1"))


def _goes_on(scope: Scope) -> bool:
    asked = scope["type"] == "http" and scope["method"] == "GET"
    return asked and EVENTS.fullmatch(scope["path"]) is not None


def _caller(scope: Scope) -> bytes:
    """Return what stands for who calls, however long the header is."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    return hashlib.sha256(b"\0".join(given)).digest()
