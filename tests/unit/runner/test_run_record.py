"""Each job that ran leaves a signed record, which other programs verify too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer._key import SSlibKey
from tests.unit.runner.rig import RECORD_KEYS, Container, MemoryExecutor, Runner
from tests.unit.runner.study import PROJECT

from sallyport_common.outputs import PrivacyLevel
from sallyport_common.protocol import StatusCode
from sallyport_records import keys, runs
from sallyport_records.runs import RunRecord
from sallyport_runner.models import Job
from sallyport_runner.services.outputs.archive import RUN_RECORD

PUBLIC = keys.load_public(RECORD_KEYS[1])
TWO = PROJECT.replace("output/table.csv}}", "output/t_*.csv}, highly_sensitive: {m: output/*.pkl}}")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def full(runner: Runner, job: Job) -> RunRecord:
    """Return the record of the high tree."""
    return runs.verify((runner.record(job) / RUN_RECORD).read_bytes(), [PUBLIC])


def shown_path(runner: Runner, job: Job) -> Path:
    """Return where the record of the medium tree is."""
    return runner.medium(f"{runs.FOLDER}/{job.id}.json")


def shown(runner: Runner, job: Job) -> RunRecord:
    """Return the record of the medium tree."""
    return runs.verify(shown_path(runner, job).read_bytes(), [PUBLIC])


def several(container: Container) -> int:
    """Write a table, one that is withheld, and a file that nobody reviews."""
    container.write("output/t_good.csv", "age,n\n40,10\n")
    container.write("output/t_canary-withheld.csv", "patient_id\n1\n")
    return container.write("output/canary-model.pkl", "canary-rows")


def test_a_whole_job_leaves_a_record_of_what_went_in_and_what_came_out(
    runner: Runner, sha: str
) -> None:
    runner.request("a", sha, "table")
    runner.passes(12)
    job = runner.job("table")
    assert job.code is StatusCode.SUCCEEDED
    path = runner.record(job) / RUN_RECORD
    assert job.run_record == sha256(path)
    envelope = Envelope.from_dict(json.loads(path.read_bytes()))
    envelope.verify([SSlibKey.from_crypto(PUBLIC, keyid=keys.key_id(PUBLIC))], 1)
    statement = json.loads(envelope.payload)
    for entry in statement["subject"]:
        assert sha256(runner.high(entry["name"])) == entry["digest"]["sha256"]
    names = {entry["name"] for entry in statement["subject"]}
    assert names == {"output/table.csv", "metadata/table.log"}
    found = full(runner, job)
    assert found.inputs == {"output/raw.csv": sha256(runner.high("output/raw.csv"))}
    assert found.inputs.items() <= {
        path: file.sha256 for path, file in full(runner, runner.job("make")).outputs.items()
    }.items()  # fmt: skip
    assert (found.commit, found.repo, found.branch) == (
        sha, "https://github.com/demo-org/study", "main",
    )  # fmt: skip
    assert (found.status, found.exit_code, found.user) == ("succeeded", 0, "ada")
    assert (found.job, found.attempt, found.image) == (job.id, 1, job.image)
    assert found.byproducts == {"metadata.json": sha256(runner.record(job) / "metadata.json")}


def test_one_other_byte_of_an_output_does_not_fit_the_record(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "table")
    runner.passes(12)
    found, path = shown(runner, runner.job("table")), runner.medium("output/table.csv")
    assert found.attests("output/table.csv", sha256(path))
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    assert not found.attests("output/table.csv", sha256(path))


def test_reviewers_get_the_files_of_their_tree_and_no_other_name(runner: Runner) -> None:
    commit = runner.study.commit({"project.yaml": TWO})
    runner.executor.programs["table"] = several
    runner.request("a", commit, "table")
    runner.passes(12)
    job = runner.job("table")
    assert set(full(runner, job).outputs) == {
        "output/t_good.csv", "output/t_canary-withheld.csv", "output/canary-model.pkl",
    }  # fmt: skip
    found = shown(runner, job)
    assert found.outputs == {
        "output/t_good.csv": runs.File(
            level=PrivacyLevel.MODERATE, sha256=sha256(runner.medium("output/t_good.csv"))
        )
    }
    assert found.log == sha256(runner.medium("metadata/table.log"))
    assert found.byproducts == {RUN_RECORD: job.run_record}
    text = json.dumps(asdict(found))
    assert "canary" not in text
    assert "raw.csv" not in text


def test_only_the_digest_of_a_record_is_posted(runner: Runner) -> None:
    commit = runner.study.commit({"project.yaml": TWO})
    runner.executor.programs["table"] = several
    runner.request("a", commit, "table")
    for _ in range(12):
        runner.passes()
        runner.reporter.step()
    job = runner.job("table")
    assert job.code is StatusCode.SUCCEEDED
    posted = json.dumps(runner.server.bodies)
    rows = [row for row in runner.server.bodies[-1] if row["identifier"] == job.id]
    assert [row["run_record"] for row in rows] == [job.run_record]
    assert "canary" not in posted
    secrets = [file.sha256 for file in full(runner, job).outputs.values()]
    for digest in [*secrets, *full(runner, job).inputs.values(), full(runner, job).log]:
        assert digest not in posted


def test_a_restart_between_preparation_and_end_loses_nothing(runner: Runner, sha: str) -> None:
    runner.request("a", sha, "table")
    runner.executor.held = True
    runner.passes(4)
    runner.executor.go_on(runner.job("make").container)
    runner.passes(4)
    job = runner.job("table")
    assert job.code is StatusCode.EXECUTING
    runner.restart()
    runner.executor.go_on(job.container)
    runner.passes(4)
    found = full(runner, runner.job("table"))
    assert list(found.inputs) == ["output/raw.csv"]
    assert found.containers["run"].faults == ()


def test_a_failed_job_has_a_record_with_its_files(runner: Runner, sha: str) -> None:
    def failing(container: Container) -> int:
        container.write("output/raw.csv", "x\n")
        return 3

    runner.executor.programs["make"] = failing
    runner.request("a", sha, "make")
    runner.passes(6)
    job = runner.job("make")
    found = full(runner, job)
    assert (found.status, found.exit_code) == ("nonzero_exit", 3)
    assert list(found.outputs) == ["output/raw.csv"]
    assert shown(runner, job).outputs == {}


def test_a_cancelled_job_has_a_record_that_names_no_file(runner: Runner, sha: str) -> None:
    runner.executor.held = True
    runner.request("a", sha, "make")
    runner.passes(4)
    runner.store.cancel("a" * 16, ["make"], "2026-11-24T00:00:00Z")
    runner.passes(6)
    job = runner.job("make")
    assert job.code is StatusCode.CANCELLED_BY_USER
    found = full(runner, job)
    assert (found.status, found.exit_code) == ("cancelled_by_user", 137)
    assert found.outputs == {}
    assert found.log == sha256(runner.record(job) / "logs.txt")
    assert not shown_path(runner, job).exists()


def test_both_containers_of_a_database_job_are_described(runner: Runner, sha: str) -> None:
    def phases(container: Container) -> int:
        if container.spec.name.endswith("-compile"):
            (container.folder("/plan") / "plan.json").write_text('{"inputs": []}')
            return 0
        return container.write("output/d.csv", "patient_id\n")

    runner.executor.labels = {"org.sallyport.phases": "compile,execute"}
    runner.executor.programs["extract"] = phases
    runner.request("a", sha, "extract")
    runner.passes(8)
    job = runner.job("extract")
    found = full(runner, job)
    networks = {
        phase: one.isolation and one.isolation.network for phase, one in found.containers.items()
    }
    assert networks == {"compile": "none", "execute": "jobrunner-db"}
    assert [one.faults for one in found.containers.values()] == [(), ()]
    assert found.database == "default"
    assert found.byproducts["plan.json"] == sha256(runner.record(job) / "plan.json")
    assert "hidden-password" not in json.dumps(asdict(found))


def change(**options: Any) -> Callable[[dict[str, Any]], None]:
    """Return what changes the engine's account of the host's side of a container."""
    return lambda inspected: inspected["HostConfig"].update(options)


def extra_mount(inspected: dict[str, Any]) -> None:
    """Add a folder that an image declares as its volume."""
    inspected["Mounts"].append(
        {"Type": "volume", "Source": "/var/lib/docker/x", "Destination": "/data", "RW": True}
    )


def second_network(inspected: dict[str, Any]) -> None:
    """Connect the container with another network."""
    inspected["NetworkSettings"] = {"Networks": {"bridge": {}}}


@pytest.mark.parametrize(
    ("alter", "told"),
    [
        (change(ReadonlyRootfs=False), "read_only: asked true, found false."),
        (change(Privileged=True), "privileged: asked false, found true."),
        (change(CapDrop=None), 'capabilities_dropped: asked ["ALL"], found [].'),
        (change(CapAdd=["SYS_ADMIN"]), 'capabilities_added: asked [], found ["SYS_ADMIN"].'),
        (change(SecurityOpt=["no-new-privileges:true"]), "seccomp: asked "),
        (change(PidsLimit=0), "pids_limit: asked 500, found 0."),
        (change(MemorySwap=-1), "memory_swap: asked 4294967296, found -1."),
        (change(PidMode="host"), 'pid: asked "", found "host".'),
        (extra_mount, "mounts: asked "),
        (second_network, 'network: asked "none", found "bridge, none".'),
        (lambda inspected: inspected["Config"].update(User="4242:0"), "user: asked "),
    ],
)
def test_a_sandbox_that_is_not_as_asked_is_told(
    runner: Runner,
    sha: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    alter: Callable[[dict[str, Any]], None],
    told: str,
) -> None:
    runner.request("a", sha, "make")
    runner.passes(6)
    assert full(runner, runner.job("make")).containers["run"].faults == ()
    assert "a sandbox is not as asked" not in caplog.messages
    inspect = MemoryExecutor.inspect

    def altered(executor: MemoryExecutor, name: str) -> dict[str, Any]:
        inspected = inspect(executor, name)
        alter(inspected)
        return inspected

    monkeypatch.setattr(MemoryExecutor, "inspect", altered)
    runner.request("b", sha, "make", force_run_dependencies=True)
    runner.passes(6)
    (fault,) = full(runner, runner.job("make")).containers["run"].faults
    assert fault.startswith(told)
    assert "a sandbox is not as asked" in caplog.messages
