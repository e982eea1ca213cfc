"""What wakes the run loop: names of what changed, put by other threads, taken by the loop."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class News:
    """What changed since the loop looked last.

    `jobs` are ids of jobs whose row, container, slow step or timer has something for the loop;
    `rows` are those whose row somebody else than the loop changed; `ended` names containers that
    the engine saw end; `requests` says that a request may be admitted; `everything` asks for a
    full pass, because it is not known what changed.
    """

    jobs: set[str] = field(default_factory=set)
    rows: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    requests: bool = False
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.jobs or self.ended or self.requests or self.everything)


class Inbox:
    """Collects news; every method may be called from any thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._news = News()
        self._streams = 0
        self.stream = 0
        """Which stream of the engine's events is open, by number; 0 while none is."""

    def jobs(self, identifiers: Iterable[str]) -> None:
        """Say that rows of jobs changed."""
        with self._condition:
            changed = set(identifiers)
            self._news.jobs |= changed
            self._news.rows |= changed
            self._condition.notify()

    def ended(self, container: str) -> None:
        """Say that the engine saw a container end."""
        with self._condition:
            self._news.ended.add(container)
            self._condition.notify()

    def hears(self) -> None:
        """Say that a stream of the engine's events was opened; ends before it were not told."""
        with self._condition:
            self._streams += 1
            self.stream = self._streams
        self.everything()

    def deaf(self) -> None:
        """Say that the stream broke off, as it does when the engine ends."""
        with self._condition:
            self.stream = 0
        self.everything()

    def requests(self) -> None:
        """Say that there are requests to admit, or that one was admitted."""
        with self._condition:
            self._news.requests = True
            self._condition.notify()

    def everything(self) -> None:
        """Ask for a full pass."""
        with self._condition:
            self._news.everything = True
            self._condition.notify()

    def step_done(self, request: str, owner: str) -> None:
        """Say that a slow step has its result; a step of a request is owned by its id."""
        if owner == request:
            self.requests()
            return
        with self._condition:
            self._news.jobs.add(owner.partition(" ")[0])
            self._condition.notify()

    def take(self, seconds: float = 0.0) -> News:
        """Return the news and forget them; where there are none, wait for some so long."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._news), timeout=max(seconds, 0.0))
            news, self._news = self._news, News()
        return news
