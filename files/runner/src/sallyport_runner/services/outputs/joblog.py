"""logs.txt of a job: what its containers printed, then a summary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from sallyport_runner.models import Metadata

MARKER = "=============JOB SUMMARY============="
MAX_BYTES = 256 * 1024**2
SUMMARY = (
    "job_definition_id", "job_definition_request_id", "action", "commit", "docker_image_id",
    "exit_code", "created_at", "completed_at", "database_name", "status_message", "hint",
)  # fmt: skip


def copy_output(target: BinaryIO, chunks: Iterable[bytes]) -> None:
    """Write what a container printed, up to a limit."""
    left = MAX_BYTES
    for chunk in chunks:
        target.write(chunk[:left])
        left -= len(chunk)
        if left < 0:
            target.write(b"\n(the rest of the log was left out)\n")
            return


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
