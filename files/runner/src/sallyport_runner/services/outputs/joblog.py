"""logs.txt of a job: what its containers printed, then a summary."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, BinaryIO

from sallyport_common.paths import CHUNK
from sallyport_runner.models import Metadata
from sallyport_runner.profile import LOG_LIMIT

MARKER = "=============JOB SUMMARY============="
KEEP = 128 * 1024**2
"""Bytes of a container's output that are kept of its beginning, and as many of its end."""
SUMMARY = (
    "job_definition_id", "job_definition_request_id", "action", "commit", "action_repo",
    "action_tag", "action_commit", "docker_image_id",
    "exit_code", "created_at", "completed_at", "database_name", "status_message", "hint",
)  # fmt: skip


def copy_output(
    target: BinaryIO, chunks: Iterable[bytes], keep: int = KEEP, held: int = LOG_LIMIT
) -> None:
    """Write what a container printed: the first `keep` bytes and the last ones, cut at a line.

    A line between them says how much was left out. An output of `held` bytes or more is as long
    as what the engine keeps, so its true beginning may be gone; the same line says so.
    """
    with tempfile.SpooledTemporaryFile(CHUNK) as stream:
        end, total = _Ring(stream, keep), 0
        for chunk in chunks:
            beginning = chunk[: max(keep - total, 0)]
            target.write(beginning)
            end.write(chunk[len(beginning) :])
            total += len(chunk)
        blocks = end.blocks()
        if end.lost:
            first = next(blocks)
            line = first.find(b"\n") + 1
            target.write(_cut(end.lost + line, total >= held) + first[line:])
        target.writelines(blocks)


def _cut(lost: int, engine_cut: bool) -> bytes:
    also = "; the container engine may have removed output before that" if engine_cut else ""
    return f"\n({lost} bytes in the middle of this log were left out{also})\n".encode()


class _Ring:
    """Keeps the last `size` bytes of what is written to it, in a file."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._size, self._total = stream, size, 0

    @property
    def lost(self) -> int:
        """The number of bytes that are not kept any more."""
        return max(self._total - self._size, 0)

    def write(self, data: bytes) -> None:
        """Append bytes over the oldest ones."""
        if not data:
            return
        kept = data[-self._size :]
        start = (self._total + len(data) - len(kept)) % self._size
        first = self._size - start
        self._stream.seek(start)
        self._stream.write(kept[:first])
        self._stream.seek(0)
        self._stream.write(kept[first:])
        self._total += len(data)

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in the order in which they were written."""
        start = self._total % self._size if self.lost else 0
        for begin, end in ((start, min(self._total, self._size)), (0, start)):
            self._stream.seek(begin)
            for size in [CHUNK] * ((end - begin) // CHUNK) + [(end - begin) % CHUNK]:
                if size:
                    yield self._stream.read(size)


def summary(metadata: Metadata) -> bytes:
    """Return the block that closes a log."""
    lines = ["", MARKER]
    lines += [f"{key}: {metadata[key]}" for key in SUMMARY if metadata.get(key)]
    lines += ["", "outputs:"]
    lines += _table(metadata["outputs"]) or ["  (no outputs)"]
    withheld = metadata["level4_excluded_files"]
    if withheld:
        lines += ["", "Invalid moderately_sensitive outputs:", *_table(withheld)]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _table(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows), default=0)
    return [f"  {path:<{width}}  - {text}" for path, text in rows.items()]
