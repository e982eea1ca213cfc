"""Asks a container a question: it runs to its end, and the last line that it printed is the answer.

The containers that the runner starts for itself are asked like this, with the flags of a job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sallyport_runner.models import ContainerSpec
from sallyport_runner.services.executor import Executor

TIME_LIMIT = 60.0
POLL = 0.1
TAIL = 64 * 1024
"""Bytes at the end of an output that are looked at; a program may print any number."""


class NoAnswerError(Exception):
    """The container did not end in time, failed, or printed nothing; the text says which."""


def answer(
    executor: Executor,
    spec: ContainerSpec,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Run a container and return the last line of its standard output that is not blank.

    One of the same name that an earlier process left is removed first; the caller removes this
    one. `clock` returns seconds, `wait` sleeps for some. Raises NoAnswerError, and what the
    executor raises.
    """
    executor.remove(spec.name)
    executor.start(spec)
    deadline = clock() + TIME_LIMIT
    while (status := executor.status(spec.name)) is not None and status.running:
        if clock() > deadline:
            raise NoAnswerError(f"its container did not end within {TIME_LIMIT:.0f} seconds")
        wait(POLL)
    if status is None or status.exit_code != 0:
        said = _last(executor.logs(spec.name))
        raise NoAnswerError(f"its program failed: {said or 'no output'}")
    said = _last(executor.logs(spec.name, errors=False))
    if not said:
        raise NoAnswerError("its program failed: no output")
    return said


def _last(chunks: Iterable[bytes]) -> str:
    """Return the last line that says something, without its time."""
    tail = b""
    for chunk in chunks:
        tail = (tail + chunk)[-TAIL:]
    said = (line.partition(" ")[2].strip() for line in tail.decode(errors="replace").splitlines())
    return ([line for line in said if line] or [""])[-1]
