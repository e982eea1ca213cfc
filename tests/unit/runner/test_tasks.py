"""Tasks of the task API in our own loop: from the list to the acknowledged end."""

from __future__ import annotations

import json

import pytest
from tests.conformance import stub
from tests.conformance.task_api import simple_task
from tests.unit.runner.rig import Container
from tests.unit.runner.taskrig import TaskRunner, write

from sallyport_runner.flags import Flag


def test_a_task_runs_as_a_job_and_ends_with_its_results(tasked: TaskRunner) -> None:
    tasked.executor.programs["act1"] = write
    task = tasked.task(1, args=["sh", "-c", "true"])
    tasked.work(2)
    spec = tasked.executor.started[0]
    assert spec.name == "os-job-job0000000000001"
    assert spec.image == "registry/python:v2@sha256:" + "d" * 64
    assert spec.command == ["sh", "-c", "true"]
    assert tasked.controller.stages(task) == ["prepared", "executing", "finalized"]
    end = tasked.controller.end(task)
    assert end
    results = end["results"]
    assert results["exit_code"] == "0"
    assert results["error"] is None
    assert results["status_message"] == "Completed successfully"
    assert (results["task_id"], results["job_definition_rap_id"]) == (task, "r" * 16)
    assert tasked.high("output/out.txt").read_text() == "one\n"
    assert tasked.medium("output/out.txt").exists()
    manifest = json.loads(tasked.medium("metadata/manifest.json").read_text())
    entry = manifest["outputs"]["output/out.txt"]
    assert (entry["job_id"], entry["job_request"]) == ("job0000000000001", "r" * 16)


def test_once_acknowledged_nothing_is_told_again(tasked: TaskRunner) -> None:
    tasked.executor.programs["act1"] = write
    task = tasked.task(1)
    tasked.work(2)
    told = len(tasked.controller.updates[task])
    tasked.restart()
    tasked.work(3)
    assert len(tasked.controller.updates[task]) == told
    assert len(tasked.executor.started) == 1


def test_updates_are_told_in_order_after_faults_and_hold_back_no_other(tasked: TaskRunner) -> None:
    tasked.executor.programs |= {"act1": write, "act2": write}
    first, second = tasked.task(1), tasked.task(2)
    tasked.controller.refused.add(first)
    tasked.hear()
    tasked.passes(4)
    assert not tasked.tell()
    assert tasked.controller.end(second)
    assert not tasked.controller.updates.get(first)
    tasked.restart()
    tasked.controller.refused.clear()
    assert tasked.tell()
    assert tasked.controller.stages(first) == ["prepared", "executing", "finalized"]


@pytest.mark.parametrize(
    "answer",
    [stub.say(401, {"error": "Unauthorized"}), stub.say(404, {}), stub.say(500, {}), stub.CUT,
     (200, b"no json"), (200, b"[1]"), (302, b"{}")],
)  # fmt: skip
def test_a_fault_of_the_controller_changes_nothing(tasked: TaskRunner, answer: stub.Answer) -> None:
    tasked.executor.programs["act1"] = write
    task = tasked.task(1)
    tasked.controller.faults["list"] = [answer]
    tasked.controller.faults["post"] = [answer]
    with pytest.raises(Exception, match="the controller"):
        tasked.hear()
    assert not tasked.store.open_tasks()
    tasked.hear()
    tasked.passes(4)
    assert not tasked.tell()
    assert tasked.tell()
    assert tasked.controller.end(task)


def test_a_job_is_cancelled_in_each_state(tasked: TaskRunner) -> None:
    tasked.executor.held = True
    tasked.store.set_flag(Flag.PAUSED, True, "2026-11-24T00:00:00Z")
    waiting = tasked.task(1)
    tasked.work()
    tasked.controller.cancel(waiting)
    tasked.work(2)
    assert tasked.controller.stages(f"{waiting}-cancel") == ["finalized"]
    tasked.store.set_flag(Flag.PAUSED, False, "2026-11-24T00:00:00Z")
    running, ended = tasked.task(2), tasked.task(3)
    tasked.work()
    tasked.executor.containers["os-job-job0000000000003"].write("output/out.txt", "x")
    tasked.executor.end("os-job-job0000000000003", 0)
    tasked.work()
    tasked.controller.cancel(running)
    tasked.controller.active.add(ended)  # its end crossed the cancellation
    tasked.controller.cancel(ended)
    tasked.work(3)
    assert tasked.controller.stages(f"{running}-cancel") == ["executing", "executed", "finalized"]
    assert tasked.controller.stages(running) == ["prepared", "executing"]
    ends = {task: tasked.controller.end(f"{task}-cancel") for task in (waiting, running, ended)}
    told = {task: end["results"] for task, end in ends.items() if end}
    assert [told[task]["cancelled"] for task in (waiting, running, ended)] == [True, True, False]
    assert told[running]["exit_code"] == "137"
    assert len(tasked.executor.started) == 2
    assert not tasked.store.active_jobs()


def test_the_cancellation_of_what_never_came_is_answered(tasked: TaskRunner) -> None:
    """Not with what is known of another attempt."""
    tasked.executor.programs["act1"] = write
    later = tasked.task(1, attempt=2)
    tasked.work(2)
    assert tasked.controller.end(later)
    for number in (1, 2):
        never = tasked.task(number)
        tasked.controller.cancel(never)
        tasked.work(2)
        end = tasked.controller.end(f"{never}-cancel")
        assert end
        assert (end["results"]["cancelled"], end["results"]["exit_code"]) == (True, "")
        assert end["results"]["job_definition_id"] == never.partition("-")[0]
    assert len(tasked.executor.started) == 1


def test_outputs_of_a_cancelled_job_are_not_kept(tasked: TaskRunner) -> None:
    tasked.executor.held = True
    task = tasked.task(1)
    tasked.work()
    tasked.executor.containers["os-job-job0000000000001"].write("output/out.txt", "x")
    tasked.controller.cancel(task)
    tasked.work(2)
    assert not tasked.high("output/out.txt").exists()
    again = tasked.task(1, attempt=2)
    tasked.executor.held = False
    tasked.executor.programs["act1"] = write
    tasked.work(2)
    assert tasked.controller.end(again)
    assert tasked.high("output/out.txt").exists()


def test_a_task_that_leaves_the_list_is_stopped_and_nothing_more_is_told(
    tasked: TaskRunner,
) -> None:
    tasked.executor.held = True
    task = tasked.task(1)
    tasked.work()
    told = tasked.controller.stages(task)
    tasked.controller.active.clear()
    tasked.hear()
    assert tasked.store.active_jobs()[0].cancelled_at is None  # one list may be a mishap
    tasked.work(2)
    assert not tasked.store.active_jobs()
    assert not tasked.executor.containers
    assert tasked.controller.stages(task) == told


def test_a_next_attempt_waits_for_the_end_of_the_one_before(tasked: TaskRunner) -> None:
    tasked.executor.held = True
    task = tasked.task(1)
    tasked.work()
    tasked.controller.active.discard(task)
    again = tasked.task(1, attempt=2)
    tasked.hear()
    assert [started.labels["org.sallyport.task"] for started in tasked.executor.started] == [task]
    tasked.work(3)
    labels = [started.labels["org.sallyport.task"] for started in tasked.executor.started]
    assert labels == [task, again]
    assert tasked.executor.started[-1].labels["org.sallyport.attempt"] == "2"


def test_the_database_is_asked_about(tasked: TaskRunner) -> None:
    told = []
    for number, on in enumerate((False, True)):
        tasked.store.set_flag(Flag.MANUAL_MAINTENANCE, on, "2026-11-24T00:00:00Z")
        made = simple_task(number, "hospital", "dbstatus", database_name="default")
        task = tasked.controller.add(made)
        tasked.work()
        told.append((tasked.controller.end(task) or {})["results"])
    assert told == [
        {"results": {"status": status}, "error": None} for status in ("", "db-maintenance")
    ]
    for number, (kind, name) in enumerate([("dbstatus", "other"), ("dbdatacheck", ""), ("x", "")]):
        made = simple_task(number + 9, "hospital", kind, database_name=name)
        task = tasked.controller.add(made)
        tasked.work()
        end = tasked.controller.end(task)
        assert end
        assert end["results"]["error"]["message"].startswith("This backend ")
    tasked.work(2)
    assert not tasked.store.open_tasks()


def test_inputs_come_from_the_records_of_this_backend(tasked: TaskRunner) -> None:
    def read(container: Container) -> int:
        return write(container) if container.read("output/in.txt") == "in" else 1

    tasked.executor.programs |= {
        "act1": lambda c: c.write("output/in.txt", "in"),
        "act2": read,
        "act3": read,
    }
    made = {"output/in.txt": "highly_sensitive"}
    tasked.task(1, output_spec=made)
    tasked.work(2)
    other = {"input_job_ids": ["job0000000000001"], "workspace": "other", "rap_id": "q" * 16}
    tasks = [
        tasked.task(2, input_job_ids=["job0000000000001"]),
        tasked.task(3, inputs=["output/in.txt"]),
        tasked.task(4, **other),
        tasked.task(5, inputs=["metadata/manifest.json"]),
        tasked.task(6, input_job_ids=["job0000000000009"]),
    ]
    tasked.work(3)
    ends = [(tasked.controller.end(task) or {})["results"] for task in tasks]
    assert [end["exit_code"] for end in ends] == ["0", "0", "", "", ""]
    assert [bool(end["error"]) for end in ends] == [False, False, True, True, True]
    assert ends[2]["error"]["type"] == "job_error"


def test_a_lost_database_starts_nothing_twice(tasked: TaskRunner) -> None:
    tasked.executor.programs["act1"] = write
    tasked.executor.held = True
    done, running = tasked.task(1), tasked.task(2)
    tasked.hear()
    tasked.passes(4)
    tasked.executor.go_on("os-job-job0000000000001")
    tasked.passes(4)
    for path in tasked.settings.workdir.glob("runner.sqlite3*"):
        path.unlink()
    tasked.restart()
    tasked.work(2)
    assert tasked.controller.end(done)
    assert len(tasked.executor.started) == 2
    tasked.executor.programs["act2"] = write
    tasked.executor.go_on("os-job-job0000000000002")
    tasked.work(2)
    end = tasked.controller.end(running)
    assert end
    assert end["results"]["exit_code"] == "0"
    assert len(tasked.executor.started) == 2


def test_a_fault_that_may_pass_is_told_apart_from_one_that_does_not(tasked: TaskRunner) -> None:
    tasked.executor.registry.discard("python:v2")
    fatal = tasked.task(1)
    tasked.work(2)
    tasked.executor.registry.add("python:v2")
    tasked.executor.unready = True
    passing = tasked.task(2)
    tasked.hear()
    tasked.passes(20, seconds=61)
    tasked.tell()
    ends = [tasked.controller.end(task) or {} for task in (fatal, passing)]
    assert [end["stage"] for end in ends] == ["error", "error"]
    errors = [end["results"]["error"]["type"] for end in ends]
    assert errors == ["job_error", "internal_error"]
    tasked.executor.unready = False
    tasked.executor.programs["act2"] = write
    again = tasked.task(2, attempt=2)
    tasked.work(2)
    assert (tasked.controller.end(again) or {})["results"]["error"] is None
