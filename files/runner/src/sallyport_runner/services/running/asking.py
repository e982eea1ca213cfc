"""Asks a container a question: it runs to its end, and the last line that it printed is the answer.

The containers that the runner starts for itself are asked like this, with the flags of a job.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sallyport_runner.models import ContainerSpec
from sallyport_runner.services.executor import Executor

TIME_LIMIT = 60.0
POLL = 0.1


class NoAnswerError(Exception):
    """The container did not end in time, failed, or printed nothing; the text says which."""


def answer(
    executor: Executor,
    spec: ContainerSpec,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Run a container and return its last line; the caller removes the container.

    One of the same name that an earlier process left is removed first. `clock` returns seconds,
    `wait` sleeps for some. Raises NoAnswerError, and what the executor raises.
    """
    executor.remove(spec.name)
    executor.start(spec)
    deadline = clock() + TIME_LIMIT
    while (status := executor.status(spec.name)) is not None and status.running:
        if clock() > deadline:
            raise NoAnswerError(f"its container did not end within {TIME_LIMIT:.0f} seconds")
        wait(POLL)
    lines = b"".join(executor.logs(spec.name)).decode(errors="replace").splitlines()
    last = lines[-1].partition(" ")[2] if lines else ""
    if status is None or status.exit_code != 0 or not last:
        raise NoAnswerError(f"its program failed: {last or 'no output'}")
    return last
