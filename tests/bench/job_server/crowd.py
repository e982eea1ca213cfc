"""Runners that wait, each with a connection of its own, and one token that drops its polls."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PATH = "/api/v2/job-requests/?wait=50"


@dataclass
class Crowd:
    """Idle runners in an event loop of their own."""

    url: str
    tokens: list[str]
    heard: dict[str, float] = field(default_factory=dict)
    """When the identifier of a request reached a runner, by the machine's clock."""
    polls: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _kept: list[Future[None]] = field(default_factory=list)
    """The loop itself forgets tasks that nobody keeps."""

    def begin(self) -> None:
        """Let every runner wait."""
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        for token in self.tokens:
            self._run(self._runner(token))

    def drop(self, token: str, rate: float) -> None:
        """Let somebody open so many polls a second, and close each at once."""
        self._run(self._dropper(token, rate))

    def end(self) -> None:
        """Close all connections."""
        self._loop.call_soon_threadsafe(self._cancel)
        while self._loop.is_running():
            time.sleep(0.01)
        self._loop.close()

    def _cancel(self) -> None:
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        ended = asyncio.gather(*tasks, return_exceptions=True)
        ended.add_done_callback(lambda _ended: self._loop.stop())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._kept.append(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _runner(self, token: str) -> None:
        """Ask as our runner does: with the tag of the last answer, at once again."""
        tag = '"none"'
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async with _connection(self.url) as (reader, writer):
                    while True:
                        tag = await self._poll(reader, writer, token, tag)
            await asyncio.sleep(0.1)

    async def _poll(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, tag: str
    ) -> str:
        writer.write(_request(token, tag))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        body = await reader.readexactly(int(lines.get("content-length", "0")))
        now, self.polls = time.monotonic(), self.polls + 1
        for part in body.split(b'"identifier":"')[1:]:
            self.heard.setdefault(part.partition(b'"')[0].decode(), now)
        return lines.get("etag", tag)

    async def _dropper(self, token: str, rate: float) -> None:
        begin, number = time.monotonic(), 0
        while True:
            number += 1
            await asyncio.sleep(max(0, begin + number / rate - time.monotonic()))
            with contextlib.suppress(OSError):
                async with _connection(self.url) as (_reader, writer):
                    writer.write(_request(token, '"1"'))
                    await writer.drain()


@contextlib.asynccontextmanager
async def _connection(url: str) -> Any:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield reader, writer
    finally:
        writer.close()


def _request(token: str, tag: str) -> bytes:
    lines = [f"GET {PATH} HTTP/1.1", "Host: jobs.example", f"Authorization: {token}"]
    return "\r\n".join([*lines, f"If-None-Match: {tag}", "", ""]).encode()
