"""What a controller is told: this is the only place that builds what the task API posts.

The form is that of OpenSAFELY's task API: what is kept of a job, without names of files and
patterns, and without a message where one could be in it. Never hints, log lines, exception texts,
values of variables that are not public, paths and addresses of the host. Unlike the classic front,
this one has to tell the exit code and how the container was limited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sallyport_common.protocol import StatusCode, parse_utc
from sallyport_runner.models import Job, JobRequest, Metadata, Stop
from sallyport_runner.services.outputs.inspection import PUBLIC, VERSIONS, variable
from sallyport_runner.services.requests.outgoing import METRICS, job_row
from sallyport_runner.tasks import TaskUpdate

Results = dict[str, Any]
UNKNOWN = "unknown"
LONGEST_LABEL = 200
OWN_LABELS = "org.sallyport."
"""How labels begin that describe the sandbox, paths of the host included."""
SHOWN: Mapping[str, frozenset[str] | None] = {
    "Id": None,
    "Name": None,
    "Created": None,
    "Path": None,
    "Args": None,
    "Image": None,
    "Platform": None,
    "RestartCount": None,
    "State": frozenset({
        "Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead", "ExitCode", "StartedAt",
        "FinishedAt",
    }),
    "Config": frozenset({"User", "Image", "Cmd", "Entrypoint", "Env", "Labels", "WorkingDir"}),
    "HostConfig": frozenset({
        "NetworkMode", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "ReadonlyRootfs", "CapAdd",
        "CapDrop", "Privileged", "SecurityOpt", "Runtime", "ShmSize", "IpcMode", "Ulimits",
    }),
}  # fmt: skip
"""What of an engine's description of a container leaves: None stands for all of a key."""


def payload(update: TaskUpdate, results: Results) -> dict[str, Any]:
    """Return what is posted about a task; `results` are left out before its end."""
    return {
        "task_id": update.task_id,
        "stage": update.stage,
        "results": results if update.complete else {},
        "complete": update.complete,
        "timestamp_ns": update.timestamp_ns,
    }


def simple(status: str) -> Results:
    """Return the results of a task that asks one thing."""
    return {"results": {"status": status}, "error": None}


def simple_error(kind: str, message: str) -> Results:
    """Return the results of a task that asked what this backend does not answer."""
    return {"results": None, "error": {"type": kind, "message": message}}


def refusal(task_id: str, job_id: str, kind: str, message: str) -> Results:
    """Return the results of a task about a job that is not acted upon."""
    return blank(task_id, job_id) | {
        "status_message": message,
        "error": {"type": kind, "message": message},
    }


def blank(task_id: str, job_id: str) -> Results:
    """Return results with every key, of a job of which nothing is kept."""
    return {
        "job_definition_id": job_id,
        "job_definition_rap_id": "",
        "task_id": task_id,
        "user": "",
        "created_at": None,
        "completed_at": None,
        "timestamp_ns": None,
        "docker_image_id": None,
        "expected_image_id": None,
        "exit_code": "",
        "oom_killed": False,
        "cancelled": False,
        "error": None,
        "status_message": "",
        "hint": "",
        "container_metadata": {},
        "job_metrics": {},
        "commit": None,
        "database_name": None,
        **dict.fromkeys(VERSIONS, UNKNOWN),
        "has_unmatched_patterns": False,
        "has_level4_excluded_files": False,
    }


def results(update: TaskUpdate, job: Job, request: JobRequest, record: Metadata | None) -> Results:
    """Return the results of a job that ended; `record` is None where no container ran."""
    found = blank(update.task_id, job.id) | {
        "job_definition_rap_id": request.identifier,
        "user": request.created_by,
        "created_at": job.terms["created_at"],
        "completed_at": _seconds(job.completed_at),
        "timestamp_ns": update.timestamp_ns,
        "expected_image_id": job.terms["image_sha"],
        "cancelled": job.stop is Stop.CANCELLED or job.code is StatusCode.CANCELLED_BY_USER,
        "status_message": job_row(job)["status_message"],
        "job_metrics": {name: float(job.metrics[name]) for name in METRICS if name in job.metrics},
        "commit": request.sha,
        "database_name": request.database_name if job.requires_db else None,
    }
    if record is not None:
        found |= _recorded(record)
    if job.unmatched or (record and (record["unmatched_patterns"] or record["unmatched_outputs"])):
        found["status_message"] = found["hint"] = ""
    if update.stage == "error":
        found["error"] = {"type": job.code.value, "message": found["status_message"]}
    return found


def _recorded(record: Metadata) -> Results:
    """Return what a record says that may leave."""
    versions = {name: str(record.get(name, UNKNOWN))[:LONGEST_LABEL] for name in VERSIONS}
    return versions | {
        "docker_image_id": record["docker_image_id"],
        "exit_code": str(record["exit_code"]),
        "oom_killed": bool(record["oom_killed"]),
        "container_metadata": container(record["container_metadata"]),
        "has_unmatched_patterns": bool(record["unmatched_patterns"]),
        "has_level4_excluded_files": bool(record["level4_excluded_files"]),
    }


def container(inspected: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an engine's description of a container leaves."""
    shown: dict[str, Any] = {}
    for name, inner in SHOWN.items():
        if name in inspected:
            part = inspected[name]
            shown[name] = part if inner is None else {k: part[k] for k in part if k in inner}
    configuration = shown.get("Config", {})
    if "Env" in configuration:
        configuration["Env"] = [variable(one, PUBLIC) for one in configuration["Env"] or []]
    if "Labels" in configuration:
        labels = configuration["Labels"] or {}
        configuration["Labels"] = {k: labels[k] for k in labels if not k.startswith(OWN_LABELS)}
    return shown


def _seconds(moment: str | None) -> int | None:
    return int(parse_utc(moment).timestamp()) if moment else None
