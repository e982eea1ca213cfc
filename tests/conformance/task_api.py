"""A controller that speaks OpenSAFELY's task API, and takes nothing that is not in it.

What it sends has exactly the keys of the protocol. Every call that differs is in `violations`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.conformance.stub import Answer, Call, Stub, say

STAGES = frozenset({
    "preparing", "prepared", "executing", "executed", "finalizing", "finalized", "unknown", "error",
})  # fmt: skip
UPDATE = {"task_id": str, "stage": str, "results": dict, "complete": bool, "timestamp_ns": int}
TEXT, NUMBER = (str,), (int, type(None))
MAYBE = (str, type(None))
RESULTS: dict[str, tuple[type, ...]] = {
    "job_definition_id": TEXT,
    "job_definition_rap_id": TEXT,
    "task_id": TEXT,
    "user": TEXT,
    "created_at": NUMBER,
    "completed_at": NUMBER,
    "timestamp_ns": NUMBER,
    "docker_image_id": MAYBE,
    "expected_image_id": MAYBE,
    "exit_code": TEXT,
    "oom_killed": (bool,),
    "cancelled": (bool,),
    "error": (dict, type(None)),
    "status_message": TEXT,
    "hint": TEXT,
    "container_metadata": (dict,),
    "job_metrics": (dict,),
    "commit": MAYBE,
    "database_name": MAYBE,
    "action_version": TEXT,
    "action_revision": TEXT,
    "action_created": TEXT,
    "base_revision": TEXT,
    "base_created": TEXT,
    "has_unmatched_patterns": (bool,),
    "has_level4_excluded_files": (bool,),
}
"""The record of a job without names: what a completed task of a job has, and nothing else."""
OF_JOBS = frozenset({"runjob", "canceljob"})
FILE_TYPES = [
    ".csv", ".html", ".jpeg", ".jpg", ".json", ".log", ".md", ".png", ".svg", ".svgz", ".txt",
]  # fmt: skip
CREATED = 1795414798
ATTRIBUTES = {"user": "u", "project": "p", "orgs": "o"}


@dataclass
class Controller(Stub):
    """Tasks by id, those that are active, and the updates of each as they were acknowledged."""

    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    updates: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    """Tasks whose updates are answered by 500."""
    rows: list[Any] = field(default_factory=list)
    """What is listed beside the active tasks, such as malformed ones."""

    def add(self, task: dict[str, Any]) -> str:
        """Give the backend a task; return its id."""
        with self.lock:
            self.tasks[task["id"]] = task
            self.active.add(task["id"])
        return str(task["id"])

    def cancel(self, task_id: str) -> str:
        """Withdraw a task and give the one that cancels its job; return the id of that one."""
        with self.lock:
            self.active.discard(task_id)
            task = json.loads(json.dumps(self.tasks[task_id]))
            name = f"{task_id}-cancel"
            task |= {"id": name, "type": "canceljob"}
            task["definition"] |= {"task_id": name, "image_sha": None}
            return self.add(task)

    def stages(self, task_id: str) -> list[str]:
        """Return the stages that a task was told to be in."""
        return [update["stage"] for update in self.updates.get(task_id, [])]

    def end(self, task_id: str) -> dict[str, Any] | None:
        """Return the update that completed a task; None while there was none."""
        found = [one for one in self.updates.get(task_id, []) if one["complete"]]
        return found[-1] if found else None

    def answer(self, call: Call) -> Answer:
        """Answer one call."""
        with self.lock:
            self.calls.append(call)
            if (call.method, call.path) == ("GET", "/"):
                return say(200, {"method": "GET"})
            words = call.path.strip("/").split("/")
            return self._authenticated(call, words[0]) or self._answer(call, words)

    def _authenticated(self, call: Call, backend: str) -> Answer | None:
        given = call.headers.get("authorization", "")
        if backend != self.backend:
            return say(404, _error("Not found", f"Backend '{backend}' not found"))
        if not given:
            return say(401, _error("Unauthorized", "No token provided"))
        if given != self.token:
            return say(401, _error("Unauthorized", f"Invalid token for backend '{backend}'"))
        return None

    def _answer(self, call: Call, words: list[str]) -> Answer:
        if (call.method, call.path) == ("GET", f"/{self.backend}/tasks/"):
            if call.body:
                self.broken("a question has a body")
            return self.fault("list") or say(200, {"tasks": [*self._listed(), *self.rows]})
        if (call.method, call.path) == ("POST", f"/{self.backend}/task/update/"):
            return self.fault("post") or self._update(call)
        self.broken(f"{call.method} {'/'.join(words)}")
        return say(404, _error("Not found", "No such path"))

    def _listed(self) -> list[dict[str, Any]]:
        listed = [task for name, task in self.tasks.items() if name in self.active]
        return sorted(listed, key=lambda task: task["type"] != "dbstatus")

    def _update(self, call: Call) -> Answer:
        failed = say(500, {"error": "Error updating task"})
        if call.headers.get("content-type") != "application/x-www-form-urlencoded":
            self.broken("an update is not form-encoded")
            return failed
        fields = parse_qs(call.body.decode(), keep_blank_values=True, strict_parsing=True)
        if list(fields) != ["payload"] or len(fields["payload"]) != 1:
            self.broken(f"an update has the fields {sorted(fields)}")
            return failed
        update = json.loads(fields["payload"][0])
        wrong = [*self._faults(update)]
        self.violations += wrong
        if wrong or update["task_id"] in self.refused:
            return failed
        self.updates.setdefault(update["task_id"], []).append(update)
        if update["complete"]:
            self.active.discard(update["task_id"])
        return say(200, {"response": "Update successful"})

    def _faults(self, update: dict[str, Any]) -> list[str]:
        """Return what is wrong with an update."""
        if {name: type(value) for name, value in update.items()} != UPDATE:
            return [f"an update is {update}"]
        task = self.tasks.get(update["task_id"])
        if task is None:
            return [f"an update of the unknown task {update['task_id']}"]
        found = []
        before = self.updates.get(update["task_id"], [])
        if before and before[-1]["complete"]:
            found.append(f"{task['id']} is told again after its end")
        if before and before[-1]["timestamp_ns"] > update["timestamp_ns"]:
            found.append(f"{task['id']} is told out of order")
        known = task["type"] in OF_JOBS
        if (update["stage"] in STAGES) is not known or (not known and update["stage"]):
            found.append(f"{task['type']} has the stage '{update['stage']}'")
        if not update["complete"] and update["results"]:
            found.append(f"{task['id']} has results before its end")
        if update["complete"]:
            found += (_job_results if known else _simple_results)(update["results"])
        return found


def _job_results(results: dict[str, Any]) -> list[str]:
    if results.keys() != RESULTS.keys():
        return [f"results differ in the keys {sorted(results.keys() ^ RESULTS.keys())}"]
    found = [
        f"results have {name}={value!r}"
        for name, value in results.items()
        if type(value) not in RESULTS[name]
    ]
    if results["error"] is not None and results["error"].keys() != {"type", "message"}:
        found.append(f"an error is {results['error']}")
    if results["has_unmatched_patterns"] and (results["status_message"] or results["hint"]):
        found.append("a message although a pattern matched nothing")
    return found


def _simple_results(results: dict[str, Any]) -> list[str]:
    given, error = results.get("results"), results.get("error")
    if results.keys() != {"results", "error"} or (given is None) is (error is None):
        return [f"simple results are {results}"]
    if error is not None:
        return [] if error.keys() == {"type", "message"} else [f"an error is {error}"]
    right = given in ({"status": ""}, {"status": "db-maintenance"})
    return [] if right else [f"simple results are {results}"]


def _error(error: str, details: str) -> dict[str, str]:
    return {"error": error, "details": details}


def run_task(
    number: int, backend: str, repo: str, sha: str, image_sha: str, /, **changed: Any
) -> dict[str, Any]:
    """Return a task that runs a job, with exactly the keys of the protocol.

    `changed` replaces parts of its definition; `attempt` is its number, 1 if it is not given.
    """
    job = f"job{number:013}"
    task_id = f"{job}-{changed.pop('attempt', 1):03}"
    definition = {
        "id": job,
        "rap_id": "r" * 16,
        "task_id": task_id,
        "repo_url": repo,
        "commit": sha,
        "study": {"git_repo_url": repo, "commit": sha, "branch": "main"},
        "workspace": "ws",
        "action": f"act{number}",
        "created_at": CREATED,
        "image": "ghcr.io/opensafely-core/python:v2",
        "image_sha": image_sha,
        "args": ["true"],
        "env": {"OPENSAFELY_BACKEND": backend},
        "inputs": [],
        "input_job_ids": [],
        "output_spec": {"output/out.txt": "moderately_sensitive"},
        "allow_database_access": False,
        "database_name": None,
        "user": "u",
        "cpu_count": 2.0,
        "memory_limit": "4G",
        "level4_max_csv_rows": 5000,
        "level4_max_filesize": 16777216,
        "level4_file_types": list(FILE_TYPES),
    }
    return _task(task_id, backend, "runjob", definition | changed)


def simple_task(number: int, backend: str, kind: str, **definition: Any) -> dict[str, Any]:
    """Return a task that asks one thing, with exactly the keys of the protocol."""
    image = {"image": "ghcr.io/opensafely-core/utils:latest", "image_sha": "sha256:" + "0" * 64}
    return _task(f"{kind}-2026-11-24-{number:020x}", backend, kind, definition | image)


def _task(task_id: str, backend: str, kind: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": task_id,
        "backend": backend,
        "type": kind,
        "created_at": CREATED,
        "attributes": ATTRIBUTES if kind in OF_JOBS else {},
        "definition": definition,
    }
