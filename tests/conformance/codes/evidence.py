"""What is known of a job at a moment: of the job server, of the engine, of the disk."""

from __future__ import annotations

import functools
import json
import sqlite3
from dataclasses import dataclass, field

from tests.bench.runner.job_server import Accepted
from tests.bench.runner.moments import Rows, until
from tests.conformance.codes import study
from tests.conformance.codes.rig import Rig, docker

from sallyport_common.protocol import StatusCode

PATIENCE = 150.0
_ROW = (
    "SELECT action, status, status_code, status_message, created_at, updated_at, started_at,"
    " completed_at FROM jobs WHERE identifier = ?"
)
_CANCELLED = "SELECT cancelled_at FROM jobs WHERE id = ?"


@dataclass(frozen=True)
class Evidence:
    """What the job server had of a job at a moment, and what there was of it elsewhere."""

    job: str
    action: str
    status: str
    code: str
    message: str
    created_at: str
    updated_at: str | None
    started_at: str | None
    completed_at: str | None
    left: frozenset[str] = frozenset()
    cancelled_at: str | None = None
    journal: tuple[str, ...] = ()
    engine_told: bool = False
    """Whether the engine said that memory ran out; some say nothing."""


@dataclass(frozen=True)
class File:
    """What is in a tree."""

    data: bytes
    mode: int
    owner: int


@dataclass
class Story:
    """Submits, waits and looks."""

    rig: Rig
    found: dict[str, Evidence] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    """What the jobs of the sandbox left in both trees, by its path below the runner's folder."""

    def __post_init__(self) -> None:
        self._rows = Rows(self.rig.folder / "job_server.sqlite3")
        self._known: set[str] = set()

    def ask(self, workspace: str, *actions: str, branch: str = "main") -> Accepted:
        """Ask for actions in a workspace, which is made when it is new."""
        server = self.rig.server
        if workspace not in self._known:
            server.workspace(workspace, study.REPOSITORY, branch)
            self._known.add(workspace)
        return server.request(self.rig.runner.name, workspace, actions)

    def row(self, job: str) -> Evidence | None:
        """Return what the job server has."""
        with sqlite3.connect(f"file:{self.rig.folder}/job_server.sqlite3?mode=ro", uri=True) as db:
            found = db.execute(_ROW, (job,)).fetchone()
        db.close()
        return Evidence(job, *found) if found else None

    def wait(self, job: str, code: StatusCode | None = None) -> Evidence:
        """Wait until the server has a job with a code, or at its end."""

        def there() -> bool:
            row = self.row(job)
            if row is None:
                return False
            ended = row.status in {"succeeded", "failed"}
            assert code in {None, row.code} or not ended, row
            return ended if code is None else row.code == code

        until(
            there, f"the server has {code or 'the end'} of {job}: {self.row(job)}", PATIENCE, 0.02
        )
        row = self.row(job)
        assert row
        return row

    def look(self, case: str, job: str, code: StatusCode | None = None) -> Evidence:
        """Keep as evidence that the server has a job with a code, or its end."""
        row = self.wait(job, code)
        fixed = {name: getattr(row, name) for name in row.__dataclass_fields__}
        fixed["left"] = self.left(job, row)
        fixed["cancelled_at"] = self.rig.runner.rows.first(_CANCELLED, job)
        fixed["journal"] = tuple(self.rig.runner.journal(job))
        fixed["engine_told"] = self._engine_told(job)
        self.found[case] = Evidence(**fixed)
        return row

    def left(self, job: str, row: Evidence) -> frozenset[str]:
        """Return what there is of a job; what is removed beside the loop is waited for."""
        unwanted = {"container"} if row.status == "pending" else {"container", "volume"}
        if not {"running", StatusCode.CREATED, StatusCode.INTERNAL_ERROR} & {row.status, row.code}:
            what = f"nothing is held by {job}"
            until(lambda: not unwanted & self._held(job), what, PATIENCE, 0.05)
        return self._held(job) | self._files(job, row.action)

    def _held(self, job: str) -> frozenset[str]:
        names = docker("ps", "--all", "--format={{.Names}}", f"--filter=name=os-job-{job}")
        volume = self.rig.runner.folder / "high/volumes" / job
        places = {"container": bool(names), "volume": volume.exists()}
        return frozenset(name for name, there in places.items() if there)

    def _files(self, job: str, action: str) -> frozenset[str]:
        folder = self.rig.runner.folder
        places = {
            "log": f"high/logs/*/os-job-{job}/logs.txt",
            "shown log": f"high/workspaces/*/metadata/{action}.log",
            "output": f"high/workspaces/*/output/{action}.*",
            "for review": f"medium/workspaces/*/output/{action}.*",
        }
        workspace = self._workspace(job)
        return frozenset(
            name
            for name, pattern in places.items()
            if any(folder.glob(pattern.replace("workspaces/*", f"workspaces/{workspace}")))
        )

    def _engine_told(self, job: str) -> bool:
        for path in self.rig.runner.folder.glob(f"high/logs/*/os-job-{job}/metadata.json"):
            return bool(json.loads(path.read_text())["container_metadata"]["State"]["OOMKilled"])
        return False

    def _workspace(self, job: str) -> str:
        query = (
            "SELECT name FROM workspaces JOIN job_requests ON workspaces.id = workspace_id"
            " JOIN jobs ON job_requests.id = job_request_id WHERE jobs.identifier = ?"
        )
        return str(self._rows.first(query, job))

    def cancel(self, request: Accepted, *actions: str) -> None:
        """Cancel actions of a request, and wait until the runner knows."""
        server = self.rig.server
        path = f"/api/v1/job-requests/{request.identifier}/cancel"
        answer = server._post(path, {"actions": list(actions)})
        assert answer.ok, answer.text
        rows = self.rig.runner.rows
        for job in map(request.job, actions):
            known = functools.partial(rows.first, _CANCELLED, job)
            until(known, f"the runner knows that {job} is cancelled", PATIENCE, 0.02)

    def close(self) -> None:
        """Let the server's database go."""
        self._rows.close()
