"""Images by name: the registry is asked about each once a minute, however many jobs use it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from sallyport_runner.models import Image
from sallyport_runner.services.executor import Executor

KEPT = 60.0
"""Seconds for which an answer of the registry counts."""


class Images:
    """Fetches images; several jobs that want the same one wait for one fetch."""

    def __init__(
        self,
        executor: Executor,
        digests: Mapping[str, str],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor, self._digests, self._ticks = executor, digests, ticks
        self._known: dict[str, tuple[float, Image]] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, name: str, digest: str | None = None) -> Image:
        """Return the image `name:tag` by its content; raise what the executor raises.

        A `digest` says which content; without one it is the site's, or what the registry has now.
        """
        key = f"{name}@{digest}" if digest else name
        with self._locks[key]:
            asked, image = self._known.get(key, (0.0, None))
            if image is None or self._ticks() - asked >= KEPT:
                image = self._executor.fetch_image(name, digest or self._digests.get(name))
                self._known[key] = self._ticks(), image
            return image
