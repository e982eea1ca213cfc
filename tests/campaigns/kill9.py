"""A job server that is killed again and again while people submit, on either database.

Each submission has a key of its own and is sent until it is acknowledged, as a client does. What
was acknowledged has to be there once: asked for by its key again it is the same request, the
database has no other of that key, and the audit verifies. Run by `make campaign NAME=kill9`;
`--count` is the number of submissions, of which every fiftieth comes with a kill.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import requests
from sqlalchemy import func, select
from tests.bench.runner import study
from tests.conformance.server import Server
from tests.unit.postgres import PostgresServer

from sallyport_job_server.storage import tables

PEOPLE = 8
"""Clients that submit at once."""
PATIENCE = 120.0
FOR_EACH_KILL = 50
FLIGHT = 0.05
"""Seconds within which a submission is answered: a kill comes at any moment of them."""
WORKSPACE = "bench"


@dataclass
class Campaign:
    """A server, what was acknowledged by key, and how often something had to be sent again."""

    server: Server
    random: random.Random
    acknowledged: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    kills: int = 0

    def submit(self, key: str) -> str:
        """Send a submission until it is acknowledged; return the identifier."""
        body = {"workspace": WORKSPACE, "backend": "test", "requested_actions": [study.ONE]}
        headers = {**self.server._headers, "Idempotency-Key": key}
        url, deadline = f"{self.server.url}/api/v1/job-requests", time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = requests.post(url, json=body, headers=headers, timeout=20)
                if answer.status_code == 201:
                    return str(answer.json()["identifier"])
                if answer.status_code < 500:
                    raise RuntimeError(f"{key}: {answer.status_code} {answer.text[:200]}")
            except requests.RequestException:
                pass
            self.repeated += 1
            time.sleep(0.1)
        raise RuntimeError(f"{key} was not acknowledged in {PATIENCE:.0f} s")

    def kill(self) -> None:
        """Kill the server with all its processes, as power does, and start it again."""
        process = self.server._process
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        family = [process.pid, *map(int, children.read_text(encoding="ascii").split())]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        process.wait(20)
        self.kills += 1
        self.server.start()

    def run(self, count: int, kills: int) -> None:
        """Submit so many requests, and kill the server at a random one of each fifty."""
        keys = [f"key-{number}" for number in range(count)]
        fifties = [keys[number * FOR_EACH_KILL :][:FOR_EACH_KILL] for number in range(kills)]
        begun = {self.random.choice(fifty): threading.Event() for fifty in fifties}

        def strike() -> None:
            for event in begun.values():
                event.wait()
                time.sleep(self.random.uniform(0, FLIGHT))
                self.kill()

        def submit(key: str) -> str:
            if key in begun:
                begun[key].set()
            return self.submit(key)

        striker = threading.Thread(target=strike)
        striker.start()
        try:
            with ThreadPoolExecutor(PEOPLE) as pool:
                self.acknowledged = dict(zip(keys, pool.map(submit, keys), strict=True))
        finally:
            for event in begun.values():
                event.set()
            striker.join()

    def faults(self) -> list[str]:
        """Return what is not as it was promised."""
        found = []
        again = {key: self.submit(key) for key in list(self.acknowledged)[::FOR_EACH_KILL]}
        changed = [key for key, identifier in again.items() if self.acknowledged[key] != identifier]
        found += [f"{key} is another request when it is sent again" for key in changed]
        with self.server.services.database.read() as connection:
            stored = set(connection.execute(select(tables.job_requests.c.identifier)).scalars())
            number = connection.execute(
                select(func.count()).select_from(tables.job_requests)
            ).scalar_one()
        known = set(self.acknowledged.values())
        found += [f"{one} was acknowledged and is not there" for one in known - stored]
        if len(known) != len(self.acknowledged) or number != len(known):
            found.append(f"{len(self.acknowledged)} submissions, {len(known)} ids, {number} rows")
        verdict = self.server.services.audit.verify()
        created = [row for row in self._audited() if row in known]
        if not verdict.intact:
            found.append(f"the audit: {verdict.fault}")
        if sorted(created) != sorted(known):
            found.append(f"{len(created)} of {len(known)} requests are in the audit")
        return found

    def _audited(self) -> list[str]:
        rows = tables.AUDIT.rows.c
        query = select(rows.object).where(rows.event == "job_request.create")
        with self.server.services.database.read() as connection:
            return list(connection.execute(query).scalars())


def campaign(count: int, seed: int, database_url: str, name: str) -> bool:
    """Run the campaign on one database and print its line; return whether all was as promised."""
    with tempfile.TemporaryDirectory(prefix="kill9-") as folder:
        root = Path(folder)
        study.publish(root / "git", study.actions(1, 0, 1))
        server = Server(root, root / "git", workers=2, database_url=database_url)
        server.workspace(WORKSPACE, study.REPOSITORY)
        try:
            the = Campaign(server, random.Random(seed))
            begin = time.monotonic()
            the.run(count, count // FOR_EACH_KILL)
            seconds, faults = time.monotonic() - begin, the.faults()
        finally:
            server.stop()
    verdict = "each is there once, and the audit verifies" if not faults else "; ".join(faults)
    done = f"{count} submissions, {the.kills} kills, {the.repeated} sent again, {seconds:.0f} s"
    print(f"{name}, seed {seed}: {done}: {verdict}", flush=True)
    return not faults


def main(arguments: Sequence[str]) -> int:
    """Run it on both databases; 1 where a promise was broken."""
    count, seed = int(arguments[0]), int(arguments[1])
    postgres = PostgresServer()
    try:
        results = [
            campaign(count, seed, "", "SQLite"),
            campaign(count, seed, postgres.url(postgres.create()), "PostgreSQL"),
        ]
    finally:
        postgres.stop()
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
