"""The job server of a runner in one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sallyport_runner.flags import Flags
from sallyport_runner.services.requests.server import Listing


@dataclass
class Posts:
    """Stands for the job server: keeps what was posted."""

    bodies: list[list[dict[str, Any]]] = field(default_factory=list)
    listing: Listing = field(default_factory=lambda: Listing([], None))
    rows: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    sent_flags: Flags = field(default_factory=Flags)
    partial: bool = False

    def requests(self, etag: str | None, flags: Flags) -> Listing:
        self.asked.append(etag)
        self.sent_flags = flags
        return self.listing

    def jobs(self, requests: Sequence[str]) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["job_request_id"] in requests]

    def history(self, after: int) -> tuple[list[dict[str, Any]], int | None]:
        assert not after
        return [], None

    def post(self, rows: list[dict[str, Any]], flags: Flags, *, partial: bool) -> None:
        self.partial = partial
        self.sent_flags = flags
        self.bodies.append(rows)
