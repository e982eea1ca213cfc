"""`make bench PART=job_server`: how soon runners hear of a request, what a crowd costs, and pages.

The job server runs on its shipped settings: two processes, each with 32 threads, on SQLite.
Prints a table; ends with 1 if a figure misses its bar. The runner published on PyPI takes its work
from the same server, at its own intervals; its figure has no bar.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import requests
from tests.bench.job_server import pages, peer_dispatch
from tests.bench.job_server.crowd import Crowd
from tests.bench.job_server.figures import Figure, quantile
from tests.bench.runner import study
from tests.conformance.server import Server

from sallyport_common import tokens
from sallyport_job_server.models import Operator

WORKERS = 2
WORKSPACE = "bench"


class Crowded(Server):
    """The job server with so many backends, each with a runner that waits."""

    def __init__(self, folder: Path, gitroot: Path, number: int) -> None:
        self.backends = {f"b{place:03}": tokens.new_backend_token() for place in range(number)}
        super().__init__(folder, gitroot, workers=WORKERS)

    def _set_up(self) -> None:
        super()._set_up()
        ada = self.services.accounts.log_in("ada", "correct horse battery", "", "local")
        for slug, token in self.backends.items():
            self.services.backends.ensure(Operator("bench"), slug, slug, "", {"jobs": token})
            self.services.accounts.add_to_backend(ada, slug, "rita")

    def request(self, slug: str) -> tuple[str, float, float]:
        """Ask for a job; return the request, when it was acknowledged, and how long that took."""
        body = {"workspace": WORKSPACE, "backend": slug, "requested_actions": [study.ONE]}
        begin = time.monotonic()
        answer = self._post("/api/v1/job-requests", body)
        end = time.monotonic()
        answer.raise_for_status()
        return str(answer.json()["identifier"]), end, end - begin

    def processes(self) -> list[int]:
        """Return gunicorn and its workers."""
        parent = self._process.pid
        words = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        return [parent, *map(int, words.split())]


def cpu(processes: Sequence[int]) -> float:
    """Return the CPU seconds that processes have used."""
    ticks = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the memory that a process has now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def crowded(idle: int) -> Iterator[tuple[Crowded, Crowd]]:
    """Give a server before which so many runners wait."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        study.publish(folder / "git", study.actions(1, 0, 1))
        server = Crowded(folder, folder / "git", idle)
        server.workspace(WORKSPACE, study.REPOSITORY)
        crowd = Crowd(server.url, list(server.backends.values()))
        crowd.begin()
        while crowd.polls < idle:
            time.sleep(0.1)
        time.sleep(1)
        try:
            yield server, crowd
        finally:
            crowd.end()
            server.stop()


def dispatches(server: Crowded, crowd: Crowd, number: int) -> tuple[list[float], list[float]]:
    """Submit so many requests; return acknowledged → runner, and how long each submission took."""
    slugs, told, took = list(server.backends), [], []
    for place in range(number):
        identifier, acknowledged, seconds = server.request(slugs[place % len(slugs)])
        deadline = time.monotonic() + 10
        while identifier not in crowd.heard:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no runner heard of {identifier}")
            time.sleep(0.001)
        told.append(max(0.0, crowd.heard[identifier] - acknowledged))
        took.append(seconds)
    return told, took


def health(server: Crowded, seconds: float) -> list[float]:
    """Ask for the health, twenty times a second; return how long each answer took."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        requests.get(f"{server.url}/healthz", timeout=30).raise_for_status()
        found.append(time.monotonic() - begin)
        time.sleep(0.05)
    return found


def measured(idle: int, number: int, seconds: float) -> Iterator[Figure]:
    """Measure before so many idle runners, first in peace and then while polls are dropped."""
    name = f"_{idle}"
    with crowded(idle) as (server, crowd):
        processes = server.processes()
        before = cpu(processes)
        time.sleep(seconds)
        yield Figure(f"idle_cpu_pct{name}", 100 * (cpu(processes) - before) / seconds, 3, "%")
        told, took = dispatches(server, crowd, number)
        yield Figure(f"dispatch_p50_ms{name}", 1000 * statistics.median(told), 20, "ms")
        yield Figure(f"dispatch_p99_ms{name}", quantile(told, 0.99), 100, "ms")
        yield Figure(f"submit_p50_ms{name}", 1000 * statistics.median(took), 150, "ms")
        yield Figure(f"healthz_p95_ms{name}", quantile(health(server, seconds), 0.95), 100, "ms")
        crowd.drop(next(iter(server.backends.values())), 200)
        told, _took = dispatches(server, crowd, number // 3)
        yield Figure(f"dropped_dispatch_p50_ms{name}", 1000 * statistics.median(told), 20, "ms")
        answers = health(server, seconds)
        yield Figure(f"dropped_healthz_p95_ms{name}", quantile(answers, 0.95), 100, "ms")
        memory = max(map(memory_mb, processes))
        yield Figure(f"rss_mb{name}", memory, 200, "MB")


def main(arguments: Sequence[str]) -> int:
    """Print every figure as it is known; 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    options = parser.parse_args(arguments)
    number, seconds = (30, 3.0) if options.quick else (300, 20.0)
    crowds = [measured(idle, number, seconds) for idle in ((20,) if options.quick else (100, 500))]
    size = pages.Size(100, 20, 20) if options.quick else pages.Size()
    met = True
    peer = peer_dispatch.measured(3 if options.quick else 30)
    for one in chain(*crowds, peer, pages.measured(size)):
        good = one.value <= one.bar
        met = met and good
        verdict = "ok" if good else "MISSED"
        line = f"{one.name:28} {one.value:9.1f} {one.unit:3} of {one.bar:6.0f}  {verdict}"
        print(line, flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
