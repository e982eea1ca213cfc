"""A job server in which something happened: a request with a job, a release, a set of its files.

The study is not read with git here, which saves most of a test's time; `test_repositories.py` and
`test_job_requests.py` do that.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.unit.job_server.rig import PROJECT, TOKENS, Rig, file_entry, file_list
from werkzeug.test import TestResponse

from sallyport_common.tokens import new_ulid
from sallyport_job_server.services.repositories import Repositories, Source

TABLE = b"group,count\nyoung,10\nold,25\n"
NAME = "output/table.csv"
CALLERS = ("", "mallory", "rita", "cora", "carl", "paul", "ada")
"""Nobody, a stranger, a researcher, a collaborator, a checker, an approver, an administrator."""


@dataclass
class World:
    """The rig, and the names of what there is."""

    rig: Rig
    request: str
    release: str
    file: str
    snapshot: str

    @property
    def job(self) -> str:
        """The identifier of the job."""
        return f"{self.request}-make"

    def fill(self, text: str) -> str:
        """Put the names of what there is into a path or a value."""
        return text.format(**vars(self), job=self.job)


def without_git(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every branch have the rig's project.yaml at its head."""
    source = Source(rig.study.sha, PROJECT.encode())
    monkeypatch.setattr(Repositories, "head", lambda *_words: source)


def upload(rig: Rig, release: str, name: str = NAME, data: bytes = TABLE) -> TestResponse:
    """Upload a file as the publisher does."""
    headers = {
        "Authorization": TOKENS["publish"],
        "OS-User": "carl",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    path = f"/api/v2/releases/release/{release}"
    return rig.app.test_client().post(path, data=data, headers=headers)


def announce(rig: Rig, name: str = NAME, data: bytes = TABLE) -> str:
    """Announce a release of one file and return its id."""
    body = file_list(file_entry(name, data), airlock_id=new_ulid())
    made = rig.call("POST", "/releases/workspace/heart", "publish", json=body, OS_User="carl")
    return made.headers["Release-Id"]


def make(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> World:
    """Let a researcher ask for a job, a runner start it, and a publisher release a file."""
    without_git(rig, monkeypatch)
    request = rig.submit("run_all")
    rig.report(request, "make", "running")
    release = announce(rig)
    file = upload(rig, release).headers["File-Id"]
    snapshot = rig.services.snapshots.create(rig.people["rita"], "heart", [file])
    return World(rig, request, release, file, str(snapshot.id))
