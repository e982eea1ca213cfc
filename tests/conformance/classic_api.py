"""A job server of the classic protocol as OpenSAFELY's is: no held questions, no signatures.

It takes nothing that is not in the protocol; every call that differs is in `violations`. The one
key beyond it that our runner posts is `run_record`: such servers ignore keys that they do not know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.conformance.stub import Answer, Call, Stub, say

LIST, JOBS = "/api/v2/job-requests/", "/api/v2/jobs/"
HISTORY = "/api/v2/job-history/"
STATUSES = ("pending", "running", "succeeded", "failed")
TEXT, MOMENT, MAYBE = (str,), (str, type(None)), (dict, type(None))
ROW: dict[str, tuple[type, ...]] = {
    "identifier": TEXT,
    "job_request_id": TEXT,
    "action": TEXT,
    "run_command": MOMENT,
    "status": TEXT,
    "status_code": TEXT,
    "status_message": TEXT,
    "created_at": TEXT,
    "updated_at": MOMENT,
    "started_at": MOMENT,
    "completed_at": MOMENT,
    "trace_context": MAYBE,
    "metrics": MAYBE,
    "requires_db": (int, bool),
    "run_record": MOMENT,
}
TIME = "2026-11-24T00:00:00Z"


@dataclass
class ClassicServer(Stub):
    """Requests by identifier, newest last, and the jobs of each by identifier."""

    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    codes: dict[str, list[str]] = field(default_factory=dict)
    """The codes that each job was told to have, by its identifier."""
    rows: list[Any] = field(default_factory=list)
    """What is listed beside the open requests, such as malformed ones."""
    page: int = 100
    unlisted: set[str] = field(default_factory=set)

    def add(self, request: dict[str, Any]) -> str:
        """Give the backend a request; return its identifier."""
        with self.lock:
            self.requests[request["identifier"]] = request
        return str(request["identifier"])

    def cancel(self, identifier: str) -> None:
        """Cancel the actions of a request."""
        with self.lock:
            request = self.requests[identifier]
            request["cancelled_actions"] = list(request["requested_actions"])

    def answer(self, call: Call) -> Answer:
        """Answer one call."""
        with self.lock:
            self.calls.append(call)
            place = urlsplit(call.path)
            if call.headers.get("authorization") != self.token:
                return say(403, {"detail": "Invalid token"})
            self._flags(call)
            if (call.method, place.path) == ("GET", LIST):
                return self.fault("list") or self._list(call, parse_qs(place.query))
            if (call.method, place.path) == ("POST", JOBS):
                return self.fault("post") or self._post(call, place.query)
            if place.path == JOBS:  # our runner asks, and takes the answer of an older server
                return say(405, {"detail": "Method not allowed"})
            if place.path == HISTORY:  # and so here
                return say(404, {"detail": "Not found"})
            self.broken(f"{call.method} {call.path}")
            return say(404, {"detail": "Not found"})

    def _flags(self, call: Call) -> None:
        flags = json.loads(call.headers.get("flags", "{}"))
        if not all(value.keys() == {"v", "ts"} for value in flags.values()):
            self.broken(f"the flags are {flags}")

    def _list(self, call: Call, query: dict[str, list[str]]) -> Answer:
        if query != {"backend": [self.backend]} or "if-none-match" in call.headers:
            self.broken(f"the list is asked for by {query}")
        open_ones = [row for name, row in self.requests.items() if self._is_listed(name)]
        listed = [*self.rows, *reversed(open_ones)]
        more = f"http://elsewhere{LIST}?offset={self.page}" if len(listed) > self.page else None
        body = {"count": len(listed), "next": more, "previous": None}
        return say(200, body | {"results": listed[: self.page]})

    def _is_listed(self, name: str) -> bool:
        jobs = self.jobs.get(name, {}).values()
        unended = not jobs or any(job["status"] in STATUSES[:2] for job in jobs)
        return name not in self.unlisted and unended

    def _post(self, call: Call, query: str) -> Answer:
        rows = json.loads(call.body)
        wrong = [f"jobs are posted with {query}"] if query else []
        wrong += [fault for row in rows for fault in _row_faults(row)]
        for name in {row["job_request_id"] for row in rows}:
            given = {row["identifier"] for row in rows if row["job_request_id"] == name}
            if not given >= self.jobs.get(name, {}).keys():
                wrong.append(f"the report about {name} is not of all its jobs")
        self.violations += wrong
        if wrong:
            return say(400, [{"status": wrong}])
        for row in rows:
            self._keep(row)
        return say(200, {"status": "success"})

    def _keep(self, row: dict[str, Any]) -> None:
        kept = self.jobs.setdefault(row["job_request_id"], {})
        before = kept.get(row["identifier"])
        if before and before["status"] in STATUSES[2:] and before["status"] != row["status"]:
            self.broken(f"{row['action']} went from {before['status']} to {row['status']}")
        kept[row["identifier"]] = row
        codes = self.codes.setdefault(row["identifier"], [])
        if codes[-1:] != [row["status_code"]]:
            codes.append(row["status_code"])


def _row_faults(row: dict[str, Any]) -> list[str]:
    if row.keys() != ROW.keys():
        return [f"a job has the keys {sorted(row.keys() ^ ROW.keys())}"]
    found = [f"a job has {k}={v!r}" for k, v in row.items() if type(v) not in ROW[k]]
    if row["status"] not in STATUSES:
        found.append(f"a job has the status {row['status']}")
    for name in ("created_at", "updated_at", "started_at", "completed_at"):
        if row[name] and not (row[name].endswith("Z") and datetime.fromisoformat(row[name])):
            found.append(f"a job has {name}={row[name]}")
    return found


def request(
    number: int, backend: str, repo: str, sha: str, workspace: str, *actions: str
) -> dict[str, Any]:
    """Return a request as such a server lists it."""
    return {
        "backend": backend,
        "sha": sha,
        "identifier": f"req{number:013}",
        "force_run_dependencies": False,
        "requested_actions": list(actions),
        "cancelled_actions": [],
        "created_by": "u",
        "created_at": TIME,
        "workspace": {
            "name": workspace,
            "repo": repo,
            "branch": "main",
            "db": "full",
            "created_by": "u",
            "created_at": TIME,
        },
        "database_name": "default",
        "project": "p",
        "orgs": ["o"],
        "codelists_ok": True,
    }
