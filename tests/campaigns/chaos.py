"""For some hundred faults: whatever is killed, lost or full, each job ends once and right.

The real daemon works for the real job server, with real git and the machine's own engine. Faults
come at random moments while requests are submitted. The witnesses are outside the runner: the
engine's events and list of containers, the job server's database, the files of both trees. It
restarts the engine, so it refuses to run beside containers that are not its own. Run by
`make campaign NAME=chaos`; --count is the number of faults.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.runner import study
from tests.bench.runner.figures import OURS
from tests.bench.runner.job_server import Accepted
from tests.bench.runner.moments import Rows, event, until
from tests.bench.runner.rig import Rig, rig
from tests.bench.runner.sides import Side

ACTIONS = 12
WORKERS = 3
PATIENCE = 300.0
FLOOR = 16 * 1024**2
OF_THE_ENGINE = frozenset({"engine restart", "engine killed", "reboot"})
ENGINE = Path("/var/run/docker.pid")
ALL = "SELECT count(*) FROM jobs WHERE status NOT IN ('succeeded', 'failed')"
ENDS = "SELECT identifier FROM jobs WHERE status IN ('succeeded', 'failed')"


def programs() -> dict[str, dict[str, object]]:
    """Return the actions: some short, some long enough to meet a fault, a chain of three."""
    found = {}
    for number in range(ACTIONS):
        seconds = (0, 0.3, 1, 2, 4)[number % 5]
        name = f"a{number}"
        program = f"sleep {seconds}; {study.trivial(name)}"
        found[name] = study._action(name, program)
        if number % 4 == 3:
            found[name]["needs"] = [f"a{number - 1}", f"a{number - 2}"]
    return dict(found) | {study.SLOW: study._action(study.SLOW, "sleep 600")}


@dataclass
class Witness:
    """Sees every container of a job that the engine starts, and every end that the server has."""

    rig: Rig
    starts: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    deaths: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start watching."""
        for watch in (self._listen, self._look):
            threading.Thread(target=watch, daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    def _listen(self) -> None:
        """Follow the engine's events; after a restart of the engine, again."""
        words = ["docker", "events", "--filter", "type=container", "--format", "{{json .}}"]
        while not self._over.is_set():
            with subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                assert process.stdout
                for line in process.stdout:
                    name, action, moment = event(line)
                    container = json.loads(line)["Actor"]["ID"]
                    if action == "start" and name.startswith("os-job-"):
                        self.starts[name].setdefault(container, moment)
                    elif action == "die":
                        self.deaths.setdefault(container, moment)
            time.sleep(0.05)

    def _look(self) -> None:
        """Ask the server which jobs have ended; it has acknowledged what it stores."""
        rows = Rows(self.rig.folder / "job_server.sqlite3")
        while not self._over.wait(0.1):
            for (job,) in rows.all(ENDS):
                self.ends.setdefault(job, time.time())

    def faults(self) -> Iterator[str]:
        """Yield what must not have happened."""
        for name, started in self.starts.items():
            job = name.removeprefix("os-job-").removesuffix("-compile")
            end = self.ends.get(job)
            ordered = sorted(started.items(), key=lambda one: one[1])
            for (container, begin), (_next, after) in itertools.pairwise(ordered):
                died = self.deaths.get(container)
                if died is not None and died > after:
                    yield f"{name}: two containers at once ({begin}, {after})"
            if end is not None and ordered and ordered[-1][1] > end + 1:
                yield f"{name}: started {ordered[-1][1] - end:.1f} s after its end was stored"


@dataclass
class Chaos:
    """The faults, and what is needed to do them."""

    rig: Rig
    choose: random.Random
    disk: Path
    requests: list[Accepted] = field(default_factory=list)
    restarts: int = 0
    full: list[tuple[float, float]] = field(default_factory=list)
    """When the disk was full: a program that writes then fails, as it would anywhere."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def side(self) -> Side:
        """The runner."""
        return self.rig.sides[OURS]

    def submit(self) -> None:
        """Ask for some actions, or all, in one of three workspaces."""
        names = [f"a{n}" for n in range(ACTIONS)]
        picked = self.choose.sample(names, self.choose.randint(1, ACTIONS))
        workspace = self.choose.choice((OURS, f"{OURS}-many"))
        self.requests.append(self.rig.server.request(self.side.name, workspace, picked))

    def faults(self) -> dict[str, Callable[[], None]]:
        """Return every kind of fault by its name."""
        return {
            "kill": self.kill,
            "kill again": self.kill_again,
            "stop": self.stop,
            "engine restart": lambda: self.engine(signal.SIGTERM),
            "engine killed": lambda: self.engine(signal.SIGKILL),
            "job server away": lambda: self.server_away(self.choose.uniform(1, 8)),
            "proxy and registry hang": self.upstreams_hang,
            "disk full": self.disk_full,
            "database lost": lambda: self.damage(lost=True),
            "database torn": lambda: self.damage(lost=False),
            "reboot": self.reboot,
        }

    def keep(self) -> None:
        """Start the runner again whenever it has ended, as its unit does."""
        while not self.over.wait(0.5):
            with self.lock:
                if self.side._process is None or self.side._process.poll() is not None:
                    self.restarts += 1
                    self.side.start(WORKERS)

    def end(self) -> None:
        """Kill the runner, if it has not ended."""
        process = self.side._process
        if process is not None:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill the runner; its unit starts it again."""
        self.end()

    def kill_again(self) -> None:
        """Kill the runner while it starts."""
        for _time in range(3):
            self.end()
            time.sleep(self.choose.uniform(0.7, 3))

    def stop(self) -> None:
        """Stop the runner, as an upgrade does."""
        with self.lock:
            self.side.stop()
            time.sleep(self.choose.uniform(0, 3))

    def engine(self, number: signal.Signals) -> None:
        """End the engine and start it again; by chance containers live on when it ends next."""
        pid = int(ENGINE.read_text())
        os.kill(pid, number)
        until(lambda: _is_gone(pid), "the engine ends", 60, 0.1)
        ENGINE.unlink(missing_ok=True)
        start_engine(live=self.choose.random() < 0.5)

    def server_away(self, seconds: float) -> None:
        """Stop the job server for a while."""
        self.rig.server.halt()
        time.sleep(seconds)
        self.rig.server.start()

    def upstreams_hang(self) -> None:
        """Let git and the registry answer nothing for a while."""
        children = subprocess.run(
            ["pgrep", "-f", "tests.bench.runner.upstreams"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for pid in children:
            os.kill(int(pid), signal.SIGSTOP)
        time.sleep(self.choose.uniform(1, 6))
        for pid in children:
            os.kill(int(pid), signal.SIGCONT)

    def disk_full(self) -> None:
        """Fill the disk of trees and state to the last byte for a while."""
        filler = self.disk / "filler"
        with filler.open("wb") as stream:
            try:
                while True:
                    stream.write(b"\0" * 1024**2)
            except OSError:
                pass
        begin = time.time()
        time.sleep(self.choose.uniform(2, 6))
        filler.unlink()
        self.full.append((begin - 2, time.time() + 1))

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

    def reboot(self) -> None:
        """End runner, containers and engine at once, and start what a boot starts."""
        with self.lock:
            self.end()
            words = ["docker", "ps", "-q"]
            names = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
            if names:
                subprocess.run(["docker", "kill", *names], capture_output=True, check=False)
            self.engine(signal.SIGKILL)

    def wrong_jobs(self, witness: Witness) -> Iterator[str]:
        """Yield the jobs that did not succeed and whose program could write."""
        query = (
            "SELECT identifier, action, status_code, status_message FROM jobs"
            " WHERE status <> 'succeeded' AND status_code <> 'dependency_failed'"
        )
        for job, action, code, message in self.rig.server._rows.all(query):
            ends = [witness.deaths.get(one, 0.0) for one in witness.starts[f"os-job-{job}"]]
            could_not = any(a <= end <= b for end in ends for a, b in self.full)
            if not (could_not and code == "nonzero_exit"):
                yield f"{action}: {code}, {message}"

    def wrong_files(self) -> Iterator[str]:
        """Yield files that have other bytes than the job wrote, or the manifest says."""
        for tree in ("high", "medium"):
            for path in (self.side.folder / tree / "workspaces").glob("*/output/*.txt"):
                if path.read_bytes() != b"1\n":
                    yield f"{path.name} of the {tree} tree has other bytes"
        for path in (self.side.folder / "medium/workspaces").glob("*/metadata/manifest.json"):
            for name, entry in json.loads(path.read_text())["outputs"].items():
                data = (path.parents[1] / name).read_bytes()
                if hashlib.sha256(data).hexdigest() != entry["content_hash"]:
                    yield f"{name}: the manifest has another digest"


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def start_engine(*, live: bool) -> None:
    """Start the engine of this machine and wait until it answers."""
    words = ["dockerd", *(["--live-restore"] if live else [])]
    with Path("/tmp/chaos-dockerd.log").open("ab") as log:  # noqa: S108 (a log of this machine)
        subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    until(
        lambda: (
            subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
        ),
        "the engine answers",
        60,
        0.1,
    )


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Put a disk of its own under a folder, which a fault may fill."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def run(count: int, seed: int) -> int:
    """Let so many faults happen; return how many promises were broken."""
    choose = random.Random(seed)
    spare = bool(os.environ.get("CHAOS_SPARES_THE_ENGINE"))
    if not spare and subprocess.run(["docker", "ps", "-q"], capture_output=True, check=True).stdout:
        print("Containers run here and would be stopped; set CHAOS_SPARES_THE_ENGINE=1.")
        return 1
    with rig(programs(), (OURS,)) as the:
        side = the.sides[OURS]
        shutil.rmtree(side.folder)
        with small_disk(side.folder) as disk:
            return _campaign(the, choose, disk, count, seed)


def _campaign(the: Rig, choose: random.Random, disk: Path, count: int, seed: int) -> int:
    side, witness = the.sides[OURS], Witness(the)
    chaos = Chaos(the, choose, disk)
    side.extra["RUNNER_DISK_FREE_FLOOR"] = str(FLOOR)
    side.log = the.folder / "runner.log"
    threading.Thread(target=chaos.keep, daemon=True).start()
    witness.begin()
    done: Counter[str] = Counter()
    kinds = chaos.faults()
    if os.environ.get("CHAOS_SPARES_THE_ENGINE"):
        kinds = {name: fault for name, fault in kinds.items() if name not in OF_THE_ENGINE}
    begin = time.monotonic()
    while sum(done.values()) < count:
        if the.server._rows.first(ALL) < 2 * ACTIONS:
            chaos.submit()
        time.sleep(choose.uniform(0.1, 3))
        name = choose.choice(sorted(kinds))
        print(f"{time.monotonic() - begin:7.1f} s  {name}", flush=True)
        kinds[name]()
        done[name] += 1
    broken = list(_settled(the))
    time.sleep(1)
    witness.close()
    chaos.over.set()
    broken += [*witness.faults(), *chaos.wrong_jobs(witness), *chaos.wrong_files()]
    jobs = the.server._rows.first("SELECT count(*) FROM jobs")
    print(
        f"seed {seed}: {sum(done.values())} faults, {len(chaos.requests)} requests, {jobs} jobs, "
        f"{sum(map(len, witness.starts.values()))} containers in {time.monotonic() - begin:.0f} s"
    )
    print(dict(done), f"{chaos.restarts} starts of the runner")
    if broken:
        print(side.log_end())
    print("\n".join(broken) or "none lost, doubled or stuck")
    return len(broken)


def _settled(the: Rig) -> Iterator[str]:
    """Wait until all jobs have ended, and yield what has not."""
    deadline = time.monotonic() + PATIENCE
    listed = "SELECT count(*) FROM job_requests WHERE id NOT IN (SELECT job_request_id FROM jobs)"
    while time.monotonic() < deadline:
        if not the.server._rows.first(ALL) and not the.server._rows.first(listed):
            return
        time.sleep(0.5)
    jobs, requests = the.server._rows.first(ALL), the.server._rows.first(listed)
    yield f"{jobs} jobs and {requests} requests are stuck"


if __name__ == "__main__":
    sys.exit(1 if run(int(sys.argv[1]), int(sys.argv[2])) else 0)
