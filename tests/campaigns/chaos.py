"""For some hundred faults: whatever is killed, lost or full, each job ends once and right.

The real daemon works for the real job server, with real git, an engine of its own and a real
PostgreSQL server. Faults come while requests are submitted and cancelled. The witnesses are outside
the runner: the engine's events, the files of the jobs, the databases of job server and jobs.
The seed decides which requests and which faults come in which order, and what each does.
Run by `make campaign NAME=chaos`; `--count` is the number of faults.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.runner.figures import OURS
from tests.bench.runner.job_server import Accepted
from tests.bench.runner.moments import Late, until
from tests.bench.runner.rig import Rig, rig
from tests.campaigns import launch
from tests.campaigns.chaos_database import Hospital
from tests.campaigns.chaos_faults import Chaos
from tests.campaigns.chaos_study import ACTIONS, DATA_BUILDER, project
from tests.campaigns.chaos_verdict import Judge
from tests.campaigns.chaos_witness import Witness
from tests.campaigns.own_engine import NETWORK, SINK, OwnEngine, own_engine

PATIENCE = 600.0
CLEAN = 150.0
FLOOR = 16 * 1024**2
DISK = "512m"
ACTIVE = 30
"""Jobs that are under way when a fault comes."""
PROGRESS, LONGEST = 2, 8.0
"""Jobs that end between two faults, and the seconds for which they are waited for."""
WORKSPACES = (OURS, f"{OURS}-many", f"{OURS}-third")
ENDED = "SELECT count(*) FROM jobs WHERE status IN ('succeeded', 'failed')"
OPEN = "SELECT count(*) FROM jobs WHERE status NOT IN ('succeeded', 'failed')"
UNSEEN = "SELECT count(*) FROM job_requests WHERE id NOT IN (SELECT job_request_id FROM jobs)"

enough = threading.Event()
"""Set by SIGINT: no further fault, and the verdict on those that there were."""


@dataclass
class People:
    """Researchers who submit and cancel."""

    the: Rig
    choose: random.Random
    requests: list[Accepted] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Keep the runner busy, and now and then cancel a request."""
        rows = self.the.server._rows
        while rows.first(OPEN) + 5 * rows.first(UNSEEN) < ACTIVE:
            names = self.choose.sample(sorted(ACTIONS), self.choose.randint(1, 9))
            workspace = self.choose.choice(WORKSPACES)
            self.requests.append(self.the.server.request(OURS, workspace, names))
        if self.choose.random() < 0.06:
            request = self.choose.choice(self.requests[-4:])
            if self.the.server.ended(request.identifier) or request.identifier in self.cancelled:
                return
            if self.the.server.withdrawn(request):
                self.cancelled.add(request.identifier)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Put a disk of its own under a folder, which a fault may fill."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def run(count: int, seed: int) -> int:
    """Let so many faults happen; return how many promises were broken."""
    with ExitStack() as stack:
        engine = stack.enter_context(own_engine())
        hospital = Hospital()
        stack.callback(hospital.stop)
        scripts = {"data-builder": DATA_BUILDER}
        the = stack.enter_context(rig(project(), (OURS,), scripts, shared=False))
        the.server.workspace_of(WORKSPACES[-1])
        folder = the.sides[OURS].folder
        shutil.rmtree(folder)
        disk = stack.enter_context(small_disk(folder))
        chaos = _chaos(the, engine, hospital, disk, seed)
        stack.callback(chaos.over.set)
        return _campaign(chaos, count, seed)


def _chaos(the: Rig, engine: OwnEngine, hospital: Hospital, disk: Path, seed: int) -> Chaos:
    side, clock = the.sides[OURS], the.folder / "clock"
    chaos = Chaos(the, engine, hospital, disk, clock, random.Random(f"{seed} workers"))
    chaos.set_clock(0)
    side.log = the.folder / "runner.log"
    address = the.folder / "address"
    address.write_text(hospital.address, encoding="utf-8")
    (the.folder / "backends").mkdir()
    values = {
        "DISK_FREE_FLOOR": FLOOR,
        "DATABASE_URL_FILE": address,
        "DATABASE_ACCESS_NETWORK": NETWORK,
        "DATABASE_BACKENDS": the.folder / "backends",
        "DNS_SINK": SINK,
        "MAX_DB_WORKERS": 2,
        "STATS_POLL_INTERVAL": 5,
    }
    side.extra |= {f"RUNNER_{name}": str(value) for name, value in values.items()}
    program = [sys.executable, str(Path(launch.__file__)), str(engine.run), str(clock)]
    side.prefix = ["unshare", "--mount", *program]
    threading.Thread(target=chaos.keep, daemon=True).start()
    return chaos


def plan(names: list[str], count: int, seed: int) -> list[tuple[float, str, random.Random]]:
    """Return pause, name and choice of each fault; every kind comes equally often."""
    choose = random.Random(f"{seed} faults")
    found: list[tuple[float, str, random.Random]] = []
    while len(found) < count:
        for name in choose.sample(names, len(names)):
            number = f"{seed} {len(found)}"
            found.append((choose.uniform(0.1, 2), name, random.Random(number)))
    return found[:count]


def _campaign(chaos: Chaos, count: int, seed: int) -> int:
    the, kinds = chaos.rig, chaos.faults()
    witness = Witness(the.folder / "job_server.sqlite3")
    witness.begin()
    people = People(the, random.Random(f"{seed} people"))
    done: Counter[str] = Counter()
    begin = time.monotonic()
    for pause, name, choose in plan(sorted(kinds), count, seed):
        if enough.is_set():
            break
        people.work()
        _progress(the)
        time.sleep(pause)
        print(f"{time.monotonic() - begin:7.1f} s  {name}", flush=True)
        kinds[name](choose)
        done[name] += 1
    chaos.set_clock(0)
    broken = list(_settled(the))
    judge = Judge(the, chaos, witness, people.cancelled)
    broken += _cleaned(judge)
    witness.close()
    chaos.over.set()
    broken += [*witness.faults(chaos.engine.running), *judge.faults()]
    _print(chaos, judge, done, seed, time.monotonic() - begin)
    if broken:
        _keep_logs(chaos, seed)
    print("\n".join(broken) or "none lost, doubled or stuck")
    return len(broken)


def _progress(the: Rig) -> None:
    """Let some jobs end, but do not wait for long: the fault may be what they need."""
    rows = the.server._rows
    before = rows.first(ENDED)
    with suppress(Late):
        until(lambda: rows.first(ENDED) >= before + PROGRESS, "", LONGEST, pause=0.1)


def _settled(the: Rig) -> Iterator[str]:
    """Wait until all jobs have ended, and yield what has not."""
    rows = the.server._rows
    try:
        until(lambda: not rows.first(OPEN) and not rows.first(UNSEEN), "", PATIENCE, pause=0.5)
    except Late:
        yield f"{rows.first(OPEN)} jobs and {rows.first(UNSEEN)} requests are stuck"


def _cleaned(judge: Judge) -> list[str]:
    """Wait until nothing is left that no job owns; the sweeper comes once in a minute."""
    try:
        until(lambda: not judge.leftovers(), "", CLEAN, pause=1)
    except Late:
        return judge.leftovers()
    return []


def _print(chaos: Chaos, judge: Judge, done: Counter[str], seed: int, seconds: float) -> None:
    rows = judge.rows()
    containers = list(judge.witness.containers.values())
    starts = Counter(one.job for one in containers if one.phase != "compile")
    print(f"\nseed {seed}: {done.total()} faults, {len(rows)} jobs in {seconds:.0f} s")
    for title, found in (
        ("faults", done),
        ("jobs by how they ended", Counter(row.code for row in rows)),
        ("of these, ends that a fault made", judge.legitimate),
        ("jobs by how often their program started", Counter(map(str, starts.values()))),
    ):
        print(f"{title}:")
        for name, number in sorted(found.items()):
            print(f"  {number:5}  {name}")
    queries = chaos.hospital.queries()
    print(f"{chaos.restarts} starts of the runner, {len(containers)} containers, "
          f"{queries.total()} queries of {len(queries)} database jobs")  # fmt: skip


def _keep_logs(chaos: Chaos, seed: int) -> None:
    """Keep what the runner and the engine wrote, for the person who looks for the cause."""
    target = Path(__file__).parents[2] / "build/campaigns"
    target.mkdir(parents=True, exist_ok=True)
    for place in (chaos.side.log, chaos.engine.folder / "engine.log"):
        shutil.copy(place, target / f"chaos-{seed}-{place.name}")
    print(f"logs: {target}/chaos-{seed}-*")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda _number, _frame: enough.set())
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    sys.exit(1 if run(int(sys.argv[1]), int(sys.argv[2])) else 0)
