"""The preparation of a reboot: asked for by an operator, ready when no job runs, then over."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from sallyport_common.errors import SallyportError
from sallyport_common.protocol import State, StatusCode, state_of, utc_now_text
from sallyport_runner.flags import Flag
from sallyport_runner.storage import Store

log = logging.getLogger(__name__)


class NoBootError(SallyportError):
    """This runner cannot tell a reboot from its own restart."""


@dataclass(frozen=True)
class Preparation:
    """How far the preparation of a reboot is; `running` counts the jobs that still run."""

    requested: bool
    ready: bool
    resume: bool
    running: int

    def to_wire(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


class Reboot:
    """Keeps in the store that a reboot is being prepared, and ends that after the boot if asked."""

    def __init__(self, store: Store, boot: str) -> None:
        """`boot` names the present boot of the host; empty if that is not known."""
        self._store, self._boot = store, boot

    def prepare(self, *, resume: bool) -> None:
        """Let no job start, and have those that run put back; `resume` ends this at the next boot.

        Raises NoBootError where a boot cannot be told apart.
        """
        if resume and not self._boot:
            raise NoBootError(
                "The runner cannot tell a reboot from its own restart: it was not started by its "
                "unit. Leave --resume out, and run `sallyport-runner unpause` after the reboot."
            )
        self._set(True)
        self._store.resume_after(self._boot if resume else None, utc_now_text())

    def end(self) -> None:
        """Forget the preparation, whether the host was restarted or not."""
        if self._store.flags().rebooting:
            self._store.set_flag(Flag.REBOOT, False, utc_now_text())
            self._store.resume_after(None, utc_now_text())

    def begin(self) -> None:
        """Let jobs start again if this is the boot after a preparation that asked for it."""
        asked_in = self._store.resumes_after()
        if asked_in is not None and self._boot not in {"", asked_in}:
            self._set(False)
            self._store.resume_after(None, utc_now_text())
            log.info("the host was restarted: jobs start again")

    def state(self) -> Preparation:
        """Return how far it is. What is being recorded ends first: its program has ended."""
        requested = self._store.flags().rebooting
        running = sum(
            number
            for code, number in self._store.counts().items()
            if state_of(StatusCode(code)) is State.RUNNING
        )
        resume = self._store.resumes_after() is not None
        return Preparation(requested, requested and not running, resume, running)

    def _set(self, on: bool) -> None:
        for flag in (Flag.PAUSED, Flag.REBOOT):
            self._store.set_flag(flag, on, utc_now_text())
