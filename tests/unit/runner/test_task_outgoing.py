"""Nothing of the data, the files or the faults inside reaches a controller."""

from __future__ import annotations

import json
from urllib.parse import unquote_plus

from tests.unit.runner.rig import Container
from tests.unit.runner.taskrig import TaskRunner, write

from sallyport_runner.services.outputs.inspection import redacted
from sallyport_runner.services.requests.tasks import outgoing

CANARIES = (
    "canary-name", "canary-data", "canary-log", "canary-fault", "canary-wrong", "canary-license",
    "hidden-password", "unmatched-name",
)  # fmt: skip


def posted(tasked: TaskRunner) -> str:
    """Return all that the controller was sent, heads of calls included."""
    return "\n".join(
        f"{call.path} {call.headers} {unquote_plus(call.body.decode())}"
        for call in tasked.controller.calls
    )


def test_no_canary_is_told(tasked: TaskRunner) -> None:
    def plant(container: Container) -> int:
        container.write("output/canary-name.csv", "canary-data\n")
        container.output = b"2026-11-24T00:00:00.000000000Z canary-log\n"
        return write(container)

    def wrong(container: Container) -> int:
        return container.write("output/canary-wrong.csv", "canary-data\n")

    def fault(_container: Container) -> int:
        raise RuntimeError("canary-fault")

    programs = {
        "act1": plant,
        "act2": wrong,
        "act3": lambda c: plant(c) or 3,
        "act4": fault,
        "act5": lambda c: c.write("output/canary-name.csv", "patient_id\n1\n"),
        "act6": write,
    }
    tasked.executor.programs |= programs
    glob = {"output/*.csv": "moderately_sensitive"}
    tasks = [
        tasked.task(1, output_spec={"output/out.txt": "highly_sensitive"} | glob),
        tasked.task(2, output_spec={"output/unmatched-name.csv": "highly_sensitive"}),
        tasked.task(3),
        tasked.task(4),
        tasked.task(5, output_spec=glob),
        tasked.task(6, env={"STATA_LICENSE": "canary-license"}),
    ]
    tasked.work(5)
    ends = {task: (tasked.controller.end(task) or {})["results"] for task in tasks}
    shown = [(end["exit_code"], end["has_unmatched_patterns"]) for end in ends.values()]
    assert shown == [
        ("0", False), ("0", True), ("3", False), ("", False), ("0", False), ("0", False),
    ]  # fmt: skip
    assert ends[tasks[4]]["has_level4_excluded_files"]
    assert ends[tasks[3]]["error"]["type"] == "internal_error"
    assert ends[tasks[1]]["status_message"] == ends[tasks[1]]["hint"] == ""
    sent = posted(tasked)
    assert "STATA_LICENSE=xxxx-REDACTED" in sent
    assert "Completed successfully" in sent
    for canary in CANARIES:
        assert canary not in sent
    place = sent.find(str(tasked.base))
    assert place < 0, sent[place - 300 : place + 100]  # paths of the host


def test_the_description_of_a_container_is_what_was_listed(tasked: TaskRunner) -> None:
    inspected = redacted({
        "Id": "1",
        "LogPath": "/var/lib/canary",
        "GraphDriver": {"Data": "canary"},
        "Mounts": [{"Source": "/srv/canary"}],
        "State": {"Status": "exited", "ExitCode": 3, "Error": "canary", "Health": "canary"},
        "Config": {"Env": ["PATH=/bin", "HOME=/canary", "X=canary"], "Hostname": "canary",
                   "Labels": {"org.sallyport.isolation": "canary", "made": "by somebody"}},
        "Other": "canary",
        "HostConfig": {"Memory": 1, "ExtraHosts": ["canary:1"], "Binds": ["/canary"]},
        "NetworkSettings": {"IPAddress": "canary"},
    })  # fmt: skip
    shown = outgoing.container(inspected)
    assert "canary" not in json.dumps(shown)
    assert shown == {
        "Id": "1",
        "State": {"Status": "exited", "ExitCode": 3},
        "Config": {
            "Env": ["PATH=/bin", "HOME=xxxx-REDACTED", "X=xxxx-REDACTED"],
            "Labels": {"made": "by somebody"},
        },
        "HostConfig": {"Memory": 1},
    }
    assert outgoing.container({}) == {}
    assert tasked.controller.calls == []
