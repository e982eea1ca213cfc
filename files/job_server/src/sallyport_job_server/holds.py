"""Requests of runners that wait for a change, in an event loop: none occupies a thread."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

CAP = 8
"""Requests of one runner's backend that wait at a time."""


@dataclass(frozen=True)
class _Held:
    known: int
    answer: asyncio.Future[None]

    def let_go(self) -> None:
        if not self.answer.done():
            self.answer.set_result(None)


class Holds:
    """Who waits, by backend. All but `tell` belong to the event loop.

    Of more than `cap` of one backend the first is let go.
    """

    def __init__(self, cap: int = CAP) -> None:
        self._cap = cap
        self._counters: Mapping[int, int] = {}
        self._waiting: defaultdict[int, deque[_Held]] = defaultdict(deque)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = False

    def begin(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()

    def tell(self, counters: Mapping[int, int]) -> None:
        """Let those go whose counter has risen; called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._update, counters)

    def end(self) -> None:
        """Let everybody go, now and from now on; safe in a signal handler of the loop's thread."""
        self._over = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._let_all_go)

    async def wait(self, backend_id: int, known: int, seconds: float) -> None:
        """Wait until the counter exceeds `known`, time is up, or there are too many."""
        if self._over or self._counters.get(backend_id, known) > known:
            return
        queue = self._waiting[backend_id]
        held = _Held(known, asyncio.get_running_loop().create_future())
        queue.append(held)
        if len(queue) > self._cap:
            queue[0].let_go()
        try:
            await asyncio.wait({held.answer}, timeout=seconds)
        finally:
            queue.remove(held)

    @property
    def is_over(self) -> bool:
        """Return whether nobody waits any more."""
        return self._over

    def waiting(self) -> int:
        """Return how many requests wait."""
        return sum(map(len, self._waiting.values()))

    def _update(self, counters: Mapping[int, int]) -> None:
        self._counters = counters
        for backend_id, queue in self._waiting.items():
            for held in queue:
                if counters.get(backend_id, held.known) > held.known:
                    held.let_go()

    def _let_all_go(self) -> None:
        for queue in self._waiting.values():
            for held in queue:
                held.let_go()
