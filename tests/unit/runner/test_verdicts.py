"""How a job ended, and what is written down about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runner.made import ended, job

from sallyport_common.manifests import ManifestError, Output
from sallyport_common.outputs import PrivacyLevel
from sallyport_common.protocol import State, StatusCode
from sallyport_runner.models import ContainerStatus, Phase, Reason, Stop
from sallyport_runner.services import sentences
from sallyport_runner.services.outputs import inspection, joblog
from sallyport_runner.services.outputs.finalise import verdict
from sallyport_runner.services.outputs.manifest import Manifest

METADATA: dict[str, Any] = {"unmatched_patterns": [], "level4_excluded_files": {}}


@pytest.mark.parametrize(
    ("values", "status", "metadata", "code", "reason"),
    [
        ({}, ended(0), {}, "succeeded", ""),
        ({}, ended(0), {"level4_excluded_files": {"a": "b"}}, "succeeded", "withheld"),
        ({}, ended(0), {"unmatched_patterns": ["a"]}, "unmatched_patterns", ""),
        ({}, ended(1), {"unmatched_patterns": ["a"]}, "nonzero_exit", ""),
        ({}, ended(137, out_of_memory=True), {}, "nonzero_exit", "out_of_memory"),
        ({}, ended(1, out_of_memory=True), {}, "nonzero_exit", "out_of_memory"),
        ({}, ended(0, out_of_memory=True), {}, "succeeded", "part_killed"),
        (
            {},
            ended(0, out_of_memory=True),
            {"unmatched_patterns": ["a"]},
            "unmatched_patterns",
            "part_killed",
        ),
        ({}, ended(137), {}, "nonzero_exit", "killed"),
        ({}, ended(3), {}, "nonzero_exit", ""),
        ({"requires_db": True}, ended(3), {}, "nonzero_exit", "db_transient"),
        ({"requires_db": True}, ended(4), {}, "nonzero_exit", "db_import"),
        ({"requires_db": True}, ended(5), {}, "nonzero_exit", "db_problem"),
        ({"requires_db": True}, ended(2), {}, "nonzero_exit", "bad_arguments"),
        ({"requires_db": True}, ended(12), {}, "nonzero_exit", "no_permission"),
        ({"requires_db": True}, ended(99), {}, "nonzero_exit", ""),
        ({"stop": Stop.CANCELLED}, ended(0), {}, "cancelled_by_user", ""),
        ({"stop": Stop.ADMIN}, ended(0), {}, "killed_by_admin", ""),
        ({"stop": Stop.TIME_LIMIT}, ended(137), {}, "nonzero_exit", "time_limit"),
        ({"stop": Stop.DISK_LIMIT}, ended(0), {}, "nonzero_exit", "disk_limit"),
        ({}, None, {}, "internal_error", ""),
        ({}, ended(None), {}, "internal_error", ""),
    ],
)
def test_verdicts(
    values: dict[str, Any],
    status: ContainerStatus | None,
    metadata: dict[str, Any],
    code: str,
    reason: str,
) -> None:
    found = verdict(job(**values), status, METADATA | metadata)
    assert found == (StatusCode(code), Reason(reason))


@pytest.mark.parametrize(
    ("exit_code", "out_of_memory", "killed"),
    [
        (137, False, True),
        (143, False, True),
        (255, False, True),
        (137, True, False),
        (1, False, False),
        (0, False, False),
    ],
)
def test_ends_that_a_dying_host_makes(exit_code: int, out_of_memory: bool, killed: bool) -> None:
    assert ended(exit_code, out_of_memory=out_of_memory).killed == killed


def test_every_code_and_every_reason_has_one_sentence() -> None:
    assert set(sentences.CODES) == set(StatusCode)
    assert set(sentences.REASONS) == set(Reason) - {Reason.NONE}
    spoken = [*sentences.CODES.values(), *sentences.REASONS.values()]
    assert len(set(spoken)) == len(spoken)
    for text in spoken:
        assert text[0].isupper()
        assert not text.endswith(".")
        assert not any(letter.isdigit() for letter in text)
    assert sentences.sentence(StatusCode.SUCCEEDED, Reason.WITHHELD) != sentences.sentence(
        StatusCode.SUCCEEDED, Reason.NONE
    )


@pytest.mark.parametrize(
    ("variable", "shown"),
    [
        ("PATH=/bin", True),
        ("OPENSAFELY_BACKEND=hospital", True),
        ("DATABASE_URL=postgresql://x", False),
        ("STATA_LICENSE=secret", False),
        ("EMPTY=", False),
        ("EQUALS=a=b", False),
        ("NOTHING", False),
    ],
)
def test_only_harmless_variables_keep_their_values(variable: str, shown: bool) -> None:
    given = {"Config": {"Env": [variable]}}
    (found,) = inspection.redacted(given)["Config"]["Env"]
    name = variable.partition("=")[0]
    assert found == (variable if shown else f"{name}=xxxx-REDACTED")
    assert given["Config"]["Env"] == [variable]


def test_a_container_that_is_gone_is_written_down_as_nothing() -> None:
    assert inspection.redacted({}) == {}
    assert set(inspection.versions({}).values()) == {"unknown"}
    labels = {"org.opencontainers.image.version": "v2"}
    assert inspection.versions({"Config": {"Labels": labels}})["action_version"] == "v2"


def test_the_profile_is_named_and_not_repeated() -> None:
    options = ["no-new-privileges:true", "seccomp={long}"]
    made = inspection.redacted({"HostConfig": {"SecurityOpt": options}})
    assert made["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true", "seccomp=sallyport"]


SUMMARY = {
    "job_definition_id": "job1", "action": "make", "exit_code": "0", "hint": "",
    "outputs": {"a.csv": "highly_sensitive", "longer.csv": "moderately_sensitive"},
    "level4_excluded_files": {"longer.csv": "The file is odd."},
}  # fmt: skip


def test_the_summary_of_a_log() -> None:
    lines = joblog.summary(SUMMARY).decode().splitlines()
    assert lines == [
        "",
        joblog.MARKER,
        "job_definition_id: job1",
        "action: make",
        "exit_code: 0",
        "",
        "outputs:",
        "  a.csv       - highly_sensitive",
        "  longer.csv  - moderately_sensitive",
        "",
        "Invalid moderately_sensitive outputs:",
        "  longer.csv  - The file is odd.",
    ]
    empty = SUMMARY | {"outputs": {}, "level4_excluded_files": {}}
    assert joblog.summary(empty).decode().endswith("outputs:\n  (no outputs)\n")


def output(action: str, **values: Any) -> Output:
    """Return the entry of a file in a manifest."""
    entry: dict[str, Any] = {
        "level": PrivacyLevel.MODERATE, "job_id": "j", "job_request": "r", "user": "ada",
        "repo": "o/r", "commit": "c", "size": 1, "timestamp": 0, "content_hash": "0" * 64,
    }  # fmt: skip
    return Output(action=action, **(entry | values))


def test_a_manifest_says_what_is_out_of_date(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path, "ws")
    manifest.record("make", {"a.csv": output("make"), "b.csv": output("make")})
    manifest.record("other", {"c.csv": output("other", message="note")})
    manifest.save()
    again = Manifest(tmp_path, "ws")
    again.record("make", {"a.csv": output("make")})
    again.flag_actions(["make"])
    again.save()
    content = json.loads((tmp_path / "metadata/manifest.json").read_text())
    assert (content["workspace"], content["repo"]) == ("ws", None)
    flags = {
        path: (entry["out_of_date_output"], entry["out_of_date_action"])
        for path, entry in content["outputs"].items()
    }
    assert flags == {"a.csv": (False, False), "b.csv": (True, False), "c.csv": (False, True)}
    assert content["outputs"]["c.csv"]["message"] == "note"


def test_a_manifest_of_another_program_is_not_overwritten(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path, "ws")
    manifest.record("make", {"a.csv": output("make")})
    manifest.save()
    assert Manifest(tmp_path, "ws").outputs == {"a.csv": output("make")}
    path = tmp_path / "metadata/manifest.json"
    path.write_text(path.read_text().replace('"user"', '"person"'))
    with pytest.raises(ManifestError, match=r"'a\.csv'\]\.person is not a known key"):
        Manifest(tmp_path, "ws")


def test_states_of_containers() -> None:
    blank = ContainerStatus(name="x", labels={"org.sallyport.job": "y"}, state="running")
    assert blank.running
    assert blank.label("job") == "y"
    assert blank.label("none") == ""
    for state in ("exited", "dead", "created", "removing"):
        assert not replace(blank, state=state).running
    assert job(1).state is State.PENDING
    assert job(1).container == "os-job-job1"
    assert job(1, phase=Phase.COMPILE).container == "os-job-job1-compile"
