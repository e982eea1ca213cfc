"""A long log keeps its beginning and its end, and says what it lost."""

from __future__ import annotations

import io
import re
from itertools import accumulate

import pytest

from sallyport_runner.services.outputs import joblog

LINES = [b"line %06d\n" % number for number in range(1000)]  # 12 bytes each


def copy(chunks: list[bytes], keep: int, held: int = 10**9) -> bytes:
    """Return what is written of an output."""
    target = io.BytesIO()
    joblog.copy_output(target, chunks, keep, held)
    return target.getvalue()


def split(data: bytes, size: int) -> list[bytes]:
    """Return data in pieces of one size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 12, 1024, 5000, 100_000])
@pytest.mark.parametrize("count", [0, 1, 83, 166, 167, 168, 500, 1000])
def test_beginning_and_end_are_kept_and_the_middle_is_counted(count: int, size: int) -> None:
    printed, keep = b"".join(LINES[:count]), 1000
    log = copy(split(printed, size), keep)
    if len(printed) <= 2 * keep:
        assert log == printed
        return
    cut = re.search(rb"\n\((\d+) bytes in the middle of this log were left out\)\n", log)
    assert cut
    beginning, end = log[: cut.start()], log[cut.end() :]
    assert beginning == printed[:keep]
    assert printed.endswith(end)
    assert end.startswith(b"line ")
    assert keep - 12 < len(end) <= keep
    assert len(beginning) + int(cut[1]) + len(end) == len(printed)


def test_an_output_as_long_as_the_engines_own_limit_is_said_to_lack_its_beginning() -> None:
    printed = b"".join(LINES)
    assert b"engine may have removed" in copy([printed], 1000, held=len(printed))
    assert b"engine may have removed" not in copy([printed], 1000, held=len(printed) + 1)


def test_one_line_that_is_longer_than_what_is_kept_is_cut_inside() -> None:
    log = copy([b"x" * 5000], 1000)
    assert log.startswith(b"x" * 1000 + b"\n(3000 bytes")
    assert log.endswith(b"x" * 1000)


def test_blocks_come_in_order_wherever_the_ring_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblog, "CHUNK", 64)
    for total in accumulate([997] * 7):
        printed = b"".join(LINES)[:total]
        log = copy(split(printed, 31), 500)
        assert printed.endswith(log.rpartition(b"left out)\n")[2])
