"""What keeps every job of this backend from starting, and how people are told."""

from __future__ import annotations

from typing import Protocol

from sallyport_runner.flags import Flag
from sallyport_runner.models import Reason
from sallyport_runner.services.running.space import Space


class SelfTest(Protocol):
    """The self-test of the sandbox."""

    faults: list[str]
    """A sentence for each fault of the last run; none if it passed."""

    def due(self) -> bool:
        """Return whether it should run."""

    def run(self) -> list[str]:
        """Run it and return its faults."""


class Obstacles:
    """Looks at all that holds back every job; each has a reason, a flag and a sentence."""

    def __init__(self, space: Space, self_test: SelfTest) -> None:
        self._space, self._self_test = space, self_test

    def reason(self) -> Reason:
        """Return why no job may start, NONE if jobs may."""
        if self._self_test.faults:
            return Reason.SELF_TEST
        return Reason.DISK_SPACE if self._space.short() else Reason.NONE

    def self_test_faults(self) -> list[str]:
        """Return a sentence for each fault of the last self-test."""
        return list(self._self_test.faults)

    def sentences(self) -> list[str]:
        """Return every obstacle in a sentence for operators."""
        full = [f"No job starts: {short}." for short in self._space.short()]
        return full + [f"No job starts: {fault}" for fault in self._self_test.faults]


FLAGS = {Reason.DISK_SPACE: Flag.LOW_DISK, Reason.SELF_TEST: Flag.SELF_TEST}
"""The flag that tells the job server of an obstacle."""
