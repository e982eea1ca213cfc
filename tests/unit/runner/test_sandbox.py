"""What the engine is told for every job, and the profile of system calls."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from runner import system_calls
from sallyport_runner.models import ContainerSpec, Mount
from sallyport_runner.profile import SECCOMP
from sallyport_runner.services.running.engine import _creation, _moment

PROFILE = json.loads(SECCOMP.read_text(encoding="utf-8"))
SPEC = ContainerSpec(
    name="os-job-x",
    image="registry/python@sha256:00",
    command=["a.py"],
    environment={},
    labels={},
    mounts=[Mount(source="/srv/x", target="/workspace", read_only=False)],
    cpus=2.0,
    memory=1024,
    pids=10,
    tmp_size=4096,
    shm_size=2048,
    file_size=8192,
)


def test_everything_is_closed_by_default() -> None:
    made = _creation(SPEC)
    assert made["network_mode"] == "none"
    assert made["user"] == "10000:10000"
    assert made["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in made["security_opt"]
    assert made["read_only"]
    assert (made["ipc_mode"], made["shm_size"]) == ("private", 2048)
    assert made["oom_score_adj"] > 0
    assert made["stop_signal"] == "SIGKILL"
    assert made["memswap_limit"] == made["mem_limit"] == 1024
    assert made["pids_limit"] == 10
    assert "size=4096" in "".join(made["tmpfs"].values())
    assert {(u["Name"], u["Hard"]) for u in made["ulimits"]} >= {("core", 0), ("fsize", 8192)}
    assert not made.keys() & {"privileged", "cap_add", "devices", "pid_mode", "volumes"}


def test_the_database_network_comes_with_a_dead_resolver() -> None:
    spec = replace(SPEC, network="jobrunner-db", dns="192.0.2.0", hosts={"db": "10.0.0.1"})
    made = _creation(spec)
    assert (made["network_mode"], made["dns"]) == ("jobrunner-db", ["192.0.2.0"])
    assert made["dns_opt"] == ["timeout:1", "attempts:1"]
    assert made["extra_hosts"] == {"db": "10.0.0.1"}


def test_the_engine_chooses_the_runtime_unless_one_is_named() -> None:
    assert _creation(SPEC)["runtime"] is None
    assert _creation(replace(SPEC, runtime="runsc"))["runtime"] == "runsc"


def test_an_image_is_run_by_its_content_only() -> None:
    with pytest.raises(ValueError, match="digest"):
        _creation(replace(SPEC, image="registry/python:v2"))


def answer(name: str, arguments: Sequence[object]) -> str:
    """Return what the profile says to a call: the error that a rule names, `allow` or `default`.

    Addresses count as 0: no rule looks at one.
    """
    for rule in PROFILE["syscalls"]:
        if name in rule["names"] and all(_fits(test, arguments) for test in rule.get("args", [])):
            return errno.errorcode[rule["errnoRet"]] if "errnoRet" in rule else "allow"
    return "default"


def _fits(test: dict[str, Any], arguments: Sequence[object]) -> bool:
    word = arguments[test["index"]] if test["index"] < len(arguments) else 0
    number = word if isinstance(word, int) else 0
    if test["op"] == "SCMP_CMP_MASKED_EQ":
        return bool(number & test["value"] == test["valueTwo"])
    assert test["op"] == "SCMP_CMP_EQ"
    return bool(number == test["value"])


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (system_calls.NAMED, "EPERM"),
        (system_calls.UNNAMED, "default"),
        (system_calls.ABSENT, "ENOSYS"),  # with EPERM libc would start no thread at all
        (system_calls.ALLOWED, "allow"),
    ],
)
def test_the_profile_refuses_what_jobs_have_no_use_for(
    group: dict[str, tuple[int | str, ...]], expected: str
) -> None:
    """The same table as in tests/infra/runner, where each call is made in a job."""
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    found = {name: answer(name.partition(",")[0], words[1:]) for name, words in group.items()}
    assert found == dict.fromkeys(group, expected)


def test_every_refusal_that_the_profile_names_is_tried() -> None:
    named = {name for rule in PROFILE["syscalls"] if rule.get("errnoRet") for name in rule["names"]}
    tried = {name.partition(",")[0] for name in system_calls.NAMED | system_calls.ABSENT}
    # The newest kernels have no lookup_dcookie, and vhangup hangs up on whoever asks.
    assert named - tried == {"lookup_dcookie", "vhangup"}


def test_moments_of_the_engine() -> None:
    assert _moment("2026-11-24T00:00:01.123456789Z") - _moment("2026-11-24T00:00:00Z") == 1.0
    assert _moment("0001-01-01T00:00:00Z") == 0.0
