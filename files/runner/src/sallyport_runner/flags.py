"""The flags of a backend, as the job protocol's Flags header has them.

`low-disk`, `self-test` and `reboot` are ours: other servers keep and ignore them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Flag(enum.StrEnum):
    """A flag by its name on the wire; `on_value` is the value that means it is on."""

    MODE = "mode"
    PAUSED = "paused"
    MANUAL_MAINTENANCE = "manual-db-maintenance"
    LOW_DISK = "low-disk"
    SELF_TEST = "self-test"
    REBOOT = "reboot"

    @property
    def on_value(self) -> str:
        """The value of the flag when it is on; any other value, and None, mean off."""
        return _ON[self]


_ON = {
    Flag.MODE: "db-maintenance",
    Flag.PAUSED: "true",
    Flag.MANUAL_MAINTENANCE: "on",
    Flag.LOW_DISK: "true",
    Flag.SELF_TEST: "failed",
    Flag.REBOOT: "true",
}


@dataclass(frozen=True)
class Flags:
    """The flags as the store has them: value and time of the last change, in wire form."""

    values: Mapping[Flag, tuple[str | None, str]] = field(default_factory=dict)

    @property
    def paused(self) -> bool:
        """Whether no further job may start."""
        return self.on(Flag.PAUSED)

    @property
    def rebooting(self) -> bool:
        """Whether an operator is about to restart the host."""
        return self.on(Flag.REBOOT)

    @property
    def manual_maintenance(self) -> bool:
        """Whether an operator closed the database for jobs."""
        return self.on(Flag.MANUAL_MAINTENANCE)

    @property
    def maintenance(self) -> bool:
        """Whether the database is closed for jobs, by an operator or by the backend's mode."""
        return self.manual_maintenance or self.on(Flag.MODE)

    def on(self, flag: Flag) -> bool:
        """Return whether a flag is on."""
        return flag in self.values and self.values[flag][0] == flag.on_value
