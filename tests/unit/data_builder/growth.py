"""How the SQL of a definition grows with its operands: in characters, and in CPU seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.unit.data_builder.engines import mapping

from sallyport_data_builder.lang.datasets import plan_of
from sallyport_data_builder.settings import Settings
from sallyport_data_builder.sql.explain import statements

SETTINGS = Settings.from_env({"DATA_BUILDER_JOB_ID": "size"})
LIMIT = 2.0
"""CPU seconds for sixty operands: one where we measure, and CI's machine may be half as fast."""
BACKEND = mapping('scratch_schema = "scratch"')


def size(definition: Any, scheme: str) -> int:
    """Return how many characters of SQL answer a definition."""
    return len(statements(plan_of(definition), BACKEND, scheme, SETTINGS))


def grown(make: Callable[[int], Any], scheme: str) -> tuple[int, int]:
    """Return the characters for thirty and for sixty operands; sixty take less than `LIMIT`."""
    half, seconds = size(make(30), scheme), []
    for _ in range(3):  # the least of three: what else runs on the machine can only add
        started = time.process_time()
        whole = size(make(60), scheme)
        seconds.append(time.process_time() - started)
        if seconds[-1] < LIMIT:
            break
    assert min(seconds) < LIMIT
    return half, whole
