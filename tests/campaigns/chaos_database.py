"""The database of the campaign's jobs: a real PostgreSQL server that logs every statement."""

from __future__ import annotations

import re
import signal
from collections import Counter

from tests.campaigns.own_engine import GATEWAY, SUBNET
from tests.unit.postgres import PostgresServer

ROWS = 1000
_STATEMENT = re.compile(r"statement: SELECT 'rows=' \|\| count\(\*\) \|\| '/(\w+)'")


class Hospital(PostgresServer):
    """A server that jobs reach through their network; its log is a witness of each query."""

    def __init__(self) -> None:
        super().__init__()
        self._before = ""
        self.run("CREATE ROLE jobs LOGIN")
        self.run("CREATE DATABASE jobs OWNER jobs")
        self.run(f"CREATE TABLE patients AS SELECT generate_series(1, {ROWS}) AS id", "jobs")
        self.run("GRANT SELECT ON patients TO jobs", "jobs")
        for setting in ("listen_addresses = '*'", "log_statement = 'all'"):
            self.run(f"ALTER SYSTEM SET {setting}")
        with (self.folder / "data/pg_hba.conf").open("a", encoding="utf-8") as access:
            access.write(f"host jobs jobs {SUBNET} trust\n")
        self.restart(signal.SIGINT)

    @property
    def address(self) -> str:
        """What the runner is given as the address of the database."""
        return f"postgresql://jobs:none@{GATEWAY}:{self.port}/jobs"

    def restart(self, number: signal.Signals) -> None:
        """End the server, SIGINT in order and SIGQUIT at once, and start it again."""
        self._process.send_signal(number)
        self._process.wait(60)
        self._before += self._log()
        self._process = self._start()

    def _log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def queries(self) -> Counter[str]:
        """Return how many queries each job asked, by the job's identifier."""
        return Counter(_STATEMENT.findall(self._before + self._log()))
