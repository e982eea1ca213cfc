"""The integrator's own access to their database, and the operator's to the site."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[2]
LOCK = "begin; lock table hosp.prescription in access exclusive mode; select pg_sleep(600)"
_LOCKERS = "from pg_stat_activity where query like '%lock table%' and pid <> pg_backend_pid()"
LOCKERS = f"select count(*) {_LOCKERS}"
WAITING = """
select pid from pg_stat_activity
where usename = 'sallyport_jobs' and wait_event_type = 'Lock'"""


def query(database: Host, statement: str) -> str:
    """Ask the hospital's database as its administrator."""
    words = "runuser -u postgres -- psql -d hospital -qAt --set=ON_ERROR_STOP=1 -c %s"
    return str(database.check_output(words, statement))


def script(database: Host, text: str) -> None:
    """Run a script on the hospital's database as its administrator."""
    database.check_output(f"runuser -u postgres -- psql -d hospital -qAt <<'END'\n{text}\nEND")


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.2)


def hold(database: Host) -> None:
    """Lock a table, so that a job's query on it waits."""
    locker = f'nohup runuser -u postgres -- psql -d hospital -qc "{LOCK}" >/dev/null 2>&1 &'
    database.check_output(locker)
    until(lambda: query(database, LOCKERS) == "1")


def release(database: Host) -> None:
    """Unlock it."""
    query(database, f"select pg_terminate_backend(pid) {_LOCKERS}")
    until(lambda: query(database, LOCKERS) == "0")


def playbook(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook on the rig under test, the way an operator does."""
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")), *words,
        "-i", "inventories/demo", "-i", "molecule/topology/inventory",
    ]  # fmt: skip
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SALLYPORT_OPEN": "0",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
