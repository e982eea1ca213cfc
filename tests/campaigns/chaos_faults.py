"""The faults of the campaign, each with a random choice of its own."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.runner.figures import OURS
from tests.bench.runner.rig import Rig
from tests.bench.runner.sides import Side
from tests.campaigns.chaos_database import Hospital
from tests.campaigns.own_engine import OwnEngine

from sallyport_runner.cli import AdminError, ask

ENGINE, DISK, DATABASE = "engine", "disk", "database"
AROUND = 2.0
"""Seconds around a fault in which a program may still meet it."""
STEPS = (-10_800, -3_600, -150, 0, 90, 900, 7_200)
"""Where the runner's clock may be, in seconds from the true time."""
VERB_TRIES = 40


@dataclass
class Chaos:
    """The faults, and what is needed to do them."""

    rig: Rig
    engine: OwnEngine
    hospital: Hospital
    disk: Path
    clock: Path
    workers: random.Random
    spans: defaultdict[str, list[tuple[float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """When a program could meet a fault, by what was at fault."""
    restarts: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def side(self) -> Side:
        """The runner."""
        return self.rig.sides[OURS]

    def faults(self) -> dict[str, Callable[[random.Random], None]]:
        """Return every kind of fault by its name."""
        return {
            "runner killed": lambda _choose: self.end(),
            "runner killed as it starts": self.kill_again,
            "runner stopped": self.stop,
            "engine restarted": lambda choose: self.restart_engine(choose, signal.SIGTERM),
            "engine killed": lambda choose: self.restart_engine(choose, signal.SIGKILL),
            "power cut": self.power_cut,
            "job server away": self.server_away,
            "git and registry hang": lambda choose: self.upstreams(
                choose, signal.SIGSTOP, signal.SIGCONT
            ),
            "git and registry broken": lambda choose: self.upstreams(
                choose, signal.SIGUSR1, signal.SIGUSR2
            ),
            "clock stepped": self.step_clock,
            "disk full": self.disk_full,
            "state lost": lambda _choose: self.damage(lost=True),
            "state torn": lambda _choose: self.damage(lost=False),
            "database restarted": self.restart_database,
            "database closed": self.maintenance,
        }

    def keep(self) -> None:
        """Start the runner again whenever it has ended, as its unit does."""
        while not self.over.wait(0.5):
            with self.lock:
                if self.side._process is None or self.side._process.poll() is not None:
                    self.restarts += 1
                    self.side.start(self.workers.choice((1, 2, 3, 3)))

    def end(self) -> None:
        """Kill the runner, if it has not ended."""
        process = self.side._process
        if process is not None:
            process.kill()
            process.wait()

    def kill_again(self, choose: random.Random) -> None:
        """Kill the runner while it starts."""
        for _time in range(3):
            self.end()
            time.sleep(choose.uniform(0.7, 3))

    def stop(self, choose: random.Random) -> None:
        """Stop the runner, as an upgrade does."""
        with self.lock:
            self.side.stop()
            time.sleep(choose.uniform(0, 2))

    def restart_engine(self, choose: random.Random, number: signal.Signals) -> None:
        """End the engine and start it again; by chance containers live on when it ends next."""
        with self._span(ENGINE):
            self.engine.end(number)
            time.sleep(choose.choice((0, 0, 2)))
            self.engine.start(live=choose.random() < 0.5)

    def power_cut(self, choose: random.Random) -> None:
        """End runner, containers and engine at once, and start what a boot starts."""
        with self._span(ENGINE):
            self.lock.acquire()
            try:
                self.end()
                self.engine.power_cut()
            finally:
                if choose.random() < 0.5:  # the runner is the first to start
                    self.lock.release()
                    self.engine.start(live=choose.random() < 0.5)
                else:
                    self.engine.start(live=choose.random() < 0.5)
                    self.lock.release()

    def server_away(self, choose: random.Random) -> None:
        """Stop the job server for a while."""
        self.rig.server.halt()
        time.sleep(choose.uniform(1, 5))
        self.rig.server.start()

    def upstreams(self, choose: random.Random, begin: signal.Signals, over: signal.Signals) -> None:
        """Let git and the registry answer nothing for a while, or break every question off."""
        os.kill(self.rig.upstreams, begin)
        time.sleep(choose.uniform(1, 5))
        os.kill(self.rig.upstreams, over)

    def step_clock(self, choose: random.Random) -> None:
        """Set the runner's clock forward or back while it runs."""
        self.set_clock(choose.choice(STEPS))

    def set_clock(self, seconds: int) -> None:
        """Let the runner's clock be so many seconds from the true time."""
        new = self.clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n", encoding="utf-8")
        new.replace(self.clock)

    def disk_full(self, choose: random.Random) -> None:
        """Fill the disk of trees and state to the last byte for a while."""
        filler = self.disk / "filler"
        with self._span(DISK):
            with filler.open("wb", buffering=0) as stream:
                try:
                    while stream.write(b"\0" * 65536):
                        pass
                except OSError:
                    pass
            time.sleep(choose.uniform(2, 4))
            filler.unlink()

    def damage(self, *, lost: bool) -> None:
        """Kill the runner and take its database away, or write over a part of it."""
        with self.lock:
            self.end()
            self.side.rows.close()
            path = self.side.database
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            if lost:
                path.unlink(missing_ok=True)
            elif path.exists():
                size = path.stat().st_size
                with path.open("r+b") as stream:
                    stream.seek(size // 3)
                    stream.write(os.urandom(min(size // 3, 65536)))

    def restart_database(self, choose: random.Random) -> None:
        """Restart the database that jobs query, in order or at once."""
        with self._span(DATABASE):
            self.hospital.restart(choose.choice((signal.SIGINT, signal.SIGQUIT)))

    def maintenance(self, choose: random.Random) -> None:
        """Close the database by the operator's verb for a while."""
        self.verb("on")
        time.sleep(choose.uniform(1, 4))
        self.verb("off")

    def verb(self, state: str) -> None:
        """Close or open the database, also while the runner starts."""
        for _try in range(VERB_TRIES):
            try:
                ask(self.engine.run / "admin.sock", "POST", f"/db-maintenance/{state}", 5)
            except AdminError:
                time.sleep(0.5)
            else:
                return
        raise RuntimeError(f"the verb db-maintenance {state} was never answered")

    @contextmanager
    def _span(self, what: str) -> Iterator[None]:
        begin = time.time()
        try:
            yield
        finally:
            self.spans[what].append((begin - AROUND, time.time() + AROUND))
