"""One lock per name, made when first needed and forgotten with its last holder."""

from __future__ import annotations

import threading

from sallyport_proxy.models import Reason, Refusal


class KeyedLocks:
    """Locks by name; waiting longer than `patience` seconds raises Refusal."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._users: dict[str, int] = {}

    def acquire(self, name: str) -> None:
        """Take the lock of a name."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
            self._users[name] = self._users.get(name, 0) + 1
        if not lock.acquire(timeout=self._patience):
            self._forget(name)
            raise Refusal(Reason.UPSTREAM_LIMIT)

    def release(self, name: str) -> None:
        """Give the lock of a name back."""
        self._locks[name].release()
        self._forget(name)

    def _forget(self, name: str) -> None:
        with self._guard:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]
