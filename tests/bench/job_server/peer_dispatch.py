"""How soon the runner published on PyPI, at its own intervals, stores what was asked for."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.job_server.figures import Figure
from tests.bench.runner import study
from tests.bench.runner.moments import Rows, until
from tests.conformance import peer
from tests.conformance.server import TOKEN, Server

WORKSPACE = "bench"
LIMIT = 120.0
"""Seconds after which it is no longer waited for."""
STORED = "SELECT 1 FROM job_request WHERE id = ?"
NO_BAR = float("inf")


def measured(number: int) -> Iterator[Figure]:
    """Submit so many requests, each at a random moment; yield acknowledged → stored."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        study.publish(folder / "git", study.actions(1, 0, 1))
        server = Server(folder, folder / "git", workers=2)
        runner = peer.start(folder, server.url, TOKEN, folder / "git", "service", intervals={})
        try:
            server.workspace(WORKSPACE, study.REPOSITORY)
            took = list(_dispatches(server, folder, number))
        finally:
            runner.terminate()
            runner.wait(20)
            server.stop()
    yield Figure("peer_dispatch_p50_ms", 1000 * statistics.median(took), NO_BAR, "ms")


def _dispatches(server: Server, folder: Path, number: int) -> Iterator[float]:
    path = folder / "run" / "db.sqlite"
    until(path.exists, "the peer has its database", LIMIT, pause=0.1)
    rows = Rows(path)
    for _place in range(number):
        time.sleep(random.uniform(0.1, 5.0))
        identifier, begin = server.submit(WORKSPACE, study.ONE), time.time()
        asked = f"the peer stores {identifier}"
        yield until(lambda one=identifier: bool(rows.first(STORED, one)), asked, LIMIT) - begin
    rows.close()
