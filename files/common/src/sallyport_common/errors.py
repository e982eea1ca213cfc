"""The base of our exceptions, and how a command ends on one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

EX_CONFIG = 78
"""Exit code for bad configuration (sysexits.h); units do not restart on it."""


class SallyportError(Exception):
    """A problem that a person can act on; its text is one sentence for them."""


class SettingsError(SallyportError):
    """The configuration is incomplete or wrong; `problems` names every fault, never a value."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def run_cli(main: Callable[[Sequence[str]], int], argv: Sequence[str] | None = None) -> int:
    """Run a command; print one line for our own errors (exit 78 for settings, 1 otherwise)."""
    try:
        return main(sys.argv[1:] if argv is None else argv)
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"configuration: {problem}\n")
        return EX_CONFIG
    except SallyportError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
