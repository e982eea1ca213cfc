"""Work on many things in a few threads; who asked for it is told how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

THREADS = 2
"""One runs Python while the kernel makes files for the other."""
LOOK = 0.2
"""Seconds between two reports, at the most."""
T = TypeVar("T")


def side_by_side(
    work: Callable[[Sequence[T]], Iterator[None]],
    parts: Sequence[Sequence[T]],
    report: Callable[[int], None],
) -> None:
    """Let `work` take each part; it yields before each thing of it.

    `report` gets the number of things that were begun, in the caller's thread. What it raises, or
    `work` does, ends all of it before the next thing.
    """
    over, begun = threading.Event(), [0] * len(parts)

    def run(place: int) -> None:
        for _thing in work(parts[place]):
            if over.is_set():
                return
            begun[place] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        pending = {pool.submit(run, place) for place in range(len(parts))}
        try:
            while pending:
                report(sum(begun))
                ended, pending = wait(pending, LOOK, FIRST_COMPLETED)
                for one in ended:
                    one.result()
        finally:
            over.set()
            pool.shutdown(cancel_futures=True)
