"""Keeps the policy in force and follows its file; a broken file never replaces a good policy."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Counter

from sallyport_common.errors import SettingsError
from sallyport_proxy.policy import Policy
from sallyport_proxy.services.policy_file import load_policy

LOG = logging.getLogger(__name__)
RELOADS = Counter("sallyport_proxy_policy_reloads", "Policy files read again.", ["outcome"])
Stamp = tuple[int, int, int]


class PolicyStore:
    """Gives the current policy; looks at its file at most once per interval (seconds)."""

    def __init__(
        self,
        path: Path,
        secrets: Path,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._secrets = path, secrets
        self._interval, self._clock = interval, clock
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._looked = clock()
        self._policy = load_policy(path, secrets)

    def current(self) -> Policy:
        """Return the policy in force, after reading a changed file."""
        with self._lock:
            if self._clock() - self._looked >= self._interval:
                self._looked = self._clock()
                self._follow()
            return self._policy

    def _look(self) -> Stamp | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _follow(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._policy = load_policy(self._path, self._secrets)
        except SettingsError as error:
            RELOADS.labels("refused").inc()
            LOG.error("policy refused, the old one stays", extra={"problems": error.problems})
            return
        RELOADS.labels("accepted").inc()
        LOG.info("policy reloaded")
