"""A step in a process of its own, which is killed at each of its calls of the file system."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator

CALLS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}


def killed_at(number: int, step: Callable[[], object]) -> bool:
    """Run a step in a child that is killed before its call of this number; return whether it was.

    Raises RuntimeError where the step fails by itself.
    """
    child = os.fork()
    if not child:
        _run(number, step)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        raise RuntimeError("the step failed")
    return False


def _run(number: int, step: Callable[[], object]) -> None:
    left = number

    def hook(event: str, _arguments: object) -> None:
        nonlocal left
        if event in CALLS:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    code = 1
    try:
        step()
        code = 0
    finally:
        os._exit(code)


def moments(step: Callable[[], object], every: int = 1) -> Iterator[int]:
    """Yield the number of each call at which a step was killed, right after that; then end."""
    number = 1
    while killed_at(number, step):
        yield number
        number += every
